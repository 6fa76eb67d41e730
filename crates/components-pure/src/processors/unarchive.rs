//! The `unarchive` processor.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, PartRoom, Processor,
    ProcessorConfig, read_whole,
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
    /// allows for all messages together. Each message counts 256 bytes beside its content, whatever
    /// the format: the default allows for a million of them.
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
    const READS_OPTIONS: bool = true;

    fn kind() -> FieldKind {
        FieldKind::String
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let text = String::read(node, cx)?;
        let message = match text.to_ascii_lowercase().as_str() {
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

/// What a value, or metadata, that a message has for itself takes beside its members, in bytes.
const VALUE_COST: usize = 128;
/// What a member of an object takes, in bytes.
const MEMBER_COST: usize = 48;

/// One message of an archive.
enum Part {
    Bytes(Bytes),
    Value(Value),
    File(String, Bytes),
    Member(String, Value),
}

/// The messages of an archive, as far as there is room for them.
struct Parts {
    list: Vec<Part>,
    room: PartRoom,
}

impl Parts {
    fn new(limit: usize) -> Self {
        Self {
            list: Vec::new(),
            room: PartRoom::new(limit),
        }
    }

    /// Adds a part for which so many bytes were made.
    ///
    /// # Errors
    /// There is no room for it.
    fn push(&mut self, part: Part, made: usize) -> Result<(), Error> {
        let room = self.room.take(made);
        room.map_err(|over| {
            Error::rejected(format!(
                "{over}; raise `max_size`, or `memory_limit` where that is smaller, if it is wanted"
            ))
        })?;
        self.list.push(part);
        Ok(())
    }
}

impl Unarchive {
    fn parts(&self, message: &Message) -> Result<Vec<Part>, Error> {
        let payload = message.bytes();
        let mut parts = Parts::new(self.max_size);
        match self.format {
            Format::Binary => binary(payload, &mut parts)?,
            Format::Csv(delimiter) => csv::read(payload, delimiter, &mut parts)?,
            Format::JsonArray => json_array(message, &mut parts)?,
            Format::JsonDocuments => json::documents(payload, &mut parts)?,
            Format::JsonMap => json_map(message, &mut parts)?,
            Format::Lines => lines(payload, &mut parts)?,
            Format::Tar => tar(payload, self.max_size, &mut parts)?,
            Format::XmlDocuments { cast } => xml::documents(payload, cast, &mut parts)?,
            Format::Zip => {
                for (name, content) in zip_format::read(payload, self.max_size)? {
                    let made = VALUE_COST + name.len() + content.len();
                    parts.push(Part::File(name, content.into()), made)?;
                }
            }
        }
        Ok(parts.list)
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

fn lines(payload: &Bytes, parts: &mut Parts) -> Result<(), Error> {
    for line in payload.split(|byte| *byte == b'\n') {
        parts.push(Part::Bytes(payload.slice_ref(line)), 0)?;
    }
    Ok(())
}

fn binary(payload: &Bytes, parts: &mut Parts) -> Result<(), Error> {
    let mut rest = payload.clone();
    let number = |rest: &mut Bytes| {
        let bytes = rest.first_chunk::<4>().copied();
        let bytes = bytes.ok_or_else(|| Error::rejected("binary: the payload is cut"))?;
        let _read = rest.split_to(4);
        Ok::<_, Error>(u32::from_be_bytes(bytes) as usize)
    };
    // What a number says is not allocated before the bytes for it are there.
    let count = number(&mut rest)?;
    for _ in 0..count {
        let size = number(&mut rest)?;
        if rest.len() < size {
            return Err(Error::rejected("binary: the payload is cut"));
        }
        parts.push(Part::Bytes(rest.split_to(size)), 0)?;
    }
    Ok(())
}

fn json_array(message: &Message, parts: &mut Parts) -> Result<(), Error> {
    let value = message
        .value()
        .map_err(|error| Error::rejected(error.to_string()))?;
    let array = value
        .as_array()
        .ok_or_else(|| wrong_kind("a JSON array", value))?;
    for element in array {
        parts.push(Part::Value(element.into_owned()), 0)?;
    }
    Ok(())
}

fn json_map(message: &Message, parts: &mut Parts) -> Result<(), Error> {
    let value = message
        .value()
        .map_err(|error| Error::rejected(error.to_string()))?;
    let object = value
        .as_object()
        .ok_or_else(|| wrong_kind("a JSON object", value))?;
    for (key, value) in object.entries() {
        let key = key.as_str().to_owned();
        // The key is metadata of its message alone.
        let made = VALUE_COST + key.len();
        parts.push(Part::Member(key, value.into_owned()), made)?;
    }
    Ok(())
}

fn wrong_kind(wanted: &str, value: &Value) -> Error {
    Error::rejected(format!(
        "the payload is not {wanted} but of the type {}",
        value.kind()
    ))
}

fn tar(payload: &[u8], limit: usize, parts: &mut Parts) -> Result<(), Error> {
    let failed = |error: std::io::Error| {
        Error::rejected(format!(
            "tar: {}",
            millrace_formats::archive::tar_error(&error)
        ))
    };
    let mut archive = tar::Archive::new(payload);
    for entry in archive.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let size = usize::try_from(entry.size()).unwrap_or(usize::MAX);
        let content = read_whole(entry.by_ref(), parts.room.left(), size)
            .map_err(failed)?
            .ok_or_else(|| over(limit))?;
        let made = VALUE_COST + name.len() + content.len();
        parts.push(Part::File(name, content.into()), made)?;
    }
    Ok(())
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor("unarchive: { format: lines }");
        millrace_component::conformance::processor(&processor).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::processor;

    /// An archive of so many messages with nothing, or next to nothing, in them.
    fn archive(format: &str, count: usize) -> Vec<u8> {
        match format {
            "binary" => {
                let mut archive = u32::try_from(count).expect("a few").to_be_bytes().to_vec();
                archive.resize(4 + 4 * count, 0);
                archive
            }
            "csv" => format!("a\n{}", "1\n".repeat(count)).into_bytes(),
            "json_array" => format!("[{}0]", "0,".repeat(count - 1)).into_bytes(),
            "json_documents" => "{}".repeat(count).into_bytes(),
            "json_map" => {
                let members: Vec<_> = (0..count).map(|it| format!("\"{it}\":0")).collect();
                format!("{{{}}}", members.join(",")).into_bytes()
            }
            "lines" => vec![b'\n'; count - 1],
            "tar" => {
                let mut archive = tar::Builder::new(Vec::new());
                for _ in 0..count {
                    let mut header = tar::Header::new_gnu();
                    header.set_size(0);
                    let added = archive.append_data(&mut header, "a", &b""[..]);
                    added.expect("it is written to memory");
                }
                archive.into_inner().expect("it is written to memory")
            }
            "xml_documents_to_json" => "<a/>".repeat(count).into_bytes(),
            _ => zip_format::write((0..count).map(|_| ("a", &b""[..]))).expect("few files"),
        }
    }

    async fn unarchived(format: &str, bounds: &str, count: usize) -> Result<usize, String> {
        let unarchive = processor(&format!("unarchive: {{ format: {format}{bounds} }}"));
        let archive = Message::from_bytes(archive(format, count));
        let batches = unarchive.process(archive.into()).await;
        let messages: Vec<_> = batches.iter().flat_map(|batch| batch.iter()).collect();
        match messages[0].fault() {
            Some(fault) => Err(fault.cause.text().to_owned()),
            None => Ok(messages.len()),
        }
    }

    #[tokio::test]
    async fn messages_without_content_take_room_of_the_bound_in_every_format() {
        for format in [
            "binary",
            "csv",
            "json_array",
            "json_documents",
            "json_map",
            "lines",
            "tar",
            "xml_documents_to_json",
            "zip",
        ] {
            let few = unarchived(format, ", max_size: 8KiB", 15).await;
            assert_eq!(few, Ok(15), "{format}");
            let error = unarchived(format, ", max_size: 8KiB", 33)
                .await
                .expect_err(format);
            for part in ["unarchive: ", "more than 8192 bytes", "raise `max_size`"] {
                assert!(error.contains(part), "{format}: {error}");
            }
        }
    }

    #[tokio::test]
    async fn a_hundred_thousand_short_messages_pass_without_a_setting() {
        for format in [
            "binary",
            "csv",
            "json_array",
            "json_documents",
            "json_map",
            "lines",
        ] {
            assert_eq!(
                unarchived(format, "", 100_000).await,
                Ok(100_000),
                "{format}"
            );
        }
    }
}
