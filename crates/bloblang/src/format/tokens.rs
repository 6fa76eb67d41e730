//! The tokens of a mapping that parses, with the line breaks between them.

use crate::lexer::Cursor;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters, digits and underscores; also `$name`, `@name` and `@`.
    Word,
    /// A string, in single or triple quotes.
    String,
    /// From `#` to the end of the line.
    Comment,
    /// A bracket, an operator, an arrow, a dot, a comma, a colon.
    Sign,
}

/// A token, as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'t> {
    pub kind: Kind,
    pub text: &'t str,
    /// Where it begins.
    pub at: usize,
    /// How many line breaks are between it and the token before it.
    pub breaks: usize,
}

impl Token<'_> {
    /// Whether it is this sign.
    pub(super) fn is(&self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }

    pub(super) fn opens(&self) -> bool {
        self.kind == Kind::Sign && matches!(self.text, "(" | "[" | "{")
    }

    pub(super) fn closes(&self) -> bool {
        self.kind == Kind::Sign && matches!(self.text, ")" | "]" | "}")
    }

    pub(super) fn end(&self) -> usize {
        self.at + self.text.len()
    }
}

/// Signs of two characters; each other character is a sign of its own.
const LONG_SIGNS: [&str; 8] = ["&&", "||", "==", "!=", ">=", "<=", "->", "=>"];

/// The tokens of a text that parses.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut cursor = Cursor::new(text);
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let mut breaks = 0;
    loop {
        cursor.skip_blank();
        let at = cursor.position();
        let Some(byte) = cursor.peek() else {
            return tokens;
        };
        if byte != b'#' && cursor.line_break() {
            breaks += 1;
            continue;
        }
        let kind = take(&mut cursor, byte);
        tokens.push(Token {
            kind,
            text: text[at..cursor.position()].trim_end_matches(['\r', ' ', '\t']),
            at,
            breaks: std::mem::take(&mut breaks),
        });
    }
}

fn take(cursor: &mut Cursor<'_>, first: u8) -> Kind {
    match first {
        b'#' => {
            // The line break stays: it counts for the next token.
            let rest = cursor.rest();
            let length = rest.find('\n').unwrap_or(rest.len());
            cursor.set_position(cursor.position() + length);
            Kind::Comment
        }
        b'"' => {
            string(cursor);
            Kind::String
        }
        b'@' | b'$' => {
            skip(cursor, 1);
            if cursor.peek() == Some(b'"') {
                string(cursor);
            } else {
                cursor.word();
            }
            Kind::Word
        }
        _ if cursor.word().is_some() => Kind::Word,
        _ => {
            let rest = cursor.rest();
            let is_long = LONG_SIGNS.iter().any(|sign| rest.starts_with(sign));
            let length = if is_long { 2 } else { 1 };
            // The text parses, so that what is no ASCII stands in strings and comments.
            let length = rest.ceil_char_boundary(length.min(rest.len()));
            skip(cursor, length);
            Kind::Sign
        }
    }
}

fn string(cursor: &mut Cursor<'_>) {
    let is_closed =
        matches!(cursor.triple_quoted(), Some(Ok(_))) || matches!(cursor.quoted(), Some(Ok(_)));
    if !is_closed {
        skip(cursor, 1);
    }
}

fn skip(cursor: &mut Cursor<'_>, length: usize) {
    cursor.set_position(cursor.position() + length);
}
