//! The inputs of this family.

use millrace_component::Descriptor;

mod fields;
mod kafka;
mod kafka_franz;
mod kafka_server;
mod log;
mod reading;

/// The inputs of this family.
pub const INPUTS: &[Descriptor] = &[
    kafka::COMPONENT,
    kafka_franz::COMPONENT,
    kafka_server::COMPONENT,
    log::COMPONENT,
];
