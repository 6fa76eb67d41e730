//! Inputs over files, standard streams and processes.

use millrace_component::Descriptor;

mod scanned;
mod source;

mod csv;
mod file;
mod stdin;
mod subprocess;

pub use stdin::end_standard_input;

/// The inputs of this family.
pub const INPUTS: &[Descriptor] = &[
    csv::COMPONENT,
    file::COMPONENT,
    stdin::COMPONENT,
    subprocess::COMPONENT,
];
