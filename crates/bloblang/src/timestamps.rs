//! Values as points in time.

use std::sync::LazyLock;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use millrace_message::Value;

use crate::eval_error::EvalError;
use crate::go::time::{Layout, RFC3339_NANO};

static RFC3339: LazyLock<Layout> = LazyLock::new(|| Layout::new(RFC3339_NANO));

/// A value as a timestamp: itself, seconds since 1970 (fractions allowed), or RFC 3339 text.
///
/// # Errors
/// When the value is of another type, or is no such text, or out of range.
pub fn from_value(value: &Value) -> Result<Zoned, EvalError> {
    match value {
        Value::Timestamp(at) => Ok(at.as_ref().clone()),
        Value::I64(seconds) => from_seconds(*seconds, 0),
        Value::U64(seconds) => from_seconds(i64::try_from(*seconds).unwrap_or(i64::MAX), 0),
        Value::F64(seconds) => from_float(*seconds),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(seconds), _) => from_seconds(seconds, 0),
            (None, Some(seconds)) => from_float(seconds),
            (None, None) => Err(EvalError::new(format!(
                "failed to parse value '{number:?}' as number"
            ))),
        },
        Value::String(text) => from_rfc3339(text),
        Value::Bytes(_) => from_rfc3339(&value.to_text()),
        other => Err(EvalError::wrong_type(other, &["number", "string"])),
    }
}

fn from_float(seconds: f64) -> Result<Zoned, EvalError> {
    let whole = seconds.trunc();
    from_seconds(whole as i64, ((seconds - whole) * 1e9) as i32)
}

fn from_seconds(seconds: i64, nanoseconds: i32) -> Result<Zoned, EvalError> {
    Timestamp::new(seconds, nanoseconds)
        .map(|at| at.to_zoned(TimeZone::system()))
        .map_err(|_| EvalError::new(format!("unix time {seconds} is out of range")))
}

fn from_rfc3339(text: &str) -> Result<Zoned, EvalError> {
    RFC3339.parse(text).map_err(EvalError::new)
}
