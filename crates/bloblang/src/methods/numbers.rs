//! Methods on numbers: rounding, functions of analysis, integers of a given width.

use millrace_formats::widened;
use millrace_message::Value;

use super::target;
use crate::eval_error::EvalError;
use crate::go::literal;
use crate::registry::{Category, Example, Method, Parameter};

pub(super) const METHODS: &[Method] = &[
    Method::value("ceil", "The least integer that is not below the number.", |target, _| {
        round_with(&target, f64::ceil)
    })
    .category(Category::Numbers)
    .examples(&[Example::new(
        "root.new = this.v.ceil()",
        &[(r#"{"v":5.3}"#, r#"{"new":6}"#), (r#"{"v":-5.9}"#, r#"{"new":-5}"#)],
    )]),
    Method::value("floor", "The greatest integer that is not above the number.", |target, _| {
        round_with(&target, f64::floor)
    })
    .category(Category::Numbers)
    .examples(&[Example::new(
        "root.new = this.v.floor()",
        &[(r#"{"v":5.7}"#, r#"{"new":5}"#), (r#"{"v":1e300}"#, r#"{"new":1e+300}"#)],
    )]),
    Method::value("round", "The nearest integer; halves go away from zero.", |target, _| {
        round_with(&target, f64::round)
    })
    .category(Category::Numbers)
    .examples(&[Example::new(
        "root.new = this.v.round()",
        &[(r#"{"v":5.5}"#, r#"{"new":6}"#), (r#"{"v":-2.5}"#, r#"{"new":-3}"#)],
    )]),
    Method::value("log", "The natural logarithm.", |target, _| {
        Ok(Value::F64(number(&target)?.ln()))
    })
    .category(Category::Numbers)
    .examples(&[Example::new(
        "root.new = this.v.log().round()",
        &[(r#"{"v":1}"#, r#"{"new":0}"#), (r#"{"v":2.7183}"#, r#"{"new":1}"#)],
    )]),
    Method::value("log10", "The logarithm to the base 10.", |target, _| {
        Ok(Value::F64(number(&target)?.log10()))
    })
    .category(Category::Numbers)
    .examples(&[Example::new(
        "root.new = this.v.log10()",
        &[(r#"{"v":100}"#, r#"{"new":2}"#), (r#"{"v":1000}"#, r#"{"new":3}"#)],
    )]),
    Method::value("pow", "The number to the power of an exponent.", |target, call| {
        Ok(Value::F64(number(&target)?.powf(call.arguments.float(0)?)))
    })
    .category(Category::Numbers)
    .parameters(&[Parameter::float("exponent", "The exponent.")])
    .examples(&[Example::new(
        "root.new = this.v * 10.pow(-2)",
        &[(r#"{"v":2}"#, r#"{"new":0.02}"#)],
    )]),
    Method::value("sin", "The sine of an angle in radians.", |target, _| {
        Ok(Value::F64(number(&target)?.sin()))
    })
    .category(Category::Numbers)
    .examples(&[Example::new("root.new = this.v.sin()", &[(r#"{"v":0}"#, r#"{"new":0}"#)])]),
    Method::value("cos", "The cosine of an angle in radians.", |target, _| {
        Ok(Value::F64(number(&target)?.cos()))
    })
    .category(Category::Numbers)
    .examples(&[Example::new("root.new = this.v.cos()", &[(r#"{"v":0}"#, r#"{"new":1}"#)])]),
    Method::value("tan", "The tangent of an angle in radians.", |target, _| {
        Ok(Value::F64(number(&target)?.tan()))
    })
    .category(Category::Numbers)
    .examples(&[Example::new("root.new = this.v.tan()", &[(r#"{"v":0}"#, r#"{"new":0}"#)])]),
    Method::value("abs", "The number without its sign.", |target, _| match simplified(&target)? {
        Value::I64(integer) => Ok(Value::I64(integer.checked_abs().unwrap_or(i64::MAX))),
        Value::U64(integer) => Ok(Value::U64(integer)),
        other => Ok(Value::F64(number(&other)?.abs())),
    })
    .category(Category::Numbers)
    .examples(&[Example::new(
        "root = this.map_each(n -> n.abs())",
        &[("[9,-18,1.23,-4.56]", "[9,18,1.23,4.56]")],
    )]),
    Method::value("max", "The largest number of an array.", |target, _| {
        extreme(&target, |number, best| number > best)
    })
    .category(Category::Numbers)
    .examples(&[Example::new(
        "root.biggest = this.values.max()",
        &[(r#"{"values":[0,3,2.5,7,5]}"#, r#"{"biggest":7}"#)],
    )]),
    Method::value("min", "The smallest number of an array.", |target, _| {
        extreme(&target, |number, best| number < best)
    })
    .category(Category::Numbers)
    .examples(&[Example::new(
        "root.smallest = this.values.min()",
        &[
            (r#"{"values":[0,3,-2.5,7,5]}"#, r#"{"smallest":-2.5}"#),
            (r#"{"values":[]}"#, "error:the array was empty"),
        ],
    )]),
    Method::value("int64", "The number, or the number that a text spells in Go's syntax, as a signed integer of 64 bits; an error when it has a fraction or does not fit.", |target, _| {
        signed(&target, i64::MIN, i64::MAX)
    })
    .category(Category::Numbers)
    .examples(&[Example::new(
        "root.a = this.a.int64()\nroot.b = this.b.round().int64()\nroot.c = this.c.int64()\nroot.d = this.d.int64().catch(0)",
        &[(r#"{"a":12,"b":12.34,"c":"0xB","d":-12.5}"#, r#"{"a":12,"b":12,"c":11,"d":0}"#)],
    )]),
    Method::value("int32", "As `int64` with 32 bits.", |target, _| {
        signed(&target, i32::MIN.into(), i32::MAX.into())
    })
    .category(Category::Numbers)
    .examples(&[Example::new("root = this.int32()", &[(r#""0xDEAD""#, "57005")])]),
    Method::value("int16", "As `int64` with 16 bits.", |target, _| {
        signed(&target, i16::MIN.into(), i16::MAX.into())
    })
    .category(Category::Numbers)
    .examples(&[Example::new(
        "root = this.int16().catch(\"too large\")",
        &[(r#""0xDE""#, "222"), ("32768", "too large")],
    )]),
    Method::value("int8", "As `int64` with 8 bits.", |target, _| {
        signed(&target, i8::MIN.into(), i8::MAX.into())
    })
    .category(Category::Numbers)
    .examples(&[Example::new("root = this.int8()", &[(r#""0xD""#, "13")])]),
    Method::value("uint64", "As `int64` without negative numbers.", |target, _| {
        unsigned(&target, u64::MAX)
    })
    .category(Category::Numbers)
    .examples(&[Example::new(
        "root = this.uint64().catch(0)",
        &[(r#""0xDEADBEEF""#, "3735928559"), ("-1", "0"), (r#""18446744073709551615""#, "18446744073709551615")],
    )]),
    Method::value("uint32", "As `uint64` with 32 bits.", |target, _| {
        unsigned(&target, u32::MAX.into())
    })
    .category(Category::Numbers)
    .examples(&[Example::new("root = this.uint32()", &[(r#""0xDEAD""#, "57005")])]),
    Method::value("uint16", "As `uint64` with 16 bits.", |target, _| {
        unsigned(&target, u16::MAX.into())
    })
    .category(Category::Numbers)
    .examples(&[Example::new("root = this.uint16()", &[(r#""0xDE""#, "222")])]),
    Method::value("uint8", "As `uint64` with 8 bits.", |target, _| {
        unsigned(&target, u8::MAX.into())
    })
    .category(Category::Numbers)
    .examples(&[Example::new("root = this.uint8()", &[(r#""0xD""#, "13")])]),
    Method::value("float64", "The number, or the number that a text spells in Go's syntax, as a float of 64 bits.", |target, _| {
        float(&target).map(Value::F64)
    })
    .category(Category::Numbers)
    .examples(&[Example::new(
        "root.out = this.in.float64()",
        &[(r#"{"in":"6.674282313423543523453425345e-11"}"#, r#"{"out":6.674282313423544e-11}"#)],
    )]),
    Method::value("float32", "As `float64`, rounded to 32 bits.", |target, _| {
        let wide = float(&target)?;
        let narrow = wide as f32;
        if narrow.is_infinite() && wide.is_finite() {
            let shown = shortened(&target);
            return Err(EvalError::new(format!("value {shown} does not fit: it is beyond the floats of 32 bits")));
        }
        // The shortest digits of the narrow float are what Bento prints.
        Ok(Value::F64(widened(narrow)))
    })
    .category(Category::Numbers)
    .examples(&[Example::new(
        "root.out = this.in.float32()",
        &[
            (r#"{"in":"6.674282313423543523453425345e-11"}"#, r#"{"out":6.674283e-11}"#),
            (r#"{"in":1e300}"#, "error:beyond the floats of 32 bits"),
        ],
    )]),
];

pub(super) fn number(target: &Value) -> Result<f64, EvalError> {
    target.as_f64().ok_or_else(|| match target {
        Value::Number(_) => EvalError::new(format!(
            "value {} does not fit: it is beyond the floats of 64 bits",
            shortened(target)
        )),
        other => EvalError::wrong_type(other, &["number"]),
    })
}

/// A number text as the integer or float that it means.
fn simplified(target: &Value) -> Result<Value, EvalError> {
    match target {
        Value::Number(text) => Ok(match text.as_i64() {
            Some(integer) => Value::I64(integer),
            None => Value::F64(number(target)?),
        }),
        Value::I64(_) | Value::U64(_) | Value::F64(_) => Ok(target.clone()),
        other => Err(EvalError::wrong_type(other, &["number"])),
    }
}

fn round_with(target: &Value, round: fn(f64) -> f64) -> Result<Value, EvalError> {
    match simplified(target)? {
        Value::F64(float) => {
            let rounded = round(float);
            Ok(exact_integer(rounded).map_or(Value::F64(rounded), Value::I64))
        }
        integer => Ok(integer),
    }
}

/// The float as an integer when it is one and fits.
fn exact_integer(float: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    (float.fract() == 0.0 && (-LIMIT..LIMIT).contains(&float)).then_some(float as i64)
}

fn extreme(target: &Value, is_better: fn(f64, f64) -> bool) -> Result<Value, EvalError> {
    let Some(array) = target.as_array() else {
        return Err(EvalError::wrong_type(target, &["array"]));
    };
    let mut best = None;
    for (index, element) in array.iter().enumerate() {
        let number = number(&element)
            .map_err(|error| error.context(format_args!("index {index} of array")))?;
        if best.is_none_or(|best| is_better(number, best)) {
            best = Some(number);
        }
    }
    best.map(Value::F64)
        .ok_or_else(|| EvalError::new("the array was empty"))
}

fn float(target: &Value) -> Result<f64, EvalError> {
    match target {
        Value::String(_) | Value::Bytes(_) => {
            let text = target::text(target)?;
            literal::parse_float(&text)
                .map_err(|fault| EvalError::new(fault.describe("ParseFloat", &text)))
        }
        other => number(other),
    }
}

/// The integer that a value is, wide enough for both signs.
fn integer(target: &Value, function: &str) -> Result<i128, EvalError> {
    match target {
        Value::String(_) | Value::Bytes(_) => {
            let text = target::text(target)?;
            let parsed = match function {
                "ParseUint" => literal::parse_uint(&text).map(i128::from),
                _ => literal::parse_int(&text).map(i128::from),
            };
            parsed.map_err(|fault| EvalError::new(fault.describe(function, &text)))
        }
        Value::U64(integer) => Ok((*integer).into()),
        Value::Number(text) if let Ok(integer) = text.as_str().parse() => Ok(integer),
        // One beyond all floats is beyond all bounds.
        Value::Number(text) if target.as_f64().is_none() => {
            Ok(match text.as_str().starts_with('-') {
                true => i128::MIN,
                false => i128::MAX,
            })
        }
        other => match simplified(other)? {
            Value::I64(integer) => Ok(integer.into()),
            other => whole(number(&other)?),
        },
    }
}

fn whole(float: f64) -> Result<i128, EvalError> {
    if !float.is_finite() {
        return Err(EvalError::new(format!(
            "cannot convert {float} to an integer"
        )));
    }
    if float.fract() != 0.0 {
        return Err(EvalError::new(
            "float value contains decimals and therefore cannot be cast as an integer, call \
             `.round()` before this cast to round it",
        ));
    }
    Ok(float as i128)
}

fn signed(target: &Value, low: i64, high: i64) -> Result<Value, EvalError> {
    let integer = integer(target, "ParseInt")?;
    match i64::try_from(integer) {
        Ok(integer) if (low..=high).contains(&integer) => Ok(Value::I64(integer)),
        _ => Err(out_of_bounds(target, low.into(), high.into())),
    }
}

fn unsigned(target: &Value, high: u64) -> Result<Value, EvalError> {
    let integer = integer(target, "ParseUint")?;
    match u64::try_from(integer) {
        Ok(small) if small <= high => {
            Ok(i64::try_from(small).map_or(Value::U64(small), Value::I64))
        }
        _ => Err(out_of_bounds(target, 0, high.into())),
    }
}

fn out_of_bounds(target: &Value, low: i128, high: i128) -> EvalError {
    let shown = shortened(target);
    EvalError::new(format!(
        "value {shown} does not fit: it is not between {low} and {high}"
    ))
}

/// The text of a number for an error; a message may spell very many digits.
fn shortened(number: &Value) -> String {
    const CHARS: usize = 40;
    let text = number.to_text();
    let cut: String = text.chars().take(CHARS).collect();
    let dots = if cut.len() < text.len() { "…" } else { "" };
    cut + dots
}
