//! Reads tokens where the parser stands.
//!
//! Bloblang has no token stream that is right everywhere: `5.5` is a number at the start of an
//! expression and two path segments after a dot, `match` is a word or a keyword, a line break ends
//! a statement or is blank. So the parser asks for the token it can use, and the cursor moves only
//! when it is there.

use std::sync::Arc;

use crate::ast::{Literal, Operator, Span};
use crate::error::SyntaxError;

/// A place in a text, and the tokens that can begin there.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Cursor<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Moves to a byte offset, which must have come from [`Cursor::position`].
    pub(crate) fn set_position(&mut self, at: usize) {
        self.at = at;
    }

    pub(crate) fn text(&self) -> &'t str {
        self.text
    }

    pub(crate) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub(crate) fn at_end(&self) -> bool {
        self.at == self.text.len()
    }

    pub(crate) fn span_from(&self, start: usize) -> Span {
        Span::new(start, self.at)
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(crate) fn peek_second(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at + 1).copied()
    }

    /// Takes `token` when it stands here.
    pub(crate) fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// Takes spaces and tabs; says whether there were any.
    pub(crate) fn skip_blank(&mut self) -> bool {
        let start = self.at;
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        self.at > start
    }

    /// Takes blanks, line breaks and comments.
    pub(crate) fn skip_trivia(&mut self) {
        loop {
            self.skip_blank();
            if !self.line_break() {
                return;
            }
        }
    }

    /// Takes an optional comment and the line break after it; the end of the text ends a comment
    /// too.
    pub(crate) fn line_break(&mut self) -> bool {
        if self.peek() == Some(b'#') {
            self.at += self
                .rest()
                .find('\n')
                .map_or(self.rest().len(), |end| end + 1);
            return true;
        }
        self.eat("\n") || self.eat("\r\n")
    }

    /// Takes letters, digits and underscores.
    pub(crate) fn word(&mut self) -> Option<&'t str> {
        let length = self
            .rest()
            .bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
            .count();
        let word = &self.rest()[..length];
        self.at += length;
        (length > 0).then_some(word)
    }

    /// Takes `keyword` when it is a whole word with a blank after it, and that blank.
    pub(crate) fn keyword(&mut self, keyword: &str) -> bool {
        let mut ahead = *self;
        let found = ahead.word() == Some(keyword) && ahead.skip_blank();
        if found {
            *self = ahead;
        }
        found
    }

    /// Takes an operator.
    pub(crate) fn operator(&mut self) -> Option<Operator> {
        let (operator, length) = match (self.peek()?, self.peek_second()) {
            (b'&', Some(b'&')) => (Operator::And, 2),
            (b'|', Some(b'|')) => (Operator::Or, 2),
            (b'=', Some(b'=')) => (Operator::Equal, 2),
            (b'!', Some(b'=')) => (Operator::NotEqual, 2),
            (b'>', Some(b'=')) => (Operator::GreaterOrEqual, 2),
            (b'<', Some(b'=')) => (Operator::LessOrEqual, 2),
            (b'>', _) => (Operator::Greater, 1),
            (b'<', _) => (Operator::Less, 1),
            (b'|', _) => (Operator::Coalesce, 1),
            (b'+', _) => (Operator::Add, 1),
            (b'-', _) => (Operator::Subtract, 1),
            (b'*', _) => (Operator::Multiply, 1),
            (b'/', _) => (Operator::Divide, 1),
            (b'%', _) => (Operator::Modulo, 1),
            _ => return None,
        };
        self.at += length;
        Some(operator)
    }

    /// Takes a number: an optional minus, digits, and a fraction when a digit follows the point.
    pub(crate) fn number(&mut self) -> Result<Literal, SyntaxError> {
        let start = self.at;
        self.eat("-");
        self.digits();
        let is_float =
            self.peek() == Some(b'.') && self.peek_second().is_some_and(|b| b.is_ascii_digit());
        if is_float {
            self.at += 1;
            self.digits();
        }
        let digits = &self.text[start..self.at];
        let parsed = if is_float {
            digits.parse().ok().map(Literal::Float)
        } else {
            digits.parse().ok().map(Literal::Int)
        };
        parsed.ok_or_else(|| {
            SyntaxError::new(
                self.span_from(start),
                format!("integer `{digits}` does not fit in 64 bits"),
            )
            .with_help("write it with a fraction (`.0`) to make it a float")
        })
    }

    fn digits(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }

    /// Takes a string in triple quotes, if one begins here. Its content stays as it is.
    pub(crate) fn triple_quoted(&mut self) -> Option<Result<&'t str, SyntaxError>> {
        let body = self.rest().strip_prefix("\"\"\"")?;
        Some(match body.find("\"\"\"") {
            Some(length) => {
                self.at += length + 6;
                Ok(&body[..length])
            }
            None => Err(SyntaxError::new(
                Span::new(self.at, self.at + 3),
                "string is not closed: expected `\"\"\"`, found the end of the text",
            )),
        })
    }

    /// Takes a string in double quotes, if one begins here, and resolves its escapes.
    pub(crate) fn quoted(&mut self) -> Option<Result<Literal, SyntaxError>> {
        if self.peek() != Some(b'"') {
            return None;
        }
        Some(self.quoted_length().and_then(|length| {
            let start = self.at;
            let body = &self.text[start + 1..start + length - 1];
            let literal = unescape(body, start + 1)?;
            self.at += length;
            Ok(literal)
        }))
    }

    /// Length of the quoted string that begins here, quotes included.
    fn quoted_length(&self) -> Result<usize, SyntaxError> {
        let mut bytes = self.rest().bytes().enumerate().skip(1);
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'"' => return Ok(at + 1),
                b'\n' => return Err(self.unclosed(at, "the end of the line")),
                // A line break cannot be escaped, so it must still be seen.
                b'\\' if self.rest().as_bytes().get(at + 1) != Some(&b'\n') => {
                    bytes.next();
                }
                _ => {}
            }
        }
        Err(self.unclosed(self.rest().len(), "the end of the text"))
    }

    fn unclosed(&self, length: usize, found: &str) -> SyntaxError {
        SyntaxError::new(
            Span::new(self.at, self.at + length),
            format!("string is not closed: expected `\"`, found {found}"),
        )
        .with_help("a string over several lines stands in triple quotes: \"\"\"…\"\"\"")
    }

    /// What stands here, for messages of the form "expected …, found …".
    pub(crate) fn found(&self) -> String {
        let mut ahead = *self;
        let Some(first) = ahead.rest().chars().next() else {
            return "the end of the text".to_owned();
        };
        match first {
            '\n' | '\r' => "the end of the line".to_owned(),
            '#' => "a comment".to_owned(),
            ' ' | '\t' => {
                ahead.skip_blank();
                ahead.found()
            }
            '"' => "a string".to_owned(),
            _ => match ahead.word() {
                Some(word) if word.len() <= 40 => format!("`{word}`"),
                Some(_) => "a long word".to_owned(),
                None if first == '\'' => "`'`".to_owned(),
                None => format!("`{}`", first.escape_debug()),
            },
        }
    }

    /// The span of what [`Cursor::found`] names.
    pub(crate) fn found_span(&self) -> Span {
        let mut ahead = *self;
        ahead.skip_blank();
        let start = ahead.at;
        let length = match ahead.word() {
            Some(word) => word.len(),
            None => ahead.rest().chars().next().map_or(0, |first| match first {
                '\n' | '\r' => 0,
                other => other.len_utf8(),
            }),
        };
        Span::new(start, start + length)
    }
}

/// What a string literal of Go stands for: in double quotes with escapes, in single quotes one
/// character or none, in backticks as it is. Nothing when it is no literal.
pub(crate) fn unquote(literal: &str) -> Option<Vec<u8>> {
    if let Some(raw) = literal.strip_prefix('`') {
        let raw = raw.strip_suffix('`')?;
        return (!raw.contains('`')).then(|| raw.replace('\r', "").into_bytes());
    }
    if let Some(inner) = literal
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''))
    {
        let inner = if inner == "\\'" { "'" } else { inner };
        let bytes = unquote(&format!("\"{}\"", inner.replace('"', "\\\"")))?;
        let text = String::from_utf8_lossy(&bytes);
        return (text.chars().count() <= 1).then_some(bytes);
    }
    let mut cursor = Cursor::new(literal);
    match cursor.quoted()? {
        Ok(Literal::String(text)) if cursor.at_end() => Some(text.as_bytes().to_vec()),
        Ok(Literal::Bytes(bytes)) if cursor.at_end() => Some(bytes.to_vec()),
        _ => None,
    }
}

/// Resolves the escapes of a string body that starts at byte `offset` of the text.
fn unescape(body: &str, offset: usize) -> Result<Literal, SyntaxError> {
    if !body.contains('\\') {
        return Ok(Literal::String(Arc::from(body)));
    }
    let mut bytes = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = &rest[at..];
        let length = push_escape(escape, &mut bytes).ok_or_else(|| {
            let start = offset + body.len() - escape.len();
            let shown: String = escape.chars().take(2).collect();
            SyntaxError::new(
                Span::new(start, start + shown.len()),
                format!("`{}` is no escape of a string", shown.escape_debug()),
            )
            .with_help(
                r#"escapes are \" \\ \a \b \f \n \r \t \v \xFF \377 \uFFFF \U0010FFFF; a lone backslash is written \\"#,
            )
        })?;
        rest = &escape[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(match String::from_utf8(bytes) {
        Ok(text) => Literal::String(text.into()),
        Err(error) => Literal::Bytes(error.into_bytes().into()),
    })
}

/// Appends what the escape at the start of `text` stands for; gives its length.
fn push_escape(text: &str, bytes: &mut Vec<u8>) -> Option<usize> {
    let simple = match *text.as_bytes().get(1)? {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        b'\\' => b'\\',
        b'"' => b'"',
        b'x' => {
            bytes.push(u8::try_from(digits_at(text, 2, 2, 16)?).ok()?);
            return Some(4);
        }
        b'0'..=b'7' => {
            bytes.push(u8::try_from(digits_at(text, 1, 3, 8)?).ok()?);
            return Some(4);
        }
        kind @ (b'u' | b'U') => {
            let length = if kind == b'u' { 4 } else { 8 };
            let character = char::from_u32(digits_at(text, 2, length, 16)?)?;
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(length + 2);
        }
        _ => return None,
    };
    bytes.push(simple);
    Some(2)
}

fn digits_at(text: &str, from: usize, length: usize, radix: u32) -> Option<u32> {
    let digits = text.get(from..from + length)?;
    // `from_str_radix` alone would take a sign.
    let all_digits = digits.chars().all(|digit| digit.is_digit(radix));
    if all_digits {
        u32::from_str_radix(digits, radix).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(text: &str) -> Result<Literal, String> {
        Cursor::new(text)
            .quoted()
            .unwrap()
            .map_err(|error| error.message)
    }

    fn string(text: &str) -> Literal {
        Literal::String(text.into())
    }

    #[test]
    fn escapes_of_go_strings_are_resolved() {
        for (source, expected) in [
            (r#""plain""#, "plain"),
            (r#""\"\\""#, "\"\\"),
            (r#""a\n\t\u263a\U0001F600\x41\101""#, "a\n\t☺😀AA"),
            (r#""\xe2\x98\xba""#, "☺"),
            (r#""☺\\""#, "☺\\"),
        ] {
            assert_eq!(quoted(source), Ok(string(expected)), "{source}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_stay_bytes() {
        assert_eq!(
            quoted(r#""\xff\x00""#),
            Ok(Literal::Bytes(Arc::from([0xff, 0])))
        );
    }

    #[test]
    fn wrong_escapes_are_named() {
        for source in [
            r#""\q""#,
            r#""\'""#,
            r#""\x4""#,
            r#""\u12""#,
            r#""\ud800""#,
            r#""\x+1""#,
            r#""\☺""#,
        ] {
            let message = quoted(source).unwrap_err();
            assert!(message.contains("is no escape"), "{source}: {message}");
        }
    }

    #[test]
    fn strings_end_on_their_line() {
        for source in ["\"abc", "\"abc\ndef\"", "\"abc\\", "\"abc\\\n\"", "\""] {
            let message = quoted(source).unwrap_err();
            assert!(message.contains("not closed"), "{source}: {message}");
        }
    }

    #[test]
    fn a_point_without_digits_ends_a_number() {
        let mut cursor = Cursor::new("1.23.0");
        assert_eq!(cursor.number(), Ok(Literal::Float(1.23)));
        assert_eq!(cursor.rest(), ".0");
        let mut cursor = Cursor::new("5.abs()");
        assert_eq!(cursor.number(), Ok(Literal::Int(5)));
        assert_eq!(cursor.rest(), ".abs()");
    }

    #[test]
    fn a_number_beyond_64_bits_is_refused() {
        let error = Cursor::new("9223372036854775808").number().unwrap_err();
        assert!(error.message.contains("64 bits"));
    }

    #[test]
    fn trivia_is_blanks_line_breaks_and_comments() {
        let mut cursor = Cursor::new(" \t# a\r\n\r\n  #\nx");
        cursor.skip_trivia();
        assert_eq!(cursor.rest(), "x");
        let mut cursor = Cursor::new("# to the end");
        cursor.skip_trivia();
        assert!(cursor.at_end());
    }
}
