//! Inputs over files and standard streams.

use millrace_component::Descriptor;

mod scanned;

mod csv;
mod file;
mod stdin;

/// The inputs of this family.
pub const INPUTS: &[Descriptor] = &[csv::COMPONENT, file::COMPONENT, stdin::COMPONENT];
