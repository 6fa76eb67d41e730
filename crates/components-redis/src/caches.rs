//! The caches of this family.

use millrace_component::Descriptor;

mod redis;

/// The caches of this family.
pub const CACHES: &[Descriptor] = &[redis::COMPONENT];
