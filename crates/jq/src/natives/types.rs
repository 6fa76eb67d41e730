//! Types, sizes, conversions, errors.

use std::mem::take;

use millrace_message::{Array, Value};

use super::Native;
use crate::encode::{to_json, type_name};
use crate::error::{Fail, not_for, not_for_with};
use crate::limits::{Budget, level};
use crate::number::{self, count, of};
use crate::order::equal;

pub(super) const TABLE: &[Native] = &[
    Native::new("type", 0, |_, input, _| {
        Ok(Value::from_static(type_name(&input)))
    }),
    Native::new("length", 0, length),
    Native::new("utf8bytelength", 0, |_, input, _| match &input {
        Value::String(text) => Ok(count(text.len())),
        other => Err(not_for("utf8bytelength", other)),
    }),
    Native::new("abs", 0, |_, input, _| magnitude("abs", &input)),
    Native::new("tostring", 0, |budget, input, _| to_text(budget, input)),
    Native::new("tojson", 0, |budget, input, _| {
        to_json(budget, &input).map(Value::from)
    }),
    Native::new("fromjson", 0, from_json),
    Native::new("tonumber", 0, |_, input, _| match &input {
        Value::String(text) => number::parse(text).ok_or_else(|| {
            let shown = crate::encode::short(&input);
            Fail::text(format!(
                "tonumber cannot be applied to {shown}: invalid number"
            ))
        }),
        other if of(other).is_some() => Ok(input),
        other => Err(not_for("tonumber", other)),
    }),
    Native::new("contains", 1, |budget, input, arguments| {
        contains(budget, &input, &arguments[0], 0).map(Value::Bool)
    }),
    Native::new("error", 0, |_, input, _| Err(Fail::Value(Box::new(input)))),
    Native::new("error", 1, |_, _, arguments| {
        Err(Fail::Value(Box::new(take(&mut arguments[0]))))
    }),
    Native::new("halt", 0, |_, _, _| Err(Fail::Halt(Box::default()))),
    Native::new("halt_error", 0, |_, input, _| {
        Err(Fail::Halt(Box::new(input)))
    }),
    Native::new("halt_error", 1, |_, input, arguments| {
        match of(&arguments[0]) {
            Some(_) => Err(Fail::Halt(Box::new(input))),
            None => Err(not_for("halt_error", &arguments[0])),
        }
    }),
    Native::new("infinite", 0, |_, _, _| Ok(Value::F64(f64::INFINITY))),
    Native::new("nan", 0, |_, _, _| Ok(Value::F64(f64::NAN))),
    Native::new("isnan", 0, |_, input, _| match (of(&input), &input) {
        (Some(number), _) => Ok(Value::Bool(number.float().is_nan())),
        (None, Value::Null) => Ok(Value::Bool(false)),
        (None, other) => Err(not_for("isnan", other)),
    }),
    Native::new("isfinite", 0, |_, input, _| {
        Ok(Value::Bool(
            of(&input).is_some_and(|it| !it.float().is_infinite()),
        ))
    }),
    Native::new("isinfinite", 0, |_, input, _| {
        Ok(Value::Bool(
            of(&input).is_some_and(|it| it.float().is_infinite()),
        ))
    }),
    Native::new("isnormal", 0, |_, input, _| {
        Ok(Value::Bool(
            of(&input).is_some_and(|it| it.float().is_normal()),
        ))
    }),
];

fn length(budget: &Budget, input: Value, _: &mut [Value]) -> Result<Value, Fail> {
    match &input {
        Value::Null => Ok(Value::I64(0)),
        Value::String(text) => {
            budget.walk(text.len())?;
            Ok(count(text.chars().count()))
        }
        Value::Array(array) => Ok(count(array.len())),
        Value::Object(object) => Ok(count(object.len())),
        other => magnitude("length", other),
    }
}

fn magnitude(name: &str, input: &Value) -> Result<Value, Fail> {
    match of(input) {
        Some(number) => Ok(number::magnitude(&number)),
        None => Err(not_for(name, input)),
    }
}

/// A text as it is, anything else as JSON.
pub(super) fn to_text(budget: &Budget, input: Value) -> Result<Value, Fail> {
    match input {
        Value::String(_) => Ok(input),
        other => to_json(budget, &other).map(Value::from),
    }
}

fn from_json(budget: &Budget, input: Value, _: &mut [Value]) -> Result<Value, Fail> {
    let Value::String(text) = &input else {
        return Err(not_for("fromjson", &input));
    };
    // A document is read into a table of its nodes, of at most 16 bytes for each of its bytes.
    budget.build(text.len().saturating_mul(16))?;
    Value::parse_json(bytes::Bytes::copy_from_slice(text.as_bytes())).map_err(|error| {
        let shown = crate::encode::short(&input);
        Fail::text(format!("fromjson cannot be applied to {shown}: {error}"))
    })
}

/// Whether a value contains another, by the rules of its type.
fn contains(budget: &Budget, value: &Value, part: &Value, depth: usize) -> Result<bool, Fail> {
    budget.step()?;
    match (value, part) {
        (Value::String(text), Value::String(part)) => {
            budget.walk(text.len())?;
            Ok(text.contains(part.as_str()))
        }
        (Value::Array(array), Value::Array(parts)) => level(depth, |depth| {
            for part in parts {
                if !contained(budget, array, &part, depth)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }),
        (Value::Object(object), Value::Object(parts)) => level(depth, |depth| {
            for (key, part) in parts {
                let is_contained = match object.get(&key) {
                    Some(member) => contains(budget, &member, &part, depth),
                    None => return Ok(false),
                };
                if !is_contained.or_else(unless_limit)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }),
        _ if of(value).is_some() && of(part).is_some() => equal(budget, value, part),
        (Value::Null, Value::Null) => Ok(true),
        (Value::Bool(value), Value::Bool(part)) if value == part => Ok(true),
        _ => Err(not_for_with("contains", part, value)),
    }
}

fn contained(budget: &Budget, array: &Array, part: &Value, depth: usize) -> Result<bool, Fail> {
    for element in array {
        if contains(budget, &element, part, depth).or_else(unless_limit)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Values of two types do not contain each other; only at the top this is an error.
fn unless_limit(fail: Fail) -> Result<bool, Fail> {
    match fail {
        Fail::Limit(_) => Err(fail),
        _ => Ok(false),
    }
}
