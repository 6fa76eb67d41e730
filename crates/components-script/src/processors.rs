//! Processors that run programs.

use millrace_component::Descriptor;

mod awk;
mod javascript;
mod jmespath;
mod jq;
mod template;
mod wasm;

/// The processors of this family.
pub const PROCESSORS: &[Descriptor] = &[
    awk::COMPONENT,
    javascript::COMPONENT,
    jmespath::COMPONENT,
    jq::COMPONENT,
    template::COMPONENT,
    wasm::COMPONENT,
];

mod program;
