//! Inputs that compute their messages or combine other inputs.

use millrace_component::Descriptor;

mod relay;

pub(crate) mod batched;
mod broker;
mod generate;
mod inproc;
mod read_until;
mod resource;
mod sequence;

/// The inputs of this family.
pub const INPUTS: &[Descriptor] = &[
    batched::COMPONENT,
    broker::COMPONENT,
    generate::COMPONENT,
    inproc::COMPONENT,
    read_until::COMPONENT,
    resource::COMPONENT,
    sequence::COMPONENT,
];
