//! Numbers: integers are exact, everything else is a float.

use std::cmp::Ordering;

use millrace_message::{Number, Value};

use crate::error::Fail;
use crate::limits::Budget;

mod big;

/// A number as arithmetic sees it.
#[derive(Clone, Debug)]
pub(crate) enum Num {
    Int(i128),
    /// An integer beyond that.
    Big(Number),
    Float(f64),
}

impl Num {
    pub fn float(&self) -> f64 {
        match self {
            Self::Int(integer) => *integer as f64,
            Self::Big(digits) => digits.as_str().parse().unwrap_or(f64::NAN),
            Self::Float(float) => *float,
        }
    }

    /// As a position from the start.
    pub fn position(&self) -> Option<usize> {
        usize::try_from(self.index()).ok()
    }

    fn is_float(&self) -> bool {
        matches!(self, Self::Float(_))
    }

    fn is_negative(&self) -> bool {
        match self {
            Self::Int(integer) => *integer < 0,
            Self::Big(digits) => digits.as_str().starts_with('-'),
            Self::Float(float) => *float < 0.0,
        }
    }

    /// Cut to an integer, and to what an index may be.
    pub fn index(&self) -> i64 {
        match self {
            Self::Int(integer) => {
                i64::try_from(*integer).unwrap_or(if *integer > 0 { i64::MAX } else { i64::MIN })
            }
            Self::Big(digits) => match digits.as_str().starts_with('-') {
                true => i64::MIN,
                false => i64::MAX,
            },
            // As in Go: what is no number is the smallest.
            Self::Float(float) if float.is_nan() => i64::MIN,
            Self::Float(float) => *float as i64,
        }
    }
}

/// The number that a value is.
#[inline]
pub(crate) fn of(value: &Value) -> Option<Num> {
    Some(match value {
        Value::I64(integer) => Num::Int(i128::from(*integer)),
        Value::U64(integer) => Num::Int(i128::from(*integer)),
        Value::F64(float) => Num::Float(*float),
        Value::Number(number) => of_text(number),
        _ => return None,
    })
}

/// A number as it was written: without point and exponent it is an integer.
fn of_text(number: &Number) -> Num {
    let text = number.as_str();
    match text.parse() {
        Ok(integer) => Num::Int(integer),
        Err(_) if text.contains(['.', 'e', 'E']) => Num::Float(text.parse().unwrap_or(f64::NAN)),
        Err(_) => Num::Big(number.clone()),
    }
}

/// The value of an integer.
pub(crate) fn integer(integer: i128) -> Value {
    if let Ok(small) = i64::try_from(integer) {
        return Value::I64(small);
    }
    match Number::parse(&integer.to_string()) {
        Some(number) => Value::Number(number),
        None => Value::F64(integer as f64),
    }
}

/// The value of a number.
pub(crate) fn value(num: Num) -> Value {
    match num {
        Num::Int(int) => integer(int),
        Num::Big(number) => Value::Number(number),
        Num::Float(float) => Value::F64(float),
    }
}

/// What two numbers are put together by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    Add,
    Subtract,
    Multiply,
}

impl Operation {
    fn small(self, a: i128, b: i128) -> Option<i128> {
        match self {
            Self::Add => a.checked_add(b),
            Self::Subtract => a.checked_sub(b),
            Self::Multiply => a.checked_mul(b),
        }
    }

    fn float(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
        }
    }
}

/// The result of an operation: exact for integers, else a float.
///
/// # Errors
/// An integer is too long to be computed with.
pub(crate) fn apply(
    budget: &Budget,
    operation: Operation,
    a: &Num,
    b: &Num,
) -> Result<Value, Fail> {
    if let (Num::Int(a), Num::Int(b)) = (a, b)
        && let Some(result) = operation.small(*a, *b)
    {
        return Ok(integer(result));
    }
    match a.is_float() || b.is_float() {
        true => Ok(Value::F64(operation.float(a.float(), b.float()))),
        false => big::apply(budget, operation, a, b),
    }
}

/// The quotient of two numbers, of which the second is not 0: an integer when two integers have no
/// rest, else a float.
///
/// # Errors
/// An integer is too long to be computed with.
pub(crate) fn quotient(budget: &Budget, a: &Num, b: &Num) -> Result<Value, Fail> {
    let exact = match (a, b) {
        (Num::Int(a), Num::Int(b)) if a.checked_rem(*b) == Some(0) => Some(integer(a / b)),
        (Num::Int(a), Num::Int(b)) if *a != i128::MIN || *b != -1 => None,
        _ if a.is_float() || b.is_float() => None,
        _ => big::quotient(budget, a, b)?,
    };
    Ok(exact.unwrap_or_else(|| Value::F64(a.float() / b.float())))
}

/// The rest of a division of two integers, of which the second is not 0; nothing when one is a float.
///
/// # Errors
/// An integer is too long to be computed with.
pub(crate) fn rest(budget: &Budget, a: &Num, b: &Num) -> Result<Option<Value>, Fail> {
    Ok(match (a, b) {
        (Num::Int(a), Num::Int(b)) => Some(integer(a.wrapping_rem(*b))),
        _ if a.is_float() || b.is_float() => None,
        _ => Some(big::rest(budget, a, b)?),
    })
}

/// The number with the other sign.
pub(crate) fn negated(num: &Num) -> Value {
    match num {
        Num::Int(int) if *int != i128::MIN => integer(-int),
        // One more than the largest of 128 bits.
        Num::Int(_) => parse("170141183460469231731687303715884105728").unwrap_or_default(),
        Num::Big(number) => {
            let text = number.as_str();
            let negated = match text.strip_prefix('-') {
                Some(digits) => digits.to_owned(),
                None => format!("-{text}"),
            };
            parse(&negated).unwrap_or_default()
        }
        Num::Float(float) => Value::F64(-float),
    }
}

/// The number without its sign.
pub(crate) fn magnitude(num: &Num) -> Value {
    match num {
        Num::Float(float) => Value::F64(float.abs()),
        num if num.is_negative() => negated(num),
        num => value(num.clone()),
    }
}

/// The order of two numbers; what is no number is less than any other.
pub(crate) fn compare(a: &Num, b: &Num) -> Ordering {
    if let (Num::Int(a), Num::Int(b)) = (a, b) {
        return a.cmp(b);
    }
    if let Some(order) = big::compare(a, b) {
        return order;
    }
    let (a, b) = (a.float(), b.float());
    if a < b || a.is_nan() {
        Ordering::Less
    } else if a == b {
        Ordering::Equal
    } else {
        Ordering::Greater
    }
}

/// The value of a length or position.
pub(crate) fn count(count: usize) -> Value {
    Value::I64(count as i64)
}

/// The number that a text writes, as a literal or for `tonumber`.
pub(crate) fn parse(text: &str) -> Option<Value> {
    if !is_number(text) {
        return None;
    }
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    if unsigned.contains(['.', 'e', 'E']) {
        return unsigned.parse().ok().map(Value::F64);
    }
    if let Ok(int) = unsigned.parse() {
        return Some(integer(int));
    }
    let (sign, digits) = match unsigned.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", unsigned),
    };
    let digits = digits.trim_start_matches('0');
    Number::parse(&format!("{sign}{digits}")).map(Value::Number)
}

/// Whether it is a number: digits with a point and an exponent, of which some may be missing.
fn is_number(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(text);
    let mut rest = &text[whole..];
    let mut fraction = 0;
    if let Some(after) = rest.strip_prefix('.') {
        fraction = digits(after);
        rest = &after[fraction..];
    }
    if whole + fraction == 0 {
        return false;
    }
    match rest.strip_prefix(['e', 'E']) {
        None => rest.is_empty(),
        Some(exponent) => {
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            !exponent.is_empty() && digits(exponent) == exponent.len()
        }
    }
}
