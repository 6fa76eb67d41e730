//! Mathematics.

use millrace_message::Value;

use super::Native;
use crate::error::{Fail, not_for};
use crate::number::of;

fn number(name: &str, value: &Value) -> Result<f64, Fail> {
    match of(value) {
        Some(number) => Ok(number.float()),
        None => Err(not_for(name, value)),
    }
}

/// A function of the input.
macro_rules! unary {
    ($name:literal, $function:expr) => {
        Native::new($name, 0, |_, input, _| {
            let function: fn(f64) -> f64 = $function;
            Ok(Value::F64(function(number($name, &input)?)))
        })
    };
}

/// A function of two arguments.
macro_rules! binary {
    ($name:literal, $function:expr) => {
        Native::operator($name, 2, |_, _, arguments| {
            let function: fn(f64, f64) -> f64 = $function;
            let (x, y) = (number($name, &arguments[0])?, number($name, &arguments[1])?);
            Ok(Value::F64(function(x, y)))
        })
    };
}

pub(super) const TABLE: &[Native] = &[
    unary!("sin", libm::sin),
    unary!("cos", libm::cos),
    unary!("tan", libm::tan),
    unary!("asin", libm::asin),
    unary!("acos", libm::acos),
    unary!("atan", libm::atan),
    unary!("sinh", libm::sinh),
    unary!("cosh", libm::cosh),
    unary!("tanh", libm::tanh),
    unary!("asinh", libm::asinh),
    unary!("acosh", libm::acosh),
    unary!("atanh", libm::atanh),
    unary!("floor", f64::floor),
    unary!("round", f64::round),
    unary!("nearbyint", f64::round_ties_even),
    unary!("rint", f64::round_ties_even),
    unary!("ceil", f64::ceil),
    unary!("trunc", f64::trunc),
    unary!("significand", significand),
    unary!("fabs", f64::abs),
    unary!("sqrt", f64::sqrt),
    unary!("cbrt", libm::cbrt),
    unary!("exp", f64::exp),
    unary!("exp10", |it| libm::pow(10.0, it)),
    unary!("exp2", libm::exp2),
    unary!("expm1", libm::expm1),
    unary!("log", libm::log),
    unary!("log10", libm::log10),
    unary!("log1p", libm::log1p),
    unary!("log2", libm::log2),
    unary!("logb", logb),
    unary!("gamma", libm::tgamma),
    unary!("tgamma", libm::tgamma),
    unary!("lgamma", libm::lgamma),
    unary!("erf", libm::erf),
    unary!("erfc", libm::erfc),
    unary!("j0", libm::j0),
    unary!("j1", libm::j1),
    unary!("y0", libm::y0),
    unary!("y1", libm::y1),
    binary!("atan2", libm::atan2),
    binary!("copysign", f64::copysign),
    binary!("drem", drem),
    binary!("fdim", libm::fdim),
    binary!("fmax", |x, y| extreme(x, y, f64::max)),
    binary!("fmin", |x, y| extreme(x, y, f64::min)),
    binary!("fmod", libm::fmod),
    binary!("hypot", libm::hypot),
    binary!("jn", |order, x| libm::jn(order as i32, x)),
    binary!("yn", |order, x| libm::yn(order as i32, x)),
    binary!("nextafter", libm::nextafter),
    binary!("nexttoward", libm::nextafter),
    binary!("remainder", libm::remainder),
    binary!("ldexp", scaled),
    binary!("scalb", scaled),
    binary!("scalbln", scaled),
    binary!("pow", libm::pow),
    Native::operator("fma", 3, |_, _, arguments| {
        let [x, y, z] = [0, 1, 2].map(|it| number("fma", &arguments[it]));
        Ok(Value::F64(libm::fma(x?, y?, z?)))
    }),
    Native::new("frexp", 0, |_, input, _| {
        let (fraction, exponent) = libm::frexp(number("frexp", &input)?);
        let exponent = Value::I64(i64::from(exponent));
        Ok(Value::from(vec![Value::F64(fraction), exponent]))
    }),
    Native::new("modf", 0, |_, input, _| {
        let (fraction, whole) = libm::modf(number("modf", &input)?);
        // As in Go: infinity has no fraction.
        let fraction = if whole.is_infinite() {
            f64::NAN
        } else {
            fraction
        };
        Ok(Value::from(vec![Value::F64(fraction), Value::F64(whole)]))
    }),
];

/// What is no number wins, as in Go.
fn extreme(x: f64, y: f64, of: fn(f64, f64) -> f64) -> f64 {
    match x.is_nan() || y.is_nan() {
        true => f64::NAN,
        false => of(x, y),
    }
}

/// The fraction of a float, without its exponent.
fn significand(float: f64) -> f64 {
    match float.is_finite() && float != 0.0 {
        true => f64::from_bits((float.to_bits() & 0x800f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000),
        false => float,
    }
}

fn logb(float: f64) -> f64 {
    match float {
        _ if float.is_nan() => float,
        0.0 => f64::NEG_INFINITY,
        _ if float.is_infinite() => f64::INFINITY,
        _ => f64::from(libm::ilogb(float)),
    }
}

fn drem(x: f64, y: f64) -> f64 {
    let rest = libm::remainder(x, y);
    match rest == 0.0 {
        true => rest.copysign(x),
        false => rest,
    }
}

fn scaled(float: f64, exponent: f64) -> f64 {
    libm::scalbn(float, exponent.clamp(-10_000.0, 10_000.0) as i32)
}
