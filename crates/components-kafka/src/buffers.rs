//! The buffers of this family.

use millrace_component::Descriptor;

mod log;

/// The buffers of this family.
pub const BUFFERS: &[Descriptor] = &[log::COMPONENT];
