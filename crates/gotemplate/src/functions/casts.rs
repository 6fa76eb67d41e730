//! Conversions that never fail: what is no number is 0.

use millrace_bloblang::{parse_float, parse_integer};

use crate::value::Val;

/// An integer as Go's package `cast` makes one of any value.
pub(super) fn integer(value: &Val) -> i64 {
    if let Some(integer) = value.as_integer() {
        return integer;
    }
    match value {
        Val::Float(float) => truncated(*float),
        Val::Bool(bool) => i64::from(*bool),
        Val::Str(text) => parse_integer(without_zeros(&text.text())).unwrap_or(0),
        Val::JsonNumber(text) => parse_integer(without_zeros(text)).unwrap_or(0),
        _ => 0,
    }
}

/// A float as Go's package `cast` makes one of any value.
pub(super) fn float(value: &Val) -> f64 {
    if let Some(integer) = value.as_integer() {
        return match value {
            Val::Uint64(unsigned) => *unsigned as f64,
            _ => integer as f64,
        };
    }
    match value {
        Val::Float(float) => *float,
        Val::Bool(bool) => f64::from(u8::from(*bool)),
        Val::Str(text) => parse_float(&text.text()).unwrap_or(0.0),
        Val::JsonNumber(text) => parse_float(text).unwrap_or(0.0),
        _ => 0.0,
    }
}

/// The integer part; what does not fit is the smallest integer.
fn truncated(float: f64) -> i64 {
    match (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&float) {
        true => float as i64,
        false => i64::MIN,
    }
}

/// A text without a fraction of zeros.
fn without_zeros(text: &str) -> &str {
    match text.rsplit_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|it| it == b'0') => whole,
        _ => text,
    }
}
