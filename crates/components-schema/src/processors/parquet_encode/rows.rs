//! Rows, taken apart into columns: the values of each, and two levels for every value or null.

use std::borrow::Cow;

use millrace_message::{Error, Object, Text, Value};
use parquet::data_type::ByteArray;

use super::columns::{ColumnType, Columns, Field, Leaf, Occurs, Shape};

/// The longest value that an error shows, in bytes.
const SHOWN_MAX: usize = 100;

/// The rows of a batch.
pub(super) struct Rows<'a> {
    columns: &'a Columns,
    pub data: Vec<Data>,
}

/// A column of values.
pub(super) struct Data {
    leaf: Leaf,
    pub values: Values,
    definition: Vec<i16>,
    repetition: Vec<i16>,
}

pub(super) enum Values {
    Bool(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Bytes(Vec<ByteArray>),
}

/// The levels of a value: how many of the columns around it are there, and which of them goes on.
#[derive(Clone, Copy)]
struct At {
    definition: i16,
    repetition: i16,
}

impl At {
    fn within(self) -> Self {
        let definition = self.definition + 1;
        Self { definition, ..self }
    }

    /// The place of an element: all but the first go on with the array.
    fn element(self, index: usize, level: i16) -> Self {
        Self {
            definition: self.definition + 1,
            repetition: if index == 0 { self.repetition } else { level },
        }
    }
}

impl<'a> Rows<'a> {
    pub fn new(columns: &'a Columns, count: usize) -> Self {
        let data = columns.leaves.iter().map(|leaf| Data::new(*leaf, count));
        Self {
            columns,
            data: data.collect(),
        }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// It is no object, or a value does not fit its column.
    pub fn push(&mut self, row: &Value) -> Result<(), Error> {
        let Some(row) = row.as_object() else {
            return Err(Error::rejected(format!(
                "a row is an object, and this is of the type {}",
                row.kind()
            )));
        };
        let at = At {
            definition: 0,
            repetition: 0,
        };
        let columns = self.columns;
        self.group(&columns.fields, Some(row), at)
            .map_err(|unfit| Error::rejected(unfit.text()))
    }

    fn group(&mut self, fields: &[Field], row: Option<&Object>, at: At) -> Result<(), Unfit> {
        for field in fields {
            let value = row.and_then(|row| row.get(&field.name));
            let value = value.as_deref().filter(|value| !value.is_null());
            self.field(field, value, at)
                .map_err(|unfit| unfit.of(&field.name))?;
        }
        Ok(())
    }

    /// Adds a column of a row, which may be missing.
    fn field(&mut self, field: &Field, value: Option<&Value>, at: At) -> Result<(), Unfit> {
        match (field.occurs, value) {
            (Occurs::Once, value) => self.body(field, value, at),
            (Occurs::Optionally | Occurs::Repeatedly(_), None) => {
                self.nulls(field, at);
                Ok(())
            }
            (Occurs::Optionally, value) => self.body(field, value, at.within()),
            (Occurs::Repeatedly(level), Some(value)) => {
                self.elements(field, value, at, |rows, index, element| {
                    rows.body(field, element, at.element(index, level))
                })
            }
        }
    }

    /// Adds what a column is; nothing is the zero of its type.
    fn body(&mut self, field: &Field, value: Option<&Value>, at: At) -> Result<(), Unfit> {
        match (&field.shape, value) {
            (Shape::Leaf(index), value) => self.data[*index].push(value, at),
            (Shape::Group(fields), value) => {
                let row = value.map(|it| it.as_object().ok_or_else(|| unfit("an object", it)));
                self.group(fields, row.transpose()?, at)
            }
            (Shape::List(..) | Shape::Map(..), None) => {
                self.nulls(field, at);
                Ok(())
            }
            (Shape::List(level, inner), Some(value)) => {
                self.elements(field, value, at, |rows, index, element| {
                    rows.field(inner, element, at.element(index, *level))
                })
            }
            (Shape::Map(level, inner), Some(value)) => {
                let members = value.as_object().ok_or_else(|| unfit("an object", value))?;
                if members.is_empty() {
                    self.nulls(field, at);
                }
                let [key, inner] = &**inner;
                for (index, (name, value)) in members.entries().enumerate() {
                    let at = at.element(index, *level);
                    self.field(key, Some(&Value::String(name.clone())), at)?;
                    let value = Some(&*value).filter(|value| !value.is_null());
                    self.field(inner, value, at).map_err(|it| it.of(&name))?;
                }
                Ok(())
            }
        }
    }

    /// Adds each element of an array.
    fn elements(
        &mut self,
        field: &Field,
        value: &Value,
        at: At,
        mut each: impl FnMut(&mut Self, usize, Option<&Value>) -> Result<(), Unfit>,
    ) -> Result<(), Unfit> {
        let array = value.as_array().ok_or_else(|| unfit("an array", value))?;
        if array.is_empty() {
            self.nulls(field, at);
        }
        for (index, element) in array.iter().enumerate() {
            let element: Cow<'_, Value> = element;
            let element = Some(&*element).filter(|element| !element.is_null());
            each(self, index, element).map_err(|unfit| unfit.at(index))?;
        }
        Ok(())
    }

    /// Adds a null to every leaf of a column that is not there.
    fn nulls(&mut self, field: &Field, at: At) {
        for data in &mut self.data[field.leaves.clone()] {
            data.level(at);
        }
    }
}

impl Data {
    fn new(leaf: Leaf, count: usize) -> Self {
        let levels = |maximum: i16| Vec::with_capacity(if maximum > 0 { count } else { 0 });
        Self {
            leaf,
            values: match leaf.kind {
                ColumnType::Boolean => Values::Bool(Vec::with_capacity(count)),
                ColumnType::Int8
                | ColumnType::Int16
                | ColumnType::Int32
                | ColumnType::Decimal32 => Values::Int32(Vec::with_capacity(count)),
                ColumnType::Int64 | ColumnType::Decimal64 => {
                    Values::Int64(Vec::with_capacity(count))
                }
                ColumnType::Float => Values::Float(Vec::with_capacity(count)),
                ColumnType::Double => Values::Double(Vec::with_capacity(count)),
                ColumnType::ByteArray
                | ColumnType::Utf8
                | ColumnType::Map
                | ColumnType::List
                | ColumnType::Struct => Values::Bytes(Vec::with_capacity(count)),
            },
            definition: levels(leaf.definition_max),
            repetition: levels(leaf.repetition_max),
        }
    }

    /// The definition levels, where there are other ones than 0.
    pub fn definition(&self) -> Option<&[i16]> {
        (self.leaf.definition_max > 0).then_some(&self.definition)
    }

    /// The repetition levels, where there are other ones than 0.
    pub fn repetition(&self) -> Option<&[i16]> {
        (self.leaf.repetition_max > 0).then_some(&self.repetition)
    }

    fn level(&mut self, at: At) {
        if self.leaf.definition_max > 0 {
            self.definition.push(at.definition);
        }
        if self.leaf.repetition_max > 0 {
            self.repetition.push(at.repetition);
        }
    }

    fn push(&mut self, value: Option<&Value>, at: At) -> Result<(), Unfit> {
        let leaf = self.leaf;
        match &mut self.values {
            Values::Bool(values) => values.push(match value {
                None => false,
                Some(value) => value.as_bool().ok_or_else(|| unfit("a boolean", value))?,
            }),
            Values::Int32(values) => {
                let (range, name) = match leaf.kind {
                    ColumnType::Int8 => (i64::from(i8::MIN)..=i64::from(i8::MAX), "8"),
                    ColumnType::Int16 => (i64::from(i16::MIN)..=i64::from(i16::MAX), "16"),
                    _ => (i64::from(i32::MIN)..=i64::from(i32::MAX), "32"),
                };
                let integer = leaf.in_precision(integer(value, name)?, value)?;
                let fits = range.contains(&integer);
                values.push(match i32::try_from(integer) {
                    Ok(integer) if fits => integer,
                    _ => return Err(Unfit::range(name, value)),
                });
            }
            Values::Int64(values) => {
                values.push(leaf.in_precision(integer(value, "64")?, value)?);
            }
            Values::Float(values) => values.push(narrow(float(value)?, value)?),
            Values::Double(values) => values.push(float(value)?),
            Values::Bytes(values) => {
                let bytes = bytes(value, leaf.kind)?;
                values.push(ByteArray::from(bytes));
            }
        }
        self.level(at);
        Ok(())
    }
}

impl Leaf {
    /// The integer, which has no more digits than a column of decimals says: a reader that makes room
    /// for so many would lose some.
    fn in_precision(&self, integer: i64, value: Option<&Value>) -> Result<i64, Unfit> {
        let is_decimal = matches!(self.kind, ColumnType::Decimal32 | ColumnType::Decimal64);
        // There are 18 at most.
        let end = 10_u64.pow(self.precision.clamp(0, 18).unsigned_abs());
        match is_decimal && integer.unsigned_abs() >= end {
            true => Err(Unfit::of_precision(self.precision, value)),
            false => Ok(integer),
        }
    }
}

/// An integer of 64 bits; the fraction of a float is cut off.
fn integer(value: Option<&Value>, bits: &str) -> Result<i64, Unfit> {
    let Some(value) = value else {
        return Ok(0);
    };
    let exact = match value {
        Value::I64(integer) => Some(*integer),
        Value::U64(integer) => i64::try_from(*integer).ok(),
        Value::Number(number) => number.as_i64(),
        _ => None,
    };
    if let Some(integer) = exact {
        return Ok(integer);
    }
    let float = value
        .as_f64()
        .ok_or_else(|| unfit("a number", value))?
        .trunc();
    // The upper bound is the first float that is no integer of 64 bits.
    match (-(2_f64.powi(63))..2_f64.powi(63)).contains(&float) {
        true => Ok(float as i64),
        false => Err(Unfit::range(bits, Some(value))),
    }
}

fn float(value: Option<&Value>) -> Result<f64, Unfit> {
    match value {
        None => Ok(0.0),
        Some(value) => value.as_f64().ok_or_else(|| unfit("a number", value)),
    }
}

/// A float of 32 bits; what is infinite stays so.
fn narrow(float: f64, value: Option<&Value>) -> Result<f32, Unfit> {
    let narrow = float as f32;
    match narrow.is_infinite() && float.is_finite() {
        true => Err(Unfit::out_of("a float of 32 bits", value)),
        false => Ok(narrow),
    }
}

fn bytes(value: Option<&Value>, kind: ColumnType) -> Result<Vec<u8>, Unfit> {
    let Some(value) = value else {
        return Ok(Vec::new());
    };
    let bytes = value.as_bytes().ok_or_else(|| unfit("a text", value))?;
    if kind == ColumnType::Utf8 && std::str::from_utf8(bytes).is_err() {
        return Err(unfit("a text of UTF-8", value));
    }
    Ok(bytes.to_vec())
}

/// A value that does not fit its column.
#[derive(Debug)]
struct Unfit {
    /// The way to it, innermost step first.
    path: Vec<String>,
    complaint: String,
}

fn unfit(wanted: &str, value: &Value) -> Unfit {
    Unfit {
        path: Vec::new(),
        complaint: format!("expected {wanted}, and this is {}", shown(value)),
    }
}

impl Unfit {
    fn range(bits: &str, value: Option<&Value>) -> Self {
        Self::out_of(&format!("an integer of {bits} bits"), value)
    }

    fn out_of(what: &str, value: Option<&Value>) -> Self {
        let value = value.map_or_else(String::new, shown);
        Self {
            path: Vec::new(),
            complaint: format!("{value} is out of the range of {what}"),
        }
    }

    fn of_precision(precision: i32, value: Option<&Value>) -> Self {
        let value = value.map_or_else(String::new, shown);
        Self {
            path: Vec::new(),
            complaint: format!(
                "{value} has more digits than its `decimal_precision`, which is {precision}"
            ),
        }
    }

    fn of(mut self, name: &Text) -> Self {
        self.path.push(name.to_string());
        self
    }

    fn at(mut self, index: usize) -> Self {
        self.path.push(index.to_string());
        self
    }

    fn text(&self) -> String {
        let steps: Vec<&str> = self.path.iter().rev().map(String::as_str).collect();
        format!("column `{}`: {}", steps.join("."), self.complaint)
    }
}

/// The start of a value.
fn shown(value: &Value) -> String {
    let mut text = String::from_utf8_lossy(&value.to_json()).into_owned();
    if text.len() > SHOWN_MAX {
        let mut end = SHOWN_MAX;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str("...");
    }
    text
}
