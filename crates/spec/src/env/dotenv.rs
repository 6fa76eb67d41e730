//! `.env` files: `NAME=value` lines, comments, quotes.
//!
//! ```text
//! # a comment
//! NAME = value            # spaces around `=` are fine; an unquoted value ends at a space or `#`
//! QUOTED="two words\n"    # the escapes of a Bloblang string
//! LONG="""as it stands"""
//! EMPTY=
//! ```

use std::fmt;

/// Why a `.env` file cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DotenvError {
    /// The line, from 1.
    pub line: usize,
    /// Byte offset in the file.
    pub offset: usize,
    /// What is wrong.
    pub reason: &'static str,
}

impl fmt::Display for DotenvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for DotenvError {}

/// Reads the assignments of a `.env` file, in order.
///
/// # Errors
/// The first line that is neither an assignment, nor a comment, nor empty.
pub fn parse_dotenv(text: &str) -> Result<Vec<(String, String)>, DotenvError> {
    // Editors of other systems begin a file with this mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut cursor = Cursor { text, at: 0 };
    let mut assignments = Vec::new();
    loop {
        let indented = cursor.skip_blanks();
        if cursor.at_line_end_or_comment() {
            if !cursor.skip_line() {
                return Ok(assignments);
            }
            continue;
        }
        if indented {
            return Err(cursor.error("an assignment starts at the beginning of its line"));
        }
        assignments.push(cursor.assignment()?);
        cursor.skip_blanks();
        if !cursor.at_line_end_or_comment() {
            return Err(
                cursor.error("expected the end of the line; put a value with spaces in quotes")
            );
        }
        if !cursor.skip_line() {
            return Ok(assignments);
        }
    }
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Skips spaces and tabs; whether there were some.
    fn skip_blanks(&mut self) -> bool {
        !self.take_until(|it| it != ' ' && it != '\t').is_empty()
    }

    fn at_line_end_or_comment(&self) -> bool {
        let rest = self.rest();
        rest.is_empty() || rest.starts_with(['#', '\n']) || rest.starts_with("\r\n")
    }

    /// Goes to the next line; whether there is one.
    fn skip_line(&mut self) -> bool {
        match self.rest().find('\n') {
            Some(newline) => {
                self.at += newline + 1;
                true
            }
            None => false,
        }
    }

    fn assignment(&mut self) -> Result<(String, String), DotenvError> {
        let name = self.take_until(|it| matches!(it, '=' | ' ' | '\t' | '\n' | '#'));
        self.skip_blanks();
        if name == "export" && !self.rest().starts_with('=') {
            return Err(self.error("`export` is for shells: write `NAME=value` alone"));
        }
        if name.is_empty() || !self.rest().starts_with('=') {
            return Err(self.error("expected an assignment `NAME=value`"));
        }
        self.at += 1;
        self.skip_blanks();
        let value = if self.rest().starts_with("\"\"\"") {
            self.triple_quoted()?
        } else if self.rest().starts_with('"') {
            self.quoted()?
        } else {
            let value = self.take_until(|it| matches!(it, '#' | ' ' | '\n'));
            value.trim_end_matches(['\r', '\t']).to_owned()
        };
        if name.contains('\0') || value.contains('\0') {
            return Err(self.error("neither a name nor a value can hold a zero byte"));
        }
        Ok((name.to_owned(), value))
    }

    fn triple_quoted(&mut self) -> Result<String, DotenvError> {
        let inner = &self.rest()[3..];
        let Some(end) = inner.find("\"\"\"") else {
            return Err(self.error("the value's triple quotes are not closed"));
        };
        self.at += end + 6;
        Ok(inner[..end].to_owned())
    }

    fn quoted(&mut self) -> Result<String, DotenvError> {
        let mut value = String::new();
        let mut letters = self.rest().char_indices().skip(1);
        while let Some((index, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.at += index + 1;
                    return Ok(value);
                }
                '\\' => match unescape(&mut letters) {
                    Some(letter) => value.push(letter),
                    None => return Err(self.error("unknown escape in a quoted value")),
                },
                '\n' => break,
                letter => value.push(letter),
            }
        }
        Err(self.error("the value's quotes are not closed"))
    }

    fn take_until(&mut self, end: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let taken = &rest[..rest.find(end).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    fn error(&self, reason: &'static str) -> DotenvError {
        let line = self.text[..self.at].matches('\n').count() + 1;
        DotenvError {
            line,
            offset: self.at,
            reason,
        }
    }
}

/// The character after a backslash.
fn unescape(letters: &mut impl Iterator<Item = (usize, char)>) -> Option<char> {
    let digits = match letters.next()?.1 {
        'n' => return Some('\n'),
        'r' => return Some('\r'),
        't' => return Some('\t'),
        'a' => return Some('\x07'),
        'b' => return Some('\x08'),
        'f' => return Some('\x0c'),
        'v' => return Some('\x0b'),
        letter @ ('\\' | '"') => return Some(letter),
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => return None,
    };
    let text: String = letters.take(digits).map(|(_, letter)| letter).collect();
    if text.len() < digits {
        return None;
    }
    u32::from_str_radix(&text, 16).ok().and_then(char::from_u32)
}
