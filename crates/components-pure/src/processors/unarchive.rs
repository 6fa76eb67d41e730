//! The `unarchive` processor.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Processor, ProcessorConfig,
    read_whole,
};
use millrace_message::{Error, Message, MessageBatch, Value};
use millrace_spec::{ByteSize, FieldKind, FieldType, Node, ReadContext, Spec, codes};

use super::composite::one_or_none;
use super::compression::over;
use super::zip_format;

mod csv;
mod json;
mod xml;

/// Makes several messages of each message.
///
/// The new messages have the metadata of the old one, and take its place in the batch: the old
/// one is acknowledged when all of them are. Those of `tar` and `zip` carry the name of their file
/// in the metadata `archive_filename`, those of `json_map` their key in `archive_key`. An archive
/// that is empty removes the message, which counts as filtered. A message that is no such archive
/// goes on as it is, with its error flag set.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "unarchive", category = "Parsing", category = "Utility")]
pub struct Config {
    /// The format of the archive.
    #[spec(options(
        "binary" = "The number of messages, and each with its length in front, as 32 bit big-endian numbers.",
        "csv" = "Rows of values separated by commas, after a row of names: an object for each row.",
        "csv:x" = "As `csv`, with values separated by the character x.",
        "json_array" = "A JSON array: a message for each element.",
        "json_documents" = "JSON documents one after the other, with or without white space between them.",
        "json_map" = "A JSON object: a message for each member.",
        "lines" = "Lines.",
        "tar" = "A tar archive: a message for each file.",
        "xml_documents_to_json" = "XML documents one after the other: a message for each, as JSON.",
        "xml_documents_to_json:cast" = "As `xml_documents_to_json`; texts and attributes that are numbers or booleans become such.",
        "zip" = "A zip archive: a message for each file.",
    ))]
    format: Format,
    /// The largest content of an archive, in bytes, such as `256MiB`; never more than `memory_limit`
    /// allows for all messages together.
    #[spec(default = "256MiB", advanced)]
    max_size: ByteSize,
}

/// How messages are put together.
#[derive(Clone, Copy, Debug)]
enum Format {
    Binary,
    Csv(char),
    JsonArray,
    JsonDocuments,
    JsonMap,
    Lines,
    Tar,
    XmlDocuments { cast: bool },
    Zip,
}

impl FieldType for Format {
    fn kind() -> FieldKind {
        FieldKind::String
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let text = String::read(node, cx)?;
        let message = match text.as_str() {
            "binary" => return Some(Self::Binary),
            "csv" => return Some(Self::Csv(',')),
            "json_array" => return Some(Self::JsonArray),
            "json_documents" => return Some(Self::JsonDocuments),
            "json_map" => return Some(Self::JsonMap),
            "lines" => return Some(Self::Lines),
            "tar" => return Some(Self::Tar),
            "zip" => return Some(Self::Zip),
            "xml_documents_to_json" => return Some(Self::XmlDocuments { cast: false }),
            "xml_documents_to_json:cast" => return Some(Self::XmlDocuments { cast: true }),
            _ => match text
                .strip_prefix("csv:")
                .map(|it| (it.chars().next(), it.chars().count()))
            {
                Some((Some(delimiter), 1)) if !matches!(delimiter, '"' | '\r' | '\n') => {
                    return Some(Self::Csv(delimiter));
                }
                Some(_) => "`csv:` takes one character, such as `csv:;`".to_owned(),
                None => format!("the format `{text}` is not known"),
            },
        };
        cx.error(codes::INVALID_OPTION, node.span, message);
        None
    }
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(BuiltProcessor::Sync(Arc::new(Unarchive {
            format: self.format,
            max_size: cx.bound(self.max_size),
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Unarchive {
    format: Format,
    max_size: usize,
    identity: Arc<Identity>,
}

/// One message of an archive.
enum Part {
    Bytes(Bytes),
    Value(Value),
    File(String, Bytes),
    Member(String, Value),
}

impl Unarchive {
    fn parts(&self, message: &Message) -> Result<Vec<Part>, Error> {
        let payload = message.bytes();
        match self.format {
            Format::Binary => binary(payload),
            Format::Csv(delimiter) => csv::read(payload, delimiter),
            Format::JsonArray => json_array(message),
            Format::JsonDocuments => json::documents(payload),
            Format::JsonMap => json_map(message),
            Format::Lines => Ok(lines(payload)),
            Format::Tar => tar(payload, self.max_size),
            Format::XmlDocuments { cast } => xml::documents(payload, cast),
            Format::Zip => {
                let files = zip_format::read(payload, self.max_size)?;
                let part = |(name, content): (String, Vec<u8>)| Part::File(name, content.into());
                Ok(files.into_iter().map(part).collect())
            }
        }
    }

    fn unarchive(&self, mut message: Message, result: &mut MessageBatch) {
        match self.parts(&message) {
            Ok(parts) if parts.is_empty() => message.filter(&self.identity.component),
            Ok(parts) => {
                let origin = message.take_origin();
                message.set_bytes(Bytes::new());
                let copy = |part: Part| {
                    let mut copy = message.clone();
                    part.fill(&mut copy);
                    copy
                };
                let mut copies: MessageBatch = parts.into_iter().map(copy).collect();
                copies.share_origin(origin);
                result.append(copies);
            }
            Err(error) => {
                message.set_fault(self.identity.fault(error.context("unarchive")));
                result.push(message);
            }
        }
    }
}

impl Processor for Unarchive {
    fn process(&self, batch: MessageBatch) -> Batches {
        let mut result = MessageBatch::new();
        for message in batch {
            self.unarchive(message, &mut result);
        }
        one_or_none(result)
    }
}

impl Part {
    fn fill(self, message: &mut Message) {
        match self {
            Self::Bytes(bytes) => message.set_bytes(bytes),
            Self::Value(value) => message.set_value(value),
            Self::File(name, content) => {
                message.set_bytes(content);
                message.metadata.set("archive_filename", name);
            }
            Self::Member(key, value) => {
                message.set_value(value);
                message.metadata.set("archive_key", key);
            }
        }
    }
}

fn lines(payload: &Bytes) -> Vec<Part> {
    payload
        .split(|byte| *byte == b'\n')
        .map(|line| Part::Bytes(payload.slice_ref(line)))
        .collect()
}

fn binary(payload: &Bytes) -> Result<Vec<Part>, Error> {
    let mut rest = payload.clone();
    let number = |rest: &mut Bytes| {
        let bytes = rest.first_chunk::<4>().copied();
        let bytes = bytes.ok_or_else(|| Error::rejected("binary: the payload is cut"))?;
        let _read = rest.split_to(4);
        Ok::<_, Error>(u32::from_be_bytes(bytes) as usize)
    };
    let count = number(&mut rest)?;
    // What a number says is not allocated before the bytes for it are there.
    let mut parts = Vec::with_capacity(count.min(rest.len() / 4));
    for _ in 0..count {
        let size = number(&mut rest)?;
        if rest.len() < size {
            return Err(Error::rejected("binary: the payload is cut"));
        }
        parts.push(Part::Bytes(rest.split_to(size)));
    }
    Ok(parts)
}

fn json_array(message: &Message) -> Result<Vec<Part>, Error> {
    let value = message
        .value()
        .map_err(|error| Error::rejected(error.to_string()))?;
    let array = value
        .as_array()
        .ok_or_else(|| wrong_kind("a JSON array", value))?;
    Ok(array
        .iter()
        .map(|element| Part::Value(element.into_owned()))
        .collect())
}

fn json_map(message: &Message) -> Result<Vec<Part>, Error> {
    let value = message
        .value()
        .map_err(|error| Error::rejected(error.to_string()))?;
    let object = value
        .as_object()
        .ok_or_else(|| wrong_kind("a JSON object", value))?;
    let member = |(key, value): (millrace_message::Text, std::borrow::Cow<'_, Value>)| {
        Part::Member(key.as_str().to_owned(), value.into_owned())
    };
    Ok(object.entries().map(member).collect())
}

fn wrong_kind(wanted: &str, value: &Value) -> Error {
    Error::rejected(format!(
        "the payload is not {wanted} but of the type {}",
        value.kind()
    ))
}

fn tar(payload: &[u8], limit: usize) -> Result<Vec<Part>, Error> {
    let failed = |error: std::io::Error| {
        Error::rejected(format!(
            "tar: {}",
            millrace_formats::archive::tar_error(&error)
        ))
    };
    let mut archive = tar::Archive::new(payload);
    let mut parts = Vec::new();
    let mut left = limit;
    for entry in archive.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let size = usize::try_from(entry.size()).unwrap_or(usize::MAX);
        let content = read_whole(entry.by_ref(), left, size)
            .map_err(failed)?
            .ok_or_else(|| over(limit))?;
        left -= content.len();
        parts.push(Part::File(name, content.into()));
    }
    Ok(parts)
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor("unarchive: { format: lines }");
        millrace_component::conformance::processor(&processor).await;
    }
}
