//! The inputs of this family.

millrace_component::component_list! { pub INPUTS: http_client, http_server }
