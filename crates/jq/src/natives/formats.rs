//! `@text`, `@csv` and the like.

use std::fmt::Write;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use millrace_message::Value;

use super::types::to_text;
use super::{Native, Run};
use crate::encode::{short, to_json};
use crate::error::{Fail, named, not_for};
use crate::limits::Budget;

pub(super) const TABLE: &[Native] = &[
    Native::new("@text", 0, |budget, input, _| to_text(budget, input)),
    Native::new("@json", 0, |budget, input, _| {
        to_json(budget, &input).map(Value::from)
    }),
    Native::new("@html", 0, |budget, input, _| escaped(budget, input, html)),
    Native::new("@uri", 0, |budget, input, _| escaped(budget, input, uri)),
    Native::new("@urid", 0, from_uri),
    Native::new("@csv", 0, |budget, input, _| {
        row(budget, "csv", ",", &input, csv)
    }),
    Native::new("@tsv", 0, |budget, input, _| {
        row(budget, "tsv", "\t", &input, tsv)
    }),
    Native::new("@sh", 0, |budget, input, _| match input {
        Value::Array(_) => row(budget, "sh", " ", &input, shell),
        other => row(budget, "sh", " ", &Value::from(vec![other]), shell),
    }),
    Native::new("@base64", 0, |budget, input, _| {
        escaped(budget, input, |text| LENIENT.encode(text))
    }),
    Native::new("@base64d", 0, from_base64),
    Native::new("format", 1, |budget, input, arguments| {
        let Value::String(name) = &arguments[0] else {
            return Err(not_for("format", &arguments[0]));
        };
        let name = format!("@{name}");
        match super::format(&name).map(|native| native.run) {
            Some(Run::Plain(run)) if name != "@format" => run(budget, input, &mut []),
            _ => Err(Fail::text(format!("format not defined: {name}"))),
        }
    }),
];

/// It reads what is padded and what is not.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

fn text_of(budget: &Budget, input: Value) -> Result<String, Fail> {
    let text = to_text(budget, input)?;
    budget.build(text.as_str().map_or(0, str::len))?;
    Ok(text.as_str().unwrap_or_default().to_owned())
}

/// An escaped text may be six times as long.
fn escaped(budget: &Budget, input: Value, escape: fn(&str) -> String) -> Result<Value, Fail> {
    let text = text_of(budget, input)?;
    budget.build(text.len().saturating_mul(6))?;
    Ok(Value::from(escape(&text)))
}

fn replaced(text: &str, replacement: fn(char) -> Option<&'static str>) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match replacement(character) {
            Some(replacement) => out.push_str(replacement),
            None => out.push(character),
        }
    }
    out
}

fn html(text: &str) -> String {
    replaced(text, |character| match character {
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '&' => Some("&amp;"),
        '\'' => Some("&apos;"),
        '"' => Some("&quot;"),
        _ => None,
    })
}

/// As a part of a query: a space is a plus.
fn uri(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            // Writing into a string does not fail.
            other => _ = write!(out, "%{other:02X}"),
        }
    }
    out
}

fn from_uri(budget: &Budget, input: Value, _: &mut [Value]) -> Result<Value, Fail> {
    let text = text_of(budget, input)?;
    budget.build(text.len())?;
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let hex = [bytes.next(), bytes.next()].map(|it| it.unwrap_or(b' '));
                let code = std::str::from_utf8(&hex).ok();
                let code = code.and_then(|hex| u8::from_str_radix(hex, 16).ok());
                let Some(code) = code else {
                    let shown = short(&Value::from(text));
                    let reason = "`%` is followed by two hex digits";
                    return Err(Fail::text(format!(
                        "@urid cannot be applied to {shown}: {reason}"
                    )));
                };
                out.push(code);
            }
            other => out.push(other),
        }
    }
    Ok(Value::from(String::from_utf8_lossy(&out).as_ref()))
}

fn from_base64(budget: &Budget, input: Value, _: &mut [Value]) -> Result<Value, Fail> {
    let text = text_of(budget, input)?;
    budget.build(text.len())?;
    // What follows the padding is not read; line breaks are skipped, as in Go.
    let end = text.find('=').unwrap_or(text.len());
    let compact: Vec<u8> = text[..end]
        .bytes()
        .filter(|it| !b"\r\n".contains(it))
        .collect();
    match LENIENT.decode(compact) {
        Ok(bytes) => Ok(Value::from(String::from_utf8_lossy(&bytes).as_ref())),
        Err(error) => {
            let shown = short(&Value::from(text));
            Err(Fail::text(format!(
                "@base64d cannot be applied to {shown}: {error}"
            )))
        }
    }
}

/// The elements of an array as a line.
fn row(
    budget: &Budget,
    name: &str,
    separator: &str,
    input: &Value,
    escape: fn(&str) -> String,
) -> Result<Value, Fail> {
    let Value::Array(array) = input else {
        return Err(not_for(&format!("@{name}"), input));
    };
    let mut line = String::new();
    for (position, element) in array.iter().enumerate() {
        if position > 0 {
            line.push_str(separator);
        }
        let cell = match &*element {
            Value::Array(_) | Value::Object(_) => {
                let what = format!("@{name} cannot format an array including");
                return Err(Fail::text(format!("{what}: {}", named(&element))));
            }
            Value::String(text) => {
                budget.build(text.len().saturating_mul(4))?;
                escape(text)
            }
            Value::Null if name != "sh" => String::new(),
            other => to_json(budget, other)?,
        };
        budget.build(cell.len() + separator.len())?;
        line.push_str(&cell);
    }
    Ok(Value::from(line))
}

fn csv(text: &str) -> String {
    let text = replaced(text, |character| match character {
        '"' => Some("\"\""),
        '\0' => Some("\\0"),
        _ => None,
    });
    format!("\"{text}\"")
}

fn tsv(text: &str) -> String {
    replaced(text, |character| match character {
        '\t' => Some("\\t"),
        '\r' => Some("\\r"),
        '\n' => Some("\\n"),
        '\\' => Some("\\\\"),
        '\0' => Some("\\0"),
        _ => None,
    })
}

fn shell(text: &str) -> String {
    let text = replaced(text, |character| match character {
        '\'' => Some("'\\''"),
        '\0' => Some("\\0"),
        _ => None,
    });
    format!("'{text}'")
}
