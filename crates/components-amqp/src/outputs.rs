//! Outputs.

use millrace_component::Descriptor;

mod amqp;
mod amqp_0_9;

/// The outputs of this family.
pub const OUTPUTS: &[Descriptor] = &[amqp::COMPONENT, amqp_0_9::COMPONENT];
