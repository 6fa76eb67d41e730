//! Processors that read and write by a schema.

use millrace_component::Descriptor;

mod parquet_decode;
#[cfg(feature = "parquet")]
mod parquet_encode;
mod protobuf;

/// The processors of this family.
pub const PROCESSORS: &[Descriptor] = &[
    parquet_decode::COMPONENT,
    #[cfg(feature = "parquet")]
    parquet_encode::COMPONENT,
    protobuf::COMPONENT,
];
