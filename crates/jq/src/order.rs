//! The order of all values: null, false, true, numbers, texts, arrays, objects.

use std::cmp::Ordering;

use millrace_message::{Object, Value};

use crate::error::Fail;
use crate::limits::{Budget, level};
use crate::number::{self, of};

/// Compares two values; what is no number is less than any other.
pub(crate) fn compare(budget: &Budget, a: &Value, b: &Value) -> Result<Ordering, Fail> {
    compare_at(budget, a, b, 0)
}

/// Whether two values are equal in that order.
pub(crate) fn equal(budget: &Budget, a: &Value, b: &Value) -> Result<bool, Fail> {
    Ok(compare(budget, a, b)? == Ordering::Equal)
}

/// The order that sorts keys; equal ones keep theirs.
///
/// The library's sort may panic when an order is none, as with numbers that are no numbers.
pub(crate) fn sorted(budget: &Budget, keys: &[Value]) -> Result<Vec<usize>, Fail> {
    budget.values(keys.len())?;
    let mut order: Vec<usize> = (0..keys.len()).collect();
    let mut merged = Vec::with_capacity(order.len());
    let mut width = 1;
    while width < order.len() {
        for run in order.chunks(width * 2) {
            let (left, right) = run.split_at(width.min(run.len()));
            merge(budget, keys, left, right, &mut merged)?;
        }
        std::mem::swap(&mut order, &mut merged);
        merged.clear();
        width *= 2;
    }
    Ok(order)
}

fn merge(
    budget: &Budget,
    keys: &[Value],
    mut left: &[usize],
    mut right: &[usize],
    merged: &mut Vec<usize>,
) -> Result<(), Fail> {
    while let (Some((&a, lefts)), Some((&b, rights))) = (left.split_first(), right.split_first()) {
        if compare(budget, &keys[b], &keys[a])? == Ordering::Less {
            merged.push(b);
            right = rights;
        } else {
            merged.push(a);
            left = lefts;
        }
    }
    merged.extend_from_slice(left);
    merged.extend_from_slice(right);
    Ok(())
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(false) => 1,
        Value::Bool(true) => 2,
        Value::I64(_) | Value::U64(_) | Value::F64(_) | Value::Number(_) => 3,
        Value::String(_) | Value::Bytes(_) | Value::Timestamp(_) => 4,
        Value::Array(_) => 5,
        Value::Object(_) => 6,
    }
}

fn compare_at(budget: &Budget, a: &Value, b: &Value, depth: usize) -> Result<Ordering, Fail> {
    budget.step()?;
    match (a, b) {
        (Value::I64(a), Value::I64(b)) => Ok(a.cmp(b)),
        (Value::String(a), Value::String(b)) => {
            budget.walk(a.len().min(b.len()))?;
            Ok(a.cmp(b))
        }
        (Value::Array(left), Value::Array(right)) => level(depth, |depth| {
            for (a, b) in left.iter().zip(right) {
                let order = compare_at(budget, &a, &b, depth)?;
                if order != Ordering::Equal {
                    return Ok(order);
                }
            }
            Ok(left.len().cmp(&right.len()))
        }),
        (Value::Object(a), Value::Object(b)) => {
            level(depth, |depth| compare_objects(budget, a, b, depth))
        }
        _ => Ok(match (of(a), of(b)) {
            (Some(a), Some(b)) => number::compare(&a, &b),
            _ if rank(a) == 4 && rank(b) == 4 => a.to_text().cmp(&b.to_text()),
            _ => rank(a).cmp(&rank(b)),
        }),
    }
}

/// By the keys as sorted lists, then by the values.
fn compare_objects(
    budget: &Budget,
    a: &Object,
    b: &Object,
    depth: usize,
) -> Result<Ordering, Fail> {
    budget.steps(a.len().min(b.len()))?;
    let keys = a.keys().cmp(b.keys());
    if keys != Ordering::Equal {
        return Ok(keys);
    }
    for ((_, a), (_, b)) in a.entries().zip(b) {
        let order = compare_at(budget, &a, &b, depth)?;
        if order != Ordering::Equal {
            return Ok(order);
        }
    }
    Ok(Ordering::Equal)
}
