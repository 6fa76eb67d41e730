//! From source text to tokens.
//!
//! The lexer reads a slash as a sign; the parser, which alone knows whether a value or an operator
//! may stand there, asks for the rest of a regular expression.

use crate::SyntaxError;
use crate::token::{SIGNS, Token, word};

pub(crate) struct Lexer<'a> {
    source: &'a [u8],
    /// Where the next token begins.
    at: usize,
}

/// A token and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Lexed {
    pub token: Token,
    pub at: usize,
}

type Result<T> = std::result::Result<T, SyntaxError>;

impl<'a> Lexer<'a> {
    pub fn new(source: &'a str) -> Self {
        Self {
            source: source.as_bytes(),
            at: 0,
        }
    }

    /// The byte behind the last token.
    pub fn peek(&self) -> Option<u8> {
        self.source.get(self.at).copied()
    }

    fn error<T>(&self, at: usize, message: impl Into<String>) -> Result<T> {
        Err(SyntaxError::new(at, message))
    }

    /// Reads one token.
    ///
    /// # Errors
    /// What stands there is none.
    pub fn next(&mut self) -> Result<Lexed> {
        self.skip_blanks()?;
        let at = self.at;
        let token = self.token()?;
        Ok(Lexed { token, at })
    }

    /// Blanks, continued lines and a comment.
    fn skip_blanks(&mut self) -> Result<()> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'\\') => {
                    let rest = &self.source[self.at + 1..];
                    let rest = rest.strip_prefix(b"\r").unwrap_or(rest);
                    if rest.first() != Some(&b'\n') {
                        return self.error(
                            self.at,
                            "a backslash continues a line, and must stand at its end",
                        );
                    }
                    self.at = self.source.len() - rest.len() + 1;
                }
                Some(b'#') => {
                    let rest = &self.source[self.at..];
                    let length = rest.iter().position(|byte| *byte == b'\n');
                    self.at += length.unwrap_or(rest.len());
                    return Ok(());
                }
                _ => return Ok(()),
            }
        }
    }

    fn token(&mut self) -> Result<Token> {
        let Some(byte) = self.peek() else {
            return Ok(Token::End);
        };
        match byte {
            b'\n' => {
                self.at += 1;
                Ok(Token::Newline)
            }
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => Ok(self.word()),
            b'0'..=b'9' | b'.' => self.number(),
            b'"' | b'\'' => self.string(byte),
            _ => self.sign(),
        }
    }

    fn word(&mut self) -> Token {
        let begin = self.at;
        while matches!(
            self.peek(),
            Some(b'_' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9')
        ) {
            self.at += 1;
        }
        word(&String::from_utf8_lossy(&self.source[begin..self.at]))
    }

    fn sign(&mut self) -> Result<Token> {
        let rest = &self.source[self.at..];
        let Some(sign) = SIGNS.iter().find(|it| rest.starts_with(it.as_bytes())) else {
            let character = String::from_utf8_lossy(rest).chars().next();
            let character = character.unwrap_or_default().escape_debug().to_string();
            return self.error(self.at, format!("unexpected character `{character}`"));
        };
        self.at += sign.len();
        Ok(Token::Sign(match *sign {
            "**" => "^",
            "**=" => "^=",
            other => other,
        }))
    }

    fn digits(&mut self) -> usize {
        let begin = self.at;
        while self.peek().is_some_and(|it| it.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - begin
    }

    fn number(&mut self) -> Result<Token> {
        let begin = self.at;
        let mut digits = self.digits();
        if self.peek() == Some(b'.') {
            self.at += 1;
            digits += self.digits();
        }
        if digits == 0 {
            return self.error(begin, "a point stands here without digits");
        }
        // `1e` without digits is the number 1 beside the variable `e`.
        let mantissa = self.at;
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                self.at = mantissa;
            }
        }
        let text = String::from_utf8_lossy(&self.source[begin..self.at]);
        Ok(Token::Number(text.parse().unwrap_or(0.0)))
    }

    fn string(&mut self, quote: u8) -> Result<Token> {
        let begin = self.at;
        self.at += 1;
        let mut text = Vec::new();
        loop {
            match self.peek() {
                Some(byte) if byte == quote => break,
                None => return self.error(begin, "the string has no closing quote"),
                Some(b'\r' | b'\n') => {
                    return self.error(begin, "the string has no closing quote on its line");
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.escape(&mut text)?;
                }
                Some(byte) => {
                    text.push(byte);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        Ok(Token::Text(text))
    }

    /// What follows a backslash in a string.
    fn escape(&mut self, text: &mut Vec<u8>) -> Result<()> {
        let Some(byte) = self.peek() else {
            return Ok(());
        };
        self.at += 1;
        text.push(match byte {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'a' => 7,
            b'b' => 8,
            b'f' => 12,
            b'v' => 11,
            b'x' => match self.code(16, 2) {
                Some(code) => code as u8,
                None => {
                    return self.error(self.at, "one or two hexadecimal digits must follow `\\x`");
                }
            },
            b'u' => {
                let code = self.code(16, 8);
                let Some(character) = code.and_then(char::from_u32) else {
                    return self.error(self.at, "the number of a character must follow `\\u`");
                };
                text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            b'0'..=b'7' => {
                self.at -= 1;
                self.code(8, 3).unwrap_or_default() as u8
            }
            b'\r' | b'\n' => return self.error(self.at, "a string ends on its line"),
            other => other,
        });
        Ok(())
    }

    /// A number of at most so many digits.
    fn code(&mut self, radix: u32, digits_max: usize) -> Option<u32> {
        let mut code = None;
        for _ in 0..digits_max {
            let Some(digit) = self.peek().and_then(|it| char::from(it).to_digit(radix)) else {
                break;
            };
            code = Some(
                code.unwrap_or(0_u32)
                    .wrapping_mul(radix)
                    .wrapping_add(digit),
            );
            self.at += 1;
        }
        code
    }

    /// The regular expression behind the sign `/` or `/=` that was read last.
    ///
    /// # Errors
    /// It does not end on its line.
    pub fn regex(&mut self, sign: &str) -> Result<String> {
        let begin = self.at - sign.len();
        let mut pattern = sign.as_bytes()[1..].to_vec();
        loop {
            match self.peek() {
                None | Some(b'\r' | b'\n') => {
                    return self.error(begin, "the regular expression has no closing slash");
                }
                Some(b'/') => break,
                Some(b'\\') => {
                    self.at += 1;
                    match self.peek() {
                        Some(b'/') => pattern.push(b'/'),
                        Some(b'\r' | b'\n') | None => continue,
                        Some(other) => pattern.extend([b'\\', other]),
                    }
                    self.at += 1;
                }
                Some(byte) => {
                    pattern.push(byte);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        Ok(String::from_utf8_lossy(&pattern).into_owned())
    }
}
