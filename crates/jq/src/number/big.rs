//! Integers of more than 38 digits: kept as they are written, computed with when it is asked for.

use std::borrow::Cow;
use std::cmp::Ordering;

use millrace_message::{Number, Value};
use num_bigint::BigInt;

use super::{Num, Operation, integer};
use crate::error::Fail;
use crate::limits::Budget;

/// The longest integer that is computed with.
const DIGITS_MAX: usize = 10_000;

/// The result of an operation on two integers.
///
/// # Errors
/// One of them, or what comes out, is too long.
pub(super) fn apply(
    budget: &Budget,
    operation: Operation,
    a: &Num,
    b: &Num,
) -> Result<Value, Fail> {
    let (a, b) = both(budget, a, b)?;
    value(&match operation {
        Operation::Add => a + b,
        Operation::Subtract => a - b,
        Operation::Multiply => a * b,
    })
}

/// The quotient of two integers, when there is no rest.
///
/// # Errors
/// One of them is too long.
pub(super) fn quotient(budget: &Budget, a: &Num, b: &Num) -> Result<Option<Value>, Fail> {
    let (a, b) = both(budget, a, b)?;
    let quotient = &a / &b;
    match &quotient * b == a {
        true => value(&quotient).map(Some),
        false => Ok(None),
    }
}

/// The rest of a division of two integers, with the sign of the first.
///
/// # Errors
/// One of them is too long.
pub(super) fn rest(budget: &Budget, a: &Num, b: &Num) -> Result<Value, Fail> {
    let (a, b) = both(budget, a, b)?;
    value(&(a % b))
}

/// The order of two integers; nothing when one of them is a float.
pub(super) fn compare(a: &Num, b: &Num) -> Option<Ordering> {
    let (a, b) = (digits(a)?, digits(b)?);
    Some(match (a.strip_prefix('-'), b.strip_prefix('-')) {
        (None, None) => longer(&a, &b),
        (Some(a), Some(b)) => longer(b, a),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
    })
}

fn longer(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn digits(number: &Num) -> Option<Cow<'_, str>> {
    match number {
        Num::Int(integer) => Some(Cow::Owned(integer.to_string())),
        Num::Big(number) => Some(Cow::Borrowed(number.as_str())),
        Num::Float(_) => None,
    }
}

/// Both as integers; what they take is quadratic in their digits.
fn both(budget: &Budget, a: &Num, b: &Num) -> Result<(BigInt, BigInt), Fail> {
    let (a, b) = (parsed(budget, a)?, parsed(budget, b)?);
    let limbs = |it: &BigInt| it.bits() as usize / 64 + 1;
    budget.steps(limbs(&a) * limbs(&b) / 64)?;
    Ok((a, b))
}

fn parsed(budget: &Budget, number: &Num) -> Result<BigInt, Fail> {
    match number {
        Num::Int(integer) => Ok(BigInt::from(*integer)),
        Num::Big(number) => {
            let text = number.as_str();
            check(text.len())?;
            budget.steps(text.len() * text.len() / 0x4000)?;
            BigInt::parse_bytes(text.as_bytes(), 10)
                .ok_or_else(|| Fail::text("an integer has digits alone"))
        }
        Num::Float(_) => Err(Fail::text("a float is no integer")),
    }
}

fn check(digits: usize) -> Result<(), Fail> {
    match digits > DIGITS_MAX {
        true => Err(Fail::text(format!(
            "integers of more than {DIGITS_MAX} digits cannot be computed with"
        ))),
        false => Ok(()),
    }
}

fn value(big: &BigInt) -> Result<Value, Fail> {
    if let Ok(small) = i128::try_from(big) {
        return Ok(integer(small));
    }
    let text = big.to_string();
    check(text.len())?;
    Ok(Number::parse(&text).map_or(Value::Null, Value::Number))
}
