//! The processors of this family.

millrace_component::component_list! { pub PROCESSORS: http }
