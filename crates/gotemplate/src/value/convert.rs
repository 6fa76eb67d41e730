//! Values of messages as those of templates, and back.

use std::rc::Rc;

use millrace_message::{Array, Number, Object, Text, Value};

use super::{DEPTH_MAX, Element, List, Map, Str, Val, nested};
use crate::Fault;
use crate::meter::Meter;

/// About what a value of a container takes, in bytes, with the container that it may be.
const VALUE: usize = size_of::<Value>() + 40;

/// What numbers of a document are in Go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Numbers {
    /// Texts with the type `json.Number`: those of a payload.
    Texts,
    /// `float64`: those that `fromJson` reads.
    Floats,
    /// What they are: those that a mapping computed.
    Typed,
}

impl Numbers {
    fn of(value: &Value) -> Self {
        match value.is_built() {
            true => Self::Typed,
            false => Self::Texts,
        }
    }
}

impl Val {
    /// A payload.
    pub fn of_payload(value: &Value, meter: &Rc<Meter>) -> Result<Self, Fault> {
        Self::of_document(value, Numbers::of(value), meter)
    }

    /// A value that a mapping gave.
    pub fn of_mapping(value: &Value, meter: &Rc<Meter>) -> Result<Self, Fault> {
        Self::of_document(value, Numbers::Typed, meter)
    }

    /// A value of a document. Lists whose maps may be changed are made at once.
    pub fn of_document(value: &Value, numbers: Numbers, meter: &Rc<Meter>) -> Result<Self, Fault> {
        let within = |value: &Value| match numbers {
            Numbers::Floats => Numbers::Floats,
            _ => Numbers::of(value),
        };
        Ok(match value {
            Value::Object(object) => {
                Val::Map(Map::of_document(object.clone(), within(value), meter))
            }
            Value::Array(array) if meter.changes_maps => {
                let numbers = within(value);
                meter.step(array.len())?;
                meter.room(array.len() * size_of::<Val>())?;
                let values: Result<_, _> = array
                    .iter()
                    .map(|value| nested(|| Self::of_document(&value, numbers, meter)))
                    .collect();
                Val::List(List::made(values?, Element::Any, meter)?)
            }
            Value::Array(array) => Val::List(List::Document(
                array.clone(),
                within(value),
                Rc::clone(meter),
            )),
            scalar => Self::scalar(scalar, numbers),
        })
    }

    fn scalar(value: &Value, numbers: Numbers) -> Self {
        let typed = match value {
            Value::I64(integer) => Val::Int64(*integer),
            Value::U64(integer) => Val::Uint64(*integer),
            Value::F64(float) => Val::Float(*float),
            Value::Number(number) => Val::JsonNumber(Text::from(number.as_str())),
            Value::Bool(bool) => return Val::Bool(*bool),
            Value::String(text) => return Val::Str(Str::Text(text.clone())),
            Value::Bytes(bytes) => return Val::Bytes(bytes.as_ref().clone()),
            Value::Timestamp(at) => return Val::Time(at.clone()),
            Value::Null | Value::Array(_) | Value::Object(_) => return Val::Nil,
        };
        match numbers {
            Numbers::Typed => typed,
            Numbers::Floats => Val::Float(value.as_f64().unwrap_or(f64::INFINITY)),
            Numbers::Texts => match typed {
                Val::JsonNumber(_) => typed,
                _ => Val::JsonNumber(value.to_text()),
            },
        }
    }

    /// The value as one of messages; what messages do not have becomes a text.
    ///
    /// # Errors
    /// It nests too deep, or is too large.
    pub fn to_value(&self, meter: &Meter) -> Result<Value, Fault> {
        self.to_value_at(meter, &mut 0, 0)
    }

    /// `made`: what the values take that were made so far; lists may hold another one many times, and
    /// each time becomes a value of its own.
    fn to_value_at(&self, meter: &Meter, made: &mut usize, depth: usize) -> Result<Value, Fault> {
        meter.step(1)?;
        *made += VALUE;
        meter.room(*made)?;
        if depth > DEPTH_MAX {
            return Err(Fault::new(format!(
                "the value nests deeper than {DEPTH_MAX} levels"
            )));
        }
        Ok(match self {
            Val::Missing | Val::Nil | Val::List(List::Nothing(_)) => Value::Null,
            Val::Bool(bool) => Value::Bool(*bool),
            Val::Int(integer) | Val::Int64(integer) => Value::I64(*integer),
            Val::Uint64(integer) => Value::U64(*integer),
            Val::Uint8(integer) => Value::I64(i64::from(*integer)),
            Val::Month(number) | Val::Weekday(number) => Value::I64(i64::from(*number)),
            Val::Float(float) => Value::F64(*float),
            Val::JsonNumber(text) => match Number::parse(text) {
                Some(number) => match number.as_i64() {
                    Some(integer) => Value::I64(integer),
                    None => Value::Number(number),
                },
                None => Value::String(text.clone()),
            },
            Val::Str(text) => Value::String(text.to_text()),
            Val::Bytes(bytes) => Value::from(bytes.clone()),
            Val::Time(at) => Value::Timestamp(at.clone()),
            Val::Version(version) => Value::from(version.to_string()),
            Val::List(List::Document(array, numbers, _)) if *numbers != Numbers::Floats => {
                Value::Array(array.clone())
            }
            Val::List(list) => {
                let values: Result<Vec<Value>, Fault> = list
                    .values(meter)?
                    .iter()
                    .map(|value| nested(|| value.to_value_at(meter, made, depth + 1)))
                    .collect();
                Value::Array(Array::from(values?))
            }
            Val::Map(map) => {
                if let Some((object, numbers)) = map.document()
                    && numbers != Numbers::Floats
                {
                    return Ok(Value::Object(object));
                }
                let members: Result<Vec<(Text, Value)>, Fault> = map
                    .entries()?
                    .into_iter()
                    .map(|(key, value)| {
                        nested(|| Ok((key, value.to_value_at(meter, made, depth + 1)?)))
                    })
                    .collect();
                Value::Object(Object::from_ascending(members?))
            }
        })
    }
}
