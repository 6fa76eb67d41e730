//! Cuts a template into tokens, as Go's `text/template/parse` does: blanks within actions are
//! tokens, white space beside `{{-` and `-}}` is no part of the text.

use crate::token::{Keyword, Kind, Token};

const LEFT: &str = "{{";
const RIGHT: &str = "}}";

/// All tokens of a source; the last is the end, or an error.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        source,
        at: 0,
        start: 0,
        tokens: Vec::new(),
    };
    if let Err(reason) = lexer.run() {
        lexer.at = lexer.at.max(lexer.start);
        lexer.push(Kind::Error(reason));
    }
    lexer.tokens
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    /// Where the current token begins.
    start: usize,
    tokens: Vec<Token>,
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

fn is_word(character: char) -> bool {
    character == '_' || character.is_alphabetic() || is_digit(character)
}

/// Decimal digits of any script.
fn is_digit(character: char) -> bool {
    character.is_ascii_digit() || (!character.is_ascii() && character.is_numeric())
}

/// A character as Go's `%#U` shows it.
fn shown(character: Option<char>) -> String {
    match character {
        Some(it) if it.is_control() => format!("U+{:04X}", u32::from(it)),
        Some(it) => format!("U+{:04X} '{it}'", u32::from(it)),
        None => "U+FFFFFFFFFFFFFFFF".to_owned(),
    }
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn accept(&mut self, set: &str) -> bool {
        match self.peek() {
            Some(next) if set.contains(next) => {
                self.at += next.len_utf8();
                true
            }
            _ => false,
        }
    }

    fn accept_run(&mut self, set: &str) {
        while self.accept(set) {}
    }

    fn push(&mut self, kind: Kind) {
        self.tokens.push(Token {
            kind,
            start: self.start,
            end: self.at,
        });
        self.start = self.at;
    }

    fn run(&mut self) -> Result<(), String> {
        while self.text() {
            let is_comment = self.left_delimiter()?;
            if !is_comment {
                self.action()?;
            }
        }
        self.push(Kind::End);
        Ok(())
    }

    /// What stands before the next action; false when there is none.
    fn text(&mut self) -> bool {
        let Some(length) = memchr::memmem::find(self.rest().as_bytes(), LEFT.as_bytes()) else {
            self.at = self.source.len();
            if self.at > self.start {
                self.push(Kind::Text);
            }
            return false;
        };
        let begin = self.at + length;
        let mut end = begin;
        if is_left_trim(&self.source[begin + LEFT.len()..]) {
            end = self.start
                + self.source[self.start..begin]
                    .trim_end_matches(is_space)
                    .len();
        }
        self.at = end;
        if self.at > self.start {
            self.push(Kind::Text);
        }
        self.at = begin;
        self.start = begin;
        true
    }

    /// The delimiter, or the comment that it begins.
    fn left_delimiter(&mut self) -> Result<bool, String> {
        self.at += LEFT.len();
        let marker = if is_left_trim(self.rest()) { 2 } else { 0 };
        if !self.rest()[marker..].starts_with("/*") {
            self.push(Kind::LeftDelimiter);
            self.at += marker;
            self.start = self.at;
            return Ok(false);
        }
        self.start = self.at + marker;
        let Some(length) = self.source[self.start..].find("*/") else {
            return Err("unclosed comment".to_owned());
        };
        self.at = self.start + length + 2;
        let Some(trims) = self.right_delimiter() else {
            return Err("comment ends before closing delimiter".to_owned());
        };
        self.skip_right_delimiter(trims);
        Ok(true)
    }

    /// Whether the action ends here, and then whether it trims what follows.
    fn right_delimiter(&self) -> Option<bool> {
        let rest = self.rest();
        let mut characters = rest.chars();
        if characters.next().is_some_and(is_space)
            && characters.next() == Some('-')
            && characters.as_str().starts_with(RIGHT)
        {
            return Some(true);
        }
        rest.starts_with(RIGHT).then_some(false)
    }

    fn skip_right_delimiter(&mut self, trims: bool) {
        self.at += RIGHT.len();
        if trims {
            self.at += 2;
            self.at = self.source.len() - self.rest().trim_start_matches(is_space).len();
        }
        self.start = self.at;
    }

    /// The tokens of an action and its delimiter.
    fn action(&mut self) -> Result<(), String> {
        let mut parens = 0_usize;
        loop {
            if let Some(trims) = self.right_delimiter() {
                if parens > 0 {
                    return Err("unclosed left paren".to_owned());
                }
                if trims {
                    self.start = self.at + 2;
                }
                self.push_right_delimiter(trims);
                return Ok(());
            }
            let Some(next) = self.next() else {
                return Err("unclosed action".to_owned());
            };
            match next {
                _ if is_space(next) => self.space(),
                '=' => self.push(Kind::Assign),
                ':' if self.accept("=") => self.push(Kind::Declare),
                ':' => return Err("expected :=".to_owned()),
                '|' => self.push(Kind::Pipe),
                '"' => self.quoted('"', "unterminated quoted string", Kind::String)?,
                '`' => self.raw_string()?,
                '$' => self.field_or_variable(Kind::Variable)?,
                '\'' => {
                    self.quoted('\'', "unterminated character constant", Kind::CharConstant)?;
                }
                '.' if !self.peek().is_some_and(|it| it.is_ascii_digit()) => {
                    self.field_or_variable(Kind::Field)?;
                }
                '.' | '+' | '-' | '0'..='9' => {
                    self.at = self.start;
                    self.number()?;
                }
                _ if is_word(next) => self.word()?,
                '(' => {
                    parens += 1;
                    self.push(Kind::LeftParen);
                }
                ')' if parens == 0 => return Err("unexpected right paren".to_owned()),
                ')' => {
                    parens -= 1;
                    self.push(Kind::RightParen);
                }
                ' '..='~' => self.push(Kind::Char),
                other => {
                    let other = shown(Some(other));
                    return Err(format!("unrecognized character in action: {other}"));
                }
            }
        }
    }

    fn push_right_delimiter(&mut self, trims: bool) {
        let start = self.start;
        let end = start + RIGHT.len();
        self.tokens.push(Token {
            kind: Kind::RightDelimiter,
            start,
            end,
        });
        self.skip_right_delimiter(trims);
    }

    /// Blanks, but for one that belongs to a delimiter that trims.
    fn space(&mut self) {
        while self.right_delimiter().is_none() && self.peek().is_some_and(is_space) {
            self.next();
        }
        self.push(Kind::Space);
    }

    fn quoted(&mut self, quote: char, complaint: &str, kind: Kind) -> Result<(), String> {
        loop {
            match self.next() {
                Some('\\') if !matches!(self.peek(), None | Some('\n')) => {
                    self.next();
                }
                Some('\\' | '\n') | None => return Err(complaint.to_owned()),
                Some(it) if it == quote => break,
                Some(_) => {}
            }
        }
        self.push(kind);
        Ok(())
    }

    fn raw_string(&mut self) -> Result<(), String> {
        match self.rest().find('`') {
            Some(length) => self.at += length + 1,
            None => return Err("unterminated raw quoted string".to_owned()),
        }
        self.push(Kind::RawString);
        Ok(())
    }

    /// Whether a name may end here.
    fn is_at_terminator(&self) -> bool {
        match self.peek() {
            None | Some('.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(it) => is_space(it) || self.rest().starts_with(RIGHT),
        }
    }

    fn refuse_no_terminator(&self) -> Result<(), String> {
        match self.is_at_terminator() {
            true => Ok(()),
            false => Err(format!("bad character {}", shown(self.peek()))),
        }
    }

    fn field_or_variable(&mut self, kind: Kind) -> Result<(), String> {
        if self.is_at_terminator() {
            self.push(match kind {
                Kind::Variable => Kind::Variable,
                _ => Kind::Dot,
            });
            return Ok(());
        }
        while self.peek().is_some_and(is_word) {
            self.next();
        }
        self.refuse_no_terminator()?;
        self.push(kind);
        Ok(())
    }

    fn word(&mut self) -> Result<(), String> {
        while self.peek().is_some_and(is_word) {
            self.next();
        }
        self.refuse_no_terminator()?;
        let word = &self.source[self.start..self.at];
        self.push(match (word, Keyword::of(word)) {
            ("true" | "false", _) => Kind::Bool,
            (_, Some(keyword)) => Kind::Keyword(keyword),
            _ => Kind::Identifier,
        });
        Ok(())
    }

    fn number(&mut self) -> Result<(), String> {
        let is_number = self.scan_number();
        let is_complex = is_number && matches!(self.peek(), Some('+' | '-'));
        let ends_imaginary = |it: &Self| it.source[it.start..it.at].ends_with('i');
        if !is_number || is_complex && !(self.scan_number() && ends_imaginary(self)) {
            let text = &self.source[self.start..self.at];
            return Err(format!("bad number syntax: {text:?}"));
        }
        if is_complex || ends_imaginary(self) {
            return Err("complex numbers are not supported".to_owned());
        }
        self.push(Kind::Number);
        Ok(())
    }

    /// Goes over a number, and over some texts that are none, which are found out later.
    fn scan_number(&mut self) -> bool {
        self.accept("+-");
        let mut digits = "0123456789_";
        if self.accept("0") {
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        if digits.len() == 11 && self.accept("eE") || digits.len() == 23 && self.accept("pP") {
            self.accept("+-");
            self.accept_run("0123456789_");
        }
        self.accept("i");
        if self.peek().is_some_and(is_word) {
            self.next();
            return false;
        }
        true
    }
}

fn is_left_trim(rest: &str) -> bool {
    let mut characters = rest.chars();
    characters.next() == Some('-') && characters.next().is_some_and(is_space)
}
