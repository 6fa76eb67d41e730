//! The rate limits of this family.

use millrace_component::Descriptor;

mod redis;

/// The rate limits of this family.
pub const RATE_LIMITS: &[Descriptor] = &[redis::COMPONENT];
