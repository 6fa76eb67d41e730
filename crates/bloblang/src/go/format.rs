//! The verbs of Go's `fmt.Sprintf` for values.
//!
//! # Source
//!
//! The documentation of Go's package `fmt`.

use millrace_message::Value;

use crate::budget::Growth;
use crate::eval_error::EvalError;

mod number;

/// The widest padding and the finest precision, so that a format cannot ask for unbounded memory.
const MAX_WIDTH: usize = 1_000_000;

/// `fmt.Sprintf(format, arguments…)`. What does not fit is written into the text, as in Go:
/// `%!d(string=hi)`.
///
/// # Errors
///
/// When the text takes more room than the evaluation that it is part of may take.
pub fn sprintf(format: &str, arguments: &[Value]) -> Result<String, EvalError> {
    let mut printer = Printer {
        out: String::with_capacity(format.len() + 16),
        arguments,
        next: 0,
        reordered: false,
    };
    let mut growth = Growth::default();
    let mut rest = format;
    while let Some(position) = rest.find('%') {
        printer.out.push_str(&rest[..position]);
        rest = printer.directive(&rest[position + 1..]);
        growth.grow(printer.out.as_bytes(), 0)?;
    }
    printer.out.push_str(rest);
    printer.extra();
    Ok(printer.out)
}

struct Printer<'a> {
    out: String,
    arguments: &'a [Value],
    next: usize,
    /// Whether the format named an argument by its number; then unused ones are no mistake.
    reordered: bool,
}

/// Flags, width and precision of one verb.
#[derive(Clone, Copy, Default)]
pub(super) struct Spec {
    pub plus: bool,
    pub minus: bool,
    pub sharp: bool,
    pub space: bool,
    pub zero: bool,
    pub width: Option<usize>,
    pub precision: Option<usize>,
}

impl Printer<'_> {
    /// Writes one directive; gives the text behind it.
    fn directive<'f>(&mut self, format: &'f str) -> &'f str {
        let mut spec = Spec::default();
        let mut rest = format;
        while let Some(flag) = rest.bytes().next() {
            match flag {
                b'+' => spec.plus = true,
                b'-' => spec.minus = true,
                b'#' => spec.sharp = true,
                b' ' => spec.space = true,
                b'0' => spec.zero = true,
                _ => break,
            }
            rest = &rest[1..];
        }
        let mut is_bad_index = !self.argument_number(&mut rest);
        if let Some(after) = rest.strip_prefix('*') {
            rest = after;
            match self.take_integer() {
                Some(width) => {
                    spec.minus |= width < 0;
                    spec.width = Some(width.unsigned_abs() as usize);
                }
                None => self.out.push_str("%!(BADWIDTH)"),
            }
        } else {
            spec.width = take_number(&mut rest);
        }
        if let Some(after) = rest.strip_prefix('.') {
            rest = after;
            is_bad_index |= !self.argument_number(&mut rest);
            if let Some(after) = rest.strip_prefix('*') {
                rest = after;
                match self.take_integer() {
                    Some(precision) => spec.precision = usize::try_from(precision).ok(),
                    None => self.out.push_str("%!(BADPREC)"),
                }
            } else {
                spec.precision = Some(take_number(&mut rest).unwrap_or(0));
            }
        }
        is_bad_index |= !self.argument_number(&mut rest);
        let Some(verb) = rest.chars().next() else {
            self.out.push_str("%!(NOVERB)");
            return rest;
        };
        rest = &rest[verb.len_utf8()..];
        if verb == '%' {
            self.out.push('%');
        } else if is_bad_index {
            self.out.push_str(&format!("%!{verb}(BADINDEX)"));
        } else if let Some(argument) = self.arguments.get(self.next) {
            self.next += 1;
            // With `v` a plus asks for the names of fields, which no value has.
            spec.plus &= verb != 'v';
            push_value(&mut self.out, argument, verb, spec, 0);
        } else {
            self.out.push_str(&format!("%!{verb}(MISSING)"));
        }
        rest
    }

    /// Takes `[n]`; false when it names no argument.
    fn argument_number(&mut self, rest: &mut &str) -> bool {
        let Some(inner) = rest.strip_prefix('[') else {
            return true;
        };
        self.reordered = true;
        let Some(end) = inner.find(']') else {
            return false;
        };
        let number = inner[..end].parse::<usize>();
        *rest = &inner[end + 1..];
        match number {
            Ok(number) if number >= 1 && number <= self.arguments.len() => {
                self.next = number - 1;
                true
            }
            _ => false,
        }
    }

    fn take_integer(&mut self) -> Option<i64> {
        let value = self.arguments.get(self.next);
        self.next += 1;
        match value {
            Some(Value::I64(integer)) if integer.unsigned_abs() <= MAX_WIDTH as u64 => {
                Some(*integer)
            }
            _ => None,
        }
    }

    fn extra(&mut self) {
        if self.reordered || self.next >= self.arguments.len() {
            return;
        }
        let rest: Vec<String> = self.arguments[self.next..]
            .iter()
            .map(|argument| match argument {
                Value::Null => "<nil>".to_owned(),
                other => format!("{}={}", go_type(other), plain(other)),
            })
            .collect();
        self.out.push_str(&format!("%!(EXTRA {})", rest.join(", ")));
    }
}

fn take_number(rest: &mut &str) -> Option<usize> {
    let length = rest.bytes().take_while(u8::is_ascii_digit).count();
    let number = rest[..length].parse::<usize>().ok()?;
    *rest = &rest[length..];
    Some(number.min(MAX_WIDTH))
}

/// The value under `%v`.
fn plain(value: &Value) -> String {
    let mut out = String::new();
    push_value(&mut out, value, 'v', Spec::default(), 0);
    out
}

fn push_value(out: &mut String, value: &Value, verb: char, spec: Spec, depth: usize) {
    if verb == 'T' {
        return push_padded(out, go_type(value), spec);
    }
    let is_known = match value {
        // Within a container it is the same under every verb.
        Value::Null => depth > 0 || verb == 'v',
        Value::Bool(_) => matches!(verb, 't' | 'v'),
        // Bento has those of a document as text, for which `%s` is the verb.
        Value::I64(_) | Value::U64(_) => "vdsbcoOqxXU".contains(verb),
        Value::F64(_) => "vbgGxXfFeE".contains(verb),
        Value::Number(_) | Value::String(_) => "vsxXq".contains(verb),
        Value::Bytes(_) => "vsxXqd".contains(verb),
        Value::Timestamp(_) => "vs".contains(verb),
        Value::Array(_) | Value::Object(_) => true,
    };
    if !is_known {
        return match value {
            Value::Null => out.push_str(&format!("%!{verb}(<nil>)")),
            other => {
                out.push_str(&format!("%!{verb}({}=", go_type(other)));
                push_value(out, other, 'v', spec, depth);
                out.push(')');
            }
        };
    }
    match value {
        Value::Null if depth > 0 => out.push_str("<nil>"),
        Value::Null => push_padded(out, "<nil>", spec),
        Value::Bool(bool) => push_padded(out, if *bool { "true" } else { "false" }, spec),
        Value::I64(_) | Value::U64(_) if verb == 's' => {
            push_text(out, &value.to_text(), verb, spec);
        }
        Value::I64(integer) => {
            number::push_integer(out, integer.unsigned_abs(), *integer < 0, verb, spec);
        }
        Value::U64(integer) => number::push_integer(out, *integer, false, verb, spec),
        Value::F64(float) => number::push_float(out, *float, verb, spec),
        Value::Number(number) => push_text(out, number.as_str(), verb, spec),
        Value::String(text) => push_text(out, text, verb, spec),
        Value::Bytes(bytes) => match verb {
            'v' | 'd' => {
                let list: Vec<String> = bytes.iter().map(u8::to_string).collect();
                push_padded(out, &format!("[{}]", list.join(" ")), spec);
            }
            'x' | 'X' => push_hex(out, bytes, verb, spec),
            'q' if spec.precision.is_none() && !spec.sharp => {
                push_padded(out, &quote_bytes(bytes), spec);
            }
            _ => push_text(out, &value.to_text(), verb, spec),
        },
        Value::Timestamp(at) => {
            const LAYOUT: &str = "2006-01-02 15:04:05.999999999 -0700 MST";
            push_padded(out, &super::time::Layout::new(LAYOUT).format(at), spec);
        }
        Value::Array(_) | Value::Object(_) if depth >= 1000 => out.push('…'),
        Value::Array(array) => {
            out.push('[');
            for (index, element) in array.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                push_value(out, &element, verb, spec, depth + 1);
            }
            out.push(']');
        }
        Value::Object(object) => {
            out.push_str("map[");
            let mut entries: Vec<_> = object.entries().collect();
            entries.sort_by(|(left, _), (right, _)| left.as_ref().cmp(right.as_ref()));
            for (index, (key, element)) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                push_value(out, &Value::from(key.as_str()), verb, spec, depth + 1);
                out.push(':');
                push_value(out, element, verb, spec, depth + 1);
            }
            out.push(']');
        }
    }
}

/// The type that the value has in Bento.
fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::I64(_) => "int64",
        Value::U64(_) => "uint64",
        Value::F64(_) => "float64",
        Value::Number(_) => "json.Number",
        Value::String(_) => "string",
        Value::Bytes(_) => "[]uint8",
        Value::Timestamp(_) => "time.Time",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

fn push_text(out: &mut String, text: &str, verb: char, spec: Spec) {
    let cut: &str = match spec.precision {
        Some(precision) => text
            .char_indices()
            .nth(precision)
            .map_or(text, |(at, _)| &text[..at]),
        None => text,
    };
    match verb {
        'q' if spec.sharp && !cut.contains('`') => push_padded(out, &format!("`{cut}`"), spec),
        'q' => push_padded(out, &quote(cut), spec),
        'v' if spec.sharp => push_padded(out, &quote(cut), spec),
        'x' | 'X' => push_hex(out, text.as_bytes(), verb, spec),
        _ => push_padded(out, cut, spec),
    }
}

/// Two digits for each byte, in groups of one where there are blanks between them; with the flag `#`
/// each group says that it is in base 16.
fn push_hex(out: &mut String, bytes: &[u8], verb: char, spec: Spec) {
    let bytes = &bytes[..spec.precision.unwrap_or(bytes.len()).min(bytes.len())];
    let digits = bytes.iter().map(|byte| match verb {
        'x' => format!("{byte:02x}"),
        _ => format!("{byte:02X}"),
    });
    let base = match (spec.sharp, verb) {
        (false, _) => "",
        (true, 'x') => "0x",
        (true, _) => "0X",
    };
    let text = match spec.space {
        true => digits
            .map(|it| format!("{base}{it}"))
            .collect::<Vec<_>>()
            .join(" "),
        false if bytes.is_empty() => String::new(),
        false => format!("{base}{}", digits.collect::<String>()),
    };
    push_padded(out, &text, spec);
}

/// Appends a text, filled up to the width with blanks (zeros with the flag `0`).
pub(super) fn push_padded(out: &mut String, text: &str, spec: Spec) {
    let missing = spec.width.unwrap_or(0).saturating_sub(text.chars().count());
    let padding = if spec.zero && !spec.minus { '0' } else { ' ' };
    if !spec.minus {
        out.extend(std::iter::repeat_n(padding, missing));
    }
    out.push_str(text);
    if spec.minus {
        out.extend(std::iter::repeat_n(padding, missing));
    }
}

/// `strconv.Quote`: a Go string literal, with escapes for what cannot be printed.
pub fn quote(text: &str) -> String {
    quote_bytes(text.as_bytes())
}

/// As [`quote`], with an escape for each byte that is no UTF-8.
pub(crate) fn quote_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            push_quoted(character, &mut out);
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out.push('"');
    out
}

fn push_quoted(character: char, out: &mut String) {
    match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        ' '..='~' => out.push(character),
        '\0'..='\u{7f}' => out.push_str(&format!("\\x{:02x}", character as u32)),
        _ if is_printable(character) => out.push(character),
        '\u{80}'..='\u{ffff}' => out.push_str(&format!("\\u{:04x}", character as u32)),
        _ => out.push_str(&format!("\\U{:08x}", character as u32)),
    }
}

/// Whether Go prints a character as it is: no controls, no blanks but the plain one, nothing
/// unassigned, as far as the standard library tells.
fn is_printable(character: char) -> bool {
    // `escape_debug` escapes what is not printable, and grapheme extenders at the start only.
    !character.is_whitespace()
        && ('a'.to_string() + &character.to_string())
            .escape_debug()
            .nth(1)
            .is_some_and(|first| first != '\\')
}

#[cfg(test)]
mod tests;
