//! Inputs that compute their messages or combine other inputs.

use millrace_component::component_list;

mod relay;

component_list! { pub INPUTS: batched, broker, generate, inproc, read_until, resource, sequence }
