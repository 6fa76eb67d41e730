//! The `parquet_encode` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Processor, ProcessorConfig,
};
use millrace_message::{Error, Message, MessageBatch, Origin};
use millrace_spec::{Node, ReadContext, Spec};

use columns::Columns;
use file::Table;

mod columns;
mod file;
mod rows;
#[cfg(test)]
mod tests;

/// Makes one Parquet file of all messages of a batch, a row of each.
///
/// Messages are objects; what is in no column is left out. A column that is `optional` is null where
/// a message does not have it, one that is `repeated` is empty, any other one is `0`, `false` or
/// empty. Integers are checked against the range of their column, fractions are cut off. The file
/// has the metadata of the first message, and is acknowledged for all of them. A batch with a message
/// that does not fit goes on as it is, with the error flag of every message set.
///
/// ```yaml
/// input:
///   batched:
///     child:
///       file:
///         paths: [ 'events/*.jsonl' ]
///     policy:
///       count: 1000
/// pipeline:
///   processors:
///     - parquet_encode:
///         default_compression: zstd
///         schema:
///           - { name: id, type: INT64 }
///           - { name: weight, type: DOUBLE, optional: true }
///           - name: tags
///             type: LIST
///             fields:
///               - { name: element, type: UTF8 }
///           - name: attributes
///             type: MAP
///             fields:
///               - { name: key, type: UTF8 }
///               - { name: value, type: INT64 }
///           - name: cloud
///             type: STRUCT
///             fields:
///               - { name: provider, type: UTF8 }
/// output:
///   file:
///     path: 'events-${! count("files") }.parquet'
///     codec: all-bytes
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(
    processor = "parquet_encode",
    status = "experimental",
    category = "Parsing",
    check = check
)]
pub struct Config {
    /// The columns.
    schema: Vec<columns::Column>,
    /// How pages are compressed.
    #[spec(default = "uncompressed")]
    default_compression: Compression,
    /// How values are written; another one than the default is needed only for readers that do not
    /// know it.
    #[spec(default = "DELTA_LENGTH_BYTE_ARRAY", advanced)]
    default_encoding: Encoding,
}

/// The compression of pages.
#[derive(Clone, Copy, Debug, Spec)]
pub(super) enum Compression {
    /// None.
    Uncompressed,
    /// Snappy.
    Snappy,
    /// Gzip.
    Gzip,
    /// Brotli.
    Brotli,
    /// Zstandard.
    Zstd,
    /// LZ4, as blocks.
    Lz4raw,
}

/// The encoding of values.
#[derive(Clone, Copy, Debug, Spec)]
pub(super) enum Encoding {
    /// Texts and bytes as their lengths and then all of them; other values as they are.
    #[spec(rename = "DELTA_LENGTH_BYTE_ARRAY")]
    DeltaLengthByteArray,
    /// Values as they are.
    #[spec(rename = "PLAIN")]
    Plain,
    /// Each value once, and then which of them it is; for columns of few different values.
    #[spec(rename = "RLE_DICTIONARY")]
    RleDictionary,
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    let node = node.get("schema").unwrap_or(node);
    columns::check(&config.schema, node, cx);
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        let table = Table::new(
            Columns::new(&self.schema)?,
            self.default_compression,
            self.default_encoding,
        )?;
        Ok(BuiltProcessor::Sync(Arc::new(ParquetEncode {
            table,
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct ParquetEncode {
    table: Table,
    identity: Arc<Identity>,
}

impl ParquetEncode {
    fn encode(&self, batch: &[Message]) -> Result<Vec<u8>, Error> {
        let mut rows = self.table.rows(batch.len());
        for (index, message) in batch.iter().enumerate() {
            let added = message
                .value()
                .map_err(|error| Error::rejected(format!("it is no JSON: {error}")))
                .and_then(|value| rows.push(value));
            added.map_err(|error| error.context(format!("message {index} of the batch")))?;
        }
        self.table.write(&rows)
    }
}

impl Processor for ParquetEncode {
    fn process(&self, mut batch: MessageBatch) -> Batches {
        if batch.is_empty() {
            return Batches::new();
        }
        match self.encode(&batch) {
            Ok(file) => {
                let origin = Origin::merge(batch.take_origins());
                let first = batch.into_iter().next();
                let mut message = first.expect("the batch is not empty");
                message.set_bytes(file);
                message.set_origin(origin);
                smallvec::smallvec![MessageBatch::one(message)]
            }
            Err(error) => {
                let fault = Arc::new(self.identity.fault(error));
                for message in batch.iter_mut() {
                    message.set_fault(Arc::clone(&fault));
                }
                smallvec::smallvec![batch]
            }
        }
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor =
            crate::testing::processor("parquet_encode: { schema: [ { name: id, type: INT64 } ] }");
        millrace_component::conformance::processor(&processor).await;
    }
}
