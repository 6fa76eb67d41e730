//! Compiled mappings and what they do to a message.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use millrace_message::{Message, Metadata, Text, Value};

use crate::budget::{self, Allowance};
use crate::compile;
use crate::environment::Environment;
use crate::error::SyntaxError;
use crate::eval::Top;
use crate::eval::statement::{self, State, StateTop};
use crate::eval_error::EvalError;
use crate::outcome::Outcome;
use crate::program::{CacheUse, Program};

/// A compiled mapping. Clones share it, threads may run it at the same time; counters in it
/// (`counter()`) are counted once for all of them.
#[derive(Clone)]
pub struct Mapping(Arc<Program>);

/// What a mapping makes of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Mapped {
    /// Nothing was assigned.
    Unchanged,
    /// The parts that are set replace those of the message.
    Changed {
        /// The new payload.
        payload: Option<Payload>,
        /// The new metadata, all of it.
        metadata: Option<Metadata>,
    },
    /// `root = deleted()`: the message is filtered.
    Deleted,
}

/// A payload made by a mapping.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// A string or bytes were assigned to root: the payload as it is.
    Raw(Bytes),
    /// Anything else: a structured payload.
    Value(Value),
}

impl Payload {
    fn of(value: Value) -> Payload {
        match value {
            Value::String(_) | Value::Bytes(_) => Payload::Raw(value.to_payload()),
            value => Payload::Value(value),
        }
    }
}

impl Mapped {
    /// Applies the change; false when the message is to be filtered, which leaves it as it is.
    #[must_use]
    pub fn apply_to(self, message: &mut Message) -> bool {
        match self {
            Mapped::Unchanged => true,
            Mapped::Deleted => false,
            Mapped::Changed { payload, metadata } => {
                match payload {
                    Some(Payload::Raw(bytes)) => message.set_bytes(bytes),
                    Some(Payload::Value(value)) => message.set_value(value),
                    None => {}
                }
                if let Some(metadata) = metadata {
                    message.metadata = metadata;
                }
                true
            }
        }
    }
}

impl Mapping {
    /// Compiles a mapping.
    ///
    /// # Errors
    /// Everything that is wrong with it; spans are relative to `text`.
    pub fn compile(text: &str, environment: &Environment) -> Result<Mapping, Vec<SyntaxError>> {
        compile::mapping(text, environment).map(|program| Mapping(Arc::new(program)))
    }

    /// What is sure to fail whenever it is reached, and is no error because it may never be, or
    /// may be caught; spans are relative to the text that was compiled.
    pub fn warnings(&self) -> &[SyntaxError] {
        &self.0.warnings
    }

    /// The caches that the mapping names by literals; spans are as those of [`Mapping::warnings`].
    pub fn caches(&self) -> &[CacheUse] {
        &self.0.caches
    }

    /// Maps message `index` of a batch: `root` starts as nothing, `this` is the payload. The
    /// batch is read only, so that every message sees the others as they came in.
    ///
    /// # Errors
    /// When a statement fails; nothing is changed then.
    pub fn map(&self, batch: &[Message], index: usize) -> Result<Mapped, EvalError> {
        let message = batch
            .get(index)
            .ok_or_else(|| EvalError::new("message is empty"))?;
        let mut state = self.state(Outcome::Nothing, StateTop::Borrowed(Top::Message(message)));
        state.metadata = Some(Cow::Borrowed(&message.metadata));
        statement::run_whole(&self.0, batch, index, &mut state)
            .map_err(|(line, error)| error.in_line(line))?;
        Ok(mapped(state))
    }

    /// Changes message `index` of a batch: `root` starts as the payload and `this` is the same
    /// object, so that `this` sees what was assigned below `root` before.
    ///
    /// A mutation that fails half-way keeps what it changed within the payload and in the metadata
    /// until then: both results are given. A root that was put in the place of the payload is not: it
    /// would have been so at the end. A payload that is no JSON is an empty root.
    pub fn mutate(&self, batch: &[Message], index: usize) -> (Mapped, Option<EvalError>) {
        let Some(message) = batch.get(index) else {
            return (Mapped::Unchanged, Some(EvalError::new("message is empty")));
        };
        let mut state = match message.value() {
            Ok(value) => self.state(Outcome::Own(value.clone()), StateTop::Root),
            Err(_) => self.state(Outcome::Nothing, StateTop::Borrowed(Top::Message(message))),
        };
        state.metadata = Some(Cow::Borrowed(&message.metadata));
        state.mutates = true;
        let error = statement::run_whole(&self.0, batch, index, &mut state)
            .map_err(|(line, error)| error.in_line(line))
            .err();
        (mapped(state), error)
    }

    /// Maps onto a message that is not part of the batch: reads message `index` of the batch,
    /// writes to `target` (the `result_map` of `branch`).
    ///
    /// A mapping that fails half-way keeps what it did until then, as [`Mapping::mutate`].
    pub fn map_onto(
        &self,
        target: &Message,
        batch: &[Message],
        index: usize,
    ) -> (Mapped, Option<EvalError>) {
        let Some(message) = batch.get(index) else {
            return (Mapped::Unchanged, Some(EvalError::new("message is empty")));
        };
        let root = target
            .value()
            .map_or(Outcome::Nothing, |value| Outcome::Own(value.clone()));
        let mut state = self.state(root, StateTop::Borrowed(Top::Message(message)));
        state.metadata = Some(Cow::Borrowed(&target.metadata));
        let error = statement::run_whole(&self.0, batch, index, &mut state)
            .map_err(|(line, error)| error.in_line(line))
            .err();
        (mapped(state), error)
    }

    /// What the mapping gives for message `index` of a batch as a value, for fields that take a
    /// value from a mapping (`args_mapping`): nothing when `root` is deleted, the payload when it
    /// is never assigned. Metadata can be read and not assigned.
    ///
    /// # Errors
    /// When a statement fails.
    pub fn query(&self, batch: &[Message], index: usize) -> Result<Option<Value>, EvalError> {
        let message = batch
            .get(index)
            .ok_or_else(|| EvalError::new("message is empty"))?;
        let mut state = self.state(Outcome::Nothing, StateTop::Borrowed(Top::Message(message)));
        state.metadata = Some(Cow::Borrowed(&message.metadata));
        state.assigns_metadata = false;
        statement::run_whole(&self.0, batch, index, &mut state)
            .map_err(|(line, error)| error.in_line(line))?;
        Ok(match state.root {
            Outcome::Nothing => Some(message.value().map_err(EvalError::from)?.clone()),
            root => root.into_value(),
        })
    }

    /// Maps a bare value; nothing when `root` is deleted, the value itself when it is never
    /// assigned. Metadata can not be assigned.
    ///
    /// # Errors
    /// When a statement fails.
    pub fn map_value(&self, this: &Value) -> Result<Option<Value>, EvalError> {
        let mut state = self.state(Outcome::Nothing, StateTop::Borrowed(Top::Value(this)));
        statement::run_whole(&self.0, &[], 0, &mut state)
            .map_err(|(line, error)| error.in_line(line))?;
        Ok(match state.root {
            Outcome::Nothing => Some(this.clone()),
            root => root.into_value(),
        })
    }

    /// Maps a bare value together with metadata, which the mapping may change.
    ///
    /// # Errors
    /// When a statement fails; metadata assigned before that stays assigned.
    pub fn map_value_with_metadata(
        &self,
        this: &Value,
        metadata: &mut Metadata,
    ) -> Result<Option<Value>, EvalError> {
        let mut state = self.state(Outcome::Nothing, StateTop::Borrowed(Top::Value(this)));
        state.metadata = Some(Cow::Owned(std::mem::take(metadata)));
        let result = statement::run_whole(&self.0, &[], 0, &mut state);
        *metadata = state.metadata.take().unwrap_or_default().into_owned();
        result.map_err(|(line, error)| error.in_line(line))?;
        Ok(match state.root {
            Outcome::Nothing => Some(this.clone()),
            root => root.into_value(),
        })
    }

    /// Changes a bare value in place, as [`Mapping::mutate`]; true unless `root` is deleted.
    ///
    /// # Errors
    /// When a statement fails; what was assigned before that stays assigned.
    pub fn mutate_value(&self, value: &mut Value) -> Result<bool, EvalError> {
        let root = Outcome::Own(std::mem::take(value));
        self.onto(root, StateTop::Root, value)
    }

    fn onto(
        &self,
        root: Outcome<'static>,
        top: StateTop<'_>,
        target: &mut Value,
    ) -> Result<bool, EvalError> {
        let mut state = self.state(root, top);
        let result = statement::run_whole(&self.0, &[], 0, &mut state);
        let kept = match state.root {
            Outcome::Deleted => false,
            root => {
                *target = root.into_value().unwrap_or_default();
                true
            }
        };
        result.map_err(|(line, error)| error.in_line(line))?;
        Ok(kept)
    }

    /// Maps a bare value onto another one; true unless `root` is deleted. Metadata can not be
    /// assigned.
    ///
    /// # Errors
    /// When a statement fails; what was assigned before that stays assigned.
    pub fn map_onto_value(&self, this: &Value, target: &mut Value) -> Result<bool, EvalError> {
        let root = Outcome::Own(std::mem::take(target));
        self.onto(root, StateTop::Borrowed(Top::Value(this)), target)
    }

    /// Whether message `index` of a batch passes, for `check` fields.
    ///
    /// # Errors
    /// When the mapping fails, deletes the message, or gives no bool.
    pub fn test(&self, batch: &[Message], index: usize) -> Result<bool, EvalError> {
        let of_value = |value: &Value| {
            value.as_bool().ok_or_else(|| {
                EvalError::wrong_type(value, &["bool"]).blaming(|| "mapping".to_owned())
            })
        };
        match self.map(batch, index)? {
            Mapped::Deleted => Err(EvalError::new(
                "query mapping resulted in deleted message, expected a boolean value",
            )),
            Mapped::Changed {
                payload: Some(Payload::Value(value)),
                ..
            } => of_value(&value),
            Mapped::Changed {
                payload: Some(Payload::Raw(bytes)),
                ..
            } => of_value(&Value::parse_json(bytes).map_err(|error| EvalError::from(&error))?),
            Mapped::Changed { payload: None, .. } | Mapped::Unchanged => match batch.get(index) {
                Some(message) => of_value(message.value().map_err(EvalError::from)?),
                None => Err(EvalError::new("message is empty")),
            },
        }
    }

    fn state<'a>(&self, root: Outcome<'static>, top: StateTop<'a>) -> State<'a> {
        let mut state = State::new(&self.0.body, self.0.variables(), top);
        state.root = root;
        state.assigns_metadata = true;
        state
    }
}

fn mapped(state: State<'_>) -> Mapped {
    let metadata = match state.metadata {
        Some(Cow::Owned(metadata)) => Some(metadata),
        _ => None,
    };
    let payload = match state.root {
        Outcome::Deleted => return Mapped::Deleted,
        Outcome::Nothing => None,
        root => root.into_value().map(Payload::of),
    };
    match (payload, metadata) {
        (None, None) => Mapped::Unchanged,
        (payload, metadata) => Mapped::Changed { payload, metadata },
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping")
            .field("statements", &self.0.body.statements.len())
            .field("maps", &self.0.maps.len())
            .finish()
    }
}

/// A compiled expression, the right side of an assignment.
#[derive(Clone)]
pub struct Query(Arc<Program>);

impl Query {
    /// Compiles an expression.
    ///
    /// # Errors
    /// Everything that is wrong with it; spans are relative to `text`.
    pub fn compile(text: &str, environment: &Environment) -> Result<Query, Vec<SyntaxError>> {
        compile::expression(text, environment).map(|program| Query(Arc::new(program)))
    }

    pub(crate) fn of(program: Program) -> Query {
        Query(Arc::new(program))
    }

    /// Evaluates for message `index` of a batch.
    ///
    /// # Errors
    /// When the evaluation fails.
    pub fn evaluate(&self, batch: &[Message], index: usize) -> Result<Outcome<'static>, EvalError> {
        let message = batch.get(index);
        self.run(
            message.map_or(Top::Missing, Top::Message),
            message,
            batch,
            index,
        )
    }

    /// Evaluates with `this` as a bare value, with a batch for functions such as `json()`.
    ///
    /// # Errors
    /// When the evaluation fails.
    pub fn evaluate_on(
        &self,
        this: &Value,
        batch: &[Message],
        index: usize,
    ) -> Result<Outcome<'static>, EvalError> {
        self.run(Top::Value(this), batch.get(index), batch, index)
    }

    /// Whether message `index` of a batch passes.
    ///
    /// # Errors
    /// When the evaluation fails or gives no bool.
    pub fn test(&self, batch: &[Message], index: usize) -> Result<bool, EvalError> {
        let outcome = self.evaluate(batch, index)?;
        match outcome.value() {
            Some(Value::Bool(bool)) => Ok(*bool),
            _ => Err(EvalError::wrong_outcome(&outcome, &["bool"])),
        }
    }

    fn run(
        &self,
        top: Top<'_>,
        message: Option<&Message>,
        batch: &[Message],
        index: usize,
    ) -> Result<Outcome<'static>, EvalError> {
        let top = StateTop::Borrowed(top);
        let mut state = State::new(&self.0.body, self.0.variables(), top);
        state.metadata = message.map(|message| Cow::Borrowed(&message.metadata));
        statement::run_whole(&self.0, batch, index, &mut state).map_err(|(_, error)| error)?;
        Ok(state.root)
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Query")
    }
}

/// A text with `${! expression }` in it.
#[derive(Clone, Debug)]
pub struct Interpolation(Arc<[Segment]>);

#[derive(Clone, Debug)]
enum Segment {
    Text(Text),
    Query(Query),
}

impl Interpolation {
    /// Compiles a text; `${{! … }}` stands for the text `${! … }`.
    ///
    /// # Errors
    /// Everything that is wrong with it; spans are relative to `text`.
    pub fn compile(
        text: &str,
        environment: &Environment,
    ) -> Result<Interpolation, Vec<SyntaxError>> {
        let tree = crate::parser::parse_interpolation(text).into_result()?;
        let _account = budget::open(Allowance::COMPILE);
        let mut errors = Vec::new();
        let mut segments = Vec::with_capacity(tree.segments.len());
        for segment in &tree.segments {
            match segment {
                crate::ast::Segment::Text(text) => segments.push(Segment::Text(Text::from(text))),
                crate::ast::Segment::Query(expr) => {
                    match compile::parsed_expression(text, expr, environment) {
                        Ok(program) => segments.push(Segment::Query(Query::of(program))),
                        Err(more) => errors.extend(more),
                    }
                }
            }
        }
        match errors.is_empty() {
            true => Ok(Interpolation(segments.into())),
            false => Err(errors),
        }
    }

    /// A text without anything to evaluate in it, whatever it looks like.
    pub fn literal(text: impl Into<Text>) -> Interpolation {
        Interpolation([Segment::Text(text.into())].into())
    }

    /// As [`Mapping::warnings`].
    pub fn warnings(&self) -> impl Iterator<Item = &SyntaxError> {
        self.0.iter().flat_map(|segment| match segment {
            Segment::Text(_) => &[],
            Segment::Query(query) => query.0.warnings.as_slice(),
        })
    }

    /// As [`Mapping::caches`].
    pub fn caches(&self) -> impl Iterator<Item = &CacheUse> {
        self.0.iter().flat_map(|segment| match segment {
            Segment::Text(_) => &[],
            Segment::Query(query) => query.0.caches.as_slice(),
        })
    }

    /// Whether the text is the same for every message.
    pub fn is_static(&self) -> bool {
        self.0
            .iter()
            .all(|segment| matches!(segment, Segment::Text(_)))
    }

    /// The text, when it is the same for every message.
    pub fn as_static(&self) -> Option<Cow<'_, str>> {
        match &*self.0 {
            [] => Some(Cow::Borrowed("")),
            [Segment::Text(text)] => Some(Cow::Borrowed(text)),
            _ if self.is_static() => self.resolve(&[], 0).ok(),
            _ => None,
        }
    }

    /// The text for message `index` of a batch.
    ///
    /// # Errors
    /// When an expression in it fails.
    pub fn resolve(&self, batch: &[Message], index: usize) -> Result<Cow<'_, str>, EvalError> {
        match &*self.0 {
            [] => Ok(Cow::Borrowed("")),
            [Segment::Text(text)] => Ok(Cow::Borrowed(text)),
            _ => {
                let bytes = self.resolve_bytes(batch, index)?.into_owned();
                Ok(Cow::Owned(match String::from_utf8(bytes) {
                    Ok(text) => text,
                    Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
                }))
            }
        }
    }

    /// The bytes for message `index` of a batch; what an expression gives need not be UTF-8.
    ///
    /// # Errors
    /// When an expression in it fails.
    pub fn resolve_bytes(
        &self,
        batch: &[Message],
        index: usize,
    ) -> Result<Cow<'_, [u8]>, EvalError> {
        if let [Segment::Text(text)] = &*self.0 {
            return Ok(Cow::Borrowed(text.as_bytes()));
        }
        let mut out = Vec::new();
        for segment in self.0.iter() {
            match segment {
                Segment::Text(text) => out.extend_from_slice(text.as_bytes()),
                Segment::Query(query) => {
                    query
                        .evaluate(batch, index)?
                        .value_or_null()
                        .write_text(&mut out);
                }
            }
        }
        Ok(Cow::Owned(out))
    }
}
