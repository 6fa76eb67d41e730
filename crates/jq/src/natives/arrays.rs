//! Arrays.

use std::cmp::Ordering;
use std::mem::take;

use millrace_message::{Array, Value};

use super::Native;
use super::arithmetic::add;
use crate::access::positions;
use crate::encode::preview;
use crate::error::{Fail, named, not_for, not_for_with};
use crate::limits::{Budget, level};
use crate::number::{self, count, of};
use crate::order::{compare, sorted};

pub(super) const TABLE: &[Native] = &[
    Native::new("add", 0, sum),
    Native::new("reverse", 0, |budget, input, _| {
        let mut elements = elements(budget, "reverse", input)?;
        elements.reverse();
        Ok(elements.into())
    }),
    Native::new("flatten", 0, |budget, input, _| {
        flatten(budget, &input, f64::INFINITY)
    }),
    Native::new("flatten", 1, |budget, input, arguments| {
        match of(&arguments[0]) {
            Some(depth) if depth.float() < 0.0 => {
                let shown = preview(&arguments[0], 30);
                Err(Fail::text(format!(
                    "flatten depth should not be negative: {shown}"
                )))
            }
            Some(depth) => flatten(budget, &input, depth.float()),
            None => Err(not_for("flatten", &arguments[0])),
        }
    }),
    Native::new("min", 0, |budget, input, _| {
        let values = elements(budget, "min", input)?;
        extreme(budget, &values, &values, Ordering::Greater)
    }),
    Native::new("max", 0, |budget, input, _| {
        let values = elements(budget, "max", input)?;
        extreme(budget, &values, &values, Ordering::Less)
    }),
    Native::new("_min_by", 1, |budget, input, arguments| {
        let (values, keys) = keyed(budget, "min_by", input, arguments)?;
        extreme(budget, &values, &keys, Ordering::Greater)
    }),
    Native::new("_max_by", 1, |budget, input, arguments| {
        let (values, keys) = keyed(budget, "max_by", input, arguments)?;
        extreme(budget, &values, &keys, Ordering::Less)
    }),
    Native::new("sort", 0, |budget, input, _| {
        let values = elements(budget, "sort", input)?;
        let order = sorted(budget, &values)?;
        Ok(picked(&values, &order))
    }),
    Native::new("_sort_by", 1, |budget, input, arguments| {
        let (values, keys) = keyed(budget, "sort_by", input, arguments)?;
        let order = sorted(budget, &keys)?;
        Ok(picked(&values, &order))
    }),
    Native::new("_group_by", 1, |budget, input, arguments| {
        let (values, keys) = keyed(budget, "group_by", input, arguments)?;
        let groups = groups(budget, &keys)?;
        budget.values(values.len())?;
        Ok(groups
            .iter()
            .map(|group| picked(&values, group))
            .collect::<Array>()
            .into())
    }),
    Native::new("unique", 0, |budget, input, _| {
        let values = elements(budget, "unique", input)?;
        unique(budget, &values, &values)
    }),
    Native::new("_unique_by", 1, |budget, input, arguments| {
        let (values, keys) = keyed(budget, "unique_by", input, arguments)?;
        unique(budget, &values, &keys)
    }),
    Native::new("join", 1, join),
    Native::new("transpose", 0, transpose),
    Native::new("bsearch", 1, search),
    Native::new("indices", 1, |budget, input, arguments| {
        found(budget, "indices", &input, &arguments[0])
    }),
    Native::new("index", 1, |budget, input, arguments| {
        let found = found(budget, "index", &input, &arguments[0])?;
        Ok(found.index(0).map_or(Value::Null, |it| it.into_owned()))
    }),
    Native::new("rindex", 1, |budget, input, arguments| {
        let found = found(budget, "rindex", &input, &arguments[0])?;
        let last = found
            .as_array()
            .and_then(|it| it.get(it.len().checked_sub(1)?));
        Ok(last.map_or(Value::Null, |it| it.into_owned()))
    }),
];

/// The elements of an array.
pub(super) fn elements(budget: &Budget, name: &str, input: Value) -> Result<Vec<Value>, Fail> {
    match input {
        Value::Array(array) => {
            budget.values(array.len())?;
            Ok(array.into_vec())
        }
        other => Err(not_for(name, &other)),
    }
}

/// The elements of an array, or the values of an object.
fn values(budget: &Budget, input: &Value) -> Result<Option<Vec<Value>>, Fail> {
    Ok(match input {
        Value::Array(array) => {
            budget.values(array.len())?;
            Some(array.iter().map(|it| it.into_owned()).collect())
        }
        Value::Object(object) => {
            budget.values(object.len())?;
            Some(object.entries().map(|(_, it)| it.into_owned()).collect())
        }
        _ => None,
    })
}

/// Elements and as many keys for them.
fn keyed(
    budget: &Budget,
    name: &str,
    input: Value,
    arguments: &mut [Value],
) -> Result<(Vec<Value>, Vec<Value>), Fail> {
    let keys = take(&mut arguments[0]);
    match (input, keys) {
        (Value::Array(values), Value::Array(keys)) if values.len() == keys.len() => {
            budget.values(2 * values.len())?;
            Ok((values.into_vec(), keys.into_vec()))
        }
        (input, keys) => Err(not_for_with(name, &keys, &input)),
    }
}

fn picked(values: &[Value], order: &[usize]) -> Value {
    let picked: Vec<Value> = order
        .iter()
        .map(|position| values[*position].clone())
        .collect();
    Value::from(picked)
}

/// The first value whose key stands in that order to no other.
fn extreme(
    budget: &Budget,
    values: &[Value],
    keys: &[Value],
    worse: Ordering,
) -> Result<Value, Fail> {
    let mut best = 0;
    for position in 1..keys.len() {
        let order = compare(budget, &keys[best], &keys[position])?;
        // Of equal ones the first is the least, and the last the greatest.
        let is_better = match worse {
            Ordering::Greater => order == Ordering::Greater,
            _ => order != Ordering::Greater,
        };
        if is_better {
            best = position;
        }
    }
    Ok(values.get(best).cloned().unwrap_or_default())
}

/// Positions with equal keys, in the order of the keys.
fn groups(budget: &Budget, keys: &[Value]) -> Result<Vec<Vec<usize>>, Fail> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for position in sorted(budget, keys)? {
        match groups.last_mut() {
            Some(group)
                if compare(budget, &keys[group[0]], &keys[position])? == Ordering::Equal =>
            {
                group.push(position);
            }
            _ => groups.push(vec![position]),
        }
    }
    Ok(groups)
}

fn unique(budget: &Budget, values: &[Value], keys: &[Value]) -> Result<Value, Fail> {
    let groups = groups(budget, keys)?;
    let first: Vec<usize> = groups.iter().map(|group| group[0]).collect();
    Ok(picked(values, &first))
}

fn sum(budget: &Budget, input: Value, _: &mut [Value]) -> Result<Value, Fail> {
    let Some(values) = values(budget, &input)? else {
        return Err(not_for("add", &input));
    };
    if values.iter().all(|it| matches!(it, Value::String(_))) && !values.is_empty() {
        let texts = values.iter().filter_map(|it| it.as_str());
        budget.build(texts.clone().map(str::len).sum())?;
        return Ok(Value::from(texts.collect::<String>()));
    }
    let mut values = values.into_iter();
    values.try_fold(Value::Null, |sum, it| add(budget, sum, it))
}

fn flatten(budget: &Budget, input: &Value, depth: f64) -> Result<Value, Fail> {
    let Some(values) = values(budget, input)? else {
        return Err(not_for("flatten", input));
    };
    let mut flat = Vec::new();
    for value in &values {
        flatten_into(budget, value, depth, 0, &mut flat)?;
    }
    Ok(flat.into())
}

fn flatten_into(
    budget: &Budget,
    value: &Value,
    left: f64,
    depth: usize,
    flat: &mut Vec<Value>,
) -> Result<(), Fail> {
    match value {
        Value::Array(array) if left != 0.0 => level(depth, |depth| {
            for element in array {
                flatten_into(budget, &element, left - 1.0, depth, flat)?;
            }
            Ok(())
        }),
        other => {
            budget.values(1)?;
            flat.push(other.clone());
            Ok(())
        }
    }
}

fn join(budget: &Budget, input: Value, arguments: &mut [Value]) -> Result<Value, Fail> {
    let separator = &arguments[0];
    let Some(values) = values(budget, &input)? else {
        return Err(not_for_with("join", separator, &input));
    };
    if values.is_empty() {
        return Ok(Value::from_static(""));
    }
    if values.len() > 1 && separator.as_str().is_none() {
        return Err(not_for_with("join", separator, &input));
    }
    let mut text = String::new();
    for (position, value) in values.iter().enumerate() {
        let before = text.len();
        if position > 0 {
            text.push_str(separator.as_str().unwrap_or_default());
        }
        match value {
            Value::Null => {}
            Value::String(piece) => text.push_str(piece),
            Value::Array(_) | Value::Object(_) => {
                let what = "join cannot be applied to an array including";
                return Err(Fail::text(format!("{what}: {}", named(value))));
            }
            other => text.push_str(&preview(other, usize::MAX / 2)),
        }
        budget.build(text.len() - before)?;
    }
    Ok(Value::from(text))
}

fn transpose(budget: &Budget, input: Value, _: &mut [Value]) -> Result<Value, Fail> {
    let Value::Array(rows) = &input else {
        return Err(not_for("transpose", &input));
    };
    let mut width = 0;
    for row in rows {
        match &*row {
            Value::Array(row) => width = width.max(row.len()),
            _ => return Err(not_for("transpose", &input)),
        }
    }
    budget.values(width.saturating_mul(rows.len() + 1))?;
    let mut columns = vec![vec![Value::Null; rows.len()]; width];
    for (position, row) in rows.iter().enumerate() {
        for (column, value) in row.as_array().into_iter().flatten().enumerate() {
            columns[column][position] = value.into_owned();
        }
    }
    Ok(columns
        .into_iter()
        .map(Value::from)
        .collect::<Array>()
        .into())
}

/// The position of a value in a sorted array, or the one it would have, below zero.
fn search(budget: &Budget, input: Value, arguments: &mut [Value]) -> Result<Value, Fail> {
    let Value::Array(_) = &input else {
        return Err(not_for_with("bsearch", &arguments[0], &input));
    };
    let values = elements(budget, "bsearch", input)?;
    let (mut start, mut end) = (0, values.len());
    while start < end {
        let middle = start + (end - start) / 2;
        match compare(budget, &values[middle], &arguments[0])? {
            Ordering::Less => start = middle + 1,
            _ => end = middle,
        }
    }
    let is_found = match values.get(start) {
        Some(value) => compare(budget, value, &arguments[0])? == Ordering::Equal,
        None => false,
    };
    let position = start as i128;
    Ok(number::integer(if is_found {
        position
    } else {
        -position - 1
    }))
}

/// All positions of a part in an array or a text.
fn found(budget: &Budget, name: &str, input: &Value, part: &Value) -> Result<Value, Fail> {
    match (input, part) {
        (Value::Null, _) => Ok(Value::Null),
        (Value::Array(array), Value::Array(part)) => positions(budget, array, part),
        (Value::Array(array), part) => positions(budget, array, &Array::from(vec![part.clone()])),
        (Value::String(text), Value::String(part)) => text_positions(budget, text, part),
        (input, part) => Err(not_for_with(name, part, input)),
    }
}

/// Positions in characters; parts may overlap.
fn text_positions(budget: &Budget, text: &str, part: &str) -> Result<Value, Fail> {
    budget.walk(text.len())?;
    let mut found = Vec::new();
    let Some(first) = part.chars().next() else {
        return Ok(found.into());
    };
    let (mut offset, mut position) = (0, 0);
    while let Some(at) = text[offset..].find(part) {
        budget.walk(part.len())?;
        budget.values(1)?;
        position += text[offset..offset + at].chars().count();
        found.push(count(position));
        offset += at + first.len_utf8();
        position += 1;
    }
    Ok(found.into())
}
