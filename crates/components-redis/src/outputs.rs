//! The outputs of this family.

millrace_component::component_list! { pub OUTPUTS: redis_list }
