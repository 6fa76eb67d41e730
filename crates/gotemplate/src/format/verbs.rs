//! `printf`: directives are taken apart here, those for numbers are written by Bloblang's `format`.

use millrace_message::Value;

use super::{formatted, push, quoted, refuse_depth};
use crate::Fault;
use crate::meter::Meter;
use crate::value::{Val, nested};

/// The largest width and precision; Go has the same bound.
const WIDTH_MAX: usize = 1_000_000;

/// Flags, width, precision and verb of a directive.
#[derive(Clone, Default)]
struct Directive {
    flags: String,
    width: Option<usize>,
    precision: Option<usize>,
    verb: char,
}

impl Directive {
    fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    /// As it would be written in a format.
    fn text(&self) -> String {
        let mut text = format!("%{}", self.flags);
        if let Some(width) = self.width {
            text.push_str(&width.to_string());
        }
        if let Some(precision) = self.precision {
            text.push_str(&format!(".{precision}"));
        }
        text.push(self.verb);
        text
    }
}

struct Printer<'a> {
    out: Vec<u8>,
    values: &'a [Val],
    next: usize,
    /// Whether the format names arguments by number; then unused ones are no mistake.
    is_reordered: bool,
    meter: &'a Meter,
}

/// `fmt.Sprintf`. What does not fit is written into the text, as in Go.
///
/// # Errors
/// There is no room for it.
pub(crate) fn printf(format: &[u8], values: &[Val], meter: &Meter) -> Result<Vec<u8>, Fault> {
    let mut printer = Printer {
        out: Vec::new(),
        values,
        next: 0,
        is_reordered: false,
        meter,
    };
    let mut rest = format;
    while let Some(at) = memchr::memchr(b'%', rest) {
        printer.out.extend_from_slice(&rest[..at]);
        rest = printer.directive(&rest[at + 1..])?;
        meter.step(1)?;
        meter.room(printer.out.len())?;
    }
    printer.out.extend_from_slice(rest);
    printer.extra()?;
    Ok(printer.out)
}

fn take_number(rest: &mut &[u8]) -> Option<usize> {
    let length = rest.iter().take_while(|it| it.is_ascii_digit()).count();
    let digits = std::str::from_utf8(&rest[..length]).ok()?;
    *rest = &rest[length..];
    match digits.is_empty() {
        true => None,
        false => Some(digits.parse().unwrap_or(WIDTH_MAX).min(WIDTH_MAX)),
    }
}

impl Printer<'_> {
    /// Writes one directive; gives what is behind it.
    fn directive<'f>(&mut self, format: &'f [u8]) -> Result<&'f [u8], Fault> {
        let mut directive = Directive::default();
        let mut rest = format;
        while let Some(flag @ (b'+' | b'-' | b'#' | b' ' | b'0')) = rest.first() {
            if !directive.has(char::from(*flag)) {
                directive.flags.push(char::from(*flag));
            }
            rest = &rest[1..];
        }
        let mut is_bad_index = !self.argument_number(&mut rest);
        if rest.first() == Some(&b'*') {
            rest = &rest[1..];
            match self.take_size() {
                Some(width) => {
                    if width < 0 {
                        directive.flags.push('-');
                    }
                    directive.width = Some(width.unsigned_abs() as usize);
                }
                None => self.out.extend_from_slice(b"%!(BADWIDTH)"),
            }
        } else {
            directive.width = take_number(&mut rest);
        }
        if rest.first() == Some(&b'.') {
            rest = &rest[1..];
            is_bad_index |= !self.argument_number(&mut rest);
            if rest.first() == Some(&b'*') {
                rest = &rest[1..];
                match self.take_size() {
                    Some(precision) => directive.precision = usize::try_from(precision).ok(),
                    None => self.out.extend_from_slice(b"%!(BADPREC)"),
                }
            } else {
                directive.precision = Some(take_number(&mut rest).unwrap_or(0));
            }
        }
        is_bad_index |= !self.argument_number(&mut rest);
        let length = super::character_length(rest);
        let Some(verb) = String::from_utf8_lossy(&rest[..length]).chars().next() else {
            self.out.extend_from_slice(b"%!(NOVERB)");
            return Ok(rest);
        };
        rest = &rest[length..];
        directive.verb = verb;
        if verb == '%' {
            self.out.push(b'%');
        } else if is_bad_index {
            self.out
                .extend_from_slice(format!("%!{verb}(BADINDEX)").as_bytes());
        } else if let Some(value) = self.values.get(self.next) {
            self.next += 1;
            self.push(value, &directive, 0)?;
        } else {
            self.out
                .extend_from_slice(format!("%!{verb}(MISSING)").as_bytes());
        }
        Ok(rest)
    }

    /// Takes `[n]`; false when it names no argument.
    fn argument_number(&mut self, rest: &mut &[u8]) -> bool {
        if rest.first() != Some(&b'[') {
            return true;
        }
        self.is_reordered = true;
        let Some(end) = memchr::memchr(b']', rest) else {
            return false;
        };
        let number = std::str::from_utf8(&rest[1..end])
            .ok()
            .and_then(|it| it.parse().ok());
        *rest = &rest[end + 1..];
        match number {
            Some(number @ 1..) if number <= self.values.len() => {
                self.next = number - 1;
                true
            }
            _ => false,
        }
    }

    fn take_size(&mut self) -> Option<i64> {
        let value = self.values.get(self.next)?;
        self.next += 1;
        let size = value.as_integer()?;
        (size.unsigned_abs() <= WIDTH_MAX as u64).then_some(size)
    }

    fn extra(&mut self) -> Result<(), Fault> {
        if self.is_reordered || self.next >= self.values.len() {
            return Ok(());
        }
        self.out.extend_from_slice(b"%!(EXTRA ");
        for (index, value) in self.values[self.next..].iter().enumerate() {
            if index > 0 {
                self.out.extend_from_slice(b", ");
            }
            if !value.is_nil() {
                self.out.extend_from_slice(value.type_name().as_bytes());
                self.out.push(b'=');
            }
            push(value, &mut self.out, self.meter)?;
        }
        self.out.push(b')');
        Ok(())
    }

    /// Writes a value for a directive.
    fn push(&mut self, value: &Val, directive: &Directive, depth: usize) -> Result<(), Fault> {
        self.meter.step(1)?;
        self.meter.room(self.out.len())?;
        let verb = directive.verb;
        if verb == 'T' {
            return self.pad(value.type_name().as_bytes(), directive);
        }
        match value {
            Val::List(list) => {
                refuse_depth(depth)?;
                let is_go = directive.has('#') && verb == 'v';
                let (open, between, close) = match is_go {
                    true => (format!("{}{{", value.type_name()), ", ", "}"),
                    false => ("[".to_owned(), " ", "]"),
                };
                self.out.extend_from_slice(open.as_bytes());
                for (index, value) in list.values(self.meter)?.iter().enumerate() {
                    if index > 0 {
                        self.out.extend_from_slice(between.as_bytes());
                    }
                    nested(|| self.push_inner(value, directive, depth + 1))?;
                }
                self.out.extend_from_slice(close.as_bytes());
                Ok(())
            }
            Val::Map(map) => {
                refuse_depth(depth)?;
                let is_go = directive.has('#') && verb == 'v';
                let (open, between, close) = match is_go {
                    true => (format!("{}{{", value.type_name()), ", ", "}"),
                    false => ("map[".to_owned(), " ", "]"),
                };
                self.out.extend_from_slice(open.as_bytes());
                for (index, (key, value)) in map.entries()?.iter().enumerate() {
                    if index > 0 {
                        self.out.extend_from_slice(between.as_bytes());
                    }
                    self.push_text(key.as_bytes(), "string", directive)?;
                    self.out.push(b':');
                    nested(|| self.push_inner(value, directive, depth + 1))?;
                }
                self.out.extend_from_slice(close.as_bytes());
                Ok(())
            }
            other => self.push_scalar(other, directive),
        }
    }

    /// Writes an element of a list or a map.
    fn push_inner(
        &mut self,
        value: &Val,
        directive: &Directive,
        depth: usize,
    ) -> Result<(), Fault> {
        if !value.is_nil() || directive.verb == 'T' {
            return self.push(value, directive, depth);
        }
        let is_go = directive.has('#') && directive.verb == 'v';
        let nothing: &[u8] = if is_go {
            b"interface {}(nil)"
        } else {
            b"<nil>"
        };
        self.out.extend_from_slice(nothing);
        Ok(())
    }

    fn push_scalar(&mut self, value: &Val, directive: &Directive) -> Result<(), Fault> {
        let verb = directive.verb;
        let argument = match value {
            Val::Str(text) => return self.push_text(text.bytes(), "string", directive),
            Val::JsonNumber(text) => {
                return self.push_text(text.as_bytes(), "json.Number", directive);
            }
            Val::Bytes(bytes) if "sxXq".contains(verb) => {
                return self.push_text(bytes, "[]uint8", directive);
            }
            Val::Missing | Val::Nil if verb != 'v' => {
                self.out
                    .extend_from_slice(format!("%!{verb}(<nil>)").as_bytes());
                return Ok(());
            }
            Val::Month(_) | Val::Weekday(_) if "vsxXq".contains(verb) => None,
            Val::Time(_) | Val::Version(_) if "vsxXq".contains(verb) => None,
            Val::Int(integer) | Val::Int64(integer) => Some(Value::I64(*integer)),
            Val::Uint64(integer) => Some(Value::U64(*integer)),
            Val::Uint8(integer) => Some(Value::U64(u64::from(*integer))),
            Val::Month(number) | Val::Weekday(number) => Some(Value::I64(i64::from(*number))),
            Val::Float(float) => Some(Value::F64(*float)),
            Val::Bool(bool) => Some(Value::Bool(*bool)),
            _ => None,
        };
        let is_known = match &argument {
            Some(Value::Bool(_)) => matches!(verb, 't' | 'v'),
            Some(Value::F64(_)) => "vbgGxXfFeE".contains(verb),
            Some(_) => "vdbcoOqxXU".contains(verb),
            None => "vsxXq".contains(verb),
        };
        match argument {
            _ if !is_known => self.bad_verb(value, verb),
            Some(argument) => {
                self.meter
                    .room(self.out.len() + directive.width.unwrap_or(0))?;
                let text = formatted(&directive.text(), argument);
                self.out.extend_from_slice(text.as_bytes());
                Ok(())
            }
            None => {
                let mut text = Vec::new();
                push(value, &mut text, self.meter)?;
                match verb {
                    'v' => self.pad(&text, directive),
                    _ => self.push_text(&text, value.type_name(), directive),
                }
            }
        }
    }

    fn bad_verb(&mut self, value: &Val, verb: char) -> Result<(), Fault> {
        let start = format!("%!{verb}({}=", value.type_name());
        self.out.extend_from_slice(start.as_bytes());
        push(value, &mut self.out, self.meter)?;
        self.out.push(b')');
        Ok(())
    }

    fn push_text(
        &mut self,
        text: &[u8],
        type_name: &str,
        directive: &Directive,
    ) -> Result<(), Fault> {
        let cut = match directive.precision {
            Some(precision) if !matches!(directive.verb, 'x' | 'X') => prefix(text, precision),
            Some(precision) => &text[..precision.min(text.len())],
            None => text,
        };
        match directive.verb {
            'v' if directive.has('#') => self.pad(&quoted(cut), directive),
            'v' | 's' => self.pad(cut, directive),
            'q' if directive.has('#') && !cut.contains(&b'`') => {
                self.pad(&[b"`", cut, b"`"].concat(), directive)
            }
            'q' => self.pad(&quoted(cut), directive),
            'x' | 'X' => {
                self.meter
                    .room(self.out.len() + cut.len().saturating_mul(5))?;
                self.pad(hexadecimal(cut, directive).as_bytes(), directive)
            }
            verb => {
                let start = format!("%!{verb}({type_name}=");
                self.out.extend_from_slice(start.as_bytes());
                self.out.extend_from_slice(text);
                self.out.push(b')');
                Ok(())
            }
        }
    }

    /// Appends a text, filled up to the width with blanks, or with zeros.
    fn pad(&mut self, text: &[u8], directive: &Directive) -> Result<(), Fault> {
        let width = directive.width.unwrap_or(0);
        self.meter.room(self.out.len() + text.len() + width)?;
        self.meter.step((text.len() + width) / 64)?;
        let missing = width.saturating_sub(characters(text));
        let is_left = directive.has('-');
        let filling = match directive.has('0') && !is_left {
            true => b'0',
            false => b' ',
        };
        if !is_left {
            self.out.extend(std::iter::repeat_n(filling, missing));
        }
        self.out.extend_from_slice(text);
        if is_left {
            self.out.extend(std::iter::repeat_n(filling, missing));
        }
        Ok(())
    }
}

fn hexadecimal(bytes: &[u8], directive: &Directive) -> String {
    let prefix = match (directive.has('#'), directive.verb) {
        (true, 'x') => "0x",
        (true, _) => "0X",
        _ => "",
    };
    let digits: Vec<String> = bytes
        .iter()
        .map(|byte| match directive.verb {
            'x' => format!("{byte:02x}"),
            _ => format!("{byte:02X}"),
        })
        .collect();
    match (directive.has(' '), digits.is_empty()) {
        (_, true) => String::new(),
        (true, _) => format!("{prefix}{}", digits.join(&format!(" {prefix}"))),
        (false, _) => format!("{prefix}{}", digits.concat()),
    }
}

/// How many characters these are; each byte that belongs to none counts as one.
fn characters(text: &[u8]) -> usize {
    text.utf8_chunks()
        .map(|chunk| chunk.valid().chars().count() + chunk.invalid().len())
        .sum()
}

/// The first characters of a text.
fn prefix(text: &[u8], count: usize) -> &[u8] {
    let mut at = 0;
    for _ in 0..count {
        if at >= text.len() {
            break;
        }
        at += super::character_length(&text[at..]);
    }
    &text[..at]
}

#[cfg(test)]
mod tests {
    use super::super::scalar_text;
    use super::*;

    #[test]
    fn characters_are_counted_and_cut_where_bytes_are_none() {
        assert_eq!(characters("aé€".as_bytes()), 3);
        assert_eq!(characters(b"a\xff\xfe"), 3);
        assert_eq!(prefix("aé€".as_bytes(), 2), "aé".as_bytes());
        assert_eq!(prefix(b"\xff\xfe", 1), b"\xff");
        assert_eq!(scalar_text(&Val::Month(13)), "%!Month(13)");
    }
}
