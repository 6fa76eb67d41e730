//! The buffers of this family.

millrace_component::component_list! { pub BUFFERS: sqlite }
