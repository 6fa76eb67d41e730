//! Methods that check the type of a value or bring it to another one.

use std::borrow::Cow;

use millrace_message::{Text, Value};

use crate::arguments::Call;
use crate::budget;
use crate::eval_error::EvalError;
use crate::go::literal;
use crate::outcome::Outcome;
use crate::program::Expr;
use crate::registry::{Category, Example, Method, Parameter, Reach};

pub(super) const METHODS: &[Method] = &[
    Method::value("array", "The target in an array, unless it is one.", |target, _| {
        Ok(match &*target {
            Value::Array(_) => target.into_owned(),
            _ => Value::from(vec![target.into_owned()]),
        })
    })
    .category(Category::Coercion)
    .examples(&[Example::new(
        "root = this.name.array()",
        &[(r#"{"name":"a"}"#, r#"["a"]"#), (r#"{"name":["a"]}"#, r#"["a"]"#)],
    )]),
    Method::control(
        "bool",
        "A bool from a bool, a number (0 is false) or one of `1 t T TRUE true True 0 f F FALSE false False`.",
        bool,
    )
    .category(Category::Coercion)
    .parameters(&[Parameter::bool("default", "What is given when that fails.").optional()])
    .examples(&[Example::new(
        "root.a = this.a.bool()\nroot.b = this.b.bool(true)",
        &[(r#"{"a":"t","b":"x"}"#, r#"{"a":true,"b":true}"#)],
    )]),
    Method::control(
        "number",
        "A number from a number or from text in Go's syntax, `0x1p-2` and `1_000` included.",
        number,
    )
    .category(Category::Coercion)
    .parameters(&[Parameter::float("default", "What is given when that fails.").optional()])
    .examples(&[Example::new(
        "root.a = this.a.number() + 10\nroot.b = this.b.number(5) * 10",
        &[(r#"{"a":"2.5","b":"x"}"#, r#"{"a":12.5,"b":50}"#)],
    )]),
    Method::value("string", "The target as text; arrays and objects as JSON.", |target, _| {
        Ok(match &*target {
            Value::String(_) => target.into_owned(),
            value => Value::String(value.to_text()),
        })
    })
    .reach(Reach::Deep)
    .category(Category::Coercion)
    .examples(&[Example::new(
        "root.a = this.a.string()",
        &[(r#"{"a":{"b":1.0}}"#, r#"{"a":"{\"b\":1.0}"}"#), (r#"{"a":228930314431312345}"#, r#"{"a":"228930314431312345"}"#)],
    )]),
    Method::value("bytes", "The target as bytes; arrays and objects as JSON.", |target, _| {
        Ok(match &*target {
            Value::Bytes(_) => target.into_owned(),
            value => {
                let mut bytes = Vec::new();
                value.write_text(&mut bytes);
                Value::from(bytes)
            }
        })
    })
    .reach(Reach::Deep)
    .category(Category::Coercion)
    .examples(&[Example::new(
        "root.n = this.a.bytes().length()",
        &[(r#"{"a":"é"}"#, r#"{"n":2}"#)],
    )]),
    Method::control("type", "The name of the target's type.", |target, call| {
        let name = target.eval(&call.cx)?.type_name();
        Ok(Outcome::Own(Value::String(Text::from_static(name))))
    })
    .category(Category::Coercion)
    .examples(&[Example::new(
        "root = this.type()",
        &[("5", "number"), (r#""x""#, "string"), ("[]", "array"), ("null", "null")],
    )]),
    Method::value("not_null", "The target, or an error when it is null.", |target, _| {
        match &*target {
            Value::Null => Err(EvalError::new("value is null")),
            _ => Ok(target.into_owned()),
        }
    })
    .reach(Reach::Glance)
    .category(Category::Coercion)
    .examples(&[Example::new(
        "root.a = this.a.not_null()",
        &[
            (r#"{"a":1}"#, r#"{"a":1}"#),
            ("{}", "error:failed assignment (line 1): field `this.a`: value is null"),
        ],
    )]),
    Method::value(
        "not_empty",
        "The string, array or object, or an error when it is empty.",
        not_empty,
    )
    .reach(Reach::Glance)
    .category(Category::Coercion)
    .examples(&[Example::new(
        "root.a = this.a.not_empty()",
        &[
            (r#"{"a":"x"}"#, r#"{"a":"x"}"#),
            (r#"{"a":[]}"#, "error:field `this.a`: array value is empty"),
        ],
    )]),
];

fn not_empty(target: Cow<'_, Value>, _: &Call<'_>) -> Result<Value, EvalError> {
    let empty = match &*target {
        Value::String(text) => text.is_empty(),
        Value::Array(array) => array.is_empty(),
        Value::Object(object) => object.is_empty(),
        other => return Err(EvalError::wrong_type(other, &["string", "array", "object"])),
    };
    match empty {
        true => Err(EvalError::new(format!("{} value is empty", target.kind()))),
        false => Ok(target.into_owned()),
    }
}

/// Evaluates, converts, and takes the default (the first argument) when either fails.
fn coerce<'a>(
    target: &'a Expr,
    call: &Call<'a>,
    convert: impl FnOnce(&Value) -> Result<Value, EvalError>,
) -> Result<Outcome<'a>, EvalError> {
    let result = target.eval(&call.cx).and_then(|outcome| {
        let value = outcome.value_or_null();
        budget::operand(value)?;
        convert(value).map_err(|error| error.blaming(|| target.annotation()))
    });
    match (result, call.arguments.get(0)) {
        (Ok(value), _) => Ok(Outcome::Own(value)),
        (Err(_), Some(default)) => Ok(default.as_borrowed()),
        (Err(error), None) => Err(error),
    }
}

fn bool<'a>(target: &'a Expr, call: &Call<'a>) -> Result<Outcome<'a>, EvalError> {
    coerce(target, call, |value| {
        let text = match value {
            Value::String(_) | Value::Bytes(_) => value.to_text(),
            _ => {
                return value
                    .truthiness()
                    .map(Value::Bool)
                    .ok_or_else(|| EvalError::wrong_type(value, &["bool"]));
            }
        };
        literal::parse_bool(&text)
            .map(Value::Bool)
            .map_err(|fault| EvalError::new(fault.describe("ParseBool", &text)))
    })
}

fn number<'a>(target: &'a Expr, call: &Call<'a>) -> Result<Outcome<'a>, EvalError> {
    coerce(target, call, |value| match value {
        Value::String(_) | Value::Bytes(_) => {
            let text = value.to_text();
            literal::parse_float(&text)
                .map(Value::F64)
                .map_err(|fault| EvalError::new(fault.describe("ParseFloat", &text)))
        }
        _ => super::numbers::number(value).map(Value::F64),
    })
}
