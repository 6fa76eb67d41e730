//! Rate limits in this process.

use millrace_component::Descriptor;

mod local;

/// The rate limits of this family.
pub const RATE_LIMITS: &[Descriptor] = &[local::COMPONENT];

pub use local::LocalLimit;
