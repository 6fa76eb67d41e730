//! The outputs of this family.

use millrace_component::Descriptor;

mod redis_list;

/// The outputs of this family.
pub const OUTPUTS: &[Descriptor] = &[redis_list::COMPONENT];
