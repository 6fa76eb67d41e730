//! Parts of strings, and lists of strings.

use super::Type::{Any, Int, Text};
use super::{Answer, Call, Function, bounds};
use crate::Fault;
use crate::format;
use crate::value::{Map, MapKind, Val};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("trunc", &[Int, Text], |call| {
        let (count, text) = (call.int(0), call.bytes(1));
        let length = text.len() as i64;
        match count {
            0.. if length > count => call.made(&text[..count as usize]),
            ..0 if length + count > 0 => call.made(&text[(length + count) as usize..]),
            _ => Ok(call.value(1).clone()),
        }
    }),
    Function::new("substr", &[Int, Int, Text], substr),
    Function::new("split", &[Text, Text], |call| {
        let parts = split(call, call.bytes(0), call.bytes(1), None)?;
        numbered(call, &parts)
    }),
    Function::new("splitn", &[Text, Int, Text], |call| {
        let count = usize::try_from(call.int(1)).ok();
        let parts = split(call, call.bytes(0), call.bytes(2), count)?;
        numbered(call, &parts)
    }),
    Function::new("splitList", &[Text, Text], |call| {
        let parts = split(call, call.bytes(0), call.bytes(1), None)?;
        call.texts(parts)
    }),
    Function::new("join", &[Text, Any], |call| {
        let parts = strings(call.value(1), call)?;
        let separator = call.bytes(0);
        let separators = separator
            .len()
            .saturating_mul(parts.len().saturating_sub(1));
        call.room(
            parts
                .iter()
                .map(Vec::len)
                .sum::<usize>()
                .saturating_add(separators),
        )?;
        call.made(parts.join(separator))
    }),
    Function::new("sortAlpha", &[Any], |call| {
        if !matches!(call.value(0), Val::List(_) | Val::Bytes(_)) {
            let text = format::string(call.value(0), call.meter())?;
            return call.texts([text]);
        }
        let mut parts = strings(call.value(0), call)?;
        call.step(parts.len() * 16)?;
        parts.sort();
        call.texts(parts)
    }),
    Function::new("toStrings", &[Any], |call| {
        let parts = strings(call.value(0), call)?;
        call.texts(parts)
    }),
];

fn substr(call: &mut Call<'_, '_>) -> Answer {
    let (start, end, text) = (call.int(0), call.int(1), call.bytes(2));
    let length = text.len() as i64;
    if start < 0 {
        return match (0..=length).contains(&end) {
            true => call.made(&text[..end as usize]),
            false => Err(bounds(0, Some(end), text.len())),
        };
    }
    if end < 0 || end > length {
        return match start <= length {
            true => call.made(&text[start as usize..]),
            false => Err(bounds(start, None, text.len())),
        };
    }
    match start <= end {
        true => call.made(&text[start as usize..end as usize]),
        false => Err(bounds(start, Some(end), text.len())),
    }
}

/// The parts of a text, at most so many; without a separator, its characters.
fn split<'a>(
    call: &Call<'_, '_>,
    separator: &[u8],
    text: &'a [u8],
    count: Option<usize>,
) -> Result<Vec<&'a [u8]>, Fault> {
    call.step(text.len() / 8)?;
    let count = count.unwrap_or(usize::MAX);
    let mut parts = Vec::new();
    let mut rest = text;
    if count == 0 {
        return Ok(parts);
    }
    let next = |rest: &[u8]| match separator.is_empty() {
        true => Some(crate::format::character_length(rest)).filter(|it| *it < rest.len()),
        false => memchr::memmem::find(rest, separator),
    };
    while parts.len() + 1 < count {
        let Some(length) = next(rest) else { break };
        call.meter().room(parts.len() * size_of::<Val>())?;
        parts.push(&rest[..length]);
        rest = &rest[length + separator.len()..];
    }
    if !(separator.is_empty() && rest.is_empty()) {
        parts.push(rest);
    }
    Ok(parts)
}

/// A map of parts: `_0`, `_1`, …
fn numbered(call: &Call<'_, '_>, parts: &[&[u8]]) -> Answer {
    let map = Map::empty(MapKind::Texts, call.meter());
    for (index, part) in parts.iter().enumerate() {
        let key = format!("_{index}");
        map.set(key.into(), call.made(*part)?)?;
    }
    Ok(Val::Map(map))
}

/// The elements of a list as strings, those that are nil aside; any other value is one string.
pub(super) fn strings(value: &Val, call: &Call<'_, '_>) -> Result<Vec<Vec<u8>>, Fault> {
    let values = match value {
        Val::Missing | Val::Nil => return Ok(Vec::new()),
        Val::List(list) => list.values(call.meter())?,
        Val::Bytes(bytes) => {
            call.step(bytes.len())?;
            call.room(bytes.len().saturating_mul(32))?;
            return Ok(bytes.iter().map(|it| it.to_string().into()).collect());
        }
        other => vec![other.clone()],
    };
    let mut total = 0_usize;
    let mut strings = Vec::new();
    for value in values.iter().filter(|it| !it.is_nil()) {
        let text = format::string(value, call.meter())?;
        total += text.len() + size_of::<Vec<u8>>();
        call.meter().room(total)?;
        call.step(1)?;
        strings.push(text);
    }
    Ok(strings)
}
