//! Values as text, as Go's package `fmt` prints them.

use millrace_bloblang::{MONTHS, WEEKDAYS, format_time, quote, sprintf};
use millrace_message::Value;

use crate::Fault;
use crate::meter::Meter;
use crate::value::{DEPTH_MAX, Val, nested};

mod verbs;

pub(crate) use verbs::printf;

/// What Go prints a time in.
const TIME: &str = "2006-01-02 15:04:05.999999999 -0700 MST";

/// Appends a value as `%v` prints it.
///
/// # Errors
/// It nests too deep, or there is no room.
pub(crate) fn push(value: &Val, out: &mut Vec<u8>, meter: &Meter) -> Result<(), Fault> {
    push_at(value, out, meter, 0)
}

fn push_at(value: &Val, out: &mut Vec<u8>, meter: &Meter, depth: usize) -> Result<(), Fault> {
    meter.step(1)?;
    match value {
        Val::Str(text) => push_bytes(text.bytes(), out, meter)?,
        Val::JsonNumber(text) => push_bytes(text.as_bytes(), out, meter)?,
        Val::Int(integer) | Val::Int64(integer) => {
            out.extend_from_slice(itoa::Buffer::new().format(*integer).as_bytes());
        }
        Val::List(list) => {
            refuse_depth(depth)?;
            out.push(b'[');
            for (index, value) in list.values(meter)?.iter().enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                nested(|| push_at(value, out, meter, depth + 1))?;
            }
            out.push(b']');
        }
        Val::Map(map) => {
            refuse_depth(depth)?;
            out.extend_from_slice(b"map[");
            for (index, (key, value)) in map.entries()?.iter().enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                push_bytes(key.as_bytes(), out, meter)?;
                out.push(b':');
                nested(|| push_at(value, out, meter, depth + 1))?;
            }
            out.push(b']');
        }
        Val::Bytes(bytes) => {
            meter.step(bytes.len() / 16)?;
            meter.room(out.len().saturating_add(bytes.len().saturating_mul(4)))?;
            out.push(b'[');
            for (index, byte) in bytes.iter().enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                out.extend_from_slice(itoa::Buffer::new().format(*byte).as_bytes());
            }
            out.push(b']');
        }
        scalar => out.extend_from_slice(scalar_text(scalar).as_bytes()),
    }
    meter.room(out.len())
}

fn push_bytes(bytes: &[u8], out: &mut Vec<u8>, meter: &Meter) -> Result<(), Fault> {
    meter.step(bytes.len() / 64)?;
    meter.room(out.len() + bytes.len())?;
    out.extend_from_slice(bytes);
    Ok(())
}

fn refuse_depth(depth: usize) -> Result<(), Fault> {
    match depth < DEPTH_MAX {
        true => Ok(()),
        false => Err(Fault::new(format!(
            "a value nests deeper than {DEPTH_MAX} levels"
        ))),
    }
}

/// The text of a value that is short.
fn scalar_text(value: &Val) -> String {
    match value {
        Val::Missing | Val::Nil => "<nil>".to_owned(),
        Val::Bool(bool) => bool.to_string(),
        Val::Uint64(integer) => integer.to_string(),
        Val::Uint8(integer) => integer.to_string(),
        Val::Float(float) => formatted("%v", Value::F64(*float)),
        Val::Time(at) => format_time(TIME, at),
        Val::Month(number) => named(&MONTHS, *number, 1, "Month"),
        Val::Weekday(number) => named(&WEEKDAYS, *number, 0, "Weekday"),
        Val::Version(version) => version.to_string(),
        _ => String::new(),
    }
}

fn named(names: &[&str], number: i8, first: i8, kind: &str) -> String {
    let index = usize::try_from(number - first).ok();
    match index.and_then(|it| names.get(it)) {
        Some(name) => (*name).to_owned(),
        None => format!("%!{kind}({number})"),
    }
}

/// One argument in a format whose sizes were checked.
fn formatted(format: &str, argument: Value) -> String {
    // The room that a text may take is that of the mapping it is made by.
    sprintf(format, &[argument]).expect("no mapping runs here, so no room is asked for")
}

/// The text of a value that is to be a string: bytes are taken as they are.
///
/// # Errors
/// There is no room for it.
pub(crate) fn string(value: &Val, meter: &Meter) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    match value {
        Val::Bytes(bytes) => push_bytes(bytes, &mut out, meter)?,
        other => push(other, &mut out, meter)?,
    }
    Ok(out)
}

/// A string in quotes as Go writes it.
pub(crate) fn quoted(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    for chunk in bytes.utf8_chunks() {
        let part = quote(chunk.valid());
        out.extend_from_slice(&part.as_bytes()[1..part.len() - 1]);
        for byte in chunk.invalid() {
            out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
        }
    }
    out.push(b'"');
    out
}

/// How many bytes the first character of a text takes; a byte that belongs to none is one.
pub(crate) fn character_length(text: &[u8]) -> usize {
    let head = &text[..text.len().min(4)];
    match head.utf8_chunks().next() {
        Some(chunk) => chunk.valid().chars().next().map_or(1, char::len_utf8),
        None => 0,
    }
}

/// All arguments, with blanks between those of which none is a string.
///
/// # Errors
/// There is no room for it.
pub(crate) fn sprint(values: &[Val], meter: &Meter) -> Result<Vec<u8>, Fault> {
    let is_text = |value: &Val| matches!(value, Val::Str(_) | Val::JsonNumber(_));
    let mut out = Vec::new();
    for (index, value) in values.iter().enumerate() {
        if index > 0 && !is_text(value) && !is_text(&values[index - 1]) {
            out.push(b' ');
        }
        push(value, &mut out, meter)?;
    }
    Ok(out)
}

/// All arguments with blanks between them, and a line break.
///
/// # Errors
/// There is no room for it.
pub(crate) fn sprintln(values: &[Val], meter: &Meter) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        push(value, &mut out, meter)?;
    }
    out.push(b'\n');
    Ok(out)
}
