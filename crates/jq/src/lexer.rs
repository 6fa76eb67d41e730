//! The words of a program.

use std::ops::Range;

use crate::error::SyntaxError;

/// A word with its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub kind: TokenKind,
    pub range: Range<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TokenKind {
    /// A name or a keyword.
    Word(String),
    /// `$name`
    Variable(String),
    /// `.name`
    Field(String),
    /// `@name`, with the sign.
    Format(String),
    Number(String),
    /// A quote that begins a text; its parts follow.
    Quote,
    /// A piece of a text.
    Text(String),
    /// `\(` within a text.
    QueryStart,
    /// The quote that ends a text.
    EndQuote,
    /// Any other sign.
    Sign(&'static str),
    End,
}

/// The longest first: `//=` is not `//` and `=`.
const SIGNS: &[&str] = &[
    "?//", "//=", "..", "|=", "+=", "-=", "*=", "/=", "%=", "==", "!=", "<=", ">=", "//", ".", "[",
    "]", "(", ")", "{", "}", "|", ",", ":", ";", "=", "<", ">", "+", "-", "*", "/", "%", "?",
];

/// Reads all words of a program.
pub(crate) fn tokens(source: &str) -> Result<Vec<Token>, SyntaxError> {
    let mut lexer = Lexer {
        source,
        at: 0,
        tokens: Vec::new(),
        open: Vec::new(),
    };
    while lexer.next()? {}
    Ok(lexer.tokens)
}

/// What a closing bracket ends.
#[derive(PartialEq)]
enum Open {
    Bracket,
    /// The query within a text.
    Query,
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
    tokens: Vec<Token>,
    /// Round brackets that are open.
    open: Vec<Open>,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.source[self.at..]
    }

    fn push(&mut self, start: usize, kind: TokenKind) {
        let range = start..self.at;
        self.tokens.push(Token { kind, range });
    }

    fn error<T>(&self, range: Range<usize>, reason: impl Into<String>) -> Result<T, SyntaxError> {
        Err(SyntaxError::new(range, reason))
    }

    /// Reads one word; false at the end.
    fn next(&mut self) -> Result<bool, SyntaxError> {
        self.skip();
        let start = self.at;
        let Some(first) = self.rest().chars().next() else {
            self.push(start, TokenKind::End);
            return Ok(false);
        };
        match first {
            'a'..='z' | 'A'..='Z' | '_' => {
                let word = self.word();
                self.push(start, TokenKind::Word(word));
            }
            '0'..='9' => self.number()?,
            '.' if self.follows(1, |byte| byte.is_ascii_digit()) => self.number()?,
            '.' if self.follows(1, starts_word) => {
                self.at += 1;
                let word = self.word();
                self.push(start, TokenKind::Field(word));
            }
            '$' if self.follows(1, starts_word) => {
                self.at += 1;
                let word = self.word();
                self.push(start, TokenKind::Variable(word));
            }
            '@' if self.follows(1, |byte| starts_word(byte) || byte.is_ascii_digit()) => {
                self.at += 1;
                let word = format!("@{}", self.word());
                self.push(start, TokenKind::Format(word));
            }
            '"' => {
                self.at += 1;
                self.push(start, TokenKind::Quote);
                self.text()?;
            }
            _ => self.sign(first)?,
        }
        Ok(true)
    }

    fn follows(&self, offset: usize, is: impl Fn(u8) -> bool) -> bool {
        let bytes = self.source.as_bytes();
        bytes.get(self.at + offset).is_some_and(|byte| is(*byte))
    }

    /// Skips white space and comments; a backslash at the end of a line continues a comment.
    fn skip(&mut self) {
        let bytes = self.source.as_bytes();
        let mut in_comment = false;
        while let Some(byte) = bytes.get(self.at) {
            match (byte, in_comment) {
                (b'\n' | b'\r', _) => in_comment = false,
                (b'\\', true) => {
                    self.at += match &bytes[self.at + 1..] {
                        [b'\r', b'\n', ..] => 2,
                        [b'\\' | b'\n' | b'\r', ..] => 1,
                        _ => 0,
                    };
                }
                (_, true) | (b' ' | b'\t', false) => {}
                (b'#', false) => in_comment = true,
                _ => return,
            }
            self.at += 1;
        }
    }

    fn word(&mut self) -> String {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let len = self.rest().bytes().take_while(|it| is_part(it)).count();
        let word = self.rest()[..len].to_owned();
        self.at += len;
        word
    }

    fn digits(&mut self) -> usize {
        let len = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        self.at += len;
        len
    }

    fn number(&mut self) -> Result<(), SyntaxError> {
        let start = self.at;
        self.digits();
        if self.follows(0, |byte| byte == b'.') {
            self.at += 1;
            self.digits();
        }
        let mut is_whole = true;
        if self.follows(0, |byte| matches!(byte, b'e' | b'E')) {
            self.at += 1;
            if self.follows(0, |byte| matches!(byte, b'+' | b'-')) {
                self.at += 1;
            }
            is_whole = self.digits() > 0;
        }
        if !is_whole || self.follows(0, |byte| starts_word(byte) || byte == b'.') {
            return self.error(start..self.at, "this is no number");
        }
        let number = self.source[start..self.at].to_owned();
        self.push(start, TokenKind::Number(number));
        Ok(())
    }

    fn sign(&mut self, first: char) -> Result<(), SyntaxError> {
        let start = self.at;
        let Some(sign) = SIGNS.iter().find(|sign| self.rest().starts_with(**sign)) else {
            let end = start + first.len_utf8();
            return self.error(start..end, format!("unexpected `{first}`"));
        };
        self.at += sign.len();
        self.push(start, TokenKind::Sign(sign));
        match *sign {
            "(" => self.open.push(Open::Bracket),
            ")" if self.open.pop() == Some(Open::Query) => self.text()?,
            _ => {}
        }
        Ok(())
    }

    /// Reads a text up to its end or to a query within it.
    fn text(&mut self) -> Result<(), SyntaxError> {
        let start = self.at;
        let mut text = String::new();
        loop {
            let Some(character) = self.rest().chars().next() else {
                return self.error(start..self.at, "a text is not ended: a quote is missing");
            };
            let at = self.at;
            self.at += character.len_utf8();
            match character {
                '"' => {
                    self.piece(start, text);
                    self.push(at, TokenKind::EndQuote);
                    return Ok(());
                }
                '\\' if self.rest().starts_with('(') => {
                    self.piece(start, text);
                    self.at += 1;
                    self.push(at, TokenKind::QueryStart);
                    self.open.push(Open::Query);
                    return Ok(());
                }
                '\\' => text.push(self.escape(at)?),
                other => text.push(other),
            }
        }
    }

    fn piece(&mut self, start: usize, text: String) {
        if !text.is_empty() {
            self.push(start, TokenKind::Text(text));
        }
    }

    fn escape(&mut self, start: usize) -> Result<char, SyntaxError> {
        let Some(character) = self.rest().chars().next() else {
            return self.error(start..self.at, "a text is not ended: a quote is missing");
        };
        self.at += character.len_utf8();
        Ok(match character {
            '"' | '/' | '\\' => character,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let Some(unit) = self.code_unit() else {
                    return self.error(start..self.at, "`\\u` is followed by four hex digits");
                };
                self.surrogates(unit)
            }
            _ => return self.error(start..self.at, "there is no such escape in a text"),
        })
    }

    fn code_unit(&mut self) -> Option<u32> {
        let digits = self.rest().get(..4)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let unit = u32::from_str_radix(digits, 16).ok()?;
        self.at += 4;
        Some(unit)
    }

    /// The character of a code unit, which may need the one that follows it.
    fn surrogates(&mut self, unit: u32) -> char {
        if let (0xd800..0xdc00, true) = (unit, self.rest().starts_with("\\u")) {
            let before = self.at;
            self.at += 2;
            if let Some(low @ 0xdc00..0xe000) = self.code_unit() {
                let code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                return char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
            }
            self.at = before;
        }
        char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)
    }
}

fn starts_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}
