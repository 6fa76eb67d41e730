//! Caches on the local disk.

use millrace_component::Descriptor;

mod file;

/// The caches of this family.
pub const CACHES: &[Descriptor] = &[file::COMPONENT];
