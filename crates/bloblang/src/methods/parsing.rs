//! Methods that read and write formats: JSON, CSV, URLs, decimals.

use std::borrow::Cow;

use bytes::Bytes;
use millrace_message::json::Reason;
use millrace_message::{Object, Value};

use super::target;
use crate::arguments::{Arguments, Call};
use crate::budget;
use crate::environment::Environment;
use crate::eval_error::EvalError;
use crate::go::{self, csv, url};
use crate::registry::{Category, Default, Example, Method, Parameter, PreparedMethod, Reach};

mod decimal;
mod json_text;

pub(super) use json_text::escape_html;

pub(super) const METHODS: &[Method] = &[
    Method::value(
        "parse_json",
        "The value of a JSON text; its numbers are floats unless `use_number` is set. What follows the value is passed over.",
        parse_json,
    )
    .category(Category::Parsing)
    .parameters(&[Parameter::bool("use_number", "Keep numbers as they are written.").optional()])
    .examples(&[
        Example::new(
            "root.doc = this.doc.parse_json()",
            &[
                (r#"{"doc":"{\"foo\":1.0,\"n\":11380878173205700000000000000000}"}"#, r#"{"doc":{"foo":1,"n":1.13808781732057e+31}}"#),
                (r#"{"doc":"{"}"#, "error:failed to parse value as JSON"),
            ],
        ),
        Example::new(
            "root.doc = this.doc.parse_json(use_number: true)",
            &[(r#"{"doc":"{\"foo\":11380878173205700000000000000000}"}"#, r#"{"doc":{"foo":11380878173205700000000000000000}}"#)],
        ),
    ]),
    Method::value("format_json", "The target as JSON over several lines, as bytes.", format_json)
        .reach(Reach::Deep)
        .category(Category::Parsing)
        .parameters(&[
            Parameter::string("indent", "What each level is indented by.")
                .default(Default::String("    ")),
            Parameter::bool("no_indent", "All on one line.").default(Default::Bool(false)),
            Parameter::bool("escape_html", "Write `<`, `>` and `&` as escapes.")
                .default(Default::Bool(true)),
        ])
        .examples(&[
            Example::new(
                "root = this.format_json(\"  \")",
                &[(r#"{"b":[1,{}],"a":"x>y"}"#, "{\n  \"a\": \"x\\u003ey\",\n  \"b\": [\n    1,\n    {}\n  ]\n}")],
            ),
            Example::new(
                "root = this.format_json(no_indent: true, escape_html: false)",
                &[(r#"{"a": "x>y"}"#, r#"{"a":"x>y"}"#)],
            ),
        ]),
    Method::value(
        "parse_csv",
        "The records of a CSV text: objects with the fields of the first record as keys, or arrays.",
        parse_csv,
    )
    .category(Category::Parsing)
    .parameters(&[
        Parameter::bool("parse_header_row", "Take the first record as the keys.")
            .default(Default::Bool(true)),
        Parameter::string("delimiter", "The character between two fields.")
            .default(Default::String(",")),
        Parameter::bool("lazy_quotes", "Allow a quote inside a field.").default(Default::Bool(false)),
    ])
    .examples(&[
        Example::new(
            "root = this.orders.parse_csv()",
            &[
                (r#"{"orders":"foo,bar\nfoo 1,bar 1"}"#, r#"[{"bar":"bar 1","foo":"foo 1"}]"#),
                (r#"{"orders":"foo,bar\n1,2,3"}"#, "error:record on line 2: wrong number of fields"),
            ],
        ),
        Example::new(
            "root = this.orders.parse_csv(false, \";\")",
            &[(r#"{"orders":"a;b\n1;2"}"#, r#"[["a","b"],["1","2"]]"#)],
        ),
    ]),
    Method::value("parse_url", "The parts of a URL.", |target, _| parse_url(&target))
        .category(Category::Parsing)
        .examples(&[Example::new(
            "root = this.url.parse_url()",
            &[
                (
                    r#"{"url":"amqp://foo:bar@127.0.0.1:5672/x?a=b"}"#,
                    r#"{"fragment":"","host":"127.0.0.1:5672","opaque":"","path":"/x","raw_fragment":"","raw_path":"","raw_query":"a=b","scheme":"amqp","user":{"name":"foo","password":"bar"}}"#,
                ),
                (r#"{"url":"invalid %&# url"}"#, r#"error:parse "invalid %&": invalid URL escape "%&""#),
            ],
        )]),
    Method::value(
        "parse_form_url_encoded",
        "The fields of a form; a name that occurs several times has an array of its values.",
        |target, _| parse_form(&target),
    )
    .category(Category::Parsing)
    .examples(&[Example::new(
        "root = this.body.parse_form_url_encoded()",
        &[(
            r#"{"body":"noise=meow&animal=cat&fur=orange&fur=fluffy"}"#,
            r#"{"animal":"cat","fur":["orange","fluffy"],"noise":"meow"}"#,
        )],
    )]),
    Method::prepared(
        "parse_big_decimal",
        "The decimal number of any length that Kafka Connect and Debezium write as a two's complement.",
        parse_big_decimal,
    )
    .category(Category::Parsing)
    .parameters(&[Parameter::integer("scale", "How many digits stand behind the point, 0 to 16383.")])
    .examples(&[Example::new(
        r#"root.amount = this.amount.decode("base64").parse_big_decimal(scale: 2)"#,
        &[
            (r#"{"amount":"MDk="}"#, r#"{"amount":"123.45"}"#),
            (r#"{"amount":"/w=="}"#, r#"{"amount":"-0.01"}"#),
        ],
    )]),
];

/// Bytes that a document takes for each byte of its source, at the most usual.
const TAPE: usize = 4;

fn parse_json(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    let keeps_numbers = call.arguments.optional_bool(0)?.unwrap_or(false);
    target::bytes(&target)?;
    let source = target.to_payload();
    budget::make(source.len().saturating_mul(TAPE))?;
    let parsed = match Value::parse_json(source.clone()) {
        Err(error) if error.reason() == Reason::TrailingData => {
            Value::parse_json(source.slice(..error.offset()))
        }
        parsed => parsed,
    };
    let value = parsed
        .map_err(|error| EvalError::new(format!("failed to parse value as JSON: {error}")))?;
    if keeps_numbers {
        Ok(value)
    } else {
        json_text::with_floats(value)
    }
}

fn format_json(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    let indent = call.arguments.text(0)?;
    let (is_flat, escapes_html) = (call.arguments.bool(1)?, call.arguments.bool(2)?);
    let mut json = target.to_json();
    if escapes_html {
        json = json_text::escape_html(json);
    }
    if is_flat || indent.is_empty() {
        return Ok(Value::from(json));
    }
    json_text::indent(&json, indent.as_bytes()).map(Value::from)
}

fn parse_csv(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    let has_header = call.arguments.bool(0)?;
    let mut characters = call.arguments.text(1)?.chars();
    let (Some(delimiter), None) = (characters.next(), characters.next()) else {
        return Err(EvalError::new(
            "delimiter value must be exactly one character",
        ));
    };
    target::bytes(&target)?;
    let dialect = csv::Dialect {
        delimiter,
        lazy_quotes: call.arguments.bool(2)?,
    };
    budget::make(records_size(&target, delimiter))?;
    let records = csv::read_all(&target.to_text(), dialect).map_err(EvalError::new)?;
    let mut records = records.into_iter();
    let first = records
        .next()
        .ok_or_else(|| EvalError::new("zero records were parsed"))?;
    let array = |record: Vec<String>| {
        Value::from(record.into_iter().map(Value::from).collect::<Vec<Value>>())
    };
    if !has_header {
        return Ok(std::iter::once(first)
            .chain(records)
            .map(array)
            .collect::<Vec<Value>>()
            .into());
    }
    let object = |record: Vec<String>| {
        let fields = first
            .iter()
            .map(String::as_str)
            .zip(record.into_iter().map(Value::from));
        Value::from(fields.collect::<Object>())
    };
    Ok(records.map(object).collect::<Vec<Value>>().into())
}

/// About how much memory the fields of a CSV text take: as many as there are delimiters and lines.
fn records_size(target: &Value, delimiter: char) -> usize {
    /// A text on the heap, twice: as it is read, and as a value.
    const FIELD: usize = 4 * size_of::<Value>();
    let text = target.as_bytes().unwrap_or_default();
    // Whether a byte of a longer character is meant does not matter here.
    let delimiter = u8::try_from(u32::from(delimiter)).unwrap_or(b',');
    let ends = text.iter().filter(|it| **it == b'\n' || **it == delimiter);
    ends.count() * FIELD
}

/// How often the text of a URL may be held while it is taken apart, decoded and as it was.
const URL: usize = 8;
/// What a field of a form takes, in bytes: its name and its value, and where the name stands.
const PAIR: usize = 256;

fn parse_url(target: &Value) -> Result<Value, EvalError> {
    let text = target::text(target)?;
    budget::make_text(text.len().saturating_mul(URL))?;
    let url = url::Url::parse(&text).map_err(EvalError::new)?;
    let mut parts: Object = [
        ("scheme", url.scheme),
        ("opaque", url.opaque),
        ("host", url.host),
        ("path", url.path),
        ("raw_path", url.raw_path),
        ("raw_query", url.raw_query),
        ("fragment", url.fragment),
        ("raw_fragment", url.raw_fragment),
    ]
    .into_iter()
    .map(|(key, part)| (key, Value::from(part)))
    .collect();
    if let Some((name, password)) = url.user {
        let mut user = Object::new();
        user.insert("name", Value::from(name));
        if let Some(password) = password {
            user.insert("password", Value::from(password));
        }
        parts.insert("user", user.into());
    }
    Ok(parts.into())
}

fn parse_form(target: &Value) -> Result<Value, EvalError> {
    let text = target::text(target)?;
    let pairs = 1 + text.bytes().filter(|byte| *byte == b'&').count();
    budget::make(text.len() + pairs.saturating_mul(PAIR))?;
    let pairs = url::parse_query(&text).map_err(|error| {
        EvalError::new(format!(
            "failed to parse value as url-encoded data: {error}"
        ))
    })?;
    let mut fields: Vec<(String, Vec<Value>)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (key, value) in pairs {
        let key = String::from_utf8_lossy(&key).into_owned();
        let place = *places.entry(key.clone()).or_insert_with(|| {
            fields.push((key, Vec::new()));
            fields.len() - 1
        });
        fields[place].1.push(go::string(value));
    }
    let object: Object = fields
        .into_iter()
        .map(|(key, mut values)| match values.len() {
            1 => (key, values.remove(0)),
            _ => (key, Value::from(values)),
        })
        .collect();
    Ok(object.into())
}

fn parse_big_decimal(
    arguments: &Arguments<'_>,
    _: &Environment,
) -> Result<PreparedMethod, EvalError> {
    let scale = arguments.integer(0)?;
    let scale = usize::try_from(scale)
        .ok()
        .filter(|scale| *scale <= decimal::SCALE_MAX);
    let Some(scale) = scale else {
        return Err(EvalError::new(format!(
            "scale must be between 0 and {}, got {}",
            decimal::SCALE_MAX,
            arguments.integer(0)?
        )));
    };
    Ok(Box::new(move |target| {
        let bytes: Bytes = target::payload(&target)?;
        decimal::format(&bytes, scale)
            .map(Value::from)
            .map_err(EvalError::new)
    }))
}
