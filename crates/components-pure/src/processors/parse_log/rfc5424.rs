//! Lines as RFC 5424 says: `<PRI>VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID [DATA] MESSAGE`.

use std::ops::Range;

use jiff::civil::Date;
use millrace_message::{Error, Object, Text, Value};

use super::cursor::{Cursor, Members};
use crate::processors::payload_text::PayloadText;

/// The longest name of an element, or of a parameter, of structured data.
const NAME_MAX: usize = 32;

/// # Errors
/// What was expected, and where.
pub(super) fn parse(text: &PayloadText<'_>) -> Result<Object, Error> {
    let mut line = Cursor::new(text);
    let mut members = Members::default();
    members.add_priority(line.priority()?);
    members.add("version", Value::I64(version(&mut line)?));
    line.space()?;
    if line.rest().starts_with("- ") {
        line.at += 1;
    } else {
        members.add("timestamp", Value::String(timestamp(&mut line, 6)?));
    }
    for (name, what, max) in [
        ("hostname", "a host name", 255),
        ("appname", "an application name", 48),
        ("procid", "a process id", 128),
        ("msgid", "a message id", 32),
    ] {
        line.space()?;
        let range = line.word(max, what)?;
        members.add_part(name, text, range);
    }
    line.space()?;
    match line.peek() {
        Some(b'-') => line.at += 1,
        Some(b'[') => members.add("structureddata", Value::Object(structured_data(&mut line)?)),
        _ => return Err(line.expected("structured data or `-`")),
    }
    if !line.rest().is_empty() {
        line.space()?;
        let message = line.at..text.as_str().len();
        if !message.is_empty() {
            members.add("message", Value::String(text.part(message)));
        }
    }
    Ok(members.into_object())
}

fn version(line: &mut Cursor<'_>) -> Result<i64, Error> {
    let digits = line.take_while(|byte| byte.is_ascii_digit());
    let digits = &line.text.as_str()[digits];
    let version = digits.parse().ok();
    version
        .filter(|_| digits.len() <= 3 && !digits.starts_with('0'))
        .ok_or_else(|| line.expected("a version from 1 to 999"))
}

/// A timestamp of RFC 3339 with at most so many digits of a fraction, as Go prints it: without the
/// zeros that end a fraction, and with `Z` for an offset of zero.
pub(super) fn timestamp(line: &mut Cursor<'_>, fraction_max: usize) -> Result<Text, Error> {
    let length = line.rest().find(' ').unwrap_or(line.rest().len());
    let written = &line.rest()[..length];
    let Some(parts) = Rfc3339::read(written).filter(|it| it.fraction.len() <= fraction_max) else {
        return Err(line.expected("a timestamp of RFC 3339"));
    };
    let timestamp = match parts.canonical() {
        None => line.text.part(line.at..line.at + length),
        Some(text) => Text::from(text),
    };
    line.at += length;
    Ok(timestamp)
}

/// A valid timestamp, cut into pieces.
struct Rfc3339<'a> {
    seconds: &'a str,
    /// The digits behind the point.
    fraction: &'a str,
    offset: &'a str,
}

impl<'a> Rfc3339<'a> {
    fn read(written: &'a str) -> Option<Self> {
        let (seconds, rest) = written.split_at_checked("2006-01-02T15:04:05".len())?;
        let number = |range: Range<usize>| {
            let digits = seconds.get(range)?;
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse::<i16>().ok().filter(|_| is_number)
        };
        let has = |at: usize, byte| seconds.as_bytes()[at] == byte;
        let is_punctuated =
            has(4, b'-') && has(7, b'-') && has(10, b'T') && has(13, b':') && has(16, b':');
        let day = Date::new(number(0..4)?, number(5..7)? as i8, number(8..10)? as i8);
        let is_time = number(11..13)? < 24 && number(14..16)? < 60 && number(17..19)? < 60;
        if !is_punctuated || day.is_err() || !is_time {
            return None;
        }
        let (fraction, offset) = match rest.strip_prefix('.') {
            None => ("", rest),
            Some(rest) => {
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                rest.split_at_checked(digits).filter(|_| digits > 0)?
            }
        };
        let is_offset = offset == "Z" || {
            let digits = |at: usize, max: u8| {
                let pair = offset.get(at..at + 2)?;
                let is_number = pair.bytes().all(|byte| byte.is_ascii_digit());
                pair.parse::<u8>().ok().filter(|it| is_number && *it < max)
            };
            offset.len() == 6
                && offset.starts_with(['+', '-'])
                && digits(1, 24).is_some()
                && offset.as_bytes()[3] == b':'
                && digits(4, 60).is_some()
        };
        is_offset.then_some(Self {
            seconds,
            fraction,
            offset,
        })
    }

    /// The text that Go prints, when that is another one.
    fn canonical(&self) -> Option<String> {
        let fraction = self.fraction.trim_end_matches('0');
        let is_zero = matches!(self.offset, "+00:00" | "-00:00");
        if fraction == self.fraction && !is_zero {
            return None;
        }
        let point = if fraction.is_empty() { "" } else { "." };
        let offset = if is_zero { "Z" } else { self.offset };
        Some(format!("{}{point}{fraction}{offset}", self.seconds))
    }
}

/// `[id name="value" name="value"][id ...]`: an object of objects.
fn structured_data(line: &mut Cursor<'_>) -> Result<Object, Error> {
    let mut elements = Object::new();
    while line.peek() == Some(b'[') {
        line.at += 1;
        let id = name(line, "the id of an element")?;
        let mut parameters = Object::new();
        while line.peek() == Some(b' ') {
            line.at += 1;
            let name = name(line, "the name of a parameter")?;
            line.expect("=\"", "`=\"` and a value")?;
            let value = value(line)?;
            parameters.insert(name, Value::String(value));
        }
        line.expect("]", "`]` or a parameter")?;
        if elements.contains_key(&id) {
            return Err(Error::rejected(format!(
                "the element `{id}` stands there twice"
            )));
        }
        elements.insert(id, Value::Object(parameters));
    }
    Ok(elements)
}

fn name(line: &mut Cursor<'_>, what: &str) -> Result<Text, Error> {
    let start = line.at;
    let range = line.take_while(|byte| byte.is_ascii_graphic() && !b"=]\"".contains(&byte));
    if range.is_empty() || range.len() > NAME_MAX {
        line.at = start;
        return Err(line.expected(&format!("{what} of 1 to {NAME_MAX} characters")));
    }
    Ok(line.text.part(range))
}

/// A value and the quote behind it; `"`, `\` and `]` stand there with a backslash.
fn value(line: &mut Cursor<'_>) -> Result<Text, Error> {
    let mut unescaped: Option<String> = None;
    let mut start = line.at;
    loop {
        let length = line.rest().find(['"', '\\', ']']);
        line.at += length.ok_or_else(|| line.expected("the quote behind a value"))?;
        match line.rest().as_bytes() {
            [b'"', ..] => break,
            [b'\\', b'"' | b'\\' | b']', ..] => {
                let before = &line.text.as_str()[start..line.at];
                unescaped.get_or_insert_default().push_str(before);
                // What is escaped belongs to what follows.
                start = line.at + 1;
                line.at += 2;
            }
            _ => return Err(line.expected("`\"`, `\\` and `]` with a backslash")),
        }
    }
    let rest = start..line.at;
    line.at += 1;
    Ok(match unescaped {
        None => line.text.part(rest),
        Some(text) => Text::from(text + &line.text.as_str()[rest]),
    })
}
