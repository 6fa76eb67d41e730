//! Integer arithmetic, which wraps.

use super::Type::{Any, Int};
use super::{Answer, Call, Function, casts, fail};
use crate::value::{Element, List, Val};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("add1", &[Any], |call| {
        Ok(Val::Int64(integer(call, 0).wrapping_add(1)))
    }),
    Function::new("add", &[], |call| {
        let sum = integers(call).fold(0_i64, i64::wrapping_add);
        Ok(Val::Int64(sum))
    })
    .rest(Any),
    Function::new("sub", &[Any, Any], |call| {
        Ok(Val::Int64(integer(call, 0).wrapping_sub(integer(call, 1))))
    }),
    Function::new("div", &[Any, Any], |call| divide(call, i64::wrapping_div)),
    Function::new("mod", &[Any, Any], |call| divide(call, i64::wrapping_rem)),
    Function::new("mul", &[Any], |call| {
        Ok(Val::Int64(integers(call).fold(1, i64::wrapping_mul)))
    })
    .rest(Any),
    Function::new("max", &[Any], max).rest(Any),
    Function::new("biggest", &[Any], max).rest(Any),
    Function::new("min", &[Any], |call| {
        Ok(Val::Int64(integers(call).min().unwrap_or(0)))
    })
    .rest(Any),
    Function::new("until", &[Int], |call| {
        let count = call.int(0);
        steps(call, 0, count, if count < 0 { -1 } else { 1 })
    }),
    Function::new("untilStep", &[Int, Int, Int], |call| {
        steps(call, call.int(0), call.int(1), call.int(2))
    }),
    Function::new("seq", &[], seq).rest(Int),
];

fn integer(call: &Call<'_, '_>, index: usize) -> i64 {
    casts::integer(call.value(index))
}

fn integers<'a>(call: &'a Call<'_, '_>) -> impl Iterator<Item = i64> + 'a {
    call.values.iter().map(casts::integer)
}

fn max(call: &mut Call<'_, '_>) -> Answer {
    Ok(Val::Int64(integers(call).max().unwrap_or(0)))
}

fn divide(call: &Call<'_, '_>, by: fn(i64, i64) -> i64) -> Answer {
    match integer(call, 1) {
        0 => fail("runtime error: integer divide by zero"),
        divisor => Ok(Val::Int64(by(integer(call, 0), divisor))),
    }
}

/// How many numbers there are from `start` to before `stop`.
fn count(start: i64, stop: i64, step: i64) -> u128 {
    let distance = i128::from(stop) - i128::from(start);
    match (distance.signum() * i128::from(step).signum(), step) {
        (1, _) => distance
            .unsigned_abs()
            .div_ceil(u128::from(step.unsigned_abs())),
        _ => 0,
    }
}

fn numbers(
    call: &Call<'_, '_>,
    start: i64,
    stop: i64,
    step: i64,
) -> Result<Vec<i64>, crate::Fault> {
    let count = count(start, stop, step);
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    call.room(count.saturating_mul(size_of::<Val>()))?;
    Ok((0..count as i64)
        .map(|index| start.wrapping_add(index.wrapping_mul(step)))
        .collect())
}

fn steps(call: &Call<'_, '_>, start: i64, stop: i64, step: i64) -> Answer {
    let numbers = numbers(call, start, stop, step)?;
    let values = numbers.into_iter().map(Val::Int).collect();
    List::made(values, Element::Int, call.meter()).map(Val::List)
}

/// The numbers of a range that holds its end, with blanks between them.
fn seq(call: &mut Call<'_, '_>) -> Answer {
    let toward = |start: i64, end: i64| if end < start { -1 } else { 1 };
    let (start, end, step) = match call.values.len() {
        1 => (1, call.int(0), toward(1, call.int(0))),
        2 => (call.int(0), call.int(1), toward(call.int(0), call.int(1))),
        3 => {
            let (start, step, end) = (call.int(0), call.int(1), call.int(2));
            if end < start && step > 0 {
                return call.made("");
            }
            (start, end, step)
        }
        _ => return call.made(""),
    };
    let end = end.saturating_add(toward(start, end));
    let numbers = numbers(call, start, end, step)?;
    call.room(numbers.len() * 21)?;
    let mut text = String::new();
    for number in numbers {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(itoa::Buffer::new().format(number));
    }
    call.made(text)
}
