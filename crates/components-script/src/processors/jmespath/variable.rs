//! Between the values of messages and those of JMESPath.

use std::sync::Arc;

use jmespath::{Rcvar, Variable};
use millrace_message::json::DEPTH_MAX;
use millrace_message::{Error, Object, Text, Value};
use serde_json::Number;

use crate::processors::program::{Room, nested};

/// # Errors
/// The value nests deeper than documents may.
pub(super) fn of_value(value: &Value, depth: usize) -> Result<Variable, Error> {
    if depth > DEPTH_MAX {
        return Err(Error::rejected(format!(
            "the value nests deeper than {DEPTH_MAX} levels"
        )));
    }
    Ok(match value {
        Value::Null => Variable::Null,
        Value::Bool(bool) => Variable::Bool(*bool),
        Value::I64(integer) => Variable::Number((*integer).into()),
        Value::U64(integer) => Variable::Number((*integer).into()),
        Value::F64(float) => of_float(*float),
        Value::Number(number) => match (number.as_i64(), number.as_str().parse::<u64>()) {
            (Some(integer), _) => Variable::Number(integer.into()),
            (None, Ok(integer)) => Variable::Number(integer.into()),
            (None, Err(_)) => number.as_f64().map_or(Variable::Null, of_float),
        },
        Value::String(text) => Variable::String(text.as_str().to_owned()),
        Value::Bytes(_) | Value::Timestamp(_) => Variable::String(value.to_text().into()),
        Value::Array(array) => {
            let element = |it: std::borrow::Cow<'_, Value>| {
                Ok(Arc::new(nested(|| of_value(&it, depth + 1))?))
            };
            Variable::Array(array.iter().map(element).collect::<Result<_, Error>>()?)
        }
        Value::Object(object) => {
            let member = |(key, it): (Text, std::borrow::Cow<'_, Value>)| {
                let value = nested(|| of_value(&it, depth + 1))?;
                Ok((key.into(), Arc::new(value)))
            };
            Variable::Object(object.entries().map(member).collect::<Result<_, Error>>()?)
        }
    })
}

/// JMESPath has no infinite numbers.
fn of_float(float: f64) -> Variable {
    Number::from_f64(float).map_or(Variable::Null, Variable::Number)
}

/// # Errors
/// There is no room for the value.
pub(super) fn into_value(variable: &Rcvar, room: &mut Room) -> Result<Value, Error> {
    room.take(match &**variable {
        Variable::String(text) => text.len(),
        _ => 0,
    })?;
    Ok(match &**variable {
        Variable::Null | Variable::Expref(_) => Value::Null,
        Variable::Bool(bool) => Value::Bool(*bool),
        Variable::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(integer), _, _) => Value::I64(integer),
            (None, Some(integer), _) => Value::U64(integer),
            (None, None, Some(float)) => Value::F64(float),
            (None, None, None) => Value::Null,
        },
        Variable::String(text) => Value::from(text.as_str()),
        Variable::Array(elements) => {
            let elements = elements.iter().map(|it| nested(|| into_value(it, room)));
            Value::from(elements.collect::<Result<Vec<_>, _>>()?)
        }
        Variable::Object(members) => {
            let mut object = Vec::with_capacity(members.len());
            for (key, value) in members {
                room.take(key.len())?;
                object.push((Text::from(key), nested(|| into_value(value, room))?));
            }
            Value::Object(Object::from_ascending(object))
        }
    })
}
