//! Processors that run programs.

use millrace_component::Descriptor;

mod javascript;
mod jmespath;
mod jq;
mod wasm;

/// The processors of this family.
pub const PROCESSORS: &[Descriptor] = &[
    javascript::COMPONENT,
    jmespath::COMPONENT,
    jq::COMPONENT,
    wasm::COMPONENT,
];

mod program;
