//! Inputs.

use millrace_component::Descriptor;

mod amqp_0_9;

/// The inputs of this family.
pub const INPUTS: &[Descriptor] = &[amqp_0_9::COMPONENT];
