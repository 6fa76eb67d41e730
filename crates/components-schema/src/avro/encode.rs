//! From a value to the binary encoding.
//!
//! What defaults add to a message is bounded, and so is the work for types of unions that do not fit.

use std::borrow::Cow;

use bytes::Bytes;
use jiff::Zoned;
use millrace_message::{Object, Text, Value};

use super::schema::{Decimal, DefaultValue, Enum, Id, Int, Kind, Long, Record, Schema};
use super::{AvroError, DEPTH_MAX, Form, Result, decimal, nested, shown};

mod unions;

/// How many values may be written in vain while the types of unions are tried.
const TRIES_MAX: usize = 1 << 20;
/// How many bytes the defaults of one message may have.
const DEFAULTS_MAX: usize = 16 << 20;
/// How many bytes one default may have.
const DEFAULT_MAX: usize = 1 << 20;
/// What Go writes for the float that is no number.
const NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0001);

/// Appends the binary encoding of a value.
///
/// # Errors
/// The value is not of the schema, or nests deeper than 1,000 levels; more work would be needed to
/// find that out than is done. What was appended until then is removed.
pub fn encode(schema: &Schema, value: &Value, form: Form, out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    let mut writer = Writer {
        schema,
        rules: Rules::Form(form),
        out,
        written: 0,
        tried: 0,
        default_bytes: 0,
    };
    let result = writer.value(schema.root, value, 0);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// What the defaults of a schema have cost so far.
#[derive(Default)]
pub(super) struct Defaults {
    tried: usize,
    bytes: usize,
}

/// The binary encoding of a default.
///
/// # Errors
/// It is not of its type, or the defaults of the schema are too large.
pub(super) fn default(
    schema: &Schema,
    id: Id,
    json: &Value,
    spent: &mut Defaults,
) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut writer = Writer {
        schema,
        rules: Rules::Default,
        out: &mut out,
        written: 0,
        tried: spent.tried,
        default_bytes: spent.bytes,
    };
    writer.value(id, json, 0)?;
    // What is written here is work, too: a default may hold the defaults of many records.
    spent.tried = writer.tried + writer.written;
    spent.bytes = writer.default_bytes + writer.out.len();
    Ok(out)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rules {
    Form(Form),
    /// Defaults in a schema: the first type of a union that fits, and no compiled defaults yet.
    Default,
}

struct Writer<'s, 'o> {
    schema: &'s Schema,
    rules: Rules,
    out: &'o mut Vec<u8>,
    written: usize,
    tried: usize,
    default_bytes: usize,
}

/// Appends an integer in variable length.
pub(super) fn write_long(value: i64, out: &mut Vec<u8>) {
    let mut rest = (value << 1 ^ value >> 63) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn expected<T>(what: &str, value: &Value) -> Result<T> {
    let text = format!("expected {what}, found {}", shown(value));
    Err(AvroError::new(text))
}

impl<'s> Writer<'s, '_> {
    fn is_native(&self) -> bool {
        self.rules == Rules::Form(Form::Native)
    }

    fn length(&mut self, length: usize) {
        write_long(length as i64, self.out);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.out.extend_from_slice(bytes);
    }

    fn value(&mut self, id: Id, value: &Value, depth: usize) -> Result<()> {
        if depth > DEPTH_MAX {
            return Err(AvroError::too_deep());
        }
        self.written += 1;
        self.check_defaults()?;
        let schema = self.schema;
        match &schema.get(id).kind {
            Kind::Null => match value {
                Value::Null => {}
                other => return expected("null", other),
            },
            Kind::Boolean => match value {
                Value::Bool(bool) => self.out.push(u8::from(*bool)),
                other => return expected("a boolean", other),
            },
            Kind::Int(of) => {
                let number = self.integer(value, int_unit(*of))?;
                self.check_time_of_day(number, int_day(*of), value)?;
                let Ok(number) = i32::try_from(number) else {
                    return expected("a 32-bit integer", value);
                };
                write_long(i64::from(number), self.out);
            }
            Kind::Long(of) => {
                let number = self.integer(value, long_unit(*of))?;
                self.check_time_of_day(number, long_day(*of), value)?;
                write_long(number, self.out);
            }
            Kind::Float => {
                let float = self.float(value)? as f32;
                self.out.extend_from_slice(&float.to_le_bytes());
            }
            Kind::Double => {
                let float = self.float(value)?;
                self.out.extend_from_slice(&float.to_le_bytes());
            }
            Kind::Bytes => {
                let bytes = self.opaque(value)?;
                self.bytes(&bytes);
            }
            Kind::DecimalBytes(of) => {
                let bytes = self.decimal(value, *of)?;
                let bytes = decimal::shortest(&bytes);
                self.bytes(bytes);
            }
            Kind::String => match self.text(value) {
                Some(text) => self.bytes(&text),
                None => return expected("a string", value),
            },
            Kind::Fixed(size) => {
                let bytes = self.opaque(value)?;
                if bytes.len() != *size {
                    let text = format!("expected {size} bytes, found {}", bytes.len());
                    return Err(AvroError::new(text));
                }
                self.out.extend_from_slice(&bytes);
            }
            Kind::DecimalFixed(size, of) => {
                let bytes = self.decimal(value, *of)?;
                let Some(bytes) = decimal::extended(&bytes, *size) else {
                    return expected(&format!("a decimal of {size} bytes"), value);
                };
                self.out.extend_from_slice(&bytes);
            }
            Kind::Enum(of) => self.symbol(of, value)?,
            Kind::Array(items) => nested(|| self.array(*items, value, depth))?,
            Kind::Map(values) => nested(|| self.map(*values, value, depth))?,
            Kind::Record(record) => nested(|| self.record(record, value, depth))?,
            Kind::Union(union) => nested(|| self.union(union, value, depth))?,
        }
        Ok(())
    }

    /// What defaults cost while they are compiled has a bound of its own.
    fn check_defaults(&self) -> Result<()> {
        let work = self.written + self.tried;
        let is_too_much = self.rules == Rules::Default
            && (work > TRIES_MAX
                || self.out.len() > DEFAULT_MAX
                || self.default_bytes > DEFAULTS_MAX);
        match is_too_much {
            true => Err(AvroError::new("the defaults of the schema are too large")),
            false => Ok(()),
        }
    }

    /// An integer; a point in time where the type is one, in the unit of the type.
    fn integer(&self, value: &Value, unit: Option<i128>) -> Result<i64> {
        let number = match value {
            Value::I64(integer) => Some(*integer),
            Value::U64(integer) => i64::try_from(*integer).ok(),
            Value::F64(float) => whole(*float),
            Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
            Value::Timestamp(at) if self.is_native() => unit.and_then(|it| since_1970(at, it)),
            _ => None,
        };
        match number {
            Some(number) => Ok(number),
            None if unit.is_some() => expected("an integer or a timestamp", value),
            None => expected("an integer", value),
        }
    }

    /// Natively a time of day lies within a `day`, in its unit: one in another unit, such as the
    /// nanoseconds that were read, mostly does not. In JSON both directions have the same unit.
    fn check_time_of_day(&self, number: i64, day: Option<i64>, value: &Value) -> Result<()> {
        // A schema whose own default lies outside still reads what others wrote by it.
        let is_checked = self.is_native() && self.rules != Rules::Default;
        match day {
            Some(day) if is_checked && !(0..day).contains(&number) => {
                expected(&format!("a time of day, 0 to {}", day - 1), value)
            }
            _ => Ok(()),
        }
    }

    fn float(&self, value: &Value) -> Result<f64> {
        let is_lossy = |integer: i64| self.is_native() && (integer as f64) as i64 != integer;
        match value {
            Value::I64(integer) if is_lossy(*integer) => {
                expected("a number that a float can hold", value)
            }
            Value::I64(_) | Value::U64(_) | Value::F64(_) => {
                Ok(value.as_f64().expect("all three are numbers"))
            }
            // Numbers beyond the range stand for what is infinite, as 1e999 does.
            Value::Number(number) => match number.as_str().parse() {
                Ok(float) => Ok(float),
                Err(_) => expected("a number", value),
            },
            Value::Null if !self.is_native() => Ok(NAN),
            other => expected("a number", other),
        }
    }

    /// The text of a value as it would stand in JSON; natively the bytes of text or bytes.
    fn text<'v>(&self, value: &'v Value) -> Option<Cow<'v, [u8]>> {
        match value {
            Value::String(text) => Some(Cow::Borrowed(text.as_bytes())),
            Value::Bytes(bytes) if self.is_native() => Some(Cow::Borrowed(bytes)),
            Value::Bytes(_) | Value::Timestamp(_) if !self.is_native() => {
                let json = value.to_json();
                let inner = json.get(1..json.len().saturating_sub(1));
                Some(Cow::Owned(inner.unwrap_or_default().to_vec()))
            }
            _ => None,
        }
    }

    /// Bytes: natively text is its own bytes, in JSON each character is the byte of its number.
    fn opaque<'v>(&self, value: &'v Value) -> Result<Cow<'v, [u8]>> {
        let Some(text) = self.text(value) else {
            return expected("bytes", value);
        };
        if self.is_native() || text.is_ascii() {
            return Ok(text);
        }
        let text = std::str::from_utf8(&text)
            .map_err(|_| AvroError::new("expected bytes, found text that is no UTF-8"))?;
        let bytes = text.chars().map(|it| u8::try_from(u32::from(it)));
        match bytes.collect::<std::result::Result<Vec<u8>, _>>() {
            Ok(bytes) => Ok(Cow::Owned(bytes)),
            Err(_) => Err(AvroError::new(
                "the text of bytes has a character above U+00FF, and each one stands for a byte",
            )),
        }
    }

    fn decimal<'v>(&self, value: &'v Value, of: Decimal) -> Result<Cow<'v, [u8]>> {
        let bytes = match value {
            value if !self.is_native() => self.opaque(value)?,
            Value::String(_) | Value::I64(_) | Value::U64(_) | Value::F64(_) | Value::Number(_) => {
                Cow::Owned(decimal::from_text(&value.to_text(), of.scale)?)
            }
            other => return expected("a decimal", other),
        };
        // A schema whose own default is too long still reads what others wrote by it.
        if self.rules != Rules::Default {
            decimal::check_precision(&bytes, of)?;
        }
        Ok(bytes)
    }

    fn symbol(&mut self, of: &Enum, value: &Value) -> Result<()> {
        let Value::String(symbol) = value else {
            return expected("a symbol", value);
        };
        match find(&of.ordered, symbol, |place| &of.symbols[place as usize]) {
            Some(place) => {
                write_long(i64::from(place), self.out);
                Ok(())
            }
            None => expected("a symbol of the enum", value),
        }
    }

    fn array(&mut self, items: Id, value: &Value, depth: usize) -> Result<()> {
        let Value::Array(array) = value else {
            return expected("an array", value);
        };
        let length = array.len();
        if length > 0 {
            self.length(length);
            for (index, item) in array.iter().enumerate() {
                self.value(items, &item, depth + 1)
                    .map_err(|error| error.below(format!("[{index}]")))?;
            }
        }
        self.out.push(0);
        Ok(())
    }

    fn map(&mut self, values: Id, value: &Value, depth: usize) -> Result<()> {
        let Value::Object(object) = value else {
            return expected("an object", value);
        };
        let length = object.len();
        if length > 0 {
            self.length(length);
            for (key, member) in object {
                self.bytes(key.as_bytes());
                self.value(values, &member, depth + 1)
                    .map_err(|error| error.below(format!("[{:?}]", key.as_str())))?;
            }
        }
        self.out.push(0);
        Ok(())
    }

    fn record(&mut self, record: &'s Record, value: &Value, depth: usize) -> Result<()> {
        let Value::Object(object) = value else {
            return expected("an object", value);
        };
        let members = self.members(record, object)?;
        for (field, member) in record.fields.iter().zip(members) {
            let result = match (member, &field.default) {
                (Some(member), _) => self.value(field.schema, &member, depth + 1),
                (None, Some(default)) => self.default(default, field.schema, depth),
                (None, None) => Err(AvroError::new("it is missing, and has no default")),
            };
            result.map_err(|error| error.below(format!(".{}", field.name)))?;
        }
        Ok(())
    }

    /// The members of an object in the order of the fields. Natively others are passed over.
    fn members<'v>(
        &self,
        record: &Record,
        object: &'v Object,
    ) -> Result<Vec<Option<Cow<'v, Value>>>> {
        let fields = &record.fields;
        let mut members: Vec<Option<Cow<'v, Value>>> = vec![None; fields.len()];
        for (key, member) in object {
            let name = |place: u32| &fields[place as usize].name;
            match find(&record.ordered, &key, name) {
                Some(place) => members[place as usize] = Some(member),
                None if self.is_native() => {}
                None => {
                    let key: String = key.chars().take(80).collect();
                    let text = format!("the schema has no field `{key}`");
                    return Err(AvroError::new(text));
                }
            }
        }
        Ok(members)
    }

    fn default(&mut self, default: &DefaultValue, id: Id, depth: usize) -> Result<()> {
        let Some(bytes) = &default.bytes else {
            let rules = std::mem::replace(&mut self.rules, Rules::Default);
            let result = self.value(id, &default.json, depth + 1);
            self.rules = rules;
            return result;
        };
        self.default_bytes += bytes.len();
        if self.default_bytes > DEFAULTS_MAX {
            return Err(AvroError::new(format!(
                "the defaults of one message are larger than {DEFAULTS_MAX} bytes"
            )));
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }
}

/// The place whose text is `name`, among places in the order of their texts.
fn find<'t>(ordered: &[u32], name: &str, text: impl Fn(u32) -> &'t Text) -> Option<u32> {
    let found = ordered.binary_search_by(|place| text(*place).as_str().cmp(name));
    found.ok().map(|index| ordered[index])
}

/// Nanoseconds of what an int counts since 1970.
fn int_unit(of: Int) -> Option<i128> {
    match of {
        Int::Date => Some(86_400 * 1_000_000_000),
        Int::Number | Int::TimeMillis => None,
    }
}

/// Nanoseconds of what a long counts since 1970.
fn long_unit(of: Long) -> Option<i128> {
    match of {
        Long::TimestampMillis => Some(1_000_000),
        Long::TimestampMicros => Some(1_000),
        Long::Number | Long::TimeMicros => None,
    }
}

/// How many units of an int are a day, where it is a time of day.
fn int_day(of: Int) -> Option<i64> {
    (of == Int::TimeMillis).then_some(86_400_000)
}

/// The same of a long.
fn long_day(of: Long) -> Option<i64> {
    (of == Long::TimeMicros).then_some(86_400_000_000)
}

fn since_1970(at: &Zoned, unit: i128) -> Option<i64> {
    let count = at.timestamp().as_nanosecond().div_euclid(unit);
    i64::try_from(count).ok()
}

/// A float without a fraction, in the range of an integer.
fn whole(float: f64) -> Option<i64> {
    // The float next to the largest integer is one above it.
    let is_whole = float.fract() == 0.0 && (-(2f64.powi(63))..2f64.powi(63)).contains(&float);
    is_whole.then_some(float as i64)
}

/// Bytes of a message in the single object encoding.
pub(crate) fn encode_single(schema: &Schema, value: &Value, form: Form) -> Result<Bytes> {
    let mut out = schema.single_header().to_vec();
    encode(schema, value, form, &mut out)?;
    Ok(out.into())
}
