//! Between the values of messages and those of jq.

use std::borrow::Cow;

use bytes::Bytes;
use jaq_json::{Map, Num, Rc, Val};
use millrace_message::json::DEPTH_MAX;
use millrace_message::{Error, Metadata, Object, Text, Value};

use crate::processors::program::{Room, nested};

/// From here on not every integer is a float.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

fn too_deep() -> Error {
    Error::rejected(format!("the value nests deeper than {DEPTH_MAX} levels"))
}

/// # Errors
/// The value nests deeper than documents may.
pub(super) fn of_value(value: &Value, depth: usize) -> Result<Val, Error> {
    if depth > DEPTH_MAX {
        return Err(too_deep());
    }
    Ok(match value {
        Value::Null => Val::Null,
        Value::Bool(bool) => Val::Bool(*bool),
        Value::I64(integer) => Val::Num(Num::from_integral(*integer)),
        Value::U64(integer) => Val::Num(Num::from_integral(*integer)),
        Value::F64(float) => of_float(*float),
        Value::Number(number) => match Num::from_str_radix(number.as_str(), 10) {
            Some(integer) => Val::Num(integer),
            None => number.as_f64().map_or(Val::Null, of_float),
        },
        Value::String(text) => of_text(text),
        Value::Bytes(bytes) => Val::utf8_str(bytes.as_ref().clone()),
        Value::Timestamp(_) => of_text(&value.to_text()),
        Value::Array(array) => {
            let elements = array.iter().map(|it| nested(|| of_value(&it, depth + 1)));
            Val::Arr(Rc::new(elements.collect::<Result<_, _>>()?))
        }
        Value::Object(object) => {
            let member = |(key, it): (Text, Cow<'_, Value>)| {
                Ok((of_text(&key), nested(|| of_value(&it, depth + 1))?))
            };
            Val::obj(object.entries().map(member).collect::<Result<_, Error>>()?)
        }
    })
}

/// # Errors
/// As [`of_value`].
pub(super) fn of_metadata(metadata: &Metadata) -> Result<Val, Error> {
    let member = |(name, value): (&Text, &Value)| Ok((of_text(name), of_value(value, 0)?));
    Ok(Val::obj(
        metadata
            .iter()
            .map(member)
            .collect::<Result<Map, Error>>()?,
    ))
}

fn of_text(text: &str) -> Val {
    Val::utf8_str(Bytes::copy_from_slice(text.as_bytes()))
}

/// A float without a fraction is an integer: jq writes it without a point.
fn of_float(float: f64) -> Val {
    let is_integer = float.fract() == 0.0
        && float.abs() < EXACT_MAX
        && !(float == 0.0 && float.is_sign_negative());
    match is_integer {
        true => Val::Num(Num::from_integral(float as i64)),
        false => Val::Num(Num::Float(float)),
    }
}

/// # Errors
/// There is no room for the value, it nests deeper than documents may, or an object has keys that
/// are no texts.
pub(super) fn into_value(val: Val, depth: usize, room: &mut Room) -> Result<Value, Error> {
    if depth > DEPTH_MAX {
        return Err(too_deep());
    }
    room.take(match &val {
        Val::TStr(text) | Val::BStr(text) => text.len(),
        _ => 0,
    })?;
    Ok(match val {
        Val::Null => Value::Null,
        Val::Bool(bool) => Value::Bool(bool),
        Val::Num(number) => into_number(&number),
        Val::BStr(bytes) => Value::from(*bytes),
        Val::TStr(text) => Value::String(into_text(&text)),
        Val::Arr(array) => {
            let mut elements = Vec::with_capacity(array.len());
            for element in array.iter() {
                elements.push(nested(|| into_value(element.clone(), depth + 1, room))?);
            }
            Value::from(elements)
        }
        Val::Obj(object) => {
            let mut members = Vec::with_capacity(object.len());
            for (key, value) in object.iter() {
                let Val::TStr(key) = key else {
                    return Err(Error::rejected("an object has a key that is no text"));
                };
                room.take(key.len())?;
                members.push((
                    into_text(key),
                    nested(|| into_value(value.clone(), depth + 1, room))?,
                ));
            }
            Value::Object(members.into_iter().collect::<Object>())
        }
    })
}

fn into_text(bytes: &Bytes) -> Text {
    Text::from_bytes(bytes).unwrap_or_else(|_| Text::from(String::from_utf8_lossy(bytes).as_ref()))
}

fn into_number(number: &Num) -> Value {
    let of_float = |float: f64| match float {
        float if float.is_nan() => Value::Null,
        // As jq writes what is infinite.
        float => Value::F64(float.clamp(f64::MIN, f64::MAX)),
    };
    match number {
        Num::Int(integer) => Value::I64(*integer as i64),
        Num::Float(float) => of_float(*float),
        Num::Dec(text) => of_float(text.parse().unwrap_or(f64::NAN)),
        Num::BigInt(integer) => {
            Value::parse_json(integer.to_string().into()).unwrap_or(Value::Null)
        }
    }
}
