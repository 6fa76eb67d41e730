//! The inputs of this family.

use millrace_component::Descriptor;

mod redis_list;

/// The inputs of this family.
pub const INPUTS: &[Descriptor] = &[redis_list::COMPONENT];
