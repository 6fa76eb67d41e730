//! What a test consists of.

use std::path::Path;

use jiff::Timestamp;
use millrace_component::read_file;
use millrace_message::Message;
use millrace_spec::diagnostics::Span;
use millrace_spec::{FieldKind, FieldType, Node, OrderedMap, ReadContext, Spec, codes};

use super::conditions::Conditions;
use super::document::Document;

/// A test of some processors of a config, or of a mapping.
#[derive(Clone, Debug, Spec)]
pub struct Case {
    /// Says which behaviour is tested; different from that of other tests.
    pub name: String,
    /// Environment variables, for `${…}` in the config and for `env` in its mappings.
    pub environment: Option<OrderedMap<String>>,
    /// Which processors are tested: a JSON pointer to one or to a list of them, or the label of
    /// one; with `FILE#` in front, of another config, relative to this one.
    #[spec(
        default = "/pipeline/processors",
        example = "get_user",
        example = "other.yaml#/pipeline/processors/0"
    )]
    pub target_processors: String,
    /// The file of a mapping to test instead of processors, relative to this config.
    #[spec(default = "")]
    pub target_mapping: String,
    /// Processors, or other parts of the config, to replace for this test: by label or by JSON
    /// pointer. A processor in the place of a labelled one keeps the label.
    #[spec(example = {"get_user": {"mapping": "root.name = \"Alice\""}})]
    pub mocks: Option<OrderedMap<Node>>,
    /// The messages of a batch that goes in.
    #[spec(optional)]
    pub input_batch: Vec<InputMessage>,
    /// Several batches that go in, one after the other; `input_batch` comes last.
    #[spec(optional)]
    pub input_batches: Vec<Vec<InputMessage>>,
    /// What must come out: for each batch, for each of its messages, the conditions it meets.
    #[spec(optional)]
    pub output_batches: Vec<Vec<Conditions>>,
    /// The time at which the test begins, as in RFC 3339. It stands still while messages are
    /// processed and passes at once where a processor waits, for `now` and the other functions of
    /// time, rate limits, pauses, and what expires in local caches. Not in Bento.
    #[spec(example = "2024-02-29T12:00:00Z")]
    pub clock: Option<Instant>,
}

/// The largest file that a test reads.
pub(super) const FILE_BYTES_MAX: usize = 256 << 20;

/// A message that goes in.
#[derive(Clone, Debug, Spec)]
pub struct InputMessage {
    /// Its content.
    pub content: Option<String>,
    /// Its content, as a JSON document.
    #[spec(example = {"id": 5})]
    pub json_content: Option<Document>,
    /// A file with its content, relative to the config.
    pub file_content: Option<String>,
    /// Its metadata.
    pub metadata: Option<OrderedMap<Document>>,
}

impl InputMessage {
    /// The message.
    ///
    /// # Errors
    /// Its file cannot be read.
    pub fn message(&self, directory: &Path) -> Result<Message, String> {
        let content = match (&self.file_content, &self.json_content, &self.content) {
            (Some(file), _, _) => {
                let path = directory.join(file);
                let read = read_file(&path, FILE_BYTES_MAX);
                read.map_err(|error| format!("read {}: {error}", path.display()))?
            }
            (None, Some(Document(value)), _) => value.to_json().to_vec(),
            (None, None, content) => content.clone().unwrap_or_default().into_bytes(),
        };
        let mut message = Message::from_bytes(content);
        for (name, Document(value)) in self.metadata.iter().flat_map(|it| &it.0) {
            message.metadata.set(name.as_str(), value.clone());
        }
        Ok(message)
    }
}

impl Case {
    /// Everything that goes in, in order.
    pub(super) fn inputs(&self) -> impl Iterator<Item = &[InputMessage]> {
        let last = Some(&*self.input_batch).filter(|it| !it.is_empty());
        self.input_batches.iter().map(Vec::as_slice).chain(last)
    }
}

/// A point in time, as in RFC 3339.
#[derive(Clone, Copy, Debug)]
pub struct Instant(pub Timestamp);

impl FieldType for Instant {
    fn kind() -> FieldKind {
        FieldKind::String
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let text = String::read(node, cx)?;
        match text.parse() {
            Ok(timestamp) => Some(Self(timestamp)),
            Err(error) => {
                let message = cx.about_field(&format!("`{text}` is not a time: {error}"));
                cx.error(codes::INVALID_VALUE, node.span, message).help =
                    Some("write it as in RFC 3339: `2024-02-29T12:00:00Z`".to_owned());
                None
            }
        }
    }
}

/// A value with its place. A null is a value, not an absent field: a condition that is there is
/// checked.
#[derive(Clone, Debug)]
pub struct Given<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl<T: FieldType> FieldType for Given<T> {
    fn kind() -> FieldKind {
        T::kind()
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let span = node.span;
        T::read(node, cx).map(|value| Self { value, span })
    }

    fn means_absent(_: &Node) -> bool {
        false
    }
}
