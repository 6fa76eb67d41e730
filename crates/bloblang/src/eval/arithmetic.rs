//! Operators on values.
//!
//! Numbers: two integers stay integers (wrapping), any float makes the result a float; a number
//! text counts as an integer when it is one. Only `+` joins strings. `==` and `!=` never fail.

use millrace_message::{Text, Value};

use crate::ast::Operator;
use crate::budget;
use crate::eval_error::EvalError;
use crate::go;
use crate::outcome::Outcome;
use crate::program::Binary;

/// Why an operator gives nothing; the operands are named when the error is made.
pub(crate) enum OperandFault {
    Types,
    DivisionByZero,
}

impl OperandFault {
    #[cold]
    pub fn into_error(
        self,
        operator: Operator,
        left: &Outcome<'_>,
        right: &Outcome<'_>,
        source: &Binary,
    ) -> EvalError {
        match self {
            OperandFault::DivisionByZero => {
                EvalError::new("attempted to divide by zero").blaming(|| source.right.annotation())
            }
            OperandFault::Types => EvalError::complete(format!(
                "cannot {} types {} (from {}) and {} (from {})",
                verb(operator),
                left.type_name(),
                source.left.annotation(),
                right.type_name(),
                source.right.annotation(),
            )),
        }
    }
}

fn verb(operator: Operator) -> &'static str {
    match operator {
        Operator::Add => "add",
        Operator::Subtract => "subtract",
        Operator::Multiply => "multiply",
        Operator::Divide => "divide",
        Operator::Modulo => "modulo",
        Operator::And => "boolean and",
        Operator::Or => "boolean or",
        Operator::Coalesce => "coalesce",
        Operator::Equal
        | Operator::NotEqual
        | Operator::Greater
        | Operator::GreaterOrEqual
        | Operator::Less
        | Operator::LessOrEqual => "compare",
    }
}

/// Two numbers brought to one type.
pub(crate) enum Pair {
    Integers(i64, i64),
    Unsigned(u64, u64),
    Floats(f64, f64),
}

/// A number in the type that arithmetic sees.
enum Numeric {
    Integer(i64),
    Unsigned(u64),
    Float(f64),
}

#[inline]
fn numeric(value: &Value) -> Option<Numeric> {
    match value {
        Value::I64(integer) => Some(Numeric::Integer(*integer)),
        Value::U64(integer) => Some(Numeric::Unsigned(*integer)),
        Value::F64(float) => Some(Numeric::Float(*float)),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => Some(Numeric::Integer(integer)),
            None => number.as_f64().map(Numeric::Float),
        },
        _ => None,
    }
}

/// Brings two numbers to one type; nothing when one of them is no number.
#[inline]
pub(crate) fn pair(left: &Value, right: &Value) -> Option<Pair> {
    Some(match (numeric(left)?, numeric(right)?) {
        (Numeric::Integer(a), Numeric::Integer(b)) => Pair::Integers(a, b),
        (Numeric::Unsigned(a), Numeric::Unsigned(b)) => Pair::Unsigned(a, b),
        (Numeric::Integer(a), Numeric::Unsigned(b)) => Pair::Integers(a, b as i64),
        (Numeric::Unsigned(a), Numeric::Integer(b)) => Pair::Integers(a as i64, b),
        (a, b) => Pair::Floats(a.float(), b.float()),
    })
}

impl Numeric {
    fn float(self) -> f64 {
        match self {
            Numeric::Integer(integer) => integer as f64,
            Numeric::Unsigned(integer) => integer as f64,
            Numeric::Float(float) => float,
        }
    }
}

/// Pays for what an operator makes of large operands, or looks through in them.
#[inline]
pub(crate) fn pay(operator: Operator, left: &Value, right: &Value) -> Result<(), EvalError> {
    match (operator, left) {
        (Operator::Add, Value::String(_) | Value::Bytes(_)) => {
            budget::make_text(left.weight() + right.weight())
        }
        (Operator::Equal | Operator::NotEqual, _) => budget::compare(left, right),
        _ => Ok(()),
    }
}

/// Applies an operator that needs both operands.
#[inline]
pub(crate) fn apply(
    operator: Operator,
    left: &Outcome<'_>,
    right: &Outcome<'_>,
) -> Result<Value, OperandFault> {
    match operator {
        Operator::Equal => return Ok(Value::Bool(equal(left, right))),
        Operator::NotEqual => return Ok(Value::Bool(!equal(left, right))),
        _ => {}
    }
    let (Some(left), Some(right)) = (left.value(), right.value()) else {
        return Err(OperandFault::Types);
    };
    match operator {
        Operator::Add => add(left, right),
        Operator::Subtract => combine(left, right, i64::wrapping_sub, u64::wrapping_sub, |a, b| {
            a - b
        }),
        Operator::Multiply => combine(left, right, i64::wrapping_mul, u64::wrapping_mul, |a, b| {
            a * b
        }),
        Operator::Divide => divide(left, right),
        Operator::Modulo => modulo(left, right),
        Operator::Greater => order(left, right, |order| order.is_gt()),
        Operator::GreaterOrEqual => order(left, right, |order| order.is_ge()),
        Operator::Less => order(left, right, |order| order.is_lt()),
        Operator::LessOrEqual => order(left, right, |order| order.is_le()),
        Operator::Equal
        | Operator::NotEqual
        | Operator::And
        | Operator::Or
        | Operator::Coalesce => Err(OperandFault::Types),
    }
}

fn equal(left: &Outcome<'_>, right: &Outcome<'_>) -> bool {
    match (left.value(), right.value()) {
        (Some(left), Some(right)) => left.loosely_equals(right),
        _ => false,
    }
}

#[inline]
fn combine(
    left: &Value,
    right: &Value,
    integers: impl Fn(i64, i64) -> i64,
    unsigned: impl Fn(u64, u64) -> u64,
    floats: impl Fn(f64, f64) -> f64,
) -> Result<Value, OperandFault> {
    match pair(left, right).ok_or(OperandFault::Types)? {
        Pair::Integers(a, b) => Ok(Value::I64(integers(a, b))),
        Pair::Unsigned(a, b) => Ok(Value::U64(unsigned(a, b))),
        Pair::Floats(a, b) => Ok(Value::F64(floats(a, b))),
    }
}

fn add(left: &Value, right: &Value) -> Result<Value, OperandFault> {
    match left {
        Value::String(a) => match right {
            Value::String(b) => Ok(Value::String(joined(a, b))),
            Value::Bytes(_) | Value::Timestamp(_) => Ok(joined_bytes(left, right)),
            _ => Err(OperandFault::Types),
        },
        Value::Bytes(_) => match right {
            Value::String(_) | Value::Bytes(_) | Value::Timestamp(_) => {
                Ok(joined_bytes(left, right))
            }
            _ => Err(OperandFault::Types),
        },
        _ => combine(left, right, i64::wrapping_add, u64::wrapping_add, |a, b| {
            a + b
        }),
    }
}

fn joined(a: &Text, b: &str) -> Text {
    let length = a.len() + b.len();
    if length <= Text::INLINE_MAX {
        let mut bytes = [0; Text::INLINE_MAX];
        bytes[..a.len()].copy_from_slice(a.as_bytes());
        bytes[a.len()..length].copy_from_slice(b.as_bytes());
        if let Ok(text) = std::str::from_utf8(&bytes[..length]) {
            return Text::from(text);
        }
    }
    let mut text = String::with_capacity(length);
    text.push_str(a);
    text.push_str(b);
    Text::from(text)
}

/// The text of both, or their bytes where that is no text.
fn joined_bytes(left: &Value, right: &Value) -> Value {
    let mut joined = Vec::new();
    left.write_text(&mut joined);
    right.write_text(&mut joined);
    go::string(joined)
}

fn divide(left: &Value, right: &Value) -> Result<Value, OperandFault> {
    match (left.as_f64(), right.as_f64()) {
        (Some(_), Some(0.0)) => Err(OperandFault::DivisionByZero),
        (Some(a), Some(b)) => Ok(Value::F64(a / b)),
        _ => Err(OperandFault::Types),
    }
}

fn modulo(left: &Value, right: &Value) -> Result<Value, OperandFault> {
    match (left.as_i64(), right.as_i64()) {
        (Some(_), Some(0)) => Err(OperandFault::DivisionByZero),
        (Some(a), Some(b)) => Ok(Value::I64(a.wrapping_rem(b))),
        _ => Err(OperandFault::Types),
    }
}

fn order(
    left: &Value,
    right: &Value,
    accept: impl Fn(std::cmp::Ordering) -> bool,
) -> Result<Value, OperandFault> {
    let order = match pair(left, right) {
        Some(Pair::Integers(a, b)) => Some(a.cmp(&b)),
        Some(Pair::Unsigned(a, b)) => Some(a.cmp(&b)),
        // A comparison with NaN is false, whatever it asks.
        Some(Pair::Floats(a, b)) => match a.partial_cmp(&b) {
            Some(order) => Some(order),
            None => return Ok(Value::Bool(false)),
        },
        None => texts(left, right),
    };
    order
        .map(|order| Value::Bool(accept(order)))
        .ok_or(OperandFault::Types)
}

/// The order of two strings, bytes or timestamps by their text.
fn texts(left: &Value, right: &Value) -> Option<std::cmp::Ordering> {
    if let (Some(a), Some(b)) = (left.as_bytes(), right.as_bytes()) {
        return Some(a.cmp(b));
    }
    let text = |value: &Value| match value {
        Value::String(_) | Value::Bytes(_) | Value::Timestamp(_) => Some(value.to_text()),
        _ => None,
    };
    Some(text(left)?.cmp(&text(right)?))
}
