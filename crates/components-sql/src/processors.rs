//! The processors of this family.

use millrace_component::Descriptor;

mod call;

mod sql_insert;
mod sql_raw;
mod sql_select;

/// The processors of this family.
pub const PROCESSORS: &[Descriptor] = &[
    sql_insert::COMPONENT,
    sql_raw::COMPONENT,
    sql_select::COMPONENT,
];
