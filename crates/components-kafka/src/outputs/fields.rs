//! Fields that the outputs over the network share.

use millrace_kafka_client as kafka;
use millrace_spec::diagnostics::Span;
use millrace_spec::{ReadContext, Spec, codes};

/// How batches of records are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
pub enum Compression {
    /// Not at all.
    None,
    /// With Snappy.
    Snappy,
    /// With LZ4.
    Lz4,
    /// With gzip.
    Gzip,
    /// With Zstandard.
    Zstd,
}

impl From<Compression> for kafka::Compression {
    fn from(compression: Compression) -> Self {
        match compression {
            Compression::None => Self::None,
            Compression::Snappy => Self::Snappy,
            Compression::Lz4 => Self::Lz4,
            Compression::Gzip => Self::Gzip,
            Compression::Zstd => Self::Zstd,
        }
    }
}

/// Complains of a partition that is missing where it is chosen by hand, or that nobody looks at.
pub fn check_partition(
    (is_manual, is_named): (bool, bool),
    (partitioner, partition): (Span, Span),
    cx: &mut ReadContext,
) {
    if is_manual && !is_named {
        let message = "field partition is required when partitioner is `manual`";
        cx.error(codes::MISSING_FIELD, partitioner, message);
    } else if !is_manual && is_named {
        let message = "field partition is used only when partitioner is `manual`";
        cx.error(codes::CONFLICT, partition, message).help =
            Some("set `partitioner: manual`, or remove `partition`".to_owned());
    }
}
