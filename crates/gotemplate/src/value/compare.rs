//! Equality of values with their types, as Go's `reflect.DeepEqual`.

use super::{DEPTH_MAX, List, Val, nested};
use crate::Fault;
use crate::meter::Meter;

/// Whether two values are the same, types and all.
///
/// # Errors
/// They nest too deep, or there are no steps left.
pub(crate) fn deep_equal(left: &Val, right: &Val, meter: &Meter) -> Result<bool, Fault> {
    equal_at(left, right, meter, 0)
}

fn equal_at(left: &Val, right: &Val, meter: &Meter, depth: usize) -> Result<bool, Fault> {
    meter.step(1)?;
    if depth > DEPTH_MAX {
        return Err(Fault::new(format!(
            "a value nests deeper than {DEPTH_MAX} levels"
        )));
    }
    Ok(match (left, right) {
        (Val::Missing | Val::Nil, Val::Missing | Val::Nil) => true,
        (Val::Bool(left), Val::Bool(right)) => left == right,
        (Val::Int(left), Val::Int(right)) | (Val::Int64(left), Val::Int64(right)) => left == right,
        (Val::Uint64(left), Val::Uint64(right)) => left == right,
        (Val::Uint8(left), Val::Uint8(right)) => left == right,
        (Val::Float(left), Val::Float(right)) => left == right,
        (Val::JsonNumber(left), Val::JsonNumber(right)) => left == right,
        (Val::Month(left), Val::Month(right)) | (Val::Weekday(left), Val::Weekday(right)) => {
            left == right
        }
        (Val::Str(left), Val::Str(right)) => {
            meter.step(left.len() / 64)?;
            left.bytes() == right.bytes()
        }
        (Val::Bytes(left), Val::Bytes(right)) => left == right,
        (Val::Time(left), Val::Time(right)) => left == right,
        (Val::Version(left), Val::Version(right)) => left == right,
        (Val::List(left), Val::List(right)) => equal_lists(left, right, meter, depth)?,
        (Val::Map(left), Val::Map(right)) => {
            if left.kind() != right.kind() || left.len() != right.len() {
                return Ok(false);
            }
            let (left, right) = (left.entries()?, right.entries()?);
            for ((key, value), (other_key, other)) in left.iter().zip(&right) {
                if key != other_key || !nested(|| equal_at(value, other, meter, depth + 1))? {
                    return Ok(false);
                }
            }
            true
        }
        _ => false,
    })
}

fn equal_lists(left: &List, right: &List, meter: &Meter, depth: usize) -> Result<bool, Fault> {
    let is_nothing = |list: &List| matches!(list, List::Nothing(_));
    if left.element() != right.element()
        || left.len() != right.len()
        || is_nothing(left) != is_nothing(right)
    {
        return Ok(false);
    }
    let (left, right) = (left.values(meter)?, right.values(meter)?);
    for (left, right) in left.iter().zip(&right) {
        if !nested(|| equal_at(left, right, meter, depth + 1))? {
            return Ok(false);
        }
    }
    Ok(true)
}
