//! Objects, and keys and paths of containers.

use std::mem::take;

use millrace_message::{Object, Text, Value};

use super::Native;
use crate::access::{delete_paths, expected, set_path};
use crate::encode::short;
use crate::error::{Fail, named, not_for, not_for_with};
use crate::limits::Budget;
use crate::number::{count, of};

pub(super) const TABLE: &[Native] = &[
    Native::new("keys", 0, keys),
    Native::new("has", 1, has),
    Native::new("to_entries", 0, to_entries),
    Native::new("from_entries", 0, from_entries),
    Native::new("setpath", 2, |budget, input, arguments| {
        let new = take(&mut arguments[1]);
        set_path(budget, input, &arguments[0], new)
    }),
    Native::new("delpaths", 1, |budget, input, arguments| {
        delete_paths(budget, input, &arguments[0])
    }),
    Native::new("_capture", 0, capture),
];

fn keys(budget: &Budget, input: Value, _: &mut [Value]) -> Result<Value, Fail> {
    let keys: Vec<Value> = match &input {
        Value::Array(array) => {
            budget.values(array.len())?;
            (0..array.len()).map(count).collect()
        }
        Value::Object(object) => {
            budget.values(object.len())?;
            object.keys().map(Value::String).collect()
        }
        other => return Err(not_for("keys", other)),
    };
    Ok(keys.into())
}

fn has(_: &Budget, input: Value, arguments: &mut [Value]) -> Result<Value, Fail> {
    let key = &arguments[0];
    match (&input, key, of(key)) {
        (Value::Array(array), _, Some(position)) => {
            let position = usize::try_from(position.index());
            Ok(Value::Bool(position.is_ok_and(|it| it < array.len())))
        }
        (Value::Object(object), Value::String(name), _) => {
            Ok(Value::Bool(object.contains_key(name)))
        }
        (Value::Null, ..) => Ok(Value::Bool(false)),
        _ => Err(not_for_with("has", key, &input)),
    }
}

fn to_entries(budget: &Budget, input: Value, _: &mut [Value]) -> Result<Value, Fail> {
    let entry = |key: Value, value: Value| {
        Value::Object(Object::from_ascending(vec![
            (Text::from_static("key"), key),
            (Text::from_static("value"), value),
        ]))
    };
    let entries: Vec<Value> = match &input {
        Value::Array(array) => {
            budget.values(array.len().saturating_mul(5))?;
            let elements = array.iter().enumerate();
            elements
                .map(|(position, it)| entry(count(position), it.into_owned()))
                .collect()
        }
        Value::Object(object) => {
            budget.values(object.len().saturating_mul(5))?;
            let members = object.entries();
            members
                .map(|(key, it)| entry(Value::String(key), it.into_owned()))
                .collect()
        }
        other => return Err(not_for("to_entries", other)),
    };
    Ok(entries.into())
}

fn from_entries(budget: &Budget, input: Value, _: &mut [Value]) -> Result<Value, Fail> {
    let Value::Array(entries) = &input else {
        return Err(not_for("from_entries", &input));
    };
    budget.members(entries.len())?;
    let mut members = Vec::with_capacity(entries.len());
    for entry in entries {
        let Value::Object(entry) = &*entry else {
            return Err(not_for("from_entries", &entry));
        };
        let mut keys = ["key", "Key", "name", "Name"].into_iter();
        let key = keys.find_map(|name| {
            let key = entry.get(name)?;
            (!matches!(&*key, Value::Null | Value::Bool(false))).then_some(key)
        });
        let key = match key.as_deref() {
            Some(Value::String(key)) => key.clone(),
            other => {
                let (shown, key) = (short(&input), named(other.unwrap_or(&Value::Null)));
                let reason = format!("expected a string for object key but got: {key}");
                let text = format!("from_entries cannot be applied to {shown}: {reason}");
                return Err(Fail::text(text));
            }
        };
        let value = entry.get("value").or_else(|| entry.get("Value"));
        members.push((key, value.map_or(Value::Null, |it| it.into_owned())));
    }
    Ok(Value::Object(members.into_iter().collect::<Object>()))
}

/// The named captures of a match.
fn capture(budget: &Budget, input: Value, _: &mut [Value]) -> Result<Value, Fail> {
    let Value::Object(found) = &input else {
        return Err(expected("an object", &input));
    };
    let captures = found.get("captures");
    let captures = captures.as_deref().unwrap_or(&Value::Null);
    let Value::Array(captures) = captures else {
        return Err(expected("an array", captures));
    };
    budget.members(captures.len())?;
    let member = |capture: &Value| {
        let name = capture.get("name")?;
        let text = capture
            .get("string")
            .map_or(Value::Null, |it| it.into_owned());
        match &*name {
            Value::String(name) => Some((name.clone(), text)),
            _ => None,
        }
    };
    let members = captures.iter().filter_map(|it| member(&it));
    Ok(Value::Object(members.collect::<Object>()))
}
