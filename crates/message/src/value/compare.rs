//! Equality: the structural one of Rust code and the lenient one of Bloblang's `==`.

use std::sync::Arc;

use super::{Array, Object, Value, array, depth, object, timestamp};

/// Structural equality: numbers by value whatever their form (`1`, `1.0` and `1e0` are equal),
/// strings and bytes are different types.
impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::String(a), Value::String(b)) => a == b,
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::Timestamp(a), Value::Timestamp(b)) => a == b,
            (Value::Array(a), Value::Array(b)) => a == b,
            (Value::Object(a), Value::Object(b)) => a == b,
            _ => numbers_equal(self, other).unwrap_or(false),
        }
    }
}

impl PartialEq for Array {
    fn eq(&self, other: &Array) -> bool {
        arrays_match(self, other, Value::eq)
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Object) -> bool {
        objects_match(self, other, Value::eq)
    }
}

impl Value {
    /// Equality as `==` of a mapping sees it; never an error.
    ///
    /// Strings, bytes and timestamps compare by text, numbers by value. A bool on the left also
    /// equals a number of the same truth (`true == 1`), a number on the left equals no bool.
    /// Arrays and objects are equal when all their members are, by the same rules.
    pub fn loosely_equals(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), b) => b.truthiness() == Some(*a),
            (Value::String(a), Value::String(b)) => a == b,
            (Value::String(_) | Value::Bytes(_), Value::String(_) | Value::Bytes(_)) => {
                self.as_bytes() == other.as_bytes()
            }
            (Value::Timestamp(a), Value::Timestamp(b)) => {
                timestamp::rfc3339(a) == timestamp::rfc3339(b)
            }
            (Value::Timestamp(a), b) => b
                .as_bytes()
                .is_some_and(|text| timestamp::rfc3339(a).as_bytes() == text),
            (a, Value::Timestamp(b)) => a
                .as_bytes()
                .is_some_and(|text| timestamp::rfc3339(b).as_bytes() == text),
            (Value::Array(a), Value::Array(b)) => arrays_match(a, b, Value::loosely_equals),
            (Value::Object(a), Value::Object(b)) => objects_match(a, b, Value::loosely_equals),
            (a, b) => numbers_equal(a, b).unwrap_or(false),
        }
    }
}

impl Value {
    /// Whether both are one thing: containers by their place in memory, in no time whatever their
    /// size, everything else by value.
    pub fn is_same(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Array(Array(a)), Value::Array(Array(b))) => match (a, b) {
                (array::Repr::Built(a), array::Repr::Built(b)) => Arc::ptr_eq(a, b),
                (
                    array::Repr::Node { index, document },
                    array::Repr::Node {
                        index: at,
                        document: other,
                    },
                ) => index == at && Arc::ptr_eq(document, other),
                _ => false,
            },
            (Value::Object(Object(a)), Value::Object(Object(b))) => match (a, b) {
                (object::Repr::Built(a), object::Repr::Built(b)) => Arc::ptr_eq(a, b),
                (object::Repr::Overlay(a), object::Repr::Overlay(b)) => Arc::ptr_eq(a, b),
                (
                    object::Repr::Node { index, document },
                    object::Repr::Node {
                        index: at,
                        document: other,
                    },
                ) => index == at && Arc::ptr_eq(document, other),
                _ => false,
            },
            _ => self == other,
        }
    }
}

/// Whether two numbers are equal; nothing when one of them is none.
fn numbers_equal(a: &Value, b: &Value) -> Option<bool> {
    if let (Some(a), Some(b)) = (integer(a), integer(b)) {
        return Some(a == b);
    }
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => Some(a == b),
        // Number texts beyond the range of a float are equal when they read the same.
        _ => match (a, b) {
            (Value::Number(a), Value::Number(b)) => Some(a.as_str() == b.as_str()),
            _ => None,
        },
    }
}

fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::I64(integer) => Some(i128::from(*integer)),
        Value::U64(integer) => Some(i128::from(*integer)),
        Value::Number(number) => number.as_str().parse().ok(),
        _ => None,
    }
}

fn arrays_match(a: &Array, b: &Array, same: fn(&Value, &Value) -> bool) -> bool {
    a.len() == b.len() && depth::guard(|| a.iter().zip(b).all(|(a, b)| same(&a, &b)))
}

fn objects_match(a: &Object, b: &Object, same: fn(&Value, &Value) -> bool) -> bool {
    a.len() == b.len()
        && depth::guard(|| {
            a.entries()
                .zip(b)
                .all(|((key_a, a), (key_b, b))| key_a == key_b && same(&a, &b))
        })
}
