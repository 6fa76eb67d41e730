//! Records of comma- or tab-separated values, as GoAWK reads and writes them.
//!
//! ```text
//! record = field (separator field)* newline
//! field  = text without separator and newline | '"' text in which `""` stands for a quote '"'
//! ```
//!
//! A quoted field goes on over line breaks, and keeps a quote that is none of its end. Empty lines and
//! comments are passed over.

use std::ops::Range;

use memchr::memchr;

use crate::Fault;
use crate::meter::Meter;
use crate::pattern::character_length;

/// How records are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InputMode {
    format: Format,
    separator: char,
    comment: Option<char>,
    /// Whether the first record has the names of the fields.
    pub has_header: bool,
}

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutputMode {
    format: Format,
    separator: char,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Csv,
    Tsv,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Tsv => "tsv",
        }
    }

    fn separator(self) -> char {
        match self {
            Self::Csv => ',',
            Self::Tsv => '\t',
        }
    }
}

/// The format that a mode begins with, and its other words with their values.
type Words<'a> = (Format, Vec<(&'a str, &'a str)>);

fn words<'a>(text: &'a str, what: &str) -> Result<Option<Words<'a>>, Fault> {
    let mut words = text.split_whitespace();
    let format = match words.next() {
        None => return Ok(None),
        Some("csv") => Format::Csv,
        Some("tsv") => Format::Tsv,
        Some(other) => return Err(Fault::new(format!("invalid {what} mode {other:?}"))),
    };
    let words = words.map(|word| word.split_once('=').unwrap_or((word, "")));
    Ok(Some((format, words.collect())))
}

fn one_character(text: &str, what: &str) -> Result<char, Fault> {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(Fault::new(format!("invalid CSV/TSV {what} {text:?}"))),
    }
}

/// Refuses what cannot separate fields, or begin comments.
fn check(character: char) -> Result<(), Fault> {
    match character {
        '\0' | '"' | '\r' | '\n' | '\u{fffd}' => Err(invalid_separator()),
        _ => Ok(()),
    }
}

fn invalid_separator() -> Fault {
    Fault::new("invalid CSV field separator or comment delimiter")
}

impl InputMode {
    /// What `INPUTMODE` asks for; nothing, when it is empty.
    ///
    /// # Errors
    /// A word that is not known, or a character that cannot be what it should.
    pub fn parse(text: &str) -> Result<Option<Self>, Fault> {
        let Some((format, words)) = words(text, "input")? else {
            return Ok(None);
        };
        let mut mode = Self {
            format,
            separator: format.separator(),
            comment: None,
            has_header: false,
        };
        for (key, value) in words {
            match (key, value) {
                ("separator", _) => mode.separator = one_character(value, "separator")?,
                ("comment", _) => mode.comment = Some(one_character(value, "comment character")?),
                ("header", "" | "true") => mode.has_header = true,
                ("header", "false") => mode.has_header = false,
                ("header", _) => {
                    return Err(Fault::new(format!("invalid header value {value:?}")));
                }
                _ => return Err(Fault::new(format!("invalid input mode key {key:?}"))),
            }
        }
        check(mode.separator)?;
        mode.comment.map_or(Ok(()), check)?;
        match mode.comment == Some(mode.separator) {
            true => Err(invalid_separator()),
            false => Ok(Some(mode)),
        }
    }

    /// What `INPUTMODE` is.
    pub fn text(&self) -> String {
        let mut text = text_of(self.format, self.separator);
        if let Some(comment) = self.comment {
            text.push_str(&format!(" comment={comment}"));
        }
        if self.has_header {
            text.push_str(" header");
        }
        text
    }
}

impl OutputMode {
    /// What `OUTPUTMODE` asks for; nothing, when it is empty.
    ///
    /// # Errors
    /// A word that is not known, or a character that cannot separate fields.
    pub fn parse(text: &str) -> Result<Option<Self>, Fault> {
        let Some((format, words)) = words(text, "output")? else {
            return Ok(None);
        };
        let mut separator = format.separator();
        for (key, value) in words {
            if key != "separator" {
                return Err(Fault::new(format!("invalid output mode key {key:?}")));
            }
            separator = one_character(value, "separator")?;
        }
        check(separator)?;
        Ok(Some(Self { format, separator }))
    }

    /// What `OUTPUTMODE` is.
    pub fn text(&self) -> String {
        text_of(self.format, self.separator)
    }

    /// Appends a field; the first one of a record has no separator before it.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn push(
        &self,
        out: &mut Vec<u8>,
        field: &[u8],
        is_first: bool,
        meter: &Meter,
    ) -> Result<(), Fault> {
        // Each byte may be a quote, which is written twice.
        meter.room(out.len() + 2 * field.len() + 8)?;
        meter.step(field.len() as u64 / 64)?;
        let mut buffer = [0; 4];
        let separator = self.separator.encode_utf8(&mut buffer).as_bytes();
        if !is_first {
            out.extend_from_slice(separator);
        }
        if !self.quotes(field, separator) {
            out.extend_from_slice(field);
            return Ok(());
        }
        out.push(b'"');
        for byte in field {
            if *byte == b'"' {
                out.push(b'"');
            }
            out.push(*byte);
        }
        out.push(b'"');
        Ok(())
    }

    /// Whether a field is written in quotes.
    fn quotes(&self, field: &[u8], separator: &[u8]) -> bool {
        if field == b"\\." {
            return true;
        }
        let first = &field[..character_length(field).min(field.len())];
        let begins_blank =
            std::str::from_utf8(first).is_ok_and(|it| it.starts_with(char::is_whitespace));
        begins_blank
            || field.iter().any(|it| matches!(it, b'\n' | b'\r' | b'"'))
            || memchr::memmem::find(field, separator).is_some()
    }
}

fn text_of(format: Format, separator: char) -> String {
    match separator == format.separator() {
        true => format.name().to_owned(),
        false => format!("{} separator={separator}", format.name()),
    }
}

/// A field: a part of the input, or what its quotes stand for.
pub(crate) enum Part {
    Cut(Range<usize>),
    Unquoted(Vec<u8>),
}

/// Where a record lies in the input.
pub(crate) struct Span {
    /// The record, without the line break at its end.
    pub record: Range<usize>,
    /// Where the next one begins.
    pub end: usize,
    /// Whether a quoted field has a line break with a carriage return.
    pub has_returns: bool,
}

/// Reads the first record of an input, and hands over its fields; nothing, when there is none.
///
/// # Errors
/// Those of `each`, and the steps of the run.
pub(crate) fn read(
    input: &[u8],
    mode: InputMode,
    meter: &Meter,
    mut each: impl FnMut(Part) -> Result<(), Fault>,
) -> Result<Option<Span>, Fault> {
    let mut buffer = [0; 4];
    let separator = mode.separator.encode_utf8(&mut buffer).as_bytes();
    let start = record_start(input, mode);
    meter.step(1 + start.unwrap_or(input.len()) as u64 / 16)?;
    let Some(start) = start else {
        return Ok(None);
    };
    let mut reader = Reader {
        input,
        separator,
        at: start,
        line_end: start,
        has_returns: false,
    };
    loop {
        let begin = reader.at;
        let is_quoted = input.get(begin) == Some(&b'"');
        let (part, is_last) = match is_quoted {
            true => reader.quoted(meter)?,
            false => reader.plain(),
        };
        meter.step(1 + (reader.at - begin) as u64 / 16)?;
        each(part)?;
        if is_last {
            break;
        }
    }
    let end = reader.at;
    Ok(Some(Span {
        record: start..end - newline_length(&input[start..end]),
        end,
        has_returns: reader.has_returns,
    }))
}

/// Where the first line is that is neither empty nor a comment.
fn record_start(input: &[u8], mode: InputMode) -> Option<usize> {
    let mut buffer = [0; 4];
    let comment = mode
        .comment
        .map(|it| it.encode_utf8(&mut buffer).as_bytes());
    let mut at = 0;
    loop {
        let line = line(input, at);
        if line.is_empty() {
            return None;
        }
        let is_comment = comment.is_some_and(|comment| line.starts_with(comment));
        // A carriage return that ends the input is no text.
        let is_empty = line.len() == newline_length(line) || line == b"\r";
        if !is_comment && !is_empty {
            return Some(at);
        }
        at += line.len();
    }
}

/// The line at a place, with its line break.
fn line(input: &[u8], at: usize) -> &[u8] {
    let rest = input.get(at..).unwrap_or_default();
    let length = memchr(b'\n', rest).map_or(rest.len(), |it| it + 1);
    &rest[..length]
}

fn newline_length(line: &[u8]) -> usize {
    match line {
        [.., b'\r', b'\n'] => 2,
        [.., b'\n'] => 1,
        _ => 0,
    }
}

struct Reader<'a> {
    input: &'a [u8],
    separator: &'a [u8],
    at: usize,
    /// Where the line ends that is read, behind its line break.
    line_end: usize,
    has_returns: bool,
}

impl<'a> Reader<'a> {
    /// What is left of the line that is read, or the next line.
    fn line(&mut self) -> &'a [u8] {
        if self.at >= self.line_end {
            self.line_end = self.at + line(self.input, self.at).len();
        }
        self.input.get(self.at..self.line_end).unwrap_or_default()
    }

    /// A field without quotes, and whether it ends the record.
    fn plain(&mut self) -> (Part, bool) {
        let begin = self.at;
        let line = self.line();
        if let Some(length) = memchr::memmem::find(line, self.separator) {
            self.at += length + self.separator.len();
            return (Part::Cut(begin..begin + length), false);
        }
        self.at += line.len();
        let mut length = line.len() - newline_length(line);
        if newline_length(line) == 0 && line.ends_with(b"\r") {
            // At the end of the input.
            length -= 1;
        }
        (Part::Cut(begin..begin + length), true)
    }

    /// A field in quotes, and whether it ends the record.
    fn quoted(&mut self, meter: &Meter) -> Result<(Part, bool), Fault> {
        self.at += 1;
        let mut text = Vec::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                // The input ends within the field.
                return Ok((Part::Unquoted(text), true));
            }
            let length = memchr(b'"', line);
            meter.room(text.len() + length.unwrap_or(line.len()))?;
            let Some(length) = length else {
                self.at += line.len();
                match line {
                    [before @ .., b'\r', b'\n'] => {
                        self.has_returns = true;
                        text.extend_from_slice(before);
                        text.push(b'\n');
                    }
                    [before @ .., b'\r'] => text.extend_from_slice(before),
                    line => text.extend_from_slice(line),
                }
                continue;
            };
            text.extend_from_slice(&line[..length]);
            self.at += length + 1;
            let rest = &line[length + 1..];
            if rest.starts_with(b"\"") {
                text.push(b'"');
                self.at += 1;
            } else if rest.starts_with(self.separator) {
                self.at += self.separator.len();
                return Ok((Part::Unquoted(text), false));
            } else if newline_length(rest) == rest.len() || rest == b"\r" {
                self.at += rest.len();
                return Ok((Part::Unquoted(text), true));
            } else {
                text.push(b'"');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    #[test]
    fn all_that_is_looked_at_takes_steps() {
        let mode = InputMode::parse("csv comment=#").unwrap().unwrap();
        for (input, count) in [
            ("#\n".repeat(10_000), 0),
            (format!("{}a", "#\n".repeat(10_000)), 1),
            ("a".repeat(20_000), 1),
            (format!("\"{}\"", "a\n".repeat(10_000)), 1),
            (format!("{}\n", ",".repeat(20_000)), 20_001),
        ] {
            let meter = Meter::new(Limits::default());
            let mut found = 0;
            read(input.as_bytes(), mode, &meter, |_| {
                found += 1;
                Ok(())
            })
            .unwrap();
            assert_eq!(found, count);
            assert!(meter.steps() > 20_000 / 16, "{}", meter.steps());
        }
    }
}
