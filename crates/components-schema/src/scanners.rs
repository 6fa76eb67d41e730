//! Scanners that read by a schema.

use millrace_component::Descriptor;

/// The scanners of this family.
pub const SCANNERS: &[Descriptor] = &[];
