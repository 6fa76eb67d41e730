//! Values: numbers, strings, and strings of the input that count as numbers where they look so.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::rc::Rc;

use crate::Fault;
use crate::ast::Comparison;
use crate::meter::{Meter, Text};
use crate::{format, number};

#[derive(Clone, Default)]
pub(crate) enum Value {
    /// What was never assigned: the empty string and zero.
    #[default]
    Unset,
    Number(f64),
    Text(Text),
    /// Text of the input: a number where it looks like one.
    Input(Text),
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Value::Number(f64::from(u8::from(truth)))
    }
}

impl Value {
    pub fn number(&self) -> f64 {
        match self {
            Value::Unset => 0.0,
            Value::Number(number) => *number,
            Value::Text(text) | Value::Input(text) => number::prefix(text),
        }
    }

    pub fn is_true(&self) -> bool {
        match self {
            Value::Unset => false,
            Value::Number(number) => *number != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::Input(text) => match number::whole(text) {
                Some(number) => number != 0.0,
                None => !text.is_empty(),
            },
        }
    }

    /// The number it is compared as; nothing when it is a string.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Value::Unset => Some(0.0),
            Value::Number(number) => Some(*number),
            Value::Text(_) => None,
            Value::Input(text) => number::whole(text),
        }
    }

    /// Its text; `format` is how numbers that are no integers are written.
    pub fn bytes(&self, format: &str) -> Cow<'_, [u8]> {
        match self {
            Value::Unset => Cow::Borrowed(b""),
            Value::Text(text) | Value::Input(text) => Cow::Borrowed(text),
            Value::Number(number) => Cow::Owned(number_text(*number, format)),
        }
    }

    /// As [`Value::bytes`], counted and shared.
    ///
    /// # Errors
    /// There is no room.
    pub fn text(&self, format: &str, meter: &Rc<Meter>) -> Result<Text, Fault> {
        match self {
            Value::Unset => Ok(Text::default()),
            Value::Text(text) | Value::Input(text) => Ok(text.clone()),
            Value::Number(number) => meter.text(number_text(*number, format)),
        }
    }

    /// Compares as numbers when both are, else as texts.
    pub fn compare(&self, comparison: Comparison, other: &Value, format: &str) -> bool {
        let order = match (self.as_number(), other.as_number()) {
            (Some(left), Some(right)) => left.partial_cmp(&right),
            _ => Some(self.bytes(format).cmp(&other.bytes(format))),
        };
        match comparison {
            Comparison::Equal => order == Some(Ordering::Equal),
            Comparison::NotEqual => order != Some(Ordering::Equal),
            Comparison::Less => order == Some(Ordering::Less),
            Comparison::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Comparison::Greater => order == Some(Ordering::Greater),
            Comparison::GreaterOrEqual => {
                matches!(order, Some(Ordering::Greater | Ordering::Equal))
            }
        }
    }
}

/// An integer in full, anything else in the given format.
pub(crate) fn number_text(number: f64, format: &str) -> Vec<u8> {
    if number.is_nan() {
        return b"nan".to_vec();
    }
    if number.is_infinite() {
        let text: &[u8] = if number < 0.0 { b"-inf" } else { b"inf" };
        return text.to_vec();
    }
    let integer = number::integer(number);
    if integer as f64 == number {
        return itoa::Buffer::new().format(integer).as_bytes().to_vec();
    }
    format::number(format, number)
}
