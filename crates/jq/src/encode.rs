//! Values as JSON, as jq writes it.

use millrace_message::Value;

use crate::error::Fail;
use crate::limits::{Budget, level};
use crate::number::{Num, of};

/// How long a value is shown in an error, in bytes.
const SHORT: usize = 30;

/// The name of a type.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::I64(_) | Value::U64(_) | Value::F64(_) | Value::Number(_) => "number",
        Value::String(_) | Value::Bytes(_) | Value::Timestamp(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The value as JSON, within the budget.
pub(crate) fn to_json(budget: &Budget, value: &Value) -> Result<String, Fail> {
    let mut out = String::new();
    write(budget, value, 0, &mut out)?;
    Ok(out)
}

fn write(budget: &Budget, value: &Value, depth: usize, out: &mut String) -> Result<(), Fail> {
    budget.step()?;
    let before = out.len();
    match value {
        Value::Array(array) => level(depth, |depth| {
            out.push('[');
            for (position, element) in array.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write(budget, &element, depth, out)?;
            }
            out.push(']');
            Ok(())
        }),
        Value::Object(object) => level(depth, |depth| {
            out.push('{');
            for (position, (key, member)) in object.entries().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                budget.build(key.len())?;
                write_string(&key, out);
                out.push(':');
                write(budget, &member, depth, out)?;
            }
            out.push('}');
            Ok(())
        }),
        scalar => {
            write_scalar(scalar, out);
            budget.build(out.len() - before)
        }
    }
}

fn write_scalar(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::String(text) => write_string(text, out),
        Value::Bytes(_) | Value::Timestamp(_) => write_string(&value.to_text(), out),
        number => match of(number) {
            Some(Num::Float(float)) => write_float(float, out),
            Some(Num::Int(integer)) => out.push_str(&integer.to_string()),
            Some(Num::Big(digits)) => out.push_str(digits.as_str()),
            None => out.push_str("null"),
        },
    }
}

/// A float as jq writes it: what is no number is `null`, infinity the largest float.
fn write_float(float: f64, out: &mut String) {
    if float.is_nan() {
        return out.push_str("null");
    }
    let mut bytes = Vec::new();
    Value::F64(float.clamp(f64::MIN, f64::MAX)).write_json(&mut bytes);
    out.push_str(&String::from_utf8_lossy(&bytes));
}

/// A text in quotes: only control characters, quotes, backslashes and DEL are escaped.
pub(crate) fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' | '\u{7f}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

/// The first bytes of the value as JSON, for an error.
pub(crate) fn short(value: &Value) -> String {
    preview(value, SHORT)
}

/// At most `max` bytes of the value as JSON, of which the rest is told by dots.
pub(crate) fn preview(value: &Value, max: usize) -> String {
    let mut out = String::new();
    write_some(value, 0, max + 2, &mut out);
    if out.len() <= max {
        return out;
    }
    let rest = match value {
        Value::String(_) => " ...\"",
        Value::Array(_) => " ...]",
        Value::Object(_) => " ...}",
        _ => " ...",
    };
    let mut end = max - rest.len();
    while !out.is_char_boundary(end) {
        end -= 1;
    }
    out.truncate(end);
    out.push_str(rest);
    out
}

/// Writes until the text is longer than `max`: a preview takes no more time than it shows.
fn write_some(value: &Value, depth: usize, max: usize, out: &mut String) {
    if out.len() > max {
        return;
    }
    match value {
        Value::Array(array) => {
            out.push('[');
            for (position, element) in array.iter().take(max).enumerate() {
                if position > 0 {
                    out.push(',');
                }
                if depth < max {
                    write_some(&element, depth + 1, max, out);
                }
                if out.len() > max {
                    return;
                }
            }
            out.push(']');
        }
        Value::Object(object) => {
            out.push('{');
            for (position, (key, member)) in object.entries().take(max).enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_some(&Value::from(key), depth + 1, max, out);
                out.push(':');
                if depth < max {
                    write_some(&member, depth + 1, max, out);
                }
                if out.len() > max {
                    return;
                }
            }
            out.push('}');
        }
        Value::String(text) => {
            let mut end = text.len().min(max);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            write_string(&text[..end], out);
        }
        scalar => write_scalar(scalar, out),
    }
}
