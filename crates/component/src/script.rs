//! Bloblang in fields: mappings, queries, and text with interpolations, compiled when the config
//! is read, so that what is wrong with one is a complaint with its place.

use std::borrow::Cow;

use bytes::Bytes;
use millrace_message::{Error, Message, Metadata, Value};
use millrace_spec::{FieldKind, FieldType, Node, ReadContext, codes};

/// A Bloblang mapping, as in `mapping`, `request_map` or `result_map`.
#[derive(Clone, Debug)]
pub struct Mapping {
    source: String,
}

/// A Bloblang query that gives a value, as in `check`.
#[derive(Clone, Debug)]
pub struct Query {
    source: String,
}

/// Text with `${! … }` interpolations.
#[derive(Clone, Debug)]
pub struct Interpolated {
    text: String,
}

/// What a mapping makes of a message.
#[derive(Clone, Debug)]
pub enum Mapped {
    /// Payload and metadata stay as they are.
    Unchanged,
    /// The message is removed.
    Deleted,
    /// The message changes.
    Changed(Changes),
}

/// What a mapping made of its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Onto {
    /// It stands as assigned.
    Changed,
    /// It is to be removed.
    Deleted,
}

/// The changes that a mapping makes to a message.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// The new payload, when it was assigned.
    pub payload: Option<Payload>,
    /// The new metadata, when it was assigned.
    pub metadata: Option<Metadata>,
}

/// A payload as a mapping assigned it.
#[derive(Clone, Debug)]
pub enum Payload {
    /// A string or bytes: the payload as it is.
    Raw(Bytes),
    /// Anything else, printed as JSON when it is asked for.
    Value(Value),
}

impl Changes {
    /// Carries the changes out.
    pub fn apply(self, message: &mut Message) {
        match self.payload {
            Some(Payload::Raw(bytes)) => message.set_bytes(bytes),
            Some(Payload::Value(value)) => message.set_value(value),
            None => {}
        }
        if let Some(metadata) = self.metadata {
            message.metadata = metadata;
        }
    }
}

impl Mapping {
    /// What the mapping makes of message `index` of the batch; the batch is not touched.
    ///
    /// # Errors
    /// The line of the mapping that failed, and why.
    pub fn map(&self, batch: &[Message], index: usize) -> Result<Mapped, Error> {
        let _message = batch.get(index);
        Err(refused(&self.source))
    }

    /// Runs the mapping with message `index` of the batch as both source and target: `root`
    /// begins as the message, and `this` sees what was assigned below it.
    ///
    /// # Errors
    /// The line of the mapping that failed, and why; what was assigned before it stands.
    pub fn mutate(&self, batch: &mut [Message], index: usize) -> Result<Onto, Error> {
        let _message = batch.get(index);
        Err(refused(&self.source))
    }

    /// Runs the mapping on message `index` of the batch with `onto` as its target: `root` begins
    /// as the content of `onto`.
    ///
    /// # Errors
    /// The line of the mapping that failed, and why; `onto` is not changed then.
    pub fn map_onto(
        &self,
        batch: &[Message],
        index: usize,
        onto: &mut Message,
    ) -> Result<Onto, Error> {
        let _messages = (batch.get(index), onto);
        Err(refused(&self.source))
    }

    /// The text as written.
    pub fn source(&self) -> &str {
        &self.source
    }
}

impl Query {
    /// Whether the query is true for message `index` of the batch.
    ///
    /// # Errors
    /// The query fails, or gives something that is no boolean.
    pub fn check(&self, batch: &[Message], index: usize) -> Result<bool, Error> {
        let _message = batch.get(index);
        Err(refused(&self.source))
    }

    /// The value that the query gives for message `index`; `None` for nothing and deleted.
    ///
    /// # Errors
    /// The query fails.
    pub fn value(&self, batch: &[Message], index: usize) -> Result<Option<Value>, Error> {
        let _message = batch.get(index);
        Err(refused(&self.source))
    }
}

impl Interpolated {
    /// The text for message `index` of the batch.
    ///
    /// # Errors
    /// An interpolation fails.
    pub fn resolve(&self, batch: &[Message], index: usize) -> Result<Cow<'_, str>, Error> {
        let _message = batch.get(index);
        match self.as_static() {
            Some(text) => Ok(Cow::Borrowed(text)),
            None => Err(refused(&self.text)),
        }
    }

    /// A text without interpolations.
    pub fn literal(text: &str) -> Self {
        Self {
            text: text.replace("${!", "${{!"),
        }
    }

    /// The text, when it is the same for every message.
    pub fn as_static(&self) -> Option<&str> {
        (!self.text.contains("${!")).then_some(self.text.as_str())
    }
}

fn refused(text: &str) -> Error {
    Error::fatal(format!(
        "evaluate `{text}`: Bloblang is not part of this build"
    ))
}

macro_rules! read_text {
    ($($name:ident: $kind:ident, $field:ident;)*) => {$(
        impl FieldType for $name {
            fn kind() -> FieldKind {
                FieldKind::$kind
            }

            fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
                let $field = String::read(node, cx)?;
                if FieldKind::$kind == FieldKind::Mapping || $field.contains("${!") {
                    cx.warn(codes::BAD_BLOBLANG, node.span, "Bloblang is not evaluated yet");
                }
                Some(Self { $field })
            }

            fn means_absent(node: &Node) -> bool {
                node.is_null() || node.text() == Some("")
            }
        }
    )*};
}

read_text! {
    Mapping: Mapping, source;
    Query: Mapping, source;
    Interpolated: Interpolated, text;
}
