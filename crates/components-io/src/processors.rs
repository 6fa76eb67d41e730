//! Processors that run other programs.

use millrace_component::Descriptor;

mod command;

/// The processors of this family.
pub const PROCESSORS: &[Descriptor] = &[command::COMPONENT];
