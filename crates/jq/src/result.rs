//! A value that leaves the program.

use millrace_message::{Object, Value};

use crate::error::Fail;
use crate::limits::{Budget, level};
use crate::number::{Num, of};

/// Checks the size and depth of a result and gives its numbers the form that jq gives them.
///
/// A value may hold another many times over; as a payload each of them counts.
pub(crate) fn finish(budget: &Budget, value: Value) -> Result<Value, Fail> {
    match is_finished(budget, &value, 0)? {
        true => Ok(value),
        false => rebuilt(&value, 0),
    }
}

/// Whether the value can stay as it is.
fn is_finished(budget: &Budget, value: &Value, depth: usize) -> Result<bool, Fail> {
    budget.step()?;
    match value {
        Value::Array(array) => level(depth, |depth| {
            let mut all = true;
            for element in array {
                all &= is_finished(budget, &element, depth)?;
            }
            Ok(all)
        }),
        Value::Object(object) => level(depth, |depth| {
            let mut all = true;
            for (key, member) in object {
                budget.build(key.len())?;
                all &= is_finished(budget, &member, depth)?;
            }
            Ok(all)
        }),
        Value::String(text) => budget.build(text.len()).map(|()| true),
        Value::Number(number) => Ok(!number.as_str().contains(['.', 'e', 'E', '-'])),
        Value::F64(float) => Ok(float.is_finite()),
        _ => Ok(true),
    }
}

fn rebuilt(value: &Value, depth: usize) -> Result<Value, Fail> {
    Ok(match value {
        Value::Array(array) => level(depth, |depth| {
            let elements = array.iter().map(|it| rebuilt(&it, depth));
            Ok(Value::from(elements.collect::<Result<Vec<_>, _>>()?))
        })?,
        Value::Object(object) => level(depth, |depth| {
            let members = object.entries();
            let members = members.map(|(key, it)| Ok((key, rebuilt(&it, depth)?)));
            Ok(Value::Object(members.collect::<Result<Object, Fail>>()?))
        })?,
        number => match of(number) {
            Some(Num::Float(float)) if float.is_nan() => Value::Null,
            Some(Num::Float(float)) => Value::F64(float.clamp(f64::MIN, f64::MAX)),
            Some(Num::Int(integer)) => crate::number::integer(integer),
            _ => number.clone(),
        },
    })
}
