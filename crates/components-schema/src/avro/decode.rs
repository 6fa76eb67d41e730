//! From the binary encoding to a value.
//!
//! No length is believed: a text, bytes and a fixed lie within the message, and values that take no
//! bytes at all, which an array can have any number of, are counted.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use millrace_formats::Room;
use millrace_message::{Array, Number, Object, Text, Value};

use super::schema::{Decimal, Id, Int, Kind, Long, Record, Schema};
use super::{AvroError, DEPTH_MAX, Form, Result, decimal, nested};
use crate::lent::Lent;

/// How many values without bytes a message may make, beside one for each of its bytes.
const EMPTY_MIN: usize = 1 << 16;
/// For how many fields of records within each other room is made.
const FIELDS_MAX: usize = 1 << 20;
/// For how many items room is made at once: blocks may claim any number of those without bytes.
const ROOM_MAX: usize = 1024;

/// The value at the start of `bytes`, and what follows it.
///
/// # Errors
/// The bytes are cut, are not of the schema, nest deeper than 1,000 levels, or make far more values
/// or text than there are bytes; a time is out of range; the value takes more than about `memory_max`
/// bytes.
pub fn decode<'a>(
    schema: &Schema,
    bytes: &'a [u8],
    form: Form,
    memory_max: usize,
) -> Result<(Value, &'a [u8])> {
    let mut reader = Reader {
        schema,
        form,
        rest: bytes,
        empty_left: EMPTY_MIN + bytes.len(),
        fields_left: FIELDS_MAX,
        lent: Lent::for_message(bytes.len()),
        room: Room::for_message(bytes, memory_max),
    };
    let value = reader.value(schema.root, 0)?;
    Ok((value, reader.rest))
}

struct Reader<'s, 'a> {
    schema: &'s Schema,
    form: Form,
    rest: &'a [u8],
    empty_left: usize,
    fields_left: usize,
    lent: Lent,
    room: Room,
}

/// The integer at the start of `bytes`, in variable length, and what follows it.
pub(super) fn long(bytes: &[u8]) -> Result<(i64, &[u8])> {
    let mut sum = 0_u64;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        // The tenth byte holds one bit.
        if index == 9 && *byte > 1 {
            break;
        }
        sum |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let value = (sum >> 1) as i64 ^ -((sum & 1) as i64);
            return Ok((value, &bytes[index + 1..]));
        }
    }
    match bytes.len() < 10 {
        true => Err(cut()),
        false => Err(AvroError::new("an integer takes more than 64 bits")),
    }
}

fn cut() -> AvroError {
    AvroError::new("the message ends too early")
}

impl<'s, 'a> Reader<'s, 'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(cut)?;
        self.rest = rest;
        Ok(taken)
    }

    fn long(&mut self) -> Result<i64> {
        let (value, rest) = long(self.rest)?;
        self.rest = rest;
        Ok(value)
    }

    fn int(&mut self) -> Result<i32> {
        let value = self.long()?;
        i32::try_from(value).map_err(|_| AvroError::new(format!("{value} is no 32-bit integer")))
    }

    fn array_of<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(cut)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// Counts a value that takes no bytes.
    fn count_empty(&mut self) -> Result<()> {
        let left = self.empty_left.checked_sub(1);
        self.empty_left = left
            .ok_or_else(|| AvroError::new("the message makes far more values than it has bytes"))?;
        Ok(())
    }

    /// A name of the schema, as a part of the value.
    fn lend(&self, name: &Text) -> Result<Text> {
        let lent = self.lent.take(name);
        lent.map_err(|error| AvroError::new(error.to_string()))?;
        Ok(name.clone())
    }

    /// Bytes with their length before them.
    fn bytes(&mut self) -> Result<&'a [u8]> {
        let length = self.long()?;
        let length =
            usize::try_from(length).map_err(|_| AvroError::new(format!("a length is {length}")))?;
        self.take(length)
    }

    /// Bytes that are no UTF-8 are replaced, as they are in JSON.
    fn text(&mut self) -> Result<Text> {
        let bytes = self.bytes()?;
        Ok(match std::str::from_utf8(bytes) {
            Ok(text) => Text::from(text),
            Err(_) => Text::from(String::from_utf8_lossy(bytes).as_ref()),
        })
    }

    fn place_in(&mut self, count: usize, what: &str) -> Result<usize> {
        let index = self.long()?;
        let place = usize::try_from(index).ok().filter(|it| *it < count);
        place.ok_or_else(|| AvroError::new(format!("the {what} {index} is none of {count}")))
    }

    fn value(&mut self, id: Id, depth: usize) -> Result<Value> {
        if depth > DEPTH_MAX {
            return Err(AvroError::too_deep());
        }
        self.room.values(1)?;
        let schema = self.schema;
        let is_native = self.form == Form::Native;
        Ok(match &schema.get(id).kind {
            Kind::Null => {
                self.count_empty()?;
                Value::Null
            }
            Kind::Boolean => match self.take(1)? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                other => {
                    let text = format!("a boolean is the byte {:#04x}", other[0]);
                    return Err(AvroError::new(text));
                }
            },
            Kind::Int(of) => {
                let value = self.int()?;
                match of {
                    Int::Date if is_native => days(value)?,
                    Int::TimeMillis if is_native => Value::I64(i64::from(value) * 1_000_000),
                    _ => Value::I64(i64::from(value)),
                }
            }
            Kind::Long(of) => {
                let value = self.long()?;
                match of {
                    _ if !is_native => Value::I64(value),
                    Long::Number => Value::I64(value),
                    Long::TimeMicros => Value::I64(value.wrapping_mul(1_000)),
                    Long::TimestampMillis => instant(Timestamp::from_millisecond(value))?,
                    Long::TimestampMicros => instant(Timestamp::from_microsecond(value))?,
                }
            }
            Kind::Float => {
                let value = f32::from_le_bytes(self.array_of()?);
                self.float(shortest_wide(value))
            }
            Kind::Double => {
                let value = f64::from_le_bytes(self.array_of()?);
                self.float(value)
            }
            Kind::Bytes => {
                let bytes = self.bytes()?;
                self.opaque(bytes)
            }
            Kind::Fixed(size) => {
                let bytes = self.take(*size)?;
                self.opaque(bytes)
            }
            Kind::DecimalBytes(of) => {
                let bytes = self.bytes()?;
                self.decimal(decimal::shortest(bytes), *of)?
            }
            Kind::DecimalFixed(size, of) => {
                let bytes = self.take(*size)?;
                self.decimal(bytes, *of)?
            }
            Kind::String => Value::String(self.text()?),
            Kind::Enum(of) => {
                let place = self.place_in(of.symbols.len(), "place of a symbol")?;
                Value::String(self.lend(&of.symbols[place])?)
            }
            Kind::Array(items) => nested(|| self.array(*items, depth))?,
            Kind::Map(values) => nested(|| self.map(*values, depth))?,
            Kind::Record(record) => nested(|| self.record(record, depth))?,
            Kind::Union(union) => {
                let place = self.place_in(union.members.len(), "place of a union's type")?;
                let member = union.members[place];
                let value = nested(|| self.value(member, depth + 1))?;
                self.member(member, value)?
            }
        })
    }

    /// The value of a union.
    fn member(&mut self, member: Id, value: Value) -> Result<Value> {
        let of = self.schema.get(member);
        // A null goes without a name; what is null in JSON alone, such as NaN, has one.
        let is_null = value.is_null() && !matches!(of.kind, Kind::Float | Kind::Double);
        if is_null || self.form == Form::PlainJson {
            return Ok(value);
        }
        self.room.container()?;
        self.room.values(1)?;
        let members = vec![(self.lend(&of.name)?, value)];
        Ok(Value::Object(Object::from_ascending(members)))
    }

    fn float(&self, value: f64) -> Value {
        if self.form == Form::Native || value.is_finite() {
            return Value::F64(value);
        }
        let text = match value {
            f64::INFINITY => "1e999",
            f64::NEG_INFINITY => "-1e999",
            _ => return Value::Null,
        };
        Value::Number(Number::parse(text).expect("both are numbers of JSON"))
    }

    fn opaque(&self, bytes: &[u8]) -> Value {
        match self.form {
            Form::Native => Value::from(bytes.to_vec()),
            _ => Value::String(latin1(bytes)),
        }
    }

    fn decimal(&self, bytes: &[u8], of: Decimal) -> Result<Value> {
        Ok(match self.form {
            Form::Native => Value::from(decimal::fraction(bytes, of.scale)?),
            _ => Value::String(latin1(bytes)),
        })
    }

    /// How many items follow; 0 at the end.
    fn block(&mut self) -> Result<usize> {
        let mut count = self.long()?;
        if count < 0 {
            // The size of the block in bytes is for those who skip it.
            self.long()?;
            count = count.checked_neg().unwrap_or(i64::MAX);
        }
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// For how many items room is made before they are read, each of `size` bytes.
    fn room(&mut self, count: usize, size: usize) -> usize {
        self.room
            .take(count.min(self.rest.len() / size).min(ROOM_MAX))
    }

    fn array(&mut self, items: Id, depth: usize) -> Result<Value> {
        self.room.container()?;
        let mut values = Vec::new();
        loop {
            let count = self.block()?;
            if count == 0 {
                return Ok(Value::Array(Array::from(values)));
            }
            values.reserve(self.room(count, 1));
            for _ in 0..count {
                let value = self.value(items, depth + 1);
                values.push(value.map_err(|error| error.below(format!("[{}]", values.len())))?);
            }
        }
    }

    fn map(&mut self, of: Id, depth: usize) -> Result<Value> {
        self.room.container()?;
        let mut members: Vec<(Text, Value)> = Vec::new();
        loop {
            let count = self.block()?;
            if count == 0 {
                break;
            }
            members.reserve(self.room(count, 2));
            for _ in 0..count {
                self.room.values(1)?;
                let key = self.text()?;
                match self.value(of, depth + 1) {
                    Ok(value) => members.push((key, value)),
                    Err(error) => return Err(error.below(format!("[{:?}]", key.as_str()))),
                }
            }
        }
        let count = members.len();
        let object: Object = members.into_iter().collect();
        match object.len() == count {
            true => Ok(Value::Object(object)),
            false => Err(AvroError::new("a map has a key twice")),
        }
    }

    fn record(&mut self, record: &Record, depth: usize) -> Result<Value> {
        let fields = &record.fields;
        self.room.container()?;
        self.room.values(fields.len())?;
        if fields.is_empty() {
            self.count_empty()?;
        }
        // Room for the fields is made before they are read.
        let left = self.fields_left.checked_sub(fields.len());
        self.fields_left = left.ok_or_else(|| {
            AvroError::new(format!(
                "records within each other have more than {FIELDS_MAX} fields"
            ))
        })?;
        let ordered = record.ordered.iter().map(|place| &fields[*place as usize]);
        let members = ordered.map(|field| Ok((self.lend(&field.name)?, Value::Null)));
        let mut members: Vec<(Text, Value)> = members.collect::<Result<_>>()?;
        for field in fields {
            let value = self.value(field.schema, depth + 1);
            let value = value.map_err(|error| error.below(format!(".{}", field.name)))?;
            members[field.rank as usize].1 = value;
        }
        self.fields_left += fields.len();
        Ok(Value::Object(Object::from_ascending(members)))
    }
}

/// The number whose shortest text is that of the narrow one: 1.1 stays 1.1.
fn shortest_wide(narrow: f32) -> f64 {
    let wide = f64::from(narrow);
    if !narrow.is_finite() || wide.fract() == 0.0 && wide.abs() < 16_777_216.0 {
        return wide;
    }
    narrow.to_string().parse().unwrap_or(wide)
}

/// Each byte as the character of its number.
fn latin1(bytes: &[u8]) -> Text {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => Text::from(text),
        _ => Text::from(
            bytes
                .iter()
                .map(|byte| char::from(*byte))
                .collect::<String>(),
        ),
    }
}

fn days(days: i32) -> Result<Value> {
    let since = SignedDuration::from_hours(24 * i64::from(days));
    instant(Timestamp::UNIX_EPOCH.checked_add(since))
}

fn instant(at: std::result::Result<Timestamp, jiff::Error>) -> Result<Value> {
    let at = at.map_err(|_| AvroError::new("a point in time is before -9999 or after 9999"))?;
    Ok(Value::from(at.to_zoned(TimeZone::UTC)))
}
