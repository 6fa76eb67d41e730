//! Bloblang in fields: mappings, queries, and text with interpolations, compiled when the config
//! is read, so that what is wrong with one is a complaint with its place.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Zoned;
use millrace_bloblang::{CacheUse, Environment, EvalError, Interpolation, SyntaxError};
use millrace_message::{Error, Message, Value};
use millrace_spec::{ComponentKind, FieldKind, FieldType, Node, ReadContext, codes};

use crate::add_resource_use;

pub use millrace_bloblang::{Mapped, Payload};

/// A Bloblang mapping, as in `mapping`, `request_map` or `result_map`.
#[derive(Clone, Debug)]
pub struct Mapping {
    compiled: millrace_bloblang::Mapping,
    source: Arc<str>,
}

/// A Bloblang query that gives a value, as in `check`.
#[derive(Clone, Debug)]
pub struct Query {
    compiled: millrace_bloblang::Mapping,
}

/// Text with `${! … }` interpolations.
#[derive(Clone, Debug)]
pub struct Interpolated {
    compiled: Interpolation,
}

impl Mapping {
    /// Compiles a mapping that stands in no config.
    ///
    /// # Errors
    /// Everything that is wrong with it, with places in the text.
    pub fn compile(text: &str, environment: &Environment) -> Result<Self, Vec<SyntaxError>> {
        Ok(Self {
            compiled: millrace_bloblang::Mapping::compile(text, environment)?,
            source: text.into(),
        })
    }

    /// What the mapping makes of message `index` of the batch; the batch is not touched.
    ///
    /// # Errors
    /// The line of the mapping that failed, and why.
    pub fn map(&self, batch: &[Message], index: usize) -> Result<Mapped, Error> {
        self.compiled.map(batch, index).map_err(failure)
    }

    /// What the mapping makes of a bare value, which belongs to no message: nothing when `root` is
    /// deleted, the value itself where it is never assigned.
    ///
    /// # Errors
    /// The line of the mapping that failed, and why.
    pub fn map_value(&self, this: &Value) -> Result<Option<Value>, Error> {
        self.compiled.map_value(this).map_err(failure)
    }

    /// Runs the mapping with message `index` of the batch as both source and target: `root`
    /// begins as the message, and `this` sees what was assigned below it.
    ///
    /// An error comes beside what was assigned before it, which stands.
    pub fn mutate(&self, batch: &[Message], index: usize) -> (Mapped, Option<Error>) {
        let (mapped, error) = self.compiled.mutate(batch, index);
        (mapped, error.map(failure))
    }

    /// Runs the mapping on message `index` of the batch with `target` as what it changes: `root`
    /// begins as the content of `target`.
    ///
    /// An error comes beside what was assigned before it.
    pub fn map_onto(
        &self,
        target: &Message,
        batch: &[Message],
        index: usize,
    ) -> (Mapped, Option<Error>) {
        let (mapped, error) = self.compiled.map_onto(target, batch, index);
        (mapped, error.map(failure))
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
        self.compiled.test(batch, index).map_err(failure)
    }

    /// The value that the query gives for message `index`; `None` for deleted. A query that
    /// gives nothing stands for the message itself, as a mapping that assigns nothing.
    ///
    /// # Errors
    /// The query fails, or the message stands for itself and is no JSON.
    pub fn value(&self, batch: &[Message], index: usize) -> Result<Option<Value>, Error> {
        match self.compiled.map(batch, index).map_err(failure)? {
            Mapped::Deleted => Ok(None),
            Mapped::Changed {
                payload: Some(Payload::Value(value)),
                ..
            } => Ok(Some(value)),
            Mapped::Changed {
                payload: Some(Payload::Raw(bytes)),
                ..
            } => Ok(Some(match std::str::from_utf8(&bytes) {
                Ok(text) => Value::from(text),
                Err(_) => Value::from(bytes),
            })),
            Mapped::Unchanged | Mapped::Changed { payload: None, .. } => {
                let message = batch
                    .get(index)
                    .ok_or_else(|| Error::rejected("there is no message"))?;
                let value = message
                    .value()
                    .map_err(|error| Error::rejected(error.to_string()))?;
                Ok(Some(value.clone()))
            }
        }
    }
}

impl Interpolated {
    /// The text for message `index` of the batch.
    ///
    /// # Errors
    /// An interpolation fails.
    pub fn resolve(&self, batch: &[Message], index: usize) -> Result<Cow<'_, str>, Error> {
        self.compiled.resolve(batch, index).map_err(failure)
    }

    /// As [`Interpolated::resolve`]; what an expression gives need not be UTF-8.
    ///
    /// # Errors
    /// An interpolation fails.
    pub fn resolve_bytes(&self, batch: &[Message], index: usize) -> Result<Cow<'_, [u8]>, Error> {
        self.compiled.resolve_bytes(batch, index).map_err(failure)
    }

    /// Compiles a text that stands in no config.
    ///
    /// # Errors
    /// Everything that is wrong with its expressions, with places in the text.
    pub fn compile(text: &str) -> Result<Self, Vec<SyntaxError>> {
        let compiled = Interpolation::compile(text, &Environment::new())?;
        Ok(Self { compiled })
    }

    /// A text without interpolations, whatever it looks like.
    pub fn literal(text: &str) -> Self {
        Self {
            compiled: Interpolation::literal(text),
        }
    }

    /// The text, when it is the same for every message.
    pub fn as_static(&self) -> Option<Cow<'_, str>> {
        self.compiled.as_static()
    }
}

/// A mapping that fails on a message says nothing about other messages.
fn failure(error: EvalError) -> Error {
    Error::rejected(error.to_string())
}

/// A value as a point in time: a timestamp, seconds since 1970 (fractions allowed), or RFC 3339 text.
///
/// # Errors
/// `Rejected`: it is of another type, no such text, or out of range.
pub fn timestamp(value: &Value) -> Result<Zoned, Error> {
    millrace_bloblang::timestamp(value).map_err(failure)
}

/// Warns of what is sure to fail when it is reached.
fn warn<'w>(
    node: &Node,
    cx: &mut ReadContext,
    warnings: impl IntoIterator<Item = &'w SyntaxError>,
) {
    for warning in warnings {
        let place = warning.span.start as usize..warning.span.end as usize;
        let span = node.span_of(place);
        cx.warn(codes::UNSET_VARIABLE, span, &*warning.message).help = warning.help.clone();
    }
}

/// Notes the caches that a mapping names, so that one that is not declared is a complaint.
fn use_caches<'c>(
    node: &Node,
    cx: &mut ReadContext,
    caches: impl IntoIterator<Item = &'c CacheUse>,
) {
    for CacheUse { label, span } in caches {
        let span = node.span_of(span.start as usize..span.end as usize);
        add_resource_use(ComponentKind::Cache, label, span, cx);
    }
}

/// Reads a text and compiles it, reporting what is wrong with it at its place in the file.
fn compile<T>(
    node: &Node,
    cx: &mut ReadContext,
    compile: impl FnOnce(&str, &Environment) -> Result<T, Vec<SyntaxError>>,
) -> Option<(String, T)> {
    let text = String::read(node, cx)?;
    let environment = cx.extension::<Environment>().unwrap_or_default();
    match compile(&text, &environment) {
        Ok(compiled) => Some((text, compiled)),
        Err(errors) => {
            for error in errors {
                let place = error.span.start as usize..error.span.end as usize;
                let span = node.span_of(place.clone());
                // What a template wrote stands in no file that could be quoted.
                let is_made = cx.is_in_template() && span == node.span;
                let diagnostic = cx.error(codes::BAD_BLOBLANG, span, error.message);
                diagnostic.help = error.help;
                if is_made {
                    let line = line_at(&text, place.start);
                    diagnostic
                        .notes
                        .push(format!("the template makes `{line}`"));
                }
            }
            None
        }
    }
}

/// The line of a text that holds the byte at `at`.
fn line_at(text: &str, at: usize) -> &str {
    let (before, behind) = text.split_at_checked(at).unwrap_or((text, ""));
    let start = before.rfind('\n').map_or(0, |it| it + 1);
    let end = behind.find('\n').map_or(text.len(), |it| at + it);
    text[start..end].trim()
}

impl FieldType for Mapping {
    fn kind() -> FieldKind {
        FieldKind::Mapping
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let (source, compiled) = compile(node, cx, millrace_bloblang::Mapping::compile)?;
        warn(node, cx, compiled.warnings());
        use_caches(node, cx, compiled.caches());
        Some(Self {
            compiled,
            source: source.into(),
        })
    }

    fn means_absent(node: &Node) -> bool {
        node.is_null() || node.text() == Some("")
    }
}

impl FieldType for Query {
    fn kind() -> FieldKind {
        FieldKind::Mapping
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let (_, compiled) = compile(node, cx, millrace_bloblang::Mapping::compile)?;
        warn(node, cx, compiled.warnings());
        use_caches(node, cx, compiled.caches());
        Some(Self { compiled })
    }

    fn means_absent(node: &Node) -> bool {
        node.is_null() || node.text() == Some("")
    }
}

impl FieldType for Interpolated {
    fn kind() -> FieldKind {
        FieldKind::Interpolated
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let (_, compiled) = compile(node, cx, Interpolation::compile)?;
        warn(node, cx, compiled.warnings());
        use_caches(node, cx, compiled.caches());
        Some(Self { compiled })
    }

    fn means_absent(node: &Node) -> bool {
        node.is_null() || node.text() == Some("")
    }
}
