//! Tokens to lines.

use super::marks::Marks;
use super::tokens::{Kind, Token};

/// Blanks of one level.
const STEP: usize = 2;

/// Writes the tokens in the canonical form.
pub(super) fn lay_out(text: &str, tokens: &[Token<'_>], marks: &Marks) -> String {
    let mut layout = Layout {
        marks,
        out: String::with_capacity(text.len() + text.len() / 8),
        open: Vec::new(),
        indent: 0,
        last: None,
        last_significant: None,
    };
    for (index, token) in tokens.iter().enumerate() {
        let next = tokens.get(index + 1);
        if !is_needless(token, next) {
            layout.put(*token, next);
        }
    }
    layout.out.push('\n');
    layout.out
}

/// A comma before a bracket that closes on the same line.
fn is_needless(token: &Token<'_>, next: Option<&Token<'_>>) -> bool {
    token.is(",") && next.is_some_and(|next| next.closes() && next.breaks == 0)
}

/// A bracket that is open.
struct Bracket {
    kind: BracketKind,
    /// How far the line is indented that it stands on.
    indent: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum BracketKind {
    /// Statements, cases, or the value of a branch.
    Block,
    /// An index or a slice.
    Index,
    Other,
}

struct Layout<'a, 't> {
    marks: &'a Marks,
    out: String,
    open: Vec<Bracket>,
    /// Of the line at hand.
    indent: usize,
    last: Option<Token<'t>>,
    /// The last one that is no comment.
    last_significant: Option<Token<'t>>,
}

impl<'t> Layout<'_, 't> {
    fn put(&mut self, token: Token<'t>, next: Option<&Token<'t>>) {
        if let Some(last) = self.last {
            if token.breaks > 0 && !self.is_joined(&token, &last, next) {
                self.end_line(&token, &last);
            } else if self.has_blank(&last, &token) {
                self.out.push(' ');
            }
        }
        if token.closes() {
            self.open.pop();
        }
        self.out.push_str(token.text);
        if token.opens() {
            let kind = self.kind_of(&token);
            self.open.push(Bracket {
                kind,
                indent: self.indent,
            });
        }
        self.last = Some(token);
        if token.kind != Kind::Comment {
            self.last_significant = Some(token);
        }
    }

    fn kind_of(&self, bracket: &Token<'_>) -> BracketKind {
        match bracket.text {
            "{" if !self.marks.is_object(bracket.at) => BracketKind::Block,
            "[" if self.is_postfix(bracket) => BracketKind::Index,
            _ => BracketKind::Other,
        }
    }

    /// Whether a bracket belongs to the value directly before it.
    fn is_postfix(&self, bracket: &Token<'_>) -> bool {
        self.last_significant.is_some_and(|last| {
            let is_value = last.kind != Kind::Sign || last.closes();
            is_value && last.end() == bracket.at
        })
    }

    /// Whether a token that began a line goes to the end of the one before.
    fn is_joined(&self, token: &Token<'_>, last: &Token<'_>, next: Option<&Token<'_>>) -> bool {
        let opens_block = token.is("{") && !self.marks.is_object(token.at);
        // What is neither is a field of this name.
        let goes_on = |next: &Token<'_>| next.is("{") || next.text == "if";
        let is_else = token.text == "else" && last.is("}") && next.is_some_and(goes_on);
        last.kind != Kind::Comment && (opens_block || is_else)
    }

    /// Begins a new line for a token.
    fn end_line(&mut self, token: &Token<'_>, last: &Token<'_>) {
        self.out.push('\n');
        let goes_on = self.goes_on() && !token.closes();
        if token.breaks > 1 && !last.opens() && !token.closes() && !goes_on {
            self.out.push('\n');
        }
        self.indent = match self.open.last() {
            Some(bracket) if token.closes() => bracket.indent,
            Some(bracket) => bracket.indent + STEP,
            None => 0,
        };
        if goes_on {
            self.indent += STEP;
        }
        let indent = self.indent;
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    /// Whether the last token demands that something follows it.
    fn goes_on(&self) -> bool {
        self.last_significant.is_some_and(|last| {
            last.kind == Kind::Sign && !last.opens() && !last.closes() && last.text != ","
        })
    }

    /// Whether there is a blank between two tokens of a line.
    fn has_blank(&self, last: &Token<'_>, token: &Token<'_>) -> bool {
        if token.kind == Kind::Comment {
            return true;
        }
        if last.opens() || token.closes() {
            let is_block = self
                .open
                .last()
                .is_some_and(|it| it.kind == BracketKind::Block);
            return is_block && !(last.opens() && token.closes());
        }
        if last.is(".") {
            // `5. 5` is the field 5 of the number 5, and `5.5` a number.
            let is_digit = |text: &str| text.starts_with(|it: char| it.is_ascii_digit());
            return is_digit(token.text) && last.end() < token.at;
        }
        if token.kind == Kind::Sign && matches!(token.text, "." | "," | ":") {
            return false;
        }
        if last.is(":") {
            return !self
                .open
                .last()
                .is_some_and(|it| it.kind == BracketKind::Index);
        }
        if last.kind == Kind::Sign && self.marks.is_prefix(last.at) {
            return false;
        }
        let may_be_postfix = token.is("(") || token.is("[");
        !(may_be_postfix && self.is_postfix(token))
    }
}
