//! The inputs of this family.

millrace_component::component_list! { pub INPUTS: redis_list }
