//! Outputs that end messages here or route them to other outputs.

use millrace_component::component_list;

component_list! { pub OUTPUTS: drop }
