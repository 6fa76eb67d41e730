//! Comparisons, which know no types but bools, numbers and strings, and do not mix them.

use std::cmp::Ordering;

use super::Type::Value;
use super::{Answer, Call, Function, fail};
use crate::Fault;
use crate::format;
use crate::meter::Meter;
use crate::value::{Val, deep_equal};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("eq", &[Value], |call| {
        if call.values.len() < 2 {
            return fail("missing argument for comparison");
        }
        for other in &call.values[1..] {
            if equal(call.value(0), other, call.meter())? {
                return Ok(Val::Bool(true));
            }
        }
        Ok(Val::Bool(false))
    })
    .rest(Value),
    Function::new("ne", &[Value, Value], |call| {
        let is_equal = equal(call.value(0), call.value(1), call.meter())?;
        Ok(Val::Bool(!is_equal))
    }),
    Function::new("lt", &[Value, Value], |call| ordered(call, Ordering::is_lt)),
    Function::new("le", &[Value, Value], |call| ordered(call, Ordering::is_le)),
    Function::new("gt", &[Value, Value], greater),
    Function::new("ge", &[Value, Value], not_less),
];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Other,
    Bool,
    Int,
    Uint,
    Float,
    Text,
}

fn kind(value: &Val) -> Kind {
    match value {
        Val::Bool(_) => Kind::Bool,
        Val::Int(_) | Val::Int64(_) | Val::Month(_) | Val::Weekday(_) => Kind::Int,
        Val::Uint64(_) | Val::Uint8(_) => Kind::Uint,
        Val::Float(_) => Kind::Float,
        Val::Str(_) | Val::JsonNumber(_) => Kind::Text,
        _ => Kind::Other,
    }
}

fn unsigned(value: &Val) -> i128 {
    match value {
        Val::Uint64(integer) => i128::from(*integer),
        other => i128::from(other.as_integer().unwrap_or(0)),
    }
}

fn text(value: &Val) -> &[u8] {
    match value {
        Val::Str(text) => text.bytes(),
        Val::JsonNumber(text) => text.as_bytes(),
        _ => b"",
    }
}

fn incompatible<T>(left: &Val, right: &Val) -> Result<T, Fault> {
    let (left, right) = (left.type_name(), right.type_name());
    fail(format!(
        "incompatible types for comparison: {left} and {right}"
    ))
}

/// How two values compare that are of one kind, or integers of two.
fn compare(left: &Val, right: &Val, meter: &Meter) -> Result<Option<Ordering>, Fault> {
    Ok(match (kind(left), kind(right)) {
        (Kind::Int | Kind::Uint, Kind::Int | Kind::Uint) => {
            Some(unsigned(left).cmp(&unsigned(right)))
        }
        (Kind::Float, Kind::Float) => match (left, right) {
            (Val::Float(left), Val::Float(right)) => left.partial_cmp(right),
            _ => None,
        },
        (Kind::Text, Kind::Text) => {
            let (left, right) = (text(left), text(right));
            meter.step(left.len().min(right.len()) / 64)?;
            Some(left.cmp(right))
        }
        _ => return incompatible(left, right),
    })
}

fn equal(left: &Val, right: &Val, meter: &Meter) -> Result<bool, Fault> {
    let (left_kind, right_kind) = (kind(left), kind(right));
    match (left_kind, right_kind) {
        (Kind::Bool, Kind::Bool) => {
            return Ok(matches!((left, right), (Val::Bool(a), Val::Bool(b)) if a == b));
        }
        (Kind::Other, Kind::Other) => {}
        _ if left.is_nil() || right.is_nil() => return Ok(false),
        _ => return Ok(compare(left, right, meter)? == Some(Ordering::Equal)),
    }
    if left.is_nil() || right.is_nil() {
        return Ok(left.is_nil() == right.is_nil());
    }
    if left.kind_name() != right.kind_name() {
        return fail(format!(
            "non-comparable types {}: {}, {}: {}",
            shown(b"%s", left, meter)?,
            left.type_name(),
            right.type_name(),
            shown(b"%v", right, meter)?
        ));
    }
    match right {
        Val::Time(_) => deep_equal(left, right, meter),
        Val::Version(_) => Ok(matches!((left, right),
            (Val::Version(a), Val::Version(b)) if std::rc::Rc::ptr_eq(a, b))),
        other => fail(format!(
            "non-comparable type {}: {}",
            shown(b"%s", other, meter)?,
            other.type_name()
        )),
    }
}

fn shown(format: &[u8], value: &Val, meter: &Meter) -> Result<String, Fault> {
    let out = format::printf(format, std::slice::from_ref(value), meter)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// Whether both are of a kind that has an order.
fn refuse_unordered(call: &Call<'_, '_>) -> Result<(), Fault> {
    let (left, right) = (kind(call.value(0)), kind(call.value(1)));
    let is_bad =
        left == Kind::Other || right == Kind::Other || (left, right) == (Kind::Bool, Kind::Bool);
    match is_bad {
        true => fail("invalid type for comparison"),
        false => Ok(()),
    }
}

fn ordering(call: &Call<'_, '_>) -> Result<Option<Ordering>, Fault> {
    refuse_unordered(call)?;
    compare(call.value(0), call.value(1), call.meter())
}

fn ordered(call: &Call<'_, '_>, is_so: fn(Ordering) -> bool) -> Answer {
    Ok(Val::Bool(ordering(call)?.is_some_and(is_so)))
}

/// As in Go, what is not less or equal is greater: also what is no number.
fn greater(call: &mut Call<'_, '_>) -> Answer {
    Ok(Val::Bool(!ordering(call)?.is_some_and(Ordering::is_le)))
}

fn not_less(call: &mut Call<'_, '_>) -> Answer {
    Ok(Val::Bool(!ordering(call)?.is_some_and(Ordering::is_lt)))
}
