//! Strings: trimming, searching, replacing, repeating, quoting.

use super::Type::{Any, Int, Text};
use super::{Answer, Call, Function, fail};
use crate::Fault;
use crate::format;
use crate::value::Val;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("hello", &[], |_| Ok(Val::text("Hello!"))),
    Function::new("trim", &[Text], |call| {
        let text = call.text(0);
        call.made(text.trim_matches(is_space))
    }),
    Function::new("trimAll", &[Text, Text], trim_all),
    Function::new("trimall", &[Text, Text], trim_all),
    Function::new("trimSuffix", &[Text, Text], |call| {
        let text = call.bytes(1);
        call.made(text.strip_suffix(call.bytes(0)).unwrap_or(text))
    }),
    Function::new("trimPrefix", &[Text, Text], |call| {
        let text = call.bytes(1);
        call.made(text.strip_prefix(call.bytes(0)).unwrap_or(text))
    }),
    Function::new("contains", &[Text, Text], |call| {
        call.step(call.bytes(1).len() / 64)?;
        let found = memchr::memmem::find(call.bytes(1), call.bytes(0));
        Ok(Val::Bool(found.is_some()))
    }),
    Function::new("hasPrefix", &[Text, Text], |call| {
        Ok(Val::Bool(call.bytes(1).starts_with(call.bytes(0))))
    }),
    Function::new("hasSuffix", &[Text, Text], |call| {
        Ok(Val::Bool(call.bytes(1).ends_with(call.bytes(0))))
    }),
    Function::new("replace", &[Text, Text, Text], |call| {
        replace(call, call.bytes(0), call.bytes(1), call.bytes(2))
    }),
    Function::new("repeat", &[Int, Text], |call| {
        let Ok(count) = usize::try_from(call.int(0)) else {
            return fail("strings: negative Repeat count");
        };
        let text = call.bytes(1);
        call.room(text.len().saturating_mul(count))?;
        call.made(text.repeat(count))
    }),
    Function::new("quote", &[], |call| {
        joined(call, |call, value, out| {
            out.extend_from_slice(&format::quoted(&format::string(value, call.meter())?));
            Ok(())
        })
    })
    .rest(Any),
    Function::new("squote", &[], |call| {
        joined(call, |call, value, out| {
            out.push(b'\'');
            format::push(value, out, call.meter())?;
            out.push(b'\'');
            Ok(())
        })
    })
    .rest(Any),
    Function::new("cat", &[], |call| {
        joined(call, |call, value, out| {
            format::push(value, out, call.meter())
        })
    })
    .rest(Any),
    Function::new("indent", &[Int, Text], |call| indent(call, "")),
    Function::new("nindent", &[Int, Text], |call| indent(call, "\n")),
    Function::new("plural", &[Text, Text, Int], |call| {
        Ok(call.value(usize::from(call.int(2) != 1)).clone())
    }),
];

/// White space as Go's `unicode.IsSpace` has it.
pub(super) fn is_space(character: char) -> bool {
    character.is_whitespace()
}

fn trim_all(call: &mut Call<'_, '_>) -> Answer {
    let (set, text) = (call.text(0), call.text(1));
    call.step(set.len().saturating_mul(text.len()) / 64)?;
    call.made(text.trim_matches(|it| set.contains(it)))
}

/// Replaces all places of a text.
fn replace(call: &Call<'_, '_>, from: &[u8], to: &[u8], text: &[u8]) -> Answer {
    call.step(text.len() / 16)?;
    if from.is_empty() {
        // Go puts the new text before each character and at the end.
        let text = String::from_utf8_lossy(text);
        let places = text.chars().count() + 1;
        call.room(text.len() + places.saturating_mul(to.len()))?;
        let mut out = to.to_vec();
        for character in text.chars() {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            out.extend_from_slice(to);
        }
        return call.made(out);
    }
    let places: Vec<usize> = memchr::memmem::find_iter(text, from).collect();
    let grown = places.len().saturating_mul(to.len());
    call.room((text.len() - places.len() * from.len()).saturating_add(grown))?;
    let mut out = Vec::new();
    let mut at = 0;
    for place in places {
        out.extend_from_slice(&text[at..place]);
        out.extend_from_slice(to);
        at = place + from.len();
    }
    out.extend_from_slice(&text[at..]);
    call.made(out)
}

/// All arguments but those that are nil, with blanks between them.
fn joined(
    call: &Call<'_, '_>,
    push: impl Fn(&Call<'_, '_>, &Val, &mut Vec<u8>) -> Result<(), Fault>,
) -> Answer {
    let mut out = Vec::new();
    for (index, value) in call.values.iter().filter(|it| !it.is_nil()).enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        push(call, value, &mut out)?;
    }
    call.made(out)
}

fn indent(call: &Call<'_, '_>, before: &str) -> Answer {
    let Ok(width) = usize::try_from(call.int(0)) else {
        return fail("strings: negative Repeat count");
    };
    let text = call.bytes(1);
    let lines = 1 + memchr::memchr_iter(b'\n', text).count();
    call.room(text.len().saturating_add(lines.saturating_mul(width)))?;
    let padding = " ".repeat(width);
    let mut out = before.as_bytes().to_vec();
    for (index, line) in text.split(|it| *it == b'\n').enumerate() {
        if index > 0 {
            out.push(b'\n');
        }
        out.extend_from_slice(padding.as_bytes());
        out.extend_from_slice(line);
    }
    call.made(out)
}
