//! Scanners: how a stream of bytes is cut into messages.

use millrace_component::Descriptor;

mod chunker;
pub(crate) mod csv;
mod decompress;
mod json_documents;
mod lines;
mod skip_bom;
mod to_the_end;

/// The scanners of this family.
pub const SCANNERS: &[Descriptor] = &[
    chunker::COMPONENT,
    csv::COMPONENT,
    decompress::COMPONENT,
    json_documents::COMPONENT,
    lines::COMPONENT,
    skip_bom::COMPONENT,
    to_the_end::COMPONENT,
];
