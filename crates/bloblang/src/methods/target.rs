//! What methods accept as the value they are called on.

use std::borrow::Cow;

use bytes::Bytes;
use millrace_message::{Text, Value};

use crate::eval_error::EvalError;

/// Text of a string, bytes or a timestamp.
///
/// # Errors
///
/// When the target is of another type.
pub(super) fn text(target: &Value) -> Result<Text, EvalError> {
    match target {
        Value::String(text) => Ok(text.clone()),
        Value::Bytes(_) | Value::Timestamp(_) => Ok(target.to_text()),
        other => Err(EvalError::wrong_type(other, &["string"])),
    }
}

/// The bytes of a string or of bytes.
///
/// # Errors
///
/// When the target is of another type.
pub(super) fn bytes(target: &Value) -> Result<&[u8], EvalError> {
    target
        .as_bytes()
        .ok_or_else(|| EvalError::wrong_type(target, &["string"]))
}

/// The bytes of a string, bytes or a timestamp, shared where that is possible.
///
/// # Errors
///
/// When the target is of another type.
pub(super) fn payload(target: &Value) -> Result<Bytes, EvalError> {
    match target {
        Value::String(_) | Value::Bytes(_) => Ok(target.to_payload()),
        Value::Timestamp(_) => Ok(Bytes::copy_from_slice(target.to_text().as_bytes())),
        other => Err(EvalError::wrong_type(other, &["bytes"])),
    }
}

/// Changes the text of a string, or of bytes, which stay bytes.
///
/// # Errors
///
/// When the target is of another type.
pub(super) fn map_text(
    target: Cow<'_, Value>,
    change: impl FnOnce(&str) -> String,
) -> Result<Value, EvalError> {
    match &*target {
        Value::String(text) => Ok(Value::from(change(text))),
        Value::Bytes(_) => Ok(Value::from(change(&target.to_text()).into_bytes())),
        other => Err(EvalError::wrong_type(other, &["string"])),
    }
}

/// As [`map_text`], for a change that may fail.
///
/// # Errors
///
/// When the target is of another type, or the change fails.
pub(super) fn try_map_text(
    target: Cow<'_, Value>,
    change: impl FnOnce(&str) -> Result<String, EvalError>,
) -> Result<Value, EvalError> {
    match &*target {
        Value::String(text) => change(text).map(Value::from),
        Value::Bytes(_) => Ok(Value::from(change(&target.to_text())?.into_bytes())),
        other => Err(EvalError::wrong_type(other, &["string"])),
    }
}

/// Keeps a part of a string, or of bytes, without copying it.
///
/// # Errors
///
/// When the target is of another type.
pub(super) fn cut_text(
    target: Cow<'_, Value>,
    cut: impl FnOnce(&str) -> std::ops::Range<usize>,
) -> Result<Value, EvalError> {
    match &*target {
        Value::String(text) => {
            let range = cut(text);
            if range.len() == text.len() {
                return Ok(target.into_owned());
            }
            Ok(Value::String(text.substring(range)))
        }
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Value::from(bytes.slice(cut(text)))),
            Err(_) => {
                let text = target.to_text();
                Ok(Value::from(text[cut(&text)].as_bytes().to_vec()))
            }
        },
        other => Err(EvalError::wrong_type(other, &["string"])),
    }
}
