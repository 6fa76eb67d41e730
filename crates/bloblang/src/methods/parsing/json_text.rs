//! JSON text: line breaks and escapes that `to_json` does not write, numbers as floats.

use bytes::Bytes;
use millrace_message::{Object, Value};

use crate::budget;
use crate::eval_error::EvalError;

/// Compact JSON over several lines. Empty arrays and objects stay on theirs.
///
/// # Errors
///
/// When it takes more room than the evaluation may take: each line begins with as many indents as
/// it is deep.
pub(super) fn indent(json: &[u8], indent: &[u8]) -> Result<Vec<u8>, EvalError> {
    let mut growth = budget::Growth::default();
    let mut out = Vec::with_capacity(json.len() * 2);
    let mut depth = 0;
    let mut is_string = false;
    let mut bytes = json.iter().copied().peekable();
    let mut new_line = |out: &mut Vec<u8>, depth: usize| {
        growth.grow(out, indent.len().saturating_mul(depth))?;
        out.push(b'\n');
        for _ in 0..depth {
            out.extend_from_slice(indent);
        }
        Ok::<(), EvalError>(())
    };
    while let Some(byte) = bytes.next() {
        if is_string {
            out.push(byte);
            match byte {
                b'\\' => out.extend(bytes.next()),
                b'"' => is_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => {
                is_string = true;
                out.push(byte);
            }
            b'{' | b'[' => {
                out.push(byte);
                if let Some(close @ (b'}' | b']')) = bytes.peek().copied() {
                    bytes.next();
                    out.push(close);
                    continue;
                }
                depth += 1;
                new_line(&mut out, depth)?;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth)?;
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                new_line(&mut out, depth)?;
            }
            b':' => out.extend_from_slice(b": "),
            b' ' | b'\t' | b'\n' | b'\r' => {}
            other => out.push(other),
        }
    }
    Ok(out)
}

/// `<`, `>` and `&` as escapes; in JSON they stand inside strings only.
pub(in crate::methods) fn escape_html(json: Bytes) -> Bytes {
    if !json.iter().any(|byte| matches!(byte, b'<' | b'>' | b'&')) {
        return json;
    }
    let mut out = Vec::with_capacity(json.len() + 16);
    for byte in &json {
        match byte {
            b'<' => out.extend_from_slice(b"\\u003c"),
            b'>' => out.extend_from_slice(b"\\u003e"),
            b'&' => out.extend_from_slice(b"\\u0026"),
            other => out.push(*other),
        }
    }
    out.into()
}

/// The value with every number that is kept as text turned into a float.
///
/// # Errors
///
/// When a number is larger than the largest float.
pub(super) fn with_floats(value: Value) -> Result<Value, EvalError> {
    if has_number_text(&value) {
        convert(value)
    } else {
        Ok(value)
    }
}

/// One level for each of the document's, which the parser bounds.
fn convert(value: Value) -> Result<Value, EvalError> {
    const RED_ZONE: usize = 64 << 10;
    const SEGMENT: usize = 1 << 20;
    stacker::maybe_grow(RED_ZONE, SEGMENT, || match &value {
        Value::Number(number) => number.as_f64().map(Value::F64).ok_or_else(|| {
            let text = format!("failed to parse value as JSON: number {number:?} is out of range");
            EvalError::new(text)
        }),
        Value::Array(array) => array
            .iter()
            .map(|element| convert(element.into_owned()))
            .collect::<Result<Vec<Value>, _>>()
            .map(Value::from),
        Value::Object(object) => object
            .entries()
            .map(|(key, member)| Ok((key, convert(member.into_owned())?)))
            .collect::<Result<Vec<_>, EvalError>>()
            .map(|members| members.into_iter().collect::<Object>().into()),
        _ => Ok(value),
    })
}

fn has_number_text(value: &Value) -> bool {
    match value {
        Value::Number(_) => true,
        Value::Array(array) => array.iter().any(|element| has_number_text(&element)),
        Value::Object(object) => object.entries().any(|(_, member)| has_number_text(&member)),
        _ => false,
    }
}
