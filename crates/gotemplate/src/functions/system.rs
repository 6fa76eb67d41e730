//! Environment variables, which the host lends.

use super::Function;
use super::Type::Text;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("env", &[Text], |call| {
        let value = call.run.host.variable(&call.text(0));
        call.made(value.unwrap_or_default())
    }),
    Function::new("expandenv", &[Text], |call| {
        let text = call.text(0);
        call.step(text.len())?;
        let mut out = String::new();
        let mut rest = &*text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            let (name, length) = name(&rest[at + 1..]);
            match name {
                Some(name) => out.push_str(&call.run.host.variable(name).unwrap_or_default()),
                // A dollar sign before what is no name.
                None if length == 0 => out.push('$'),
                None => {}
            }
            rest = &rest[at + 1 + length..];
            call.meter().room(out.len())?;
        }
        out.push_str(rest);
        call.made(out)
    }),
];

/// The name that a text behind a dollar sign begins with, and the bytes that it takes.
fn name(text: &str) -> (Option<&str>, usize) {
    let is_special = |it: u8| {
        matches!(
            it,
            b'*' | b'#' | b'$' | b'@' | b'!' | b'?' | b'-' | b'0'..=b'9'
        )
    };
    let bytes = text.as_bytes();
    match bytes {
        [b'{', special, b'}', ..] if is_special(*special) => (Some(&text[1..2]), 3),
        [b'{', ..] => match text.find('}') {
            // Bad syntax, of which Go takes the two characters away.
            Some(1) => (None, 2),
            Some(end) => (Some(&text[1..end]), end + 1),
            None => (None, 1),
        },
        [special, ..] if is_special(*special) => (Some(&text[..1]), 1),
        _ => {
            let is_part = |it: &&u8| **it == b'_' || it.is_ascii_alphanumeric();
            let length = bytes.iter().take_while(is_part).count();
            (Some(&text[..length]).filter(|it| !it.is_empty()), length)
        }
    }
}
