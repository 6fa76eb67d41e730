//! Processors that compute, and those that combine other processors.

use millrace_component::component_list;

component_list! { pub PROCESSORS: bloblang, mapping, mutation, noop }
