//! Processors that read and write by a schema.

use millrace_component::Descriptor;

/// The processors of this family.
pub const PROCESSORS: &[Descriptor] = &[];
