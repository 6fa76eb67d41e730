//! Room on the stack for values that mappings nest without limit.
//!
//! A document's nesting is bounded by the parser, that of values built by a mapping is not
//! (`fold` can wrap an array a million times), so every recursive walk over built containers goes
//! through [`guard`], which moves to a fresh stack segment when little is left.

use std::sync::Arc;

use super::{Array, Object, Value, array, object};

/// Bytes that must be left before a level is entered on the current stack.
const RED_ZONE: usize = 64 * 1024;
/// Size of a fresh stack segment.
const SEGMENT: usize = 1024 * 1024;

/// Runs one level of a recursive walk.
#[inline]
pub(crate) fn guard<T>(level: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(RED_ZONE, SEGMENT, level)
}

/// Drops the values of a container that is being dropped, without one stack frame per level.
pub(crate) fn drop_values(values: &mut Vec<Value>) {
    if values.iter().any(holds_containers) {
        let mut pending = std::mem::take(values);
        while let Some(value) = pending.pop() {
            take_members(value, &mut pending);
        }
    }
}

/// Whether dropping the value would drop containers below it.
fn holds_containers(value: &Value) -> bool {
    match value {
        Value::Array(Array(array::Repr::Built(elements))) => {
            Arc::strong_count(elements) == 1 && elements.0.iter().any(is_container)
        }
        Value::Object(Object(object::Repr::Built(members))) => {
            let mut values = members.0.iter().map(|(_, value)| value);
            Arc::strong_count(members) == 1 && values.any(is_container)
        }
        Value::Object(Object(object::Repr::Overlay(overlay))) => {
            Arc::strong_count(overlay) == 1 && overlay.laid().any(is_container)
        }
        _ => false,
    }
}

/// Whether it is an array or object that holds values of its own.
pub(crate) fn is_container(value: &Value) -> bool {
    matches!(
        value,
        Value::Array(Array(array::Repr::Built(_)))
            | Value::Object(Object(object::Repr::Built(_) | object::Repr::Overlay(_)))
    )
}

fn take_members(value: Value, pending: &mut Vec<Value>) {
    match value {
        Value::Array(Array(array::Repr::Built(elements))) => {
            if let Some(mut elements) = Arc::into_inner(elements) {
                pending.append(&mut elements.0);
            }
        }
        Value::Object(Object(object::Repr::Built(members))) => {
            if let Some(mut members) = Arc::into_inner(members) {
                pending.extend(members.0.drain(..).map(|(_, value)| value));
            }
        }
        Value::Object(Object(object::Repr::Overlay(overlay))) => {
            if let Some(mut overlay) = Arc::into_inner(overlay) {
                pending.extend(overlay.take_laid());
            }
        }
        _ => {}
    }
}
