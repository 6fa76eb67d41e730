//! Numbers: integers that may stand in texts, and floats of both sizes.

use millrace_message::{Number, Text, Value};

/// The digits of an integer.
pub(super) fn text(integer: impl itoa::Integer) -> Text {
    Text::from(itoa::Buffer::new().format(integer))
}

/// A float of 64 bits; what JSON has no number for is a text.
pub(super) fn double(float: f64) -> Value {
    if float.is_finite() {
        return Value::F64(float);
    }
    Value::from_static(if float.is_nan() {
        "NaN"
    } else if float > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    })
}

/// A float of 32 bits, as the number with the fewest digits that is this one: 0.1 stays 0.1.
pub(super) fn single(float: f32) -> Value {
    if !float.is_finite() {
        return double(f64::from(float));
    }
    let digits = ryu::Buffer::new().format_finite(float).parse();
    Value::F64(digits.unwrap_or(f64::from(float)))
}

/// The integer that a number is, or that a text spells as a number of JSON: `1.0` and `1e2` are
/// integers, `1.5` is none.
pub(super) fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::I64(integer) => Some(i128::from(*integer)),
        Value::U64(integer) => Some(i128::from(*integer)),
        Value::F64(float) if float.fract() == 0.0 && float.abs() < 1e30 => Some(*float as i128),
        Value::Number(number) => spelled_integer(number.as_str()),
        Value::String(text) => spelled_integer(Number::parse(text)?.as_str()),
        _ => None,
    }
}

/// The integer that the text of a JSON number is.
fn spelled_integer(text: &str) -> Option<i128> {
    let (text, is_negative) = match text.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent),
        None => (text, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    let trailing = digits.len() - digits.trim_end_matches('0').len();
    let shift = exponent.parse::<i64>().ok()?;
    let shift = shift.checked_sub(fraction.len() as i64)? + trailing as i64;
    let shift = u32::try_from(shift).ok().filter(|it| *it < 39)?;
    let value = significant.parse::<i128>().ok()?;
    let value = value.checked_mul(10_i128.checked_pow(shift)?)?;
    Some(if is_negative { -value } else { value })
}

/// The float of a number, of a text that spells one, or of one of the names that stand for what
/// JSON has no number for.
pub(super) fn float(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            text => Number::parse(text)?.as_f64(),
        },
        number => number.as_f64().filter(|float| float.is_finite()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_exactly_in_every_spelling() {
        let text = |text: &str| integer(&Value::from(text));
        for (spelled, expected) in [
            ("0", Some(0)),
            ("-0.0", Some(0)),
            ("9223372036854775807", Some(i128::from(i64::MAX))),
            ("18446744073709551615", Some(i128::from(u64::MAX))),
            ("1.0", Some(1)),
            ("1.50e1", Some(15)),
            ("100e-2", Some(1)),
            ("-12e2", Some(-1200)),
            ("1.5", None),
            ("1e-1", None),
            ("1e400", None),
            ("1e99999999999999999999", None),
            ("", None),
            (" 1", None),
            ("1x", None),
            ("0x10", None),
        ] {
            assert_eq!(text(spelled), expected, "{spelled}");
        }
        assert_eq!(integer(&Value::F64(2.0)), Some(2));
        assert_eq!(integer(&Value::F64(2.5)), None);
        assert_eq!(integer(&Value::Bool(true)), None);
    }
}
