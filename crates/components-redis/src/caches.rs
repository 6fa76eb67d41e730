//! The caches of this family.

millrace_component::component_list! { pub CACHES: redis }
