//! The outputs of this family.

millrace_component::component_list! { pub OUTPUTS: http_client, http_server }
