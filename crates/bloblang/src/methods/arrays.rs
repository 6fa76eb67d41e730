//! Methods on arrays, and those that treat arrays and strings alike.

use std::borrow::Cow;
use std::sync::Arc;

use millrace_message::{Array, Object, Text, Value};

use super::target::characters;
use crate::arguments::Call;
use crate::budget;
use crate::eval::access::from_end;
use crate::eval_error::EvalError;
use crate::outcome::Outcome;
use crate::program::Expr;
use crate::registry::{Category, Example, Method, Parameter, Reach};

const FIND: &[Parameter] = &[Parameter::any("value", "What is looked for.")];

pub(super) const METHODS: &[Method] = &[
    Method::value("append", "The array with the arguments at its end.", append)
        .category(Category::Objects)
        .variadic()
        .examples(&[Example::new(
            r#"root.foo = this.foo.append("and", "this")"#,
            &[(r#"{"foo":["bar"]}"#, r#"{"foo":["bar","and","this"]}"#)],
        )]),
    Method::value("concat", "The array followed by the arrays given.", concat)
        .category(Category::Objects)
        .variadic()
        .examples(&[Example::new(
            "root.foo = this.foo.concat(this.bar, this.baz)",
            &[(
                r#"{"foo":["a"],"bar":["c"],"baz":["d"]}"#,
                r#"{"foo":["a","c","d"]}"#,
            )],
        )]),
    Method::value(
        "contains",
        "Whether an array or object holds a value, or a string another one.",
        contains,
    )
    .reach(Reach::Deep)
    .category(Category::Objects)
    .parameters(FIND)
    .examples(&[Example::new(
        "root.has = this.thing.contains(20)",
        &[
            (r#"{"thing":[10.3,20.0,"x"]}"#, r#"{"has":true}"#),
            (r#"{"thing":"1 20 3"}"#, r#"{"has":true}"#),
            (r#"{"thing":{"a":2}}"#, r#"{"has":false}"#),
        ],
    )]),
    Method::value(
        "enumerated",
        "Each element as an object with its `index` and its `value`.",
        enumerated,
    )
    .category(Category::Objects)
    .examples(&[Example::new(
        "root.foo = this.foo.enumerated()",
        &[(
            r#"{"foo":["bar"]}"#,
            r#"{"foo":[{"index":0,"value":"bar"}]}"#,
        )],
    )]),
    Method::value(
        "find",
        "The index of the first element that equals the argument, or -1.",
        |target, call| {
            let wanted = call.arguments.value(0);
            for (at, element) in array(&target)?.iter().enumerate() {
                if equals(wanted, &element)? {
                    return Ok(Value::I64(at as i64));
                }
            }
            Ok(Value::I64(-1))
        },
    )
    .reach(Reach::Deep)
    .category(Category::Objects)
    .parameters(FIND)
    .examples(&[Example::new(
        r#"root.index = this.find("bar")"#,
        &[
            (r#"["foo","bar","bar"]"#, r#"{"index":1}"#),
            ("[]", r#"{"index":-1}"#),
        ],
    )]),
    Method::value(
        "find_all",
        "The indexes of all elements that equal the argument.",
        |target, call| {
            let wanted = call.arguments.value(0);
            let mut found = Vec::new();
            for (at, element) in array(&target)?.iter().enumerate() {
                if equals(wanted, &element)? {
                    found.push(Value::I64(at as i64));
                }
            }
            Ok(Value::from(found))
        },
    )
    .reach(Reach::Deep)
    .category(Category::Objects)
    .parameters(FIND)
    .examples(&[Example::new(
        r#"root.index = this.find_all("bar")"#,
        &[(r#"["foo","bar","baz","bar"]"#, r#"{"index":[1,3]}"#)],
    )]),
    Method::value(
        "flatten",
        "The array with the elements of its arrays in their place.",
        |target, _| {
            let mut flat = Vec::new();
            for element in array(&target)? {
                match &*element {
                    Value::Array(inner) => flat.extend(inner.iter().map(Cow::into_owned)),
                    _ => flat.push(element.into_owned()),
                }
            }
            Ok(Value::from(flat))
        },
    )
    .category(Category::Objects)
    .examples(&[Example::new(
        "root = this.flatten()",
        &[(
            r#"["foo",["bar","baz"],"buz"]"#,
            r#"["foo","bar","baz","buz"]"#,
        )],
    )]),
    Method::value(
        "index",
        "One element, counted from the end when the index is negative.",
        index,
    )
    .reach(Reach::Glance)
    .category(Category::Objects)
    .parameters(&[Parameter::integer("index", "Which one, from 0.")])
    .examples(&[Example::new(
        "root.last = this.names.index(-1)",
        &[
            (r#"{"names":["a","b"]}"#, r#"{"last":"b"}"#),
            (
                r#"{"names":[]}"#,
                "error:index '-1' was out of bounds for array size: 0",
            ),
        ],
    )]),
    Method::value(
        "join",
        "The strings of an array in one string, a delimiter between them.",
        join,
    )
    .category(Category::Objects)
    .parameters(&[Parameter::string("delimiter", "What stands between them.").optional()])
    .examples(&[Example::new(
        "root.a = this.words.join()\nroot.b = this.words.join(\", \")",
        &[
            (
                r#"{"words":["hello","world"]}"#,
                r#"{"a":"helloworld","b":"hello, world"}"#,
            ),
            (
                r#"{"words":[1]}"#,
                "error:failed to join element 0: expected string value, got number",
            ),
        ],
    )]),
    Method::value(
        "length",
        "The bytes of a string, the elements of an array, the members of an object.",
        length,
    )
    .reach(Reach::Glance)
    .category(Category::Objects)
    .examples(&[Example::new(
        "root.n = this.foo.length()",
        &[
            (r#"{"foo":"hé"}"#, r#"{"n":3}"#),
            (r#"{"foo":[1,2]}"#, r#"{"n":2}"#),
            (r#"{"foo":{"a":1}}"#, r#"{"n":1}"#),
        ],
    )]),
    Method::value(
        "slice",
        "The elements (bytes, for a string) from `low` up to, and without, `high`.",
        slice,
    )
    .reach(Reach::Glance)
    .category(Category::Objects)
    .parameters(&[
        Parameter::integer("low", "The first; negative counts from the end."),
        Parameter::integer("high", "Where it ends; negative counts from the end.").optional(),
    ])
    .examples(&[Example::new(
        "root.a = this.v.slice(0, 2)\nroot.b = this.v.slice(-2)",
        &[
            (r#"{"v":"foo bar"}"#, r#"{"a":"fo","b":"ar"}"#),
            (r#"{"v":[1,2,3]}"#, r#"{"a":[1,2],"b":[2,3]}"#),
        ],
    )]),
    Method::value(
        "split",
        "The parts between the places where a delimiter stands.",
        split,
    )
    .category(Category::Objects)
    .parameters(&[Parameter::any(
        "delimiter",
        "What stands between the parts.",
    )])
    .examples(&[Example::new(
        r#"root = this.split(",")"#,
        &[
            (r#""foo,bar,baz""#, r#"["foo","bar","baz"]"#),
            (r#"["a",",","b"]"#, r#"[["a"],["b"]]"#),
        ],
    )]),
    Method::control("sum", "The sum of an array of numbers.", sum)
        .category(Category::Objects)
        .examples(&[Example::new(
            "root.sum = this.foo.sum()",
            &[
                (r#"{"foo":[3,8,4]}"#, r#"{"sum":15}"#),
                (
                    r#"{"foo":[1,"x"]}"#,
                    "error:index 1: expected number value, got string",
                ),
            ],
        )]),
    Method::value("zip", "Arrays of one element of each array, in order.", zip)
        .category(Category::Objects)
        .variadic()
        .examples(&[Example::new(
            "root.foo = this.foo.zip(this.bar, this.baz)",
            &[(
                r#"{"foo":["a","b"],"bar":[1,2],"baz":[4,5]}"#,
                r#"{"foo":[["a",1,4],["b",2,5]]}"#,
            )],
        )]),
];

/// About what an object of two members takes.
const PAIR: usize = 6 * size_of::<Value>();

/// The array that the target has to be.
pub(super) fn array(target: &Value) -> Result<&Array, EvalError> {
    target
        .as_array()
        .ok_or_else(|| EvalError::wrong_type(target, &["array"]))
}

fn append(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    array(&target)?;
    let Value::Array(mut array) = target.into_owned() else {
        return Ok(Value::Null);
    };
    let elements = array.make_mut();
    for position in 0..call.arguments.len() {
        elements.push(call.arguments.value(position).clone());
    }
    Ok(Value::Array(array))
}

fn concat(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    let mut length = array(&target)?.len();
    for position in 0..call.arguments.len() {
        length = length.saturating_add(call.arguments.array(position)?.len());
    }
    budget::afford(length.saturating_mul(size_of::<Value>()))?;
    let mut joined: Vec<Value> = array(&target)?.iter().map(Cow::into_owned).collect();
    for position in 0..call.arguments.len() {
        joined.extend(call.arguments.array(position)?.iter().map(Cow::into_owned));
    }
    Ok(Value::from(joined))
}

/// Elements that are compared in the time of a step.
const STEP_ELEMENTS: usize = 4;

fn contains(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    let wanted = call.arguments.value(0);
    let found = match &*target {
        Value::String(text) => match wanted {
            Value::String(part) => text.contains(part.as_str()),
            part => text.contains(part.to_text().as_str()),
        },
        Value::Bytes(bytes) => {
            let mut part = Vec::new();
            wanted.write_text(&mut part);
            memchr::memmem::find(bytes, &part).is_some()
        }
        Value::Array(array) => {
            budget::steps(array.len() / STEP_ELEMENTS)?;
            any_equals(wanted, array.iter())?
        }
        Value::Object(object) => {
            budget::steps(object.len() / STEP_ELEMENTS)?;
            any_equals(wanted, object.entries().map(|(_, value)| value))?
        }
        other => return Err(EvalError::wrong_type(other, &["string", "array", "object"])),
    };
    Ok(Value::Bool(found))
}

fn enumerated(target: Cow<'_, Value>, _: &Call<'_>) -> Result<Value, EvalError> {
    budget::make(array(&target)?.len().saturating_mul(PAIR))?;
    let elements = array(&target)?.iter().enumerate().map(|(index, value)| {
        let members = [
            ("index", Value::I64(index as i64)),
            ("value", value.into_owned()),
        ];
        Value::Object(Object::from_iter(members))
    });
    Ok(Value::Array(elements.collect()))
}

fn index(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    let wanted = call.arguments.integer(0)?;
    let length = match &*target {
        Value::Array(array) => array.len(),
        Value::Bytes(bytes) => bytes.len(),
        other => return Err(EvalError::wrong_type(other, &["array"])),
    };
    let place = from_end(wanted, length);
    let found = usize::try_from(place).ok().and_then(|at| match &*target {
        Value::Array(array) => array.get(at).map(Cow::into_owned),
        Value::Bytes(bytes) => bytes.get(at).map(|byte| Value::I64(i64::from(*byte))),
        _ => None,
    });
    found.ok_or_else(|| {
        EvalError::new(format!(
            "index '{place}' was out of bounds for array size: {length}"
        ))
    })
}

fn join(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    let delimiter = call
        .arguments
        .optional_text(0)?
        .map_or("", |text| text.as_str());
    let mut joined = Vec::new();
    let mut growth = budget::Growth::default();
    for (i, element) in array(&target)?.iter().enumerate() {
        let Some(bytes) = element.as_bytes() else {
            let error = EvalError::wrong_type(&element, &["string"]);
            return Err(error.context(format_args!("failed to join element {i}")));
        };
        growth.grow(&joined, delimiter.len() + bytes.len())?;
        if i > 0 {
            joined.extend_from_slice(delimiter.as_bytes());
        }
        joined.extend_from_slice(bytes);
    }
    Ok(match std::str::from_utf8(&joined) {
        Ok(text) => Value::from(text),
        Err(_) => Value::from(joined),
    })
}

fn length(target: Cow<'_, Value>, _: &Call<'_>) -> Result<Value, EvalError> {
    let length = match &*target {
        Value::String(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Array(array) => array.len(),
        Value::Object(object) => object.len(),
        other => return Err(EvalError::wrong_type(other, &["string", "array", "object"])),
    };
    Ok(Value::I64(length as i64))
}

/// The range that `low` and `high` select of `length` elements.
fn bounds(call: &Call<'_>, length: usize) -> Result<std::ops::Range<usize>, EvalError> {
    let low = call.arguments.integer(0)?;
    let given = call.arguments.optional_integer(1)?;
    if let Some(high) = given
        && high > 0
        && low >= high
    {
        return Err(EvalError::new(format!(
            "lower slice bound {low} must be lower than upper ({high})"
        )));
    }
    let length = length as i64;
    let high = from_end(given.unwrap_or(length), length as usize).clamp(0, length);
    let low = from_end(low, length as usize).max(0);
    if low > high {
        return Err(EvalError::new(format!(
            "lower slice bound {low} must be lower than or equal to upper bound ({high}) and target length ({length})"
        )));
    }
    Ok(low as usize..high as usize)
}

fn slice(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    match &*target {
        Value::String(text) => {
            let range = bounds(call, text.len())?;
            budget::make_text(range.len())?;
            if text.is_char_boundary(range.start) && text.is_char_boundary(range.end) {
                return Ok(Value::String(text.substring(range)));
            }
            let part = String::from_utf8_lossy(&text.as_bytes()[range]);
            Ok(Value::from(part.as_ref()))
        }
        Value::Bytes(bytes) => {
            let range = bounds(call, bytes.len())?;
            Ok(Value::Bytes(Arc::new(bytes.slice(range))))
        }
        Value::Array(array) => {
            let range = bounds(call, array.len())?;
            budget::make(range.len().saturating_mul(size_of::<Value>()))?;
            let taken = array.iter_from(range.start).take(range.len());
            Ok(Value::Array(taken.map(Cow::into_owned).collect()))
        }
        other => Err(EvalError::wrong_type(other, &["array", "string"])),
    }
}

/// `==`, paid for.
fn equals(a: &Value, b: &Value) -> Result<bool, EvalError> {
    budget::compare(a, b)?;
    Ok(a.loosely_equals(b))
}

fn any_equals<'v>(
    wanted: &Value,
    values: impl Iterator<Item = Cow<'v, Value>>,
) -> Result<bool, EvalError> {
    for value in values {
        if equals(wanted, &value)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn split(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    let delimiter = call.arguments.value(0);
    let text_delimiter = || {
        delimiter.as_bytes().ok_or_else(|| {
            EvalError::new(format!(
                "delimiter type: {} must match type of list elements: {}",
                delimiter.kind(),
                target.kind()
            ))
        })
    };
    match &*target {
        Value::String(text) => match std::str::from_utf8(text_delimiter()?) {
            Ok(delimiter) => split_text(text, delimiter),
            Err(_) => split_bytes(&target.to_payload(), text_delimiter()?),
        },
        Value::Bytes(bytes) => split_bytes(bytes, text_delimiter()?),
        Value::Array(array) => {
            let mut parts = vec![Vec::new()];
            for element in array {
                if equals(delimiter, &element)? {
                    parts.push(Vec::new());
                } else if let Some(part) = parts.last_mut() {
                    part.push(element.into_owned());
                }
            }
            Ok(Value::Array(parts.into_iter().map(Value::from).collect()))
        }
        other => Err(EvalError::wrong_type(other, &["string", "array", "bytes"])),
    }
}

fn split_text(text: &Text, delimiter: &str) -> Result<Value, EvalError> {
    if delimiter.is_empty() {
        budget::make(text.len().saturating_mul(size_of::<Value>()))?;
        let characters = text.chars().map(|c| Value::String(Text::from(c)));
        return Ok(Value::Array(characters.collect()));
    }
    let mut parts = Vec::with_capacity(4);
    let mut growth = budget::Growth::default();
    let mut start = 0;
    for (at, _) in text.match_indices(delimiter) {
        growth.grow(&parts, 1)?;
        parts.push(Value::String(text.substring(start..at)));
        start = at + delimiter.len();
    }
    parts.push(Value::String(text.substring(start..text.len())));
    Ok(Value::from(parts))
}

fn split_bytes(bytes: &bytes::Bytes, delimiter: &[u8]) -> Result<Value, EvalError> {
    /// What a part takes beside its place in the array.
    const PART: usize = size_of::<bytes::Bytes>() + 2 * size_of::<usize>();
    let part = |range: std::ops::Range<usize>| -> Result<Value, EvalError> {
        budget::bytes(PART)?;
        Ok(Value::Bytes(Arc::new(bytes.slice(range))))
    };
    if delimiter.is_empty() {
        budget::make(bytes.len().saturating_mul(size_of::<Value>()))?;
        let parts: Result<Array, _> = characters::places(bytes).map(part).collect();
        return parts.map(Value::Array);
    }
    let mut parts = Vec::new();
    let mut start = 0;
    for at in memchr::memmem::find_iter(bytes, delimiter) {
        parts.push(part(start..at)?);
        start = at + delimiter.len();
    }
    parts.push(part(start..bytes.len())?);
    Ok(Value::from(parts))
}

/// The sum of numbers; integers are summed exactly while they fit into a float's precision.
fn sum<'a>(target: &'a Expr, call: &Call<'a>) -> Result<Outcome<'a>, EvalError> {
    let outcome = target.eval(&call.cx)?;
    budget::operand(outcome.value_or_null())?;
    let array = match outcome.value() {
        Some(Value::Array(array)) => array,
        Some(Value::I64(_) | Value::U64(_) | Value::F64(_) | Value::Number(_)) => {
            return Ok(outcome);
        }
        _ => {
            return Err(
                EvalError::wrong_outcome(&outcome, &["array"]).blaming(|| target.annotation())
            );
        }
    };
    let mut total = 0.0;
    let mut failure = None;
    for (index, element) in array.iter().enumerate() {
        match element.as_f64() {
            Some(number) => total += number,
            None => {
                let error = EvalError::wrong_type(&element, &["number"]);
                failure = Some(error.context(format_args!("index {index}")));
            }
        }
    }
    match failure {
        Some(error) => Err(error),
        None => Ok(Outcome::Own(Value::F64(total))),
    }
}

fn zip(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    let first = array(&target)?;
    if call.arguments.len() == 0 {
        return Err(EvalError::new("zip requires at least one argument"));
    }
    let mut columns = vec![first.iter()];
    for position in 0..call.arguments.len() {
        let column = call.arguments.array(position)?;
        if column.len() != first.len() {
            return Err(EvalError::new("can't zip different length array values"));
        }
        columns.push(column.iter());
    }
    let row = 2 * PAIR + columns.len() * size_of::<Value>();
    budget::make(first.len().saturating_mul(row))?;
    let rows = (0..first.len()).map(|_| {
        let row = columns
            .iter_mut()
            .filter_map(Iterator::next)
            .map(Cow::into_owned);
        Value::Array(row.collect())
    });
    Ok(Value::from(rows.collect::<Vec<_>>()))
}
