//! `[index]` and `[start:end:step]`.

use std::sync::Arc;

use bytes::Bytes;
use millrace_message::{Array, Text, Value};

use super::Cx;
use crate::budget;
use crate::eval_error::EvalError;
use crate::outcome::Outcome;
use crate::program::{Expr, Slice};

/// One element of an array, byte of bytes or (as Bento has it) byte of a string.
pub(super) fn index<'a>(
    target: &'a Expr,
    position: &'a Expr,
    cx: &Cx<'a>,
) -> Result<Outcome<'a>, EvalError> {
    let target = target.eval(cx)?;
    let wanted = integer(position, cx, "index")?;
    let length = match target.value() {
        Some(Value::Array(array)) => array.len(),
        Some(Value::String(text)) => text.len(),
        Some(Value::Bytes(bytes)) => bytes.len(),
        _ => return Err(EvalError::wrong_outcome(&target, &["array", "string"])),
    };
    let place = from_end(wanted, length);
    let out_of_bounds =
        || EvalError::complete(format!("index {place} out of bounds for length {length}"));
    let at = usize::try_from(place).map_err(|_| out_of_bounds())?;
    let found = match target.value_or_null() {
        Value::Array(array) => array.get(at).map(|element| element.into_owned()),
        Value::String(text) => text
            .as_bytes()
            .get(at)
            .map(|byte| Value::String(Text::from(char::from(*byte)))),
        Value::Bytes(bytes) => bytes.get(at).map(|byte| Value::I64(i64::from(*byte))),
        _ => None,
    };
    // Elements of a document that differ in size are found one after the other.
    budget::look_through(at.saturating_mul(size_of::<u64>()))?;
    let found = found.ok_or_else(out_of_bounds)?;
    budget::shared(&found);
    Ok(Outcome::Own(found))
}

/// A position counted from the end when it is negative.
pub(crate) fn from_end(position: i64, length: usize) -> i64 {
    if position < 0 {
        position.saturating_add(length as i64)
    } else {
        position
    }
}

fn integer(expr: &Expr, cx: &Cx<'_>, what: &str) -> Result<i64, EvalError> {
    let outcome = expr.eval(cx)?;
    outcome
        .value()
        .and_then(Value::as_i64)
        .ok_or_else(|| EvalError::wrong_outcome(&outcome, &["number"]).context(what))
}

/// Which elements a slice takes.
struct Bounds {
    start: i64,
    end: i64,
    step: i64,
}

/// A part of an array, of bytes, or of the characters of a string.
pub(super) fn slice<'a>(slice: &'a Slice, cx: &Cx<'a>) -> Result<Outcome<'a>, EvalError> {
    let target = slice.target.eval(cx)?;
    let bound = |expr: &'a Option<Expr>, what| {
        expr.as_ref()
            .map(|expr| integer(expr, cx, what))
            .transpose()
    };
    let start = bound(&slice.start, "slice start bound")?;
    let end = bound(&slice.end, "slice end bound")?;
    let step = bound(&slice.step, "slice step")?;
    if step == Some(0) {
        return Err(EvalError::complete("slice step cannot be zero"));
    }
    if let (Some(start), Some(end), None) = (start, end, step)
        && start > end
    {
        return Err(EvalError::complete(format!(
            "lower slice bound ({start}) must be lower than upper ({end})"
        )));
    }
    let sliced = match target.value() {
        Some(Value::Array(array)) => {
            let positions = Bounds::new(array.len(), start, end, step).positions();
            let taken = positions.filter_map(|i| array.get(i).map(|element| element.into_owned()));
            Value::Array(taken.collect::<Array>())
        }
        Some(Value::String(text)) => {
            let characters: Vec<char> = text.chars().collect();
            let positions = Bounds::new(characters.len(), start, end, step).positions();
            Value::from(
                positions
                    .filter_map(|i| characters.get(i))
                    .collect::<String>(),
            )
        }
        Some(Value::Bytes(bytes)) => {
            let positions = Bounds::new(bytes.len(), start, end, step).positions();
            let taken: Bytes = positions.filter_map(|i| bytes.get(i).copied()).collect();
            Value::Bytes(Arc::new(taken))
        }
        _ => return Err(EvalError::wrong_outcome(&target, &["array", "string"])),
    };
    budget::made(&sliced)?;
    Ok(Outcome::Own(sliced))
}

impl Bounds {
    fn new(length: usize, start: Option<i64>, end: Option<i64>, step: Option<i64>) -> Bounds {
        let length = length as i64;
        let step = step.unwrap_or(1);
        let forward = step > 0;
        let clamp = |bound: i64, low: i64| {
            let bound = if bound < 0 {
                bound.saturating_add(length).max(low)
            } else {
                bound
            };
            bound.min(if forward { length } else { length - 1 })
        };
        Bounds {
            start: match start {
                Some(start) => clamp(start, 0),
                None if forward => 0,
                None => length - 1,
            },
            end: match end {
                Some(end) => clamp(end, -1),
                None if forward => length,
                None => -1,
            },
            step,
        }
    }

    fn positions(self) -> impl Iterator<Item = usize> {
        let Bounds { start, end, step } = self;
        std::iter::successors(Some(start), move |at| at.checked_add(step))
            .take_while(move |at| if step > 0 { *at < end } else { *at > end })
            .filter_map(|at| usize::try_from(at).ok())
    }
}
