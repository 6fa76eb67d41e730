//! The functions that programs call, by Bento's conventions.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use millrace_awk::{Answer, Arguments, Fault, Function, Host};
use millrace_component::Identity;
use millrace_message::{Message, Metadata, Object, Value};

use super::times::{self, Unit};

/// Carries out a function.
type Run = fn(&mut Work<'_>, &mut Arguments<'_>) -> Result<Answer, Fault>;

const fn function(name: &'static str, arguments_max: usize) -> Function {
    Function {
        name,
        arguments_max,
    }
}

/// What programs may call, in the order of [`RUNS`].
pub(super) const FUNCTIONS: &[Function] = &[
    function("timestamp_unix", 2),
    function("timestamp_unix_nano", 2),
    function("timestamp_format", 2),
    function("timestamp_format_nano", 2),
    function("metadata_get", 1),
    function("metadata_set", 2),
    function("json_get", 1),
    function("json_set", 2),
    function("json_set_int", 2),
    function("json_set_float", 2),
    function("json_set_bool", 2),
    function("json_append", 2),
    function("json_append_int", 2),
    function("json_append_float", 2),
    function("json_append_bool", 2),
    function("json_delete", 1),
    function("json_length", 1),
    function("json_type", 1),
    function("create_json_object", usize::MAX),
    function("create_json_array", usize::MAX),
    function("print_log", 2),
    function("base64_encode", 1),
    function("base64_decode", 1),
];

const RUNS: [Run; FUNCTIONS.len()] = [
    |_, it| times::unix(it, Unit::Seconds),
    |_, it| times::unix(it, Unit::Nanoseconds),
    |_, it| times::format(it, Unit::Seconds),
    |_, it| times::format(it, Unit::Nanoseconds),
    |work, it| work.metadata_get(it),
    |work, it| work.metadata_set(it),
    |work, it| work.json_get(it),
    |work, it| work.json_set(Value::from(it.text(1)), it),
    |work, it| work.json_set(Value::from(it.integer(1)), it),
    |work, it| work.json_set(Value::from(it.number(1)), it),
    |work, it| work.json_set(Value::from(it.is_true(1)), it),
    |work, it| work.json_append(Value::from(it.text(1)), it),
    |work, it| work.json_append(Value::from(it.integer(1)), it),
    |work, it| work.json_append(Value::from(it.number(1)), it),
    |work, it| work.json_append(Value::from(it.is_true(1)), it),
    |work, it| work.json_delete(it),
    |work, it| work.json_length(it),
    |work, it| work.json_type(it),
    |_, it| create_json_object(it),
    |_, it| create_json_array(it),
    |work, it| work.print_log(it),
    |_, it| base64_encode(it),
    |_, it| base64_decode(it),
];

/// The longest text of a log line, in bytes.
const LOG_MAX: usize = 8 << 10;
/// What a log line costs, in steps: no program fills a disk.
const LOG_STEPS: u64 = 10_000;

/// The message that a program works on: a copy, which takes the place of the message when the
/// program has ended well.
pub(super) struct Work<'a> {
    pub(super) message: Message,
    /// The payload as a value, once it was changed.
    pub(super) changed: Option<Value>,
    identity: &'a Identity,
}

impl Host for Work<'_> {
    fn call(&mut self, function: usize, arguments: &mut Arguments<'_>) -> Result<Answer, Fault> {
        RUNS[function](self, arguments)
    }
}

impl<'a> Work<'a> {
    pub fn new(message: Message, identity: &'a Identity) -> Self {
        Self {
            message,
            changed: None,
            identity,
        }
    }

    /// The payload, when the program has changed it.
    pub fn new_value(&mut self) -> Option<Value> {
        self.changed.take()
    }

    pub fn metadata(self) -> Metadata {
        self.message.metadata
    }

    fn metadata_get(&mut self, arguments: &mut Arguments<'_>) -> Result<Answer, Fault> {
        arguments.step(self.message.metadata.len() as u64)?;
        let value = self.message.metadata.get(&arguments.text(0));
        let text = value.map(Value::to_text).unwrap_or_default();
        Ok(Answer::Text(text.as_bytes().to_vec()))
    }

    fn metadata_set(&mut self, arguments: &mut Arguments<'_>) -> Result<Answer, Fault> {
        arguments.step(self.message.metadata.len() as u64)?;
        let (key, value) = (arguments.text(0), arguments.text(1));
        arguments.hold(64 + key.len() + value.len())?;
        self.message.metadata.set(key, value);
        Ok(Answer::Nothing)
    }

    fn print_log(&mut self, arguments: &mut Arguments<'_>) -> Result<Answer, Fault> {
        arguments.step(LOG_STEPS)?;
        let (component, path, label) = self.identity.names();
        let text = arguments.text(0);
        let text = &text[..text.floor_char_boundary(LOG_MAX)];
        match &*arguments.text(1) {
            "TRACE" => tracing::trace!(component, path, label, "{text}"),
            "DEBUG" => tracing::debug!(component, path, label, "{text}"),
            "WARN" => tracing::warn!(component, path, label, "{text}"),
            // A message cannot end the process.
            "ERROR" | "FATAL" => tracing::error!(component, path, label, "{text}"),
            _ => tracing::info!(component, path, label, "{text}"),
        }
        Ok(Answer::Nothing)
    }
}

fn create_json_object(arguments: &mut Arguments<'_>) -> Result<Answer, Fault> {
    let mut object = Object::new();
    for position in (1..arguments.len()).step_by(2) {
        arguments.step(position as u64)?;
        let value = Value::from(arguments.text(position));
        object.insert(arguments.text(position - 1), value);
    }
    let text = Value::Object(object).to_text();
    Ok(Answer::Text(text.as_bytes().to_vec()))
}

fn create_json_array(arguments: &mut Arguments<'_>) -> Result<Answer, Fault> {
    let values: Vec<Value> = (0..arguments.len())
        .map(|it| Value::from(arguments.text(it)))
        .collect();
    let text = Value::from(values).to_text();
    Ok(Answer::Text(text.as_bytes().to_vec()))
}

fn base64_encode(arguments: &mut Arguments<'_>) -> Result<Answer, Fault> {
    let text = STANDARD.encode(arguments.bytes(0));
    Ok(Answer::Text(text.into_bytes()))
}

fn base64_decode(arguments: &mut Arguments<'_>) -> Result<Answer, Fault> {
    let mut text = arguments.bytes(0).into_owned();
    text.retain(|it| !matches!(it, b'\r' | b'\n'));
    let decoded = STANDARD.decode(&text).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _)
            | base64::DecodeError::InvalidLastSymbol(at, _) => at,
            _ => text.len(),
        };
        Fault::new(format!("illegal base64 data at input byte {at}"))
    })?;
    Ok(Answer::Text(decoded))
}
