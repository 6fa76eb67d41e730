//! Scanners: how a stream of bytes is cut into messages.

use millrace_component::Descriptor;

mod chunker;
pub(crate) mod csv;
mod decompress;
mod json_documents;
mod line_breaks;
mod lines;
mod quotes;
mod re_match;
mod skip_bom;
mod switch;
mod tar;
mod to_the_end;
mod window;
mod xml_documents;

/// The scanners of this family.
pub const SCANNERS: &[Descriptor] = &[
    chunker::COMPONENT,
    csv::COMPONENT,
    decompress::COMPONENT,
    json_documents::COMPONENT,
    lines::COMPONENT,
    re_match::COMPONENT,
    skip_bom::COMPONENT,
    switch::COMPONENT,
    tar::COMPONENT,
    to_the_end::COMPONENT,
    xml_documents::COMPONENT,
];
