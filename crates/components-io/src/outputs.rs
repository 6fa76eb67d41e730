//! Outputs over files and standard streams.

use millrace_component::Descriptor;

mod codec;

mod file;
mod stdout;
mod subprocess;

/// The outputs of this family.
pub const OUTPUTS: &[Descriptor] = &[file::COMPONENT, stdout::COMPONENT, subprocess::COMPONENT];
