//! Processors that read and write by a schema.

use millrace_component::Descriptor;

mod avro;
mod parquet_decode;
#[cfg(feature = "parquet")]
mod parquet_encode;
mod protobuf;
mod schema_registry_decode;
mod schema_registry_encode;

/// The processors of this family.
pub const PROCESSORS: &[Descriptor] = &[
    avro::COMPONENT,
    parquet_decode::COMPONENT,
    #[cfg(feature = "parquet")]
    parquet_encode::COMPONENT,
    protobuf::COMPONENT,
    schema_registry_decode::COMPONENT,
    schema_registry_encode::COMPONENT,
];
