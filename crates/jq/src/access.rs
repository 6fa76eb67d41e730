//! Parts of values: by key, position, slice and path.

use std::ops::Range;

use millrace_message::{Array, Value};

use crate::error::{Fail, named, not_for_with};
use crate::limits::Budget;
use crate::number::{self, of};
use crate::order::equal;

pub(crate) use update::{delete_paths, set_path};

mod update;

pub(crate) fn expected(what: &str, value: &Value) -> Fail {
    Fail::text(format!("expected {what} but got: {}", named(value)))
}

/// A value as programs see it: what only messages have becomes a text.
pub(crate) fn plain(value: Value) -> Value {
    match value {
        Value::Bytes(_) | Value::Timestamp(_) => Value::String(value.to_text()),
        other => other,
    }
}

/// `value[key]`
pub(crate) fn index(budget: &Budget, value: &Value, key: &Value) -> Result<Value, Fail> {
    found(budget, value, key).map(plain)
}

fn found(budget: &Budget, value: &Value, key: &Value) -> Result<Value, Fail> {
    match key {
        Value::String(name) => match value {
            Value::Null => Ok(Value::Null),
            Value::Object(object) => Ok(object
                .get(name)
                .map_or(Value::Null, |member| member.into_owned())),
            other => Err(expected("an object", other)),
        },
        Value::Array(part) => match value {
            Value::Null => Ok(Value::Null),
            Value::Array(array) => positions(budget, array, part),
            other => Err(expected("an array", other)),
        },
        Value::Object(_) => slice_by(budget, value, key),
        key => match of(key) {
            Some(position) => at(budget, value, position.index()),
            None => Err(match value {
                Value::Array(_) => expected("a number for indexing an array", key),
                Value::String(_) => expected("a number for indexing a string", key),
                _ => expected("a string for object key", key),
            }),
        },
    }
}

/// The element at a position; a negative one counts from the end.
fn at(budget: &Budget, value: &Value, position: i64) -> Result<Value, Fail> {
    match value {
        Value::Null => Ok(Value::Null),
        Value::Array(array) => {
            let found = resolve(position, array.len()).and_then(|it| array.get(it));
            Ok(found.map_or(Value::Null, |element| element.into_owned()))
        }
        Value::String(text) => {
            budget.walk(text.len())?;
            let character = match position < 0 {
                false => text.chars().nth(position as usize),
                true => {
                    let back = usize::try_from(position.unsigned_abs() - 1);
                    back.ok().and_then(|back| text.chars().nth_back(back))
                }
            };
            Ok(character.map_or(Value::Null, |it| Value::from(it.to_string())))
        }
        other => Err(expected("an array", other)),
    }
}

/// A position from the start, when it is within.
pub(crate) fn resolve(position: i64, len: usize) -> Option<usize> {
    let position = match position < 0 {
        true => position.checked_add(len as i64)?,
        false => position,
    };
    usize::try_from(position).ok().filter(|it| *it < len)
}

/// Where an array stands within another one.
pub(crate) fn positions(budget: &Budget, array: &Array, part: &Array) -> Result<Value, Fail> {
    let mut found = Vec::new();
    if part.is_empty() {
        return Ok(Value::from(found));
    }
    budget.values(array.len())?;
    let all: Vec<Value> = array.iter().map(|it| it.into_owned()).collect();
    let part: Vec<Value> = part.iter().map(|it| it.into_owned()).collect();
    for (position, window) in all.windows(part.len()).enumerate() {
        let mut is_equal = true;
        for (a, b) in window.iter().zip(&part) {
            is_equal = equal(budget, a, b)?;
            if !is_equal {
                break;
            }
        }
        if is_equal {
            found.push(number::count(position));
        }
    }
    Ok(Value::from(found))
}

/// `value[start:end]`, where the bounds are members of an object.
fn slice_by(budget: &Budget, value: &Value, bounds: &Value) -> Result<Value, Fail> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    let (Some(start), Some(end)) = (bounds.get("start"), bounds.get("end")) else {
        return Err(expected("\"start\" and \"end\" for slicing", bounds));
    };
    match value {
        Value::Array(array) => {
            let what = "a number for indexing an array";
            let range = bounds_within(&start, &end, array.len(), what)?;
            if range == (0..array.len()) {
                return Ok(value.clone());
            }
            budget.steps(range.start / 8)?;
            budget.values(range.len())?;
            let elements = array.iter().skip(range.start).take(range.len());
            Ok(elements.map(|it| it.into_owned()).collect::<Array>().into())
        }
        Value::String(text) => {
            let what = "a number for indexing a string";
            budget.walk(text.len())?;
            let range = bounds_within(&start, &end, text.chars().count(), what)?;
            let offset = |position| {
                let offset = text.char_indices().nth(position);
                offset.map_or(text.len(), |(offset, _)| offset)
            };
            let range = offset(range.start)..offset(range.end);
            budget.build(range.len())?;
            Ok(Value::String(text.substring(range)))
        }
        other => Err(expected("an array", other)),
    }
}

/// The bounds of a slice, cut to what there is; null is none.
pub(crate) fn bounds_within(
    start: &Value,
    end: &Value,
    len: usize,
    what: &str,
) -> Result<Range<usize>, Fail> {
    let bound = |bound: &Value, none: usize| match (bound, of(bound)) {
        (Value::Null, _) => Ok(none),
        (_, Some(position)) => Ok(clamp(position.index(), len)),
        (other, None) => Err(expected(what, other)),
    };
    let start = bound(start, 0)?;
    Ok(start..bound(end, len)?.max(start))
}

fn clamp(position: i64, len: usize) -> usize {
    let position = match position < 0 {
        true => position.saturating_add(len as i64),
        false => position,
    };
    usize::try_from(position).unwrap_or(0).min(len)
}

/// `getpath(path)`
pub(crate) fn get_path(budget: &Budget, value: &Value, path: &Value) -> Result<Value, Fail> {
    let Value::Array(keys) = path else {
        return Err(not_for_with("getpath", path, value));
    };
    let mut found = value.clone();
    for key in keys {
        budget.step()?;
        if !matches!(found, Value::Null | Value::Array(_) | Value::Object(_)) {
            return Err(not_for_with("getpath", path, value));
        }
        found = index(budget, &found, &key).map_err(|fail| {
            let call = format!("getpath({})", crate::encode::short(path));
            said(&call, value, fail)
        })?;
    }
    Ok(found)
}

/// The error of a function that says what it was called with, and on what.
fn said(call: &str, value: &Value, fail: Fail) -> Fail {
    match fail {
        Fail::Text(text) => {
            let on = crate::encode::short(value);
            Fail::text(format!("{call} cannot be applied to {on}: {text}"))
        }
        other => other,
    }
}
