//! Arithmetic of floats, which is exact between the arguments of one call.

use super::Type::{Any, Float, Int};
use super::decimals::Decimal;
use super::{Answer, Call, Function, casts, fail};
use crate::Fault;
use crate::value::Val;

/// The longest number between the arguments of one call, in words of 64 bits.
const SIZE_MAX: usize = 4096;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("add1f", &[Any], |call| {
        let start = Decimal::of(casts::float(call.value(0)))?;
        Ok(Val::Float(start.add(&Decimal::of(1.0)?).to_float()))
    }),
    Function::new("addf", &[], |call| {
        fold(call, Decimal::of(0.0)?, 0, |a, b| Ok(a.add(b)))
    })
    .rest(Any),
    Function::new("subf", &[Any], |call| fold_first(call, |a, b| Ok(a.sub(b)))).rest(Any),
    Function::new("mulf", &[Any], |call| fold_first(call, |a, b| Ok(a.mul(b)))).rest(Any),
    Function::new("divf", &[Any], |call| fold_first(call, Decimal::div)).rest(Any),
    Function::new("maxf", &[Any], |call| extreme(call, maximum)).rest(Any),
    Function::new("minf", &[Any], |call| extreme(call, minimum)).rest(Any),
    Function::new("ceil", &[Any], |call| {
        Ok(Val::Float(casts::float(call.value(0)).ceil()))
    }),
    Function::new("floor", &[Any], |call| {
        Ok(Val::Float(casts::float(call.value(0)).floor()))
    }),
    Function::new("round", &[Any, Int], round).rest(Float),
];

fn fold_first(
    call: &Call<'_, '_>,
    operate: impl Fn(&Decimal, &Decimal) -> Result<Decimal, Fault>,
) -> Answer {
    fold(call, Decimal::of(casts::float(call.value(0)))?, 1, operate)
}

fn fold(
    call: &Call<'_, '_>,
    mut sum: Decimal,
    skipped: usize,
    operate: impl Fn(&Decimal, &Decimal) -> Result<Decimal, Fault>,
) -> Answer {
    for value in call.values.iter().skip(skipped) {
        call.step(1 + sum.size())?;
        sum = operate(&sum, &Decimal::of(casts::float(value))?)?;
        if sum.size() > SIZE_MAX {
            return fail("the number has too many digits");
        }
    }
    Ok(Val::Float(sum.to_float()))
}

/// As Go's `math.Max`: what is no number stays so.
fn maximum(a: f64, b: f64) -> f64 {
    match a.is_nan() || b.is_nan() {
        true => f64::NAN,
        false => a.max(b),
    }
}

fn minimum(a: f64, b: f64) -> f64 {
    match a.is_nan() || b.is_nan() {
        true => f64::NAN,
        false => a.min(b),
    }
}

fn extreme(call: &Call<'_, '_>, of: fn(f64, f64) -> f64) -> Answer {
    let floats = call.values.iter().map(casts::float);
    Ok(Val::Float(floats.reduce(of).unwrap_or(0.0)))
}

/// Rounds up from a fraction of a half on, or of what the third argument says.
fn round(call: &mut Call<'_, '_>) -> Answer {
    let limit = match call.values.len() {
        0..=2 => 0.5,
        _ => call.float(2),
    };
    let power = 10_f64.powf(call.int(1) as f64);
    let digit = power * casts::float(call.value(0));
    let rounded = match digit.fract() >= limit {
        true => digit.ceil(),
        false => digit.floor(),
    };
    Ok(Val::Float(rounded / power))
}
