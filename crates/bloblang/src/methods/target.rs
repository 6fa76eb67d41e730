//! What methods accept as the value they are called on.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use millrace_message::{Text, Value};

use crate::eval_error::EvalError;
use crate::go;

pub(super) mod characters;
pub(super) mod stand_ins;

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

/// Changes the bytes of a string, or of bytes.
///
/// # Errors
///
/// When the target is of another type, or the change fails.
pub(super) fn map_bytes(
    target: Cow<'_, Value>,
    change: impl FnOnce(&[u8]) -> Result<Vec<u8>, EvalError>,
) -> Result<Value, EvalError> {
    match &*target {
        Value::String(text) => change(text.as_bytes()).map(go::string),
        Value::Bytes(bytes) => change(bytes).map(Value::from),
        other => Err(EvalError::wrong_type(other, &["string"])),
    }
}

/// As [`map_text`], for a change that keeps what it does not know: bytes that are no UTF-8 stay
/// as they are.
///
/// # Errors
///
/// When the target is of another type.
pub(super) fn map_characters(
    target: Cow<'_, Value>,
    change: impl FnOnce(&str) -> String,
) -> Result<Value, EvalError> {
    match &*target {
        Value::Bytes(bytes) => Ok(Value::from(match std::str::from_utf8(bytes) {
            Ok(text) => change(text).into_bytes(),
            Err(_) => stand_ins::undone(&change(&stand_ins::of(bytes))),
        })),
        _ => map_text(target, change),
    }
}

/// Makes a string of the text of a target; bytes in it that are no UTF-8 stay as they are, which
/// gives bytes.
///
/// # Errors
///
/// When the target is of another type, or the change fails.
pub(super) fn to_string(
    target: &Value,
    change: impl FnOnce(&Text) -> Result<Value, EvalError>,
) -> Result<Value, EvalError> {
    match target {
        Value::Bytes(bytes) if std::str::from_utf8(bytes).is_err() => {
            let changed = change(&Text::from(stand_ins::of(bytes)))?;
            Ok(go::string(stand_ins::undone(&changed.to_text())))
        }
        _ => change(&text(target)?),
    }
}

/// Keeps a part of a string, or of bytes, without copying it.
///
/// # Errors
///
/// When the target is of another type.
pub(super) fn cut(
    target: Cow<'_, Value>,
    cut: impl FnOnce(&[u8]) -> Range<usize>,
) -> Result<Value, EvalError> {
    match &*target {
        Value::String(text) => {
            let range = cut(text.as_bytes());
            if range.len() == text.len() {
                return Ok(target.into_owned());
            }
            if text.get(range.clone()).is_none() {
                return Ok(Value::from(text.as_bytes()[range].to_vec()));
            }
            Ok(Value::String(text.substring(range)))
        }
        Value::Bytes(bytes) => Ok(Value::from(bytes.slice(cut(bytes)))),
        other => Err(EvalError::wrong_type(other, &["string"])),
    }
}
