//! Inputs that compute their messages or combine other inputs.

use millrace_component::component_list;

component_list! { pub INPUTS: generate }
