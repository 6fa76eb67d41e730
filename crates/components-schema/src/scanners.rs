//! Scanners that read by a schema.

use millrace_component::Descriptor;

mod avro;

/// The scanners of this family.
pub const SCANNERS: &[Descriptor] = &[avro::COMPONENT];
