//! The rate limits of this family.

millrace_component::component_list! { pub RATE_LIMITS: redis }
