//! JSON, as Go's `encoding/json` reads and writes it.

use bytes::Bytes;
use millrace_message::Value;
use millrace_message::json::escape_html;

use super::Type::{Any, Text};
use super::{Answer, Call, Function};
use crate::Fault;
use crate::value::{Numbers, Val};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("fromJson", &[Text], |call| {
        read(call).unwrap_or(Ok(Val::Nil))
    })
    .gives_any(),
    Function::new("mustFromJson", &[Text], |call| match read(call) {
        Ok(value) => value,
        Err(reason) => Err(Fault::new(reason)),
    })
    .gives_any(),
    Function::new("toJson", &[Any], |call| or_nothing(call, json)),
    Function::new("mustToJson", &[Any], json),
    Function::new("toRawJson", &[Any], raw),
    Function::new("mustToRawJson", &[Any], raw),
    Function::new("toPrettyJson", &[Any], |call| or_nothing(call, pretty)),
    Function::new("mustToPrettyJson", &[Any], pretty),
];

/// A JSON document; what it is not, or a value that there is no room for.
fn read(call: &Call<'_, '_>) -> Result<Answer, String> {
    let text = call.bytes(0);
    if let Err(fault) = call.room(text.len().saturating_mul(4)) {
        return Ok(Err(fault));
    }
    let value = Value::parse_json(Bytes::copy_from_slice(text)).map_err(|it| it.to_string())?;
    Ok(Val::of_document(&value, Numbers::Floats, call.meter()))
}

/// The JSON of the argument.
fn written(call: &Call<'_, '_>) -> Result<Vec<u8>, Fault> {
    let value = call.value(0).to_value(call.meter())?;
    if let Some(float) = not_a_number(&value) {
        return Err(Fault::new(format!("json: unsupported value: {float}")));
    }
    let limit = call.meter().limits.bytes;
    call.room(value.unfolded(limit).unwrap_or(usize::MAX))?;
    let mut out = Vec::new();
    value.write_json(&mut out);
    Ok(out)
}

/// A float in it that JSON does not have; documents hold none.
fn not_a_number(value: &Value) -> Option<&'static str> {
    match value {
        Value::F64(float) if float.is_nan() => Some("NaN"),
        Value::F64(f64::INFINITY) => Some("+Inf"),
        Value::F64(f64::NEG_INFINITY) => Some("-Inf"),
        Value::Array(array) if value.is_built() => array
            .iter()
            .find_map(|it| crate::value::nested(|| not_a_number(&it))),
        Value::Object(object) if value.is_built() => object
            .entries()
            .find_map(|(_, it)| crate::value::nested(|| not_a_number(&it))),
        _ => None,
    }
}

fn raw(call: &mut Call<'_, '_>) -> Answer {
    call.made(written(call)?)
}

fn json(call: &mut Call<'_, '_>) -> Answer {
    let mut out = written(call)?;
    call.room(out.len())?;
    escape_html(&mut out, 0);
    call.made(out)
}

/// What can not be written is an empty text.
fn or_nothing(call: &mut Call<'_, '_>, write: fn(&mut Call<'_, '_>) -> Answer) -> Answer {
    match write(call) {
        Err(fault) if fault.to_string().starts_with("json: ") => call.made(""),
        result => result,
    }
}

/// JSON with a line for each value, indented by two blanks a level.
fn pretty(call: &mut Call<'_, '_>) -> Answer {
    let mut json = written(call)?;
    escape_html(&mut json, 0);
    call.room(json.len().saturating_mul(3))?;
    let mut out: Vec<u8> = Vec::with_capacity(json.len() * 2);
    let mut depth = 0_usize;
    let mut is_text = false;
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        let next = json.get(at + 1);
        match byte {
            b'\\' if is_text => {
                out.push(b'\\');
                at += 1;
                out.extend(next);
            }
            b'"' => {
                is_text = !is_text;
                out.push(b'"');
            }
            _ if is_text => out.push(*byte),
            b'{' | b'[' => {
                out.push(*byte);
                // Nothing stands between the brackets of what is empty.
                if let Some(close @ (b'}' | b']')) = next {
                    out.push(*close);
                    at += 1;
                } else {
                    depth += 1;
                    break_line(call, &mut out, depth)?;
                }
            }
            b'}' | b']' => {
                depth -= 1;
                break_line(call, &mut out, depth)?;
                out.push(*byte);
            }
            b',' => {
                out.push(b',');
                break_line(call, &mut out, depth)?;
            }
            b':' => out.extend_from_slice(b": "),
            b' ' | b'\n' | b'\r' | b'\t' => {}
            other => out.push(*other),
        }
        at += 1;
    }
    call.made(out)
}

fn break_line(call: &Call<'_, '_>, out: &mut Vec<u8>, depth: usize) -> Result<(), Fault> {
    call.room(depth * 2)?;
    call.meter().room(out.len() + depth * 2)?;
    out.push(b'\n');
    out.extend(std::iter::repeat_n(b' ', depth * 2));
    Ok(())
}
