//! `printf`: directives for numbers are those of Go's `fmt`, texts are bytes.

use std::rc::Rc;

use millrace_bloblang::sprintf;

use crate::meter::Meter;
use crate::value::Value;
use crate::{Fault, number};

/// The largest width and precision.
const WIDTH_MAX: u64 = 1_000_000;

/// One directive of a format, or the text before one.
enum Part<'a> {
    Text(&'a [u8]),
    Directive(Directive<'a>),
}

struct Directive<'a> {
    /// What stands between the percent sign and the verb.
    flags: &'a str,
    verb: u8,
}

/// Takes a format apart.
fn parts(format: &[u8]) -> Result<Vec<Part<'_>>, Fault> {
    let mut parts = Vec::new();
    let mut rest = format;
    while let Some(at) = rest.iter().position(|it| *it == b'%') {
        if at > 0 {
            parts.push(Part::Text(&rest[..at]));
        }
        rest = &rest[at + 1..];
        if rest.first() == Some(&b'%') {
            parts.push(Part::Text(b"%"));
            rest = &rest[1..];
            continue;
        }
        let length = rest
            .iter()
            .take_while(|it| b" .-+*#0123456789".contains(it))
            .count();
        let Some(verb) = rest.get(length) else {
            return error("expected type specifier after %");
        };
        if !b"sdioxXfeEgGuc".contains(verb) {
            let verb = char::from(*verb).escape_debug().to_string();
            return error(format!("invalid format type '{verb}'"));
        }
        let flags = std::str::from_utf8(&rest[..length]).unwrap_or_default();
        parts.push(Part::Directive(Directive { flags, verb: *verb }));
        rest = &rest[length + 1..];
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    Ok(parts)
}

fn error<T>(what: impl std::fmt::Display) -> Result<T, Fault> {
    Err(Fault::new(format!("format error: {what}")))
}

/// `sprintf`.
///
/// # Errors
/// The format is none, there are too few arguments, or no room.
pub(crate) fn format(
    format: &[u8],
    arguments: &[Value],
    number_format: &str,
    meter: &Rc<Meter>,
) -> Result<Vec<u8>, Fault> {
    let parts = parts(format)?;
    let needed: usize = parts
        .iter()
        .map(|part| match part {
            Part::Text(_) => 0,
            Part::Directive(it) => 1 + it.flags.matches('*').count(),
        })
        .sum();
    if needed > arguments.len() {
        let given = arguments.len();
        return error(format!("got {given} args, expected {needed}"));
    }
    let mut arguments = arguments.iter();
    let mut out = Vec::new();
    for part in parts {
        meter.step(1)?;
        match part {
            Part::Text(text) => {
                meter.room(out.len() + text.len())?;
                out.extend_from_slice(text);
            }
            Part::Directive(directive) => {
                let flags = fill(directive.flags, &mut arguments)?;
                let value = arguments.next().unwrap_or(&Value::Unset);
                let size = size_of_directive(&flags)?;
                meter.room(out.len() + size)?;
                meter.step(size as u64 / 64)?;
                push(
                    &mut out,
                    &flags,
                    directive.verb,
                    value,
                    number_format,
                    meter,
                )?;
            }
        }
    }
    Ok(out)
}

/// The flags with the numbers that stand for their asterisks.
fn fill<'a>(flags: &str, arguments: &mut impl Iterator<Item = &'a Value>) -> Result<String, Fault> {
    let mut filled = String::new();
    for character in flags.chars() {
        if character != '*' {
            filled.push(character);
            continue;
        }
        let number = number::integer(arguments.next().map_or(0.0, Value::number));
        match (number < 0, filled.contains('.')) {
            // A negative width fills on the right, a negative precision is none.
            (true, false) => filled.insert(0, '-'),
            (true, true) => {
                filled.truncate(filled.find('.').unwrap_or(filled.len()));
                continue;
            }
            _ => {}
        }
        filled.push_str(&number.unsigned_abs().to_string());
    }
    Ok(filled)
}

/// An upper bound of what the width and the precision ask for.
fn size_of_directive(flags: &str) -> Result<usize, Fault> {
    let mut size = 512;
    for digits in flags.split(|it: char| !it.is_ascii_digit()) {
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() {
            continue;
        }
        match digits.parse::<u64>() {
            Ok(number) if number <= WIDTH_MAX => size += number as usize,
            _ => return error(format!("a width or precision is above {WIDTH_MAX}")),
        }
    }
    Ok(size)
}

fn push(
    out: &mut Vec<u8>,
    flags: &str,
    verb: u8,
    value: &Value,
    number_format: &str,
    meter: &Rc<Meter>,
) -> Result<(), Fault> {
    use millrace_message::Value as Argument;
    let number = match verb {
        b's' => {
            let text = value.bytes(number_format);
            return push_text(out, flags, &text, meter);
        }
        b'c' => {
            let byte = match value.as_number() {
                // Bytes, not characters: what is above wraps.
                Some(number) => number::integer(number) as u8,
                None => value.bytes(number_format).first().copied().unwrap_or(0),
            };
            return push_text(out, flags, &[byte], meter);
        }
        b'f' | b'e' | b'E' | b'g' | b'G' => Argument::from(value.number()),
        b'u' => Argument::from(number::unsigned(value.number())),
        _ => Argument::from(number::integer(value.number())),
    };
    let verb = match verb {
        b'u' | b'i' => 'd',
        other => char::from(other),
    };
    out.extend_from_slice(formatted(&format!("%{flags}{verb}"), number).as_bytes());
    Ok(())
}

/// Text, cut to the precision and filled up to the width, both in characters.
fn push_text(out: &mut Vec<u8>, flags: &str, text: &[u8], meter: &Rc<Meter>) -> Result<(), Fault> {
    let digits = flags.trim_start_matches([' ', '-', '+', '#', '0']);
    let marks = &flags[..flags.len() - digits.len()];
    let (width, precision) = digits.split_once('.').unwrap_or((digits, ""));
    let width: usize = width.parse().unwrap_or(0);
    let text = match digits.contains('.') {
        true => &text[..prefix_of(text, precision.parse().unwrap_or(0))],
        false => text,
    };
    meter.room(out.len() + text.len() + width)?;
    let missing = width.saturating_sub(characters(text));
    let is_left = marks.contains('-');
    let filling = if marks.contains('0') && !is_left {
        b'0'
    } else {
        b' '
    };
    if !is_left {
        out.extend(std::iter::repeat_n(filling, missing));
    }
    out.extend_from_slice(text);
    if is_left {
        out.extend(std::iter::repeat_n(filling, missing));
    }
    Ok(())
}

/// How many characters these are; each byte that belongs to none counts as one.
pub(crate) fn characters(text: &[u8]) -> usize {
    text.utf8_chunks()
        .map(|chunk| chunk.valid().chars().count() + chunk.invalid().len())
        .sum()
}

/// How many bytes so many characters take.
fn prefix_of(text: &[u8], count: usize) -> usize {
    let mut left = count;
    let mut at = 0;
    while left > 0 && at < text.len() {
        at += crate::pattern::character_length(&text[at..]);
        left -= 1;
    }
    at
}

/// Refuses a `CONVFMT` or `OFMT` that makes long texts of numbers.
///
/// # Errors
/// It is long, or asks for a large width or precision.
pub(crate) fn check_number_format(format: &str) -> Result<(), Fault> {
    match format.len() <= 100 && size_of_directive(format)? <= 1024 {
        true => Ok(()),
        false => error("`CONVFMT` and `OFMT` may make texts of at most 512 bytes"),
    }
}

/// A number in a format as `CONVFMT` has it.
pub(crate) fn number(format: &str, number: f64) -> Vec<u8> {
    let number = millrace_message::Value::from(number);
    formatted(format, number).into_bytes()
}

/// One argument in a format whose sizes were checked.
fn formatted(format: &str, argument: millrace_message::Value) -> String {
    // The room that a text may take is that of the mapping it is made by.
    sprintf(format, &[argument]).expect("no mapping runs here, so no room is asked for")
}
