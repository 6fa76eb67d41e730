//! The buffers of this family.

use millrace_component::Descriptor;

mod sqlite;

/// The buffers of this family.
pub const BUFFERS: &[Descriptor] = &[sqlite::COMPONENT];
