//! Texts.

use std::ops::Range;

use millrace_message::{Text, Value};

use super::Native;
use super::patterns;
use crate::error::{Fail, not_for, not_for_with};
use crate::limits::Budget;
use crate::number::of;

pub(super) const TABLE: &[Native] = &[
    Native::new("startswith", 1, |budget, input, arguments| {
        let (text, part) = both(budget, "startswith", &input, &arguments[0])?;
        Ok(Value::Bool(text.starts_with(part.as_str())))
    }),
    Native::new("endswith", 1, |budget, input, arguments| {
        let (text, part) = both(budget, "endswith", &input, &arguments[0])?;
        Ok(Value::Bool(text.ends_with(part.as_str())))
    }),
    Native::new("ltrimstr", 1, |budget, input, arguments| {
        let (text, part) = both(budget, "ltrimstr", &input, &arguments[0])?;
        match text.starts_with(part.as_str()) {
            true => cut(budget, text, part.len()..text.len()),
            false => Ok(input),
        }
    }),
    Native::new("rtrimstr", 1, |budget, input, arguments| {
        let (text, part) = both(budget, "rtrimstr", &input, &arguments[0])?;
        match text.ends_with(part.as_str()) {
            true => cut(budget, text, 0..text.len() - part.len()),
            false => Ok(input),
        }
    }),
    Native::new("trim", 0, |budget, input, _| {
        trimmed(budget, "trim", &input, true, true)
    }),
    Native::new("ltrim", 0, |budget, input, _| {
        trimmed(budget, "ltrim", &input, true, false)
    }),
    Native::new("rtrim", 0, |budget, input, _| {
        trimmed(budget, "rtrim", &input, false, true)
    }),
    Native::new("ascii_downcase", 0, |budget, input, _| {
        changed(budget, "ascii_downcase", &input, str::to_ascii_lowercase)
    }),
    Native::new("ascii_upcase", 0, |budget, input, _| {
        changed(budget, "ascii_upcase", &input, str::to_ascii_uppercase)
    }),
    Native::new("explode", 0, |budget, input, _| match &input {
        Value::String(text) => {
            budget.values(text.len())?;
            let codes = text.chars().map(|it| Value::I64(i64::from(u32::from(it))));
            Ok(codes.collect::<Vec<_>>().into())
        }
        other => Err(not_for("explode", other)),
    }),
    Native::new("implode", 0, implode),
    Native::new("split", 1, |budget, input, arguments| {
        match (&input, &arguments[0]) {
            (Value::String(text), Value::String(separator)) => split_by(budget, text, separator),
            (Value::String(_), _) => Err(not_for("split", &Value::from_static(""))),
            (other, _) => Err(not_for("split", other)),
        }
    }),
    Native::new("split", 2, patterns::split),
];

/// A text and a part that is looked for at one of its ends.
fn both<'t>(
    budget: &Budget,
    name: &str,
    input: &'t Value,
    argument: &'t Value,
) -> Result<(&'t Text, &'t Text), Fail> {
    match (input, argument) {
        (Value::String(text), Value::String(part)) => {
            budget.walk(part.len())?;
            Ok((text, part))
        }
        _ => Err(not_for_with(name, argument, input)),
    }
}

/// A part of a text; it may be a copy.
fn cut(budget: &Budget, text: &Text, range: Range<usize>) -> Result<Value, Fail> {
    budget.build(range.len())?;
    Ok(Value::String(text.substring(range)))
}

fn trimmed(
    budget: &Budget,
    name: &str,
    input: &Value,
    at_start: bool,
    at_end: bool,
) -> Result<Value, Fail> {
    let Value::String(text) = input else {
        return Err(not_for(name, input));
    };
    budget.walk(text.len())?;
    let start = match at_start {
        true => text.len() - text.trim_start().len(),
        false => 0,
    };
    let end = match at_end {
        true => start + text[start..].trim_end().len(),
        false => text.len(),
    };
    cut(budget, text, start..end)
}

fn changed(
    budget: &Budget,
    name: &str,
    input: &Value,
    change: impl Fn(&str) -> String,
) -> Result<Value, Fail> {
    match input {
        Value::String(text) => {
            budget.build(text.len())?;
            Ok(Value::from(change(text)))
        }
        other => Err(not_for(name, other)),
    }
}

fn implode(budget: &Budget, input: Value, _: &mut [Value]) -> Result<Value, Fail> {
    let Value::Array(codes) = &input else {
        return Err(not_for("implode", &input));
    };
    budget.build(codes.len().saturating_mul(4))?;
    let mut text = String::with_capacity(codes.len());
    for code in codes {
        let Some(code) = of(&code) else {
            return Err(not_for("implode", &input));
        };
        let code = u32::try_from(code.index()).ok().and_then(char::from_u32);
        text.push(code.unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    Ok(Value::from(text))
}

/// The parts of a text between separators; without a separator its characters.
pub(super) fn split_by(budget: &Budget, text: &str, separator: &str) -> Result<Value, Fail> {
    budget.build(text.len())?;
    let parts = match separator.is_empty() {
        true => text.chars().count(),
        false => text.matches(separator).count() + 1,
    };
    budget.values(parts)?;
    let parts: Vec<Value> = match separator.is_empty() {
        true => text.chars().map(|it| Value::from(it.to_string())).collect(),
        false => text.split(separator).map(Value::from).collect(),
    };
    Ok(parts.into())
}

/// A text as many times; null when that is less than none.
pub(super) fn repeat(budget: &Budget, text: &str, times: f64) -> Result<Value, Fail> {
    /// As long as gojq makes a text: what is longer is null.
    const LENGTH_MAX: usize = 0x1000_0000;
    let too_many = !text.is_empty() && times > (LENGTH_MAX / text.len()) as f64;
    if times < 0.0 || times.is_nan() || too_many {
        return Ok(Value::Null);
    }
    if text.is_empty() {
        return Ok(Value::from_static(""));
    }
    let times = times as usize;
    budget.build(text.len().saturating_mul(times))?;
    Ok(Value::from(text.repeat(times)))
}
