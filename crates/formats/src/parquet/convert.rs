//! How values are stored, and what they are in a row.

use bytes::Bytes;
use millrace_message::{Number, Text, Value};

use super::footer::{Element, Logical};
use super::{Budget, Result, damaged};

/// How the values of a column are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Physical {
    Boolean,
    Int32,
    Int64,
    /// A day and the nanoseconds in it.
    Int96,
    Float,
    Double,
    Bytes,
    /// Bytes of this length.
    Fixed(usize),
}

impl Physical {
    pub fn of(code: i64, length: usize) -> Result<Self> {
        Ok(match code {
            0 => Self::Boolean,
            1 => Self::Int32,
            2 => Self::Int64,
            3 => Self::Int96,
            4 => Self::Float,
            5 => Self::Double,
            6 => Self::Bytes,
            7 if length > 0 => Self::Fixed(length),
            7 => return damaged("values of a fixed length have the length 0"),
            other => return damaged(format!("there is no type {other} of values")),
        })
    }

    /// The number that the footer has for it.
    pub fn code(self) -> i64 {
        match self {
            Self::Boolean => 0,
            Self::Int32 => 1,
            Self::Int64 => 2,
            Self::Int96 => 3,
            Self::Float => 4,
            Self::Double => 5,
            Self::Bytes => 6,
            Self::Fixed(_) => 7,
        }
    }

    /// The size of a value in bytes, where all have the same.
    pub fn size(self) -> Option<usize> {
        match self {
            Self::Boolean | Self::Bytes => None,
            Self::Int32 | Self::Float => Some(4),
            Self::Int64 | Self::Double => Some(8),
            Self::Int96 => Some(12),
            Self::Fixed(size) => Some(size),
        }
    }
}

/// What stored values become, beside what their storage says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Convert {
    None,
    Unsigned,
    /// A number of this many digits behind the point.
    Decimal(u32),
    Json,
}

/// How much memory a byte of JSON can become.
const GROWTH_OF_JSON: usize = 24;
/// The largest decimal, in bytes, and the most digits behind its point.
const DECIMAL_MAX: usize = 64;

impl Convert {
    pub fn of(physical: Physical, element: &Element<'_>) -> Self {
        match (element.logical, physical) {
            (Logical::Unsigned, Physical::Int32 | Physical::Int64) => Self::Unsigned,
            (Logical::Json, Physical::Bytes) => Self::Json,
            (Logical::Decimal, Physical::Boolean | Physical::Float | Physical::Double) => {
                Self::None
            }
            (Logical::Decimal, _) => match u32::try_from(element.scale) {
                Ok(scale) if scale as usize <= DECIMAL_MAX * 3 => Self::Decimal(scale),
                _ => Self::None,
            },
            _ => Self::None,
        }
    }

    pub fn int32(self, value: i32) -> Value {
        match self {
            Self::Unsigned => Value::I64(i64::from(value as u32)),
            Self::Decimal(scale) => decimal(&value.to_be_bytes(), scale),
            _ => Value::I64(i64::from(value)),
        }
    }

    pub fn int64(self, value: i64) -> Value {
        match self {
            Self::Unsigned => Value::from(value as u64),
            Self::Decimal(scale) => decimal(&value.to_be_bytes(), scale),
            _ => Value::I64(value),
        }
    }

    /// Bytes of any length: a text where they are one.
    pub fn bytes(self, bytes: &[u8], budget: &mut Budget) -> Result<Value> {
        Ok(match self {
            Self::Decimal(scale) if bytes.len() <= DECIMAL_MAX => decimal(bytes, scale),
            Self::Json => {
                budget.charge(bytes.len(), GROWTH_OF_JSON)?;
                match Value::parse_json(Bytes::copy_from_slice(bytes)) {
                    Ok(value) => value,
                    Err(error) => return damaged(format!("a value is no JSON: {error}")),
                }
            }
            _ => match std::str::from_utf8(bytes) {
                Ok(text) => Value::String(Text::from(text)),
                Err(_) => Value::from(bytes.to_vec()),
            },
        })
    }

    /// Bytes of a fixed length.
    pub fn fixed(self, bytes: &[u8]) -> Value {
        match self {
            Self::Decimal(scale) if bytes.len() <= DECIMAL_MAX => decimal(bytes, scale),
            _ => Value::from(bytes.to_vec()),
        }
    }
}

/// A float of 32 bits, as the number with the fewest digits that is this one: 0.1 stays 0.1.
pub(super) fn single(value: f32) -> Value {
    if !value.is_finite() {
        return Value::F64(f64::from(value));
    }
    let digits = ryu::Buffer::new().format_finite(value).parse();
    Value::F64(digits.unwrap_or(f64::from(value)))
}

/// The point in time that 12 bytes are, in nanoseconds since 1970: the nanoseconds of the day, and
/// the day of the Julian calendar.
pub(super) fn int96(bytes: &[u8; 12]) -> Value {
    const DAY_OF_1970: i128 = 2_440_588;
    const NANOSECONDS_OF_A_DAY: i128 = 86_400_000_000_000;
    let (nanos, day) = bytes.split_at(8);
    let number = |bytes: &[u8]| {
        let shifted = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        i128::from(bytes.iter().rev().fold(0, shifted))
    };
    let at = (number(day) - DAY_OF_1970) * NANOSECONDS_OF_A_DAY + number(nanos);
    match i64::try_from(at) {
        Ok(at) => Value::I64(at),
        Err(_) => number_text(&at.to_string()),
    }
}

/// The number that an integer of big-endian bytes is, with so many digits behind its point.
fn decimal(bytes: &[u8], scale: u32) -> Value {
    let is_negative = bytes.first().is_some_and(|first| *first >= 0x80);
    let mut magnitude = bytes.to_vec();
    if is_negative {
        let mut carry = true;
        for byte in magnitude.iter_mut().rev() {
            let (sum, is_over) = (!*byte).overflowing_add(u8::from(carry));
            (*byte, carry) = (sum, is_over);
        }
    }
    let mut digits = decimal_digits(magnitude);
    let scale = scale as usize;
    if digits.len() <= scale {
        digits.insert_str(0, &"0".repeat(scale + 1 - digits.len()));
    }
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let fraction = fraction.trim_end_matches('0');
    let sign = if is_negative { "-" } else { "" };
    match fraction {
        "" => number_text(&format!("{sign}{whole}")),
        fraction => number_text(&format!("{sign}{whole}.{fraction}")),
    }
}

/// A number as it is spelled; an integer that fits is one.
fn number_text(text: &str) -> Value {
    match text.parse() {
        Ok(integer) => Value::I64(integer),
        Err(_) => Number::parse(text).map_or(Value::Null, Value::Number),
    }
}

/// The digits of an unsigned integer of big-endian bytes.
fn decimal_digits(mut bytes: Vec<u8>) -> String {
    let mut digits = Vec::new();
    while bytes.iter().any(|byte| *byte > 0) {
        let mut rest = 0_u16;
        for byte in &mut bytes {
            let part = rest << 8 | u16::from(*byte);
            *byte = (part / 10) as u8;
            rest = part % 10;
        }
        digits.push(b'0' + rest as u8);
    }
    if digits.is_empty() {
        digits.push(b'0');
    }
    digits
        .iter()
        .rev()
        .map(|digit| char::from(*digit))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_numbers_without_needless_zeros() {
        for (bytes, scale, expected) in [
            (&[0x00][..], 0, "0"),
            (&[], 2, "0"),
            (&[0x01, 0x2c], 2, "3"),
            (&[0x01, 0x2d], 2, "3.01"),
            (&[0xff], 3, "-0.001"),
            (&[0x80, 0, 0, 0], 1, "-214748364.8"),
            (&[0x7f; 16], 5, "1694739631331732739601904907601355.40607"),
            (&[0xff; 16], 0, "-1"),
        ] {
            assert_eq!(decimal(bytes, scale).to_json(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn times_of_twelve_bytes_are_nanoseconds() {
        let mut bytes = [0; 12];
        bytes[8..].copy_from_slice(&2_440_589_u32.to_le_bytes());
        bytes[0] = 5;
        assert_eq!(int96(&bytes).to_json(), "86400000000005");
        assert_eq!(int96(&[0xff; 12]).to_json().first(), Some(&b'3'));
    }
}
