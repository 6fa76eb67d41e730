//! The outputs of this family.

use millrace_component::Descriptor;

mod fields;
mod kafka;
mod kafka_franz;
mod log;

/// The outputs of this family.
pub const OUTPUTS: &[Descriptor] = &[kafka::COMPONENT, kafka_franz::COMPONENT, log::COMPONENT];
