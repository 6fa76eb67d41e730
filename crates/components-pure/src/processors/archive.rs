//! The `archive` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Interpolated, Processor,
    ProcessorConfig,
};
use millrace_message::{Error, Message, MessageBatch, Origin};
use millrace_spec::Spec;

use super::composite::one_or_none;
use super::zip_format;

mod tar;

/// Makes one message of all messages of a batch.
///
/// The result has the metadata of the first message, and is acknowledged for all of them. A batch
/// that cannot be archived goes on as it is, with the error flag of every message set.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "archive", category = "Parsing", category = "Utility")]
pub struct Config {
    /// The format of the archive.
    format: Format,
    /// The name of each message in the archive, for `tar` and `zip`.
    #[spec(
        default = "",
        example = "${!count(\"files\")}-${!timestamp_unix_nano()}.txt"
    )]
    path: Option<Interpolated>,
}

/// How the messages are put together.
#[derive(Clone, Copy, Debug, Spec)]
enum Format {
    /// The number of messages, and each with its length in front, as 32 bit big-endian numbers.
    Binary,
    /// One after the other, without anything in between.
    Concatenate,
    /// A JSON array; every message has to be JSON.
    JsonArray,
    /// One after the other, with a line break in between.
    Lines,
    /// A tar archive, in which each message is a file.
    Tar,
    /// A zip archive, in which each message is a file, deflated.
    Zip,
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(BuiltProcessor::Sync(Arc::new(Archive {
            format: self.format,
            path: self
                .path
                .clone()
                .unwrap_or_else(|| Interpolated::literal("")),
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

/// Bytes that are set aside before it is known that they are needed.
const RESERVED_MAX: usize = 1024 * 1024;

struct Archive {
    format: Format,
    path: Interpolated,
    identity: Arc<Identity>,
}

impl Archive {
    fn archive(&self, batch: &[Message]) -> Result<Vec<u8>, Error> {
        match self.format {
            Format::Binary => Ok(binary(batch)),
            Format::Concatenate => Ok(joined(batch, b"")),
            Format::JsonArray => json_array(batch),
            Format::Lines => Ok(joined(batch, b"\n")),
            Format::Tar => tar::write(batch, &self.names(batch)?),
            Format::Zip => {
                let names = self.names(batch)?;
                let payloads = batch.iter().map(|message| &message.bytes()[..]);
                zip_format::write(names.iter().map(String::as_str).zip(payloads))
            }
        }
    }

    fn names(&self, batch: &[Message]) -> Result<Vec<String>, Error> {
        let name = |index| match self.path.resolve(batch, index) {
            Ok(name) => Ok(name.into_owned()),
            Err(error) => Err(error.context("resolve `path`")),
        };
        (0..batch.len()).map(name).collect()
    }
}

impl Processor for Archive {
    fn process(&self, mut batch: MessageBatch) -> Batches {
        if batch.is_empty() {
            return Batches::new();
        }
        match self.archive(&batch) {
            Ok(archive) => {
                let origin = Origin::merge(batch.take_origins());
                let first = batch.into_iter().next();
                let mut message = first.expect("the batch is not empty");
                message.set_bytes(archive);
                message.set_origin(origin);
                one_or_none(MessageBatch::one(message))
            }
            Err(error) => {
                let fault = Arc::new(self.identity.fault(error));
                for message in batch.iter_mut() {
                    message.set_fault(Arc::clone(&fault));
                }
                one_or_none(batch)
            }
        }
    }
}

fn joined(batch: &[Message], separator: &[u8]) -> Vec<u8> {
    let size: usize = batch
        .iter()
        .map(|message| message.bytes().len() + separator.len())
        .sum();
    let mut out = Vec::with_capacity(size);
    for (index, message) in batch.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(separator);
        }
        out.extend_from_slice(message.bytes());
    }
    out
}

/// Each message as Bento prints JSON: what is in that form already is copied.
fn json_array(batch: &[Message]) -> Result<Vec<u8>, Error> {
    let size: usize = batch.iter().map(|message| message.size() + 1).sum();
    let mut out = Vec::with_capacity(size + 2);
    for (index, message) in batch.iter().enumerate() {
        out.push(if index == 0 { b'[' } else { b',' });
        let value = message.value().map_err(|error| {
            Error::rejected(format!("message {index} of the batch is not JSON: {error}"))
        })?;
        value.write_json(&mut out);
        if index == 0 {
            // Most batches hold messages of about one size, and to grow is to copy.
            out.reserve((out.len() * batch.len()).min(RESERVED_MAX));
        }
    }
    out.push(b']');
    Ok(out)
}

fn binary(batch: &[Message]) -> Vec<u8> {
    let size: usize = batch.iter().map(|message| message.bytes().len() + 4).sum();
    let mut out = Vec::with_capacity(size + 4);
    out.extend_from_slice(&(batch.len() as u32).to_be_bytes());
    for message in batch {
        out.extend_from_slice(&(message.bytes().len() as u32).to_be_bytes());
        out.extend_from_slice(message.bytes());
    }
    out
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor("archive: { format: lines }");
        millrace_component::conformance::processor(&processor).await;
    }
}
