//! The components of this build: one line for each family.

use millrace_component::{Descriptor, Registry};

const FAMILIES: &[&[Descriptor]] = &[
    millrace_components_io::INPUTS,
    millrace_components_io::OUTPUTS,
    millrace_components_io::SCANNERS,
    millrace_components_pure::BUFFERS,
    millrace_components_pure::INPUTS,
    millrace_components_pure::OUTPUTS,
    millrace_components_pure::PROCESSORS,
    millrace_components_sql::OUTPUTS,
];

/// The registry of every component that this build has.
pub fn registry() -> Registry {
    Registry::new(FAMILIES.iter().copied())
}
