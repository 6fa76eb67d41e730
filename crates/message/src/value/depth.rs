//! Room on the stack for values that mappings nest without limit.
//!
//! A document's nesting is bounded by the parser, that of values built by a mapping is not
//! (`fold` can wrap an array a million times), so every recursive walk over built containers goes
//! through [`guard`], which moves to a fresh stack segment when little is left. Dropping such a value
//! is a walk too: it goes on without recursion where little is left.

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

/// Whether the values of a container that is being dropped must be given to [`drop_values`]: that
/// is slower than dropping them one within the other, for which the stack nearly always has room.
#[inline]
pub(crate) fn is_stack_low() -> bool {
    stacker::remaining_stack().is_none_or(|left| left < RED_ZONE)
}

/// Drops the values of a container that is being dropped, without one stack frame per level.
#[cold]
pub(crate) fn drop_values(values: impl Iterator<Item = Value>) {
    let mut pending: Vec<Value> = values.filter(is_container).collect();
    while let Some(value) = pending.pop() {
        take_members(value, &mut pending);
    }
}

/// Whether it is an array or object that holds values of its own.
#[inline]
pub(super) fn is_container(value: &Value) -> bool {
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
                pending.extend(elements.0.drain(..).filter(is_container));
            }
        }
        Value::Object(Object(object::Repr::Built(members))) => {
            if let Some(mut members) = Arc::into_inner(members) {
                let values = members.0.drain(..).map(|(_, value)| value);
                pending.extend(values.filter(is_container));
            }
        }
        Value::Object(Object(object::Repr::Overlay(overlay))) => {
            if let Some(mut overlay) = Arc::into_inner(overlay) {
                pending.extend(overlay.take_laid().filter(is_container));
            }
        }
        _ => {}
    }
}
