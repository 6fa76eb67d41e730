//! MessagePack.
//!
//! Integers are written in the shortest form, floats always as 64 bits, objects with their keys in
//! order, timestamps as the extension -1. What is read may use any form; keys must be strings or
//! bytes, and extensions other than the timestamp are refused by number.

use jiff::{Timestamp, tz::TimeZone};
use millrace_message::{Array, Object, Text, Value};

use crate::{DEPTH_MAX, FormatError, Room, nested};

/// The value at the start of `source`; what follows it is passed over, as in Bento.
///
/// # Errors
/// The bytes are cut, hold what this reader does not know, or nest deeper than [`DEPTH_MAX`]; the
/// value takes more than about `memory` bytes.
pub fn read(source: &[u8], memory: usize) -> Result<Value, FormatError> {
    let mut reader = Reader {
        rest: source,
        room: Room::for_message(source, memory),
    };
    reader.value(0)
}

/// The bytes of a value.
///
/// # Errors
/// A container has 2^32 elements or more.
pub fn write(value: &Value) -> Result<Vec<u8>, FormatError> {
    let mut out = Vec::with_capacity(64);
    write_value(value, &mut out)?;
    Ok(out)
}

const TIMESTAMP: i8 = -1;

struct Reader<'a> {
    rest: &'a [u8],
    room: Room,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], FormatError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or_else(|| FormatError::new("unexpected end of the message"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, FormatError> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn unsigned(&mut self, width: usize) -> Result<u64, FormatError> {
        let bytes = self.take(width)?;
        Ok(bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    fn length(&mut self, width: usize) -> Result<usize, FormatError> {
        usize::try_from(self.unsigned(width)?)
            .map_err(|_| FormatError::new("a length is larger than this machine can hold"))
    }

    /// Sign-extends a number of fewer than eight bytes.
    fn signed(&mut self, width: usize) -> Result<i64, FormatError> {
        let unused = 64 - 8 * width as u32;
        Ok((self.unsigned(width)? << unused) as i64 >> unused)
    }

    fn value(&mut self, depth: usize) -> Result<Value, FormatError> {
        if depth > DEPTH_MAX {
            return Err(FormatError::too_deep());
        }
        self.room.values(1)?;
        let code = self.byte()?;
        Ok(match code {
            0x00..=0x7f => Value::I64(i64::from(code)),
            0xe0..=0xff => Value::I64(i64::from(code as i8)),
            0x80..=0x8f => self.object(usize::from(code & 0x0f), depth)?,
            0x90..=0x9f => self.array(usize::from(code & 0x0f), depth)?,
            0xc0 => Value::Null,
            0xc2 => Value::Bool(false),
            0xc3 => Value::Bool(true),
            0xcc => Value::from(self.unsigned(1)?),
            0xcd => Value::from(self.unsigned(2)?),
            0xce => Value::from(self.unsigned(4)?),
            0xcf => Value::from(self.unsigned(8)?),
            0xd0 => Value::I64(self.signed(1)?),
            0xd1 => Value::I64(self.signed(2)?),
            0xd2 => Value::I64(self.signed(4)?),
            0xd3 => Value::I64(self.signed(8)?),
            0xca => Value::F64(crate::widened(f32::from_bits(self.unsigned(4)? as u32))),
            0xcb => Value::F64(f64::from_bits(self.unsigned(8)?)),
            0xdc => {
                let count = self.length(2)?;
                self.array(count, depth)?
            }
            0xdd => {
                let count = self.length(4)?;
                self.array(count, depth)?
            }
            0xde => {
                let count = self.length(2)?;
                self.object(count, depth)?
            }
            0xdf => {
                let count = self.length(4)?;
                self.object(count, depth)?
            }
            0xd4..=0xd8 => self.extension(1 << (code - 0xd4))?,
            0xc7..=0xc9 => {
                let length = self.length(1 << (code - 0xc7))?;
                self.extension(length)?
            }
            0xc4..=0xc6 => {
                let length = self.length(1 << (code - 0xc4))?;
                let content = self.take(length)?;
                self.room.bytes(length)?;
                Value::from(content.to_vec())
            }
            0xa0..=0xbf | 0xd9..=0xdb => Value::String(self.text(code)?),
            0xc1 => return Err(FormatError::new("unknown code c1")),
        })
    }

    /// Bytes that are no UTF-8 are replaced, as they are in JSON.
    fn text(&mut self, code: u8) -> Result<Text, FormatError> {
        let length = match code {
            0xa0..=0xbf => usize::from(code & 0x1f),
            0xd9..=0xdb => self.length(1 << (code - 0xd9))?,
            0xc4..=0xc6 => self.length(1 << (code - 0xc4))?,
            // The key that is nil is the empty one.
            0xc0 => 0,
            other => {
                return Err(FormatError::new(format!(
                    "invalid code {other:x} of a key, which must be a string"
                )));
            }
        };
        let content = self.take(length)?;
        self.room.bytes(length)?;
        Ok(Text::from(String::from_utf8_lossy(content).into_owned()))
    }

    /// For how many elements room is made before they are read, each of `size` bytes at least.
    fn room(&mut self, count: usize, size: usize) -> Result<usize, FormatError> {
        match count > self.rest.len() / size {
            true => Err(FormatError::new("unexpected end of the message")),
            false => Ok(self.room.take(count)),
        }
    }

    fn array(&mut self, count: usize, depth: usize) -> Result<Value, FormatError> {
        self.room.container()?;
        let mut elements = Vec::with_capacity(self.room(count, 1)?);
        for _ in 0..count {
            elements.push(nested(|| self.value(depth + 1))?);
        }
        Ok(Value::Array(Array::from(elements)))
    }

    fn object(&mut self, count: usize, depth: usize) -> Result<Value, FormatError> {
        self.room.container()?;
        let mut members = Vec::with_capacity(self.room(count, 2)?);
        for _ in 0..count {
            self.room.values(1)?;
            let code = self.byte()?;
            let key = self.text(code)?;
            members.push((key, nested(|| self.value(depth + 1))?));
        }
        Ok(Value::Object(members.into_iter().collect()))
    }

    fn extension(&mut self, length: usize) -> Result<Value, FormatError> {
        // A point in time is allocated, as a container is.
        self.room.container()?;
        let kind = self.byte()? as i8;
        if kind != TIMESTAMP {
            return Err(FormatError::new(format!("unknown extension {kind}")));
        }
        let (seconds, nanoseconds) = match length {
            4 => (self.unsigned(4)? as i64, 0),
            8 => {
                let both = self.unsigned(8)?;
                ((both & 0x3_ffff_ffff) as i64, (both >> 34) as i64)
            }
            12 => {
                let nanoseconds = self.unsigned(4)? as i64;
                (self.unsigned(8)? as i64, nanoseconds)
            }
            other => {
                return Err(FormatError::new(format!(
                    "a timestamp cannot have {other} bytes"
                )));
            }
        };
        let nanoseconds = i32::try_from(nanoseconds)
            .ok()
            .filter(|it| *it < 1_000_000_000);
        let at = nanoseconds.and_then(|it| Timestamp::new(seconds, it).ok());
        at.map(|at| Value::from(at.to_zoned(TimeZone::UTC)))
            .ok_or_else(|| FormatError::new("a timestamp is out of range"))
    }
}

fn write_value(value: &Value, out: &mut Vec<u8>) -> Result<(), FormatError> {
    match value {
        Value::Null => out.push(0xc0),
        Value::Bool(false) => out.push(0xc2),
        Value::Bool(true) => out.push(0xc3),
        Value::I64(integer) => write_integer(*integer, out),
        Value::U64(integer) => write_unsigned(*integer, out),
        Value::F64(float) => write_float(*float, out),
        Value::Number(number) => {
            let text = number.as_str();
            match (text.parse::<i64>(), text.parse::<u64>(), number.as_f64()) {
                (Ok(integer), _, _) => write_integer(integer, out),
                (_, Ok(integer), _) => write_unsigned(integer, out),
                (_, _, Some(float)) => write_float(float, out),
                _ => {
                    return Err(FormatError::new(format!(
                        "the number {text} is out of range"
                    )));
                }
            }
        }
        Value::String(text) => {
            write_length(text.len(), &STRING, out)?;
            out.extend_from_slice(text.as_bytes());
        }
        Value::Bytes(bytes) => {
            write_length(bytes.len(), &BYTES, out)?;
            out.extend_from_slice(bytes);
        }
        Value::Timestamp(at) => write_timestamp(at.timestamp(), out),
        Value::Array(array) => {
            write_length(array.len(), &ARRAY, out)?;
            for element in array {
                nested(|| write_value(&element, out))?;
            }
        }
        Value::Object(object) => write_object(object, out)?,
    }
    Ok(())
}

fn write_object(object: &Object, out: &mut Vec<u8>) -> Result<(), FormatError> {
    write_length(object.len(), &OBJECT, out)?;
    for (key, value) in object {
        write_length(key.len(), &STRING, out)?;
        out.extend_from_slice(key.as_bytes());
        nested(|| write_value(&value, out))?;
    }
    Ok(())
}

fn write_integer(integer: i64, out: &mut Vec<u8>) {
    match u64::try_from(integer) {
        Ok(unsigned) => write_unsigned(unsigned, out),
        Err(_) => match integer {
            -32..=-1 => out.push(integer as u8),
            -0x80..=-33 => out.extend_from_slice(&[0xd0, integer as u8]),
            -0x8000..=-0x81 => write_wide(0xd1, &(integer as i16).to_be_bytes(), out),
            -0x8000_0000..=-0x8001 => write_wide(0xd2, &(integer as i32).to_be_bytes(), out),
            _ => write_wide(0xd3, &integer.to_be_bytes(), out),
        },
    }
}

fn write_unsigned(integer: u64, out: &mut Vec<u8>) {
    match integer {
        0..=0x7f => out.push(integer as u8),
        0x80..=0xff => out.extend_from_slice(&[0xcc, integer as u8]),
        0x100..=0xffff => write_wide(0xcd, &(integer as u16).to_be_bytes(), out),
        0x1_0000..=0xffff_ffff => write_wide(0xce, &(integer as u32).to_be_bytes(), out),
        _ => write_wide(0xcf, &integer.to_be_bytes(), out),
    }
}

fn write_float(float: f64, out: &mut Vec<u8>) {
    write_wide(0xcb, &float.to_be_bytes(), out);
}

fn write_wide(code: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(code);
    out.extend_from_slice(bytes);
}

/// The codes of a length: within the code itself up to a number, then with 1, 2 and 4 bytes.
struct Lengths {
    fixed: Option<(u8, usize)>,
    one: Option<u8>,
    two: u8,
    four: u8,
}

const STRING: Lengths = Lengths {
    fixed: Some((0xa0, 31)),
    one: Some(0xd9),
    two: 0xda,
    four: 0xdb,
};
const BYTES: Lengths = Lengths {
    fixed: None,
    one: Some(0xc4),
    two: 0xc5,
    four: 0xc6,
};
const ARRAY: Lengths = Lengths {
    fixed: Some((0x90, 15)),
    one: None,
    two: 0xdc,
    four: 0xdd,
};
const OBJECT: Lengths = Lengths {
    fixed: Some((0x80, 15)),
    one: None,
    two: 0xde,
    four: 0xdf,
};

fn write_length(length: usize, codes: &Lengths, out: &mut Vec<u8>) -> Result<(), FormatError> {
    let wide = u32::try_from(length)
        .map_err(|_| FormatError::new("more than 4 GiB do not fit into a message"))?;
    match (length, codes.one) {
        _ if codes.fixed.is_some_and(|(_, most)| length <= most) => {
            out.extend(codes.fixed.map(|(code, _)| code | length as u8));
        }
        (0..=0xff, Some(one)) => out.extend_from_slice(&[one, length as u8]),
        (0..=0xffff, _) => write_wide(codes.two, &(length as u16).to_be_bytes(), out),
        _ => write_wide(codes.four, &wide.to_be_bytes(), out),
    }
    Ok(())
}

/// The shortest of the three forms.
fn write_timestamp(at: Timestamp, out: &mut Vec<u8>) {
    // Before 1970 the library counts the fraction downwards, the format upwards.
    let nanoseconds = at.as_nanosecond().rem_euclid(1_000_000_000) as u32;
    let seconds = at.as_nanosecond().div_euclid(1_000_000_000) as i64;
    match u64::try_from(seconds) {
        Ok(seconds @ 0..=0xffff_ffff) if nanoseconds == 0 => {
            out.extend_from_slice(&[0xd6, TIMESTAMP as u8]);
            out.extend_from_slice(&(seconds as u32).to_be_bytes());
        }
        Ok(seconds @ 0..=0x3_ffff_ffff) => {
            out.extend_from_slice(&[0xd7, TIMESTAMP as u8]);
            out.extend_from_slice(&(u64::from(nanoseconds) << 34 | seconds).to_be_bytes());
        }
        _ => {
            out.extend_from_slice(&[0xc7, 12, TIMESTAMP as u8]);
            out.extend_from_slice(&nanoseconds.to_be_bytes());
            out.extend_from_slice(&seconds.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_all(source: &[u8]) -> Result<Value, FormatError> {
        read(source, usize::MAX)
    }

    fn from_hex(hex: &str) -> Vec<u8> {
        (0..hex.len() / 2)
            .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
            .collect()
    }

    fn json(hex: &str) -> String {
        let value = read_all(&from_hex(hex)).unwrap_or_else(|error| panic!("{hex}: {error}"));
        String::from_utf8(value.to_json().to_vec()).unwrap()
    }

    #[test]
    fn every_form_is_read() {
        for (hex, expected) in [
            ("c0", "null"),
            ("c2", "false"),
            ("05", "5"),
            ("ff", "-1"),
            ("e0", "-32"),
            ("cc80", "128"),
            ("cd0100", "256"),
            ("ce00010000", "65536"),
            ("cfffffffffffffffff", "18446744073709551615"),
            ("d0ff", "-1"),
            ("d1ff00", "-256"),
            ("d2ffffff00", "-256"),
            ("d3ffffffffffffff00", "-256"),
            ("ca3fc00000", "1.5"),
            ("ca3dcccccd", "0.1"),
            ("cb3ff8000000000000", "1.5"),
            ("c403010203", r#""AQID""#),
            ("d6ff5e0be100", r#""2020-01-01T00:00:00Z""#),
            ("a3ffeedd", "\"\u{fffd}\u{fffd}\u{fffd}\""),
            ("dc0001c0", "[null]"),
            ("81c001", r#"{"":1}"#),
            ("0102", "1"),
            ("82a16101a16102", r#"{"a":2}"#),
            ("81a3666f6fa3626172", r#"{"foo":"bar"}"#),
        ] {
            assert_eq!(json(hex), expected, "{hex}");
        }
    }

    #[test]
    fn what_is_cut_or_unknown_is_an_error() {
        for (hex, expected) in [
            ("", "unexpected end"),
            ("81a161", "unexpected end"),
            ("dfffffffff", "unexpected end"),
            ("ddffffffff", "unexpected end"),
            ("c6ffffffff", "unexpected end"),
            ("8101a3626172", "invalid code 1 of a key"),
            ("d405aa", "unknown extension 5"),
            ("c1", "unknown code"),
            ("c70cffffffffff0000000000000000", "out of range"),
        ] {
            let error = read_all(&from_hex(hex)).unwrap_err().to_string();
            assert!(error.contains(expected), "{hex}: {error}");
        }
        assert_eq!(read_all(&[0x91; 5_000]), Err(FormatError::too_deep()));
    }

    #[test]
    fn a_value_takes_no_more_memory_than_it_may() {
        const MAX: usize = 100_000;
        let elements = |element: &[u8]| {
            let head = [&[0xdc][..], &5_000_u16.to_be_bytes()].concat();
            [head, element.repeat(5_000)].concat()
        };
        for element in [&[0xc3][..], &[0x90], &[0x80], &[0xa0], &[0x81, 0xa0, 0xc0]] {
            assert!(read_all(&elements(element)).is_ok());
            let error = read(&elements(element), MAX).unwrap_err();
            assert!(error.is_without_room(), "{element:?}: {error}");
        }
        // A text takes its length once more.
        let text = [&[0xda, 0xff, 0xff][..], &[b'a'; 0xffff]].concat();
        assert!(read(&text, MAX).is_ok());
        assert!(read(&text, MAX / 2).is_err());
    }

    #[test]
    fn numbers_take_the_fewest_bytes() {
        for (number, length) in [
            (0, 1),
            (127, 1),
            (128, 2),
            (256, 3),
            (65_536, 5),
            (1 << 32, 9),
            (-32, 1),
            (-33, 2),
            (-129, 3),
            (-32_769, 5),
            (i64::MIN, 9),
        ] {
            let bytes = write(&Value::I64(number)).unwrap();
            assert_eq!(bytes.len(), length, "{number}");
            assert_eq!(read_all(&bytes).unwrap(), Value::I64(number));
        }
    }

    #[test]
    fn times_keep_their_nanoseconds() {
        for (seconds, nanoseconds) in [(0, 0), (1, 5), (-1, -5), (1 << 33, 7), (1 << 35, 0)] {
            let at = Timestamp::new(seconds, nanoseconds).unwrap();
            let value = Value::from(at.to_zoned(TimeZone::UTC));
            assert_eq!(read_all(&write(&value).unwrap()).unwrap(), value, "{at}");
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e9..1e9_f64).prop_map(Value::from),
            ".{0,40}".prop_map(Value::from),
            proptest::collection::vec(any::<u8>(), 0..40).prop_map(Value::from),
        ];
        scalar.prop_recursive(4, 64, 20, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..20).prop_map(Value::from),
                proptest::collection::btree_map("[a-z]{0,5}", inner, 0..20)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in values()) {
            prop_assert_eq!(read_all(&write(&value).unwrap()).unwrap(), value);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _result = read_all(&bytes);
        }
    }
}
