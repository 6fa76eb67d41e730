//! The outputs of this family.

use millrace_component::Descriptor;

mod log;

/// The outputs of this family.
pub const OUTPUTS: &[Descriptor] = &[log::COMPONENT];
