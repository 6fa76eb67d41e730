//! Conversions between numbers and strings.

use super::Type::{Any, Text};
use super::{Function, casts};
use crate::format;
use crate::value::Val;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("atoi", &[Text], |call| {
        let text = call.text(0);
        let digits = text.strip_prefix(['+', '-']).unwrap_or(&text);
        let is_number = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
        Ok(Val::Int(match (is_number, text.parse::<i64>()) {
            (false, _) => 0,
            (true, Ok(number)) => number,
            // Go gives the nearest integer beside its error, which is passed over.
            (true, Err(_)) if text.starts_with('-') => i64::MIN,
            (true, Err(_)) => i64::MAX,
        }))
    }),
    Function::new("int", &[Any], |call| {
        Ok(Val::Int(casts::integer(call.value(0))))
    }),
    Function::new("int64", &[Any], |call| {
        Ok(Val::Int64(casts::integer(call.value(0))))
    }),
    Function::new("float64", &[Any], |call| {
        Ok(Val::Float(casts::float(call.value(0))))
    }),
    Function::new("toDecimal", &[Any], |call| {
        let text = format::string(call.value(0), call.meter())?;
        let text = String::from_utf8_lossy(&text);
        Ok(Val::Int64(i64::from_str_radix(&text, 8).unwrap_or(0)))
    }),
    Function::new("toString", &[Any], |call| match call.value(0) {
        Val::Str(_) => Ok(call.value(0).clone()),
        other => call.made(format::string(other, call.meter())?),
    }),
];
