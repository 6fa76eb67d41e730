//! The outputs of this family.

use millrace_component::Descriptor;

mod sql_insert;
mod sql_raw;

/// The outputs of this family.
pub const OUTPUTS: &[Descriptor] = &[sql_insert::COMPONENT, sql_raw::COMPONENT];
