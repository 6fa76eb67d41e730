//! The tokens of a template.

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What can not be read, and why; nothing follows.
    Error(String),
    Bool,
    /// A character that has a meaning in one place: a comma.
    Char,
    CharConstant,
    /// `:=`
    Declare,
    /// `=`
    Assign,
    End,
    /// `.name`
    Field,
    Identifier,
    LeftDelimiter,
    LeftParen,
    Number,
    /// `|`
    Pipe,
    /// A string in backquotes.
    RawString,
    RightDelimiter,
    RightParen,
    Space,
    /// A string in quotes.
    String,
    /// What stands between actions.
    Text,
    /// `$`, `$name`
    Variable,
    Dot,
    Keyword(Keyword),
}

/// The words that begin an action, or end one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keyword {
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

impl Keyword {
    pub fn of(word: &str) -> Option<Self> {
        Some(match word {
            "block" => Self::Block,
            "break" => Self::Break,
            "continue" => Self::Continue,
            "define" => Self::Define,
            "else" => Self::Else,
            "end" => Self::End,
            "if" => Self::If,
            "nil" => Self::Nil,
            "range" => Self::Range,
            "template" => Self::Template,
            "with" => Self::With,
            _ => return None,
        })
    }
}

/// A token and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}
