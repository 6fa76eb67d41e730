//! Values with a part set or deleted. What nobody else holds is changed in place.

use std::mem::take;
use std::ops::Range;

use millrace_message::{Array, Object, Text, Value};

use super::{bounds_within, expected, index, resolve, said};
use crate::encode::short;
use crate::error::{Fail, not_for_with};
use crate::limits::{Budget, level};
use crate::number::{count, of};

/// The largest position that an array is filled up to.
const POSITION_MAX: i64 = 0x800_0000;

/// `setpath(path; new)`
pub(crate) fn set_path(
    budget: &Budget,
    value: Value,
    path: &Value,
    new: Value,
) -> Result<Value, Fail> {
    let Value::Array(keys) = path else {
        return Err(not_for_with("setpath", path, &value));
    };
    budget.values(keys.len())?;
    let keys: Vec<Value> = keys.iter().map(|it| it.into_owned()).collect();
    verify(budget, &value, &keys, &new).map_err(|fail| {
        let call = format!("setpath({}; {})", short(path), short(&new));
        said(&call, &value, fail)
    })?;
    Change::set(budget, new).apply(value, &keys, 0)
}

/// Refuses what cannot be set, before anything is changed: the error shows the value.
fn verify(budget: &Budget, value: &Value, path: &[Value], new: &Value) -> Result<(), Fail> {
    let mut current = value.clone();
    for (depth, key) in path.iter().enumerate() {
        budget.step()?;
        let is_last = depth + 1 == path.len();
        if let (Value::String(_), Value::Array(_)) = (key, &current) {
            return Err(expected("an object", &current));
        }
        if matches!(current, Value::String(_)) || matches!(key, Value::Array(_)) {
            return Err(match key {
                Value::String(_) => expected("an object", &current),
                Value::Array(_) => match current {
                    Value::Array(_) => expected("a number for indexing an array", key),
                    _ => expected("a string for object key", key),
                },
                _ => expected("an array", &current),
            });
        }
        if let Some(position) = of(key).map(|it| it.index()) {
            let len = current.as_array().map_or(0, Array::len);
            if position < 0 && resolve(position, len).is_none() {
                let text = format!("array index should not be negative: {position}");
                return Err(Fail::text(text));
            }
            if position >= POSITION_MAX {
                return Err(Fail::text(format!("array index too large: {position}")));
            }
        }
        if is_last && matches!(key, Value::Object(_)) && !matches!(new, Value::Array(_)) {
            return Err(expected("an array", new));
        }
        current = index(budget, &current, key)?;
    }
    Ok(())
}

/// `delpaths(paths)`
pub(crate) fn delete_paths(budget: &Budget, value: Value, paths: &Value) -> Result<Value, Fail> {
    let Value::Array(all) = paths else {
        return Err(not_for_with("delpaths", paths, &value));
    };
    let mut plain = Vec::new();
    for path in all {
        resolve_path(budget, &value, &path, &mut plain).map_err(|fail| {
            let call = format!("delpaths({})", short(paths));
            said(&call, &value, fail)
        })?;
    }
    let mut value = value;
    // The last ones first: no deletion moves what another one means.
    let order = crate::order::sorted(budget, &plain)?;
    let mut order = order.into_iter().rev().map(|at| &plain[at]).peekable();
    while let Some(path) = order.next() {
        let keys = path.as_array().into_iter().flatten();
        let keys: Vec<Value> = keys.map(|it| it.into_owned()).collect();
        let mut change = Change::delete(budget);
        // Elements of one array are deleted at once: each deletion would move those behind it.
        while let Some(next) = order.next_if(|next| is_beside(next, &keys)) {
            let position = next.as_array().and_then(|it| it.get(keys.len() - 1));
            change
                .beside
                .extend(position.and_then(|it| of(&it)?.position()));
        }
        value = change.apply(value, &keys, 0)?;
    }
    Ok(value)
}

/// Whether a path leads to the same place, or to an element of the same array.
fn is_beside(path: &Value, keys: &[Value]) -> bool {
    let Value::Array(path) = path else {
        return false;
    };
    let Some((last, parent)) = keys.split_last() else {
        return path.is_empty();
    };
    path.len() == keys.len()
        && path.iter().zip(parent).all(|(a, b)| *a == *b)
        && path
            .get(parent.len())
            .is_some_and(|key| match (of(&key), of(last)) {
                (Some(_), Some(_)) => true,
                _ => *key == *last,
            })
}

/// The paths of what is there, in keys and positions from the start. Below null there is nothing.
fn resolve_path(
    budget: &Budget,
    value: &Value,
    path: &Value,
    plain: &mut Vec<Value>,
) -> Result<(), Fail> {
    let Value::Array(keys) = path else {
        return Err(expected("an array", path));
    };
    let mut found: Vec<Value> = Vec::new();
    let mut current = value.clone();
    // The part of an array that slices have left.
    let mut view: Option<Range<usize>> = None;
    for key in keys {
        budget.step()?;
        if current.is_null() {
            return check_key(&key);
        }
        match (&*key, &current, of(&key)) {
            (Value::String(name), Value::Object(object), _) => {
                if !object.contains_key(name) {
                    return Ok(());
                }
                found.push(key.clone().into_owned());
                current = index(budget, &current, &key)?;
            }
            (Value::Object(_), Value::Array(array), _) => {
                let part = view.clone().unwrap_or(0..array.len());
                let (Some(start), Some(end)) = (key.get("start"), key.get("end")) else {
                    return Err(expected("\"start\" and \"end\" for slicing", &key));
                };
                let what = "a number for indexing an array";
                let within = bounds_within(&start, &end, part.len(), what)?;
                view = Some(part.start + within.start..part.start + within.end);
            }
            (_, Value::Array(array), Some(position)) => {
                let part = view.take().unwrap_or(0..array.len());
                let Some(position) = resolve(position.index(), part.len()) else {
                    return Ok(());
                };
                let position = count(part.start + position);
                current = index(budget, &current, &position)?;
                found.push(position);
            }
            (Value::String(_), other, _) => return Err(expected("an object", other)),
            (Value::Object(_), other, _) | (_, other, Some(_)) => {
                return Err(expected("an array", other));
            }
            (_, Value::Array(_), None) => {
                return Err(expected("a number for indexing an array", &key));
            }
            _ => return Err(expected("a string for object key", &key)),
        }
    }
    for position in view.clone().unwrap_or(0..1) {
        budget.values(found.len() + 1)?;
        let mut path = found.clone();
        path.extend(view.is_some().then(|| count(position)));
        plain.push(Value::from(path));
    }
    Ok(())
}

/// Refuses what is no key of any container.
fn check_key(key: &Value) -> Result<(), Fail> {
    match key {
        Value::Object(_) if key.get("start").is_none() || key.get("end").is_none() => {
            Err(expected("\"start\" and \"end\" for slicing", key))
        }
        Value::String(_) | Value::Object(_) => Ok(()),
        key if of(key).is_some() => Ok(()),
        _ => Err(expected("a string for object key", key)),
    }
}

/// A value to set, or nothing to delete.
struct Change<'b> {
    budget: &'b Budget,
    new: Option<Value>,
    /// Other elements to delete, beside the one that the path leads to; the last ones first.
    beside: Vec<usize>,
}

impl<'b> Change<'b> {
    fn set(budget: &'b Budget, new: Value) -> Self {
        Self {
            budget,
            new: Some(new),
            beside: Vec::new(),
        }
    }

    fn delete(budget: &'b Budget) -> Self {
        Self {
            budget,
            new: None,
            beside: Vec::new(),
        }
    }

    fn apply(&mut self, value: Value, path: &[Value], depth: usize) -> Result<Value, Fail> {
        self.budget.step()?;
        let Some((key, rest)) = path.split_first() else {
            return Ok(self.new.take().unwrap_or_default());
        };
        level(depth, |depth| match key {
            Value::String(name) => match value {
                Value::Null => self.member(Object::new(), name, rest, depth),
                Value::Object(object) => self.member(object, name, rest, depth),
                other => Err(expected("an object", &other)),
            },
            Value::Object(_) => match value {
                Value::Null => self.slice(Array::new(), key, rest, depth),
                Value::Array(array) => self.slice(array, key, rest, depth),
                other => Err(expected("an array", &other)),
            },
            key => match (of(key), value) {
                (Some(position), Value::Null) => {
                    self.element(Array::new(), position.index(), rest, depth)
                }
                (Some(position), Value::Array(array)) => {
                    self.element(array, position.index(), rest, depth)
                }
                (Some(_), other) => Err(expected("an array", &other)),
                (None, Value::Array(_)) => Err(expected("a number for indexing an array", key)),
                (None, _) => Err(expected("a string for object key", key)),
            },
        })
    }

    fn member(
        &mut self,
        mut object: Object,
        name: &Text,
        rest: &[Value],
        depth: usize,
    ) -> Result<Value, Fail> {
        if self.new.is_none() {
            if !object.contains_key(name) {
                return Ok(object.into());
            }
            if rest.is_empty() {
                self.budget.own_object(&object)?;
                object.remove(name);
                return Ok(object.into());
            }
        }
        self.budget.own_object(&object)?;
        self.budget.insert(&object, 1)?;
        let member = object.entry(name);
        let old = take(member);
        *member = self.apply(old, rest, depth)?;
        Ok(object.into())
    }

    fn element(
        &mut self,
        mut array: Array,
        position: i64,
        rest: &[Value],
        depth: usize,
    ) -> Result<Value, Fail> {
        let len = array.len();
        let within = resolve(position, len);
        if self.new.is_none() {
            let Some(position) = within else {
                return Ok(array.into());
            };
            if rest.is_empty() {
                self.budget.own_array(&array)?;
                self.budget.steps(len / 64 + self.beside.len())?;
                let mut doomed = self
                    .beside
                    .iter()
                    .rev()
                    .copied()
                    .chain([position])
                    .peekable();
                let mut at = 0;
                array.make_mut().retain(|_| {
                    let mut is_kept = true;
                    while doomed.next_if_eq(&at).is_some() {
                        is_kept = false;
                    }
                    at += 1;
                    is_kept
                });
                return Ok(array.into());
            }
        }
        let position = match within {
            Some(position) => position,
            None if position < 0 => {
                let text = format!("array index should not be negative: {position}");
                return Err(Fail::text(text));
            }
            None if position >= POSITION_MAX => {
                return Err(Fail::text(format!("array index too large: {position}")));
            }
            None => {
                let position = position as usize;
                self.budget.own_array(&array)?;
                self.budget.values(position + 1 - len)?;
                array.make_mut().resize(position + 1, Value::Null);
                position
            }
        };
        self.budget.own_array(&array)?;
        let element = &mut array.make_mut()[position];
        let old = take(element);
        *element = self.apply(old, rest, depth)?;
        Ok(array.into())
    }

    fn slice(
        &mut self,
        mut array: Array,
        bounds: &Value,
        rest: &[Value],
        depth: usize,
    ) -> Result<Value, Fail> {
        let (Some(start), Some(end)) = (bounds.get("start"), bounds.get("end")) else {
            return Err(expected("\"start\" and \"end\" for slicing", bounds));
        };
        let what = "a number for indexing an array";
        let range = bounds_within(&start, &end, array.len(), what)?;
        self.budget.values(array.len())?;
        if self.new.is_none() && rest.is_empty() {
            array.make_mut().drain(range);
            return Ok(array.into());
        }
        let part: Vec<Value> = array.make_mut()[range.clone()].to_vec();
        match self.apply(Value::from(part), rest, depth)? {
            Value::Array(part) => {
                self.budget.values(part.len())?;
                array.make_mut().splice(range, part.into_vec());
                Ok(array.into())
            }
            other => Err(expected("an array", &other)),
        }
    }
}
