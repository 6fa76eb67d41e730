//! Processors over files and other programs.

use millrace_component::Descriptor;

mod command;
mod file;
mod subprocess;

/// The processors of this family.
pub const PROCESSORS: &[Descriptor] = &[command::COMPONENT, file::COMPONENT, subprocess::COMPONENT];
