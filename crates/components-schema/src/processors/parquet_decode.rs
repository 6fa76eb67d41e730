//! The `parquet_decode` processor.

use std::sync::Arc;

use bytes::Bytes;
use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, PartRoom, Processor,
    ProcessorConfig,
};
use millrace_formats::parquet::{self, Lists, ParquetError};
use millrace_message::{Error, Message, MessageBatch, Value};
use millrace_spec::{ByteSize, Spec};

#[cfg(test)]
mod tests;

/// Makes a message of each row of a Parquet file.
///
/// The new messages have the metadata of the old one, and take its place in the batch: the old one
/// is acknowledged when all of them are. A file without rows removes the message, which counts as
/// filtered. A message that is no such file goes on as it is, with its error flag set.
///
/// A row is an object of its columns. Times and dates are the numbers that the file has for them,
/// decimals are exact numbers, bytes are a text where they are UTF-8, and JSON is read. Files may be
/// compressed by Snappy, Gzip, Brotli, Zstandard and LZ4_RAW.
///
/// ```yaml
/// input:
///   file:
///     paths: [ 'events/*.parquet' ]
///     scanner:
///       to_the_end: {}
///   processors:
///     - parquet_decode:
///         use_parquet_list_format: false
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(
    processor = "parquet_decode",
    status = "experimental",
    category = "Parsing"
)]
pub struct Config {
    /// No longer of any effect: bytes are a text wherever they can be.
    #[spec(rename = "byte_array_as_string", default = false, deprecated)]
    _byte_array_as_string: bool,
    /// Whether columns of the type `LIST` are read as the groups that the format makes them of,
    /// `{"list":[{"element":1},{"element":2}]}`, and not as arrays, `[1,2]`.
    #[spec(default = true, advanced, since = "1.8.0")]
    use_parquet_list_format: bool,
    /// The most memory that the rows of a file take, such as `256MiB`; never more than
    /// `memory_limit` allows for all messages together. What rows share in the file, names of columns
    /// and values of a dictionary, counts for each of them. It also bounds how many messages they become,
    /// each of which counts as 256 bytes: the default allows for a million of them.
    #[spec(default = "256MiB", advanced)]
    max_size: ByteSize,
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(BuiltProcessor::Sync(Arc::new(ParquetDecode {
            lists: match self.use_parquet_list_format {
                true => Lists::Groups,
                false => Lists::Arrays,
            },
            max_size: cx.bound(self.max_size),
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct ParquetDecode {
    lists: Lists,
    max_size: usize,
    identity: Arc<Identity>,
}

impl ParquetDecode {
    fn rows(&self, message: &Message) -> Result<Vec<Value>, Error> {
        let read = parquet::read(message.bytes(), self.lists, self.max_size);
        let rows = read.map_err(|error| match error {
            ParquetError::TooLarge(_) => over(error),
            ParquetError::Damaged(_) => {
                Error::rejected(format!("the payload is no Parquet file: {error}"))
            }
        })?;
        let mut room = PartRoom::new(self.max_size);
        room.take_all(rows.len()).map_err(over)?;
        Ok(rows)
    }

    fn decode(&self, mut message: Message, result: &mut MessageBatch) {
        match self.rows(&message) {
            Ok(rows) if rows.is_empty() => message.filter(&self.identity.component),
            Ok(rows) => {
                let origin = message.take_origin();
                message.set_bytes(Bytes::new());
                let copy = |row: Value| {
                    let mut copy = message.clone();
                    copy.set_value(row);
                    copy
                };
                let mut copies: MessageBatch = rows.into_iter().map(copy).collect();
                copies.share_origin(origin);
                result.append(copies);
            }
            Err(error) => {
                message.set_fault(self.identity.fault(error));
                result.push(message);
            }
        }
    }
}

/// There is no room for the rows, or for the messages that become of them.
fn over(error: impl std::fmt::Display) -> Error {
    Error::rejected(format!(
        "{error}; raise `max_size`, or `memory_limit` where that is smaller, if it is wanted"
    ))
}

impl Processor for ParquetDecode {
    fn process(&self, batch: MessageBatch) -> Batches {
        let mut result = MessageBatch::new();
        for message in batch {
            self.decode(message, &mut result);
        }
        match result.is_empty() {
            true => Batches::new(),
            false => smallvec::smallvec![result],
        }
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor("parquet_decode: {}");
        millrace_component::conformance::processor(&processor).await;
    }
}
