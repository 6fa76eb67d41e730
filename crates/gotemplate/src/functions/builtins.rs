//! The functions that Go's `text/template` has itself, but for comparisons.

use millrace_bloblang::escape_query;

use super::Type::{Any, Text, Value};
use super::{Answer, Call, Function, fail};
use crate::Fault;
use crate::format;
use crate::value::{MapKind, Val};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("html", &[], |call| {
        let text = text(call)?;
        call.room(text.len().saturating_mul(5))?;
        let mut out = Vec::with_capacity(text.len());
        for byte in text {
            match byte {
                0 => out.extend_from_slice("\u{fffd}".as_bytes()),
                b'"' => out.extend_from_slice(b"&#34;"),
                b'\'' => out.extend_from_slice(b"&#39;"),
                b'&' => out.extend_from_slice(b"&amp;"),
                b'<' => out.extend_from_slice(b"&lt;"),
                b'>' => out.extend_from_slice(b"&gt;"),
                other => out.push(other),
            }
        }
        call.made(out)
    })
    .rest(Any),
    Function::new("js", &[], |call| {
        let text = text(call)?;
        call.room(text.len().saturating_mul(6))?;
        call.made(javascript(&String::from_utf8_lossy(&text)))
    })
    .rest(Any),
    Function::new("urlquery", &[], |call| {
        let text = text(call)?;
        call.room(text.len().saturating_mul(3))?;
        call.made(escape_query(&text))
    })
    .rest(Any),
    Function::new("print", &[], |call| {
        call.made(format::sprint(call.values, call.meter())?)
    })
    .rest(Any),
    Function::new("println", &[], |call| {
        call.made(format::sprintln(call.values, call.meter())?)
    })
    .rest(Any),
    Function::new("printf", &[Text], |call| {
        call.made(format::printf(
            call.bytes(0),
            &call.values[1..],
            call.meter(),
        )?)
    })
    .rest(Any),
    Function::new("len", &[Value], |call| {
        let length = match call.value(0) {
            Val::Str(text) => text.len(),
            Val::JsonNumber(text) => text.len(),
            Val::Bytes(bytes) => bytes.len(),
            Val::List(list) => list.len(),
            Val::Map(map) => map.len(),
            Val::Missing => return fail("reflect: call of reflect.Value.Type on zero Value"),
            Val::Nil => return fail("len of nil pointer"),
            other => return fail(format!("len of type {}", other.type_name())),
        };
        Ok(Val::Int(length as i64))
    }),
    Function::new("index", &[Value], |call| {
        let mut item = call.value(0).clone();
        if item.is_nil() {
            return fail("index of untyped nil");
        }
        for index in &call.values[1..] {
            item = element(&item, index)?;
        }
        Ok(item)
    })
    .rest(Value)
    .gives_any(),
    Function::new("not", &[Value], |call| {
        Ok(Val::Bool(!call.value(0).is_true()))
    }),
];

/// The arguments as one text; what is missing is shown so.
fn text(call: &Call<'_, '_>) -> Result<Vec<u8>, Fault> {
    let shown = |value: &Val| match value {
        Val::Missing | Val::Nil => Val::text("<no value>"),
        other => other.clone(),
    };
    let values: Vec<Val> = call.values.iter().map(shown).collect();
    format::sprint(&values, call.meter())
}

fn javascript(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' | '\0'..='\u{1f}' => {
                out.push_str(&format!("\\u{:04X}", u32::from(character)));
            }
            ' '..='\u{7f}' => out.push(character),
            // Go's quotes show what can be printed as it is.
            other if !millrace_bloblang::quote(&other.to_string()).contains('\\') => {
                out.push(other);
            }
            other => out.push_str(&format!("\\u{:04X}", u32::from(other))),
        }
    }
    out
}

/// An element of a list or a text, or a member of a map.
fn element(item: &Val, index: &Val) -> Answer {
    let at = |length: usize| -> Result<usize, Fault> {
        let Some(at) = index.as_integer() else {
            return Err(Fault::new(match index {
                Val::Missing | Val::Nil => "cannot index slice/array with nil".to_owned(),
                other => format!("cannot index slice/array with type {}", other.type_name()),
            }));
        };
        match usize::try_from(at) {
            Ok(place) if place <= length => Ok(place),
            _ => Err(Fault::new(format!("index out of range: {at}"))),
        }
    };
    match item {
        Val::Missing | Val::Nil => fail("index of nil pointer"),
        Val::List(list) => match list.get(at(list.len())?)? {
            Some(value) => Ok(value),
            None => fail("reflect: slice index out of range"),
        },
        Val::Str(text) => byte(text.bytes(), at(text.len())?, "string"),
        Val::JsonNumber(text) => byte(text.as_bytes(), at(text.len())?, "string"),
        Val::Bytes(bytes) => byte(bytes, at(bytes.len())?, "slice"),
        Val::Map(map) => {
            let key = match index {
                Val::Str(key) => key.to_text(),
                Val::Missing | Val::Nil => {
                    return fail("value is nil; should be of type string");
                }
                other => {
                    let name = other.type_name();
                    return fail(format!("value has type {name}; should be string"));
                }
            };
            Ok(match (map.get(&key)?, map.kind()) {
                (Some(value), _) => value,
                (None, MapKind::Any) => Val::Nil,
                (None, MapKind::Texts) => Val::text(""),
            })
        }
        other => fail(format!("can't index item of type {}", other.type_name())),
    }
}

fn byte(bytes: &[u8], at: usize, of: &str) -> Answer {
    match bytes.get(at) {
        Some(byte) => Ok(Val::Uint8(*byte)),
        None => fail(format!("reflect: {of} index out of range")),
    }
}
