//! The inputs of this family.

use millrace_component::Descriptor;

mod log;

/// The inputs of this family.
pub const INPUTS: &[Descriptor] = &[log::COMPONENT];
