//! Tokens of AWK.

/// One token; signs and keywords are their own text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    End,
    Newline,
    Sign(&'static str),
    Keyword(&'static str),
    Builtin(Builtin),
    Name(String),
    Number(f64),
    Text(Vec<u8>),
}

impl Token {
    /// How it is named in an error.
    pub fn describe(&self) -> String {
        match self {
            Token::End => "the end of the program".to_owned(),
            Token::Newline => "the end of the line".to_owned(),
            Token::Sign(text) | Token::Keyword(text) => format!("`{text}`"),
            Token::Builtin(builtin) => format!("`{}`", builtin.name()),
            Token::Name(name) => format!("`{name}`"),
            Token::Number(_) => "a number".to_owned(),
            Token::Text(_) => "a string".to_owned(),
        }
    }
}

/// Signs, the longer one first where one begins another.
pub(crate) const SIGNS: [&str; 42] = [
    "**=", "**", "*=", "*", "++", "+=", "+", "--", "-=", "-", "/=", "/", "%=", "%", "^=", "^",
    "==", "=", "!=", "!~", "!", "<=", "<", ">=", ">>", ">", "~", "&&", "||", "|", "?", ":", ",",
    ";", "$", "@", "(", ")", "[", "]", "{", "}",
];

const KEYWORDS: [&str; 20] = [
    "BEGIN", "END", "break", "continue", "delete", "do", "else", "exit", "for", "func", "function",
    "getline", "if", "in", "next", "nextfile", "print", "printf", "return", "while",
];

/// A function of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Builtin {
    Atan2,
    Close,
    Cos,
    Exp,
    Fflush,
    Gsub,
    Index,
    Int,
    Length,
    Log,
    Match,
    Rand,
    Sin,
    Split,
    Sprintf,
    Sqrt,
    Srand,
    Sub,
    Substr,
    System,
    Tolower,
    Toupper,
}

const BUILTINS: [(&str, Builtin); 22] = [
    ("atan2", Builtin::Atan2),
    ("close", Builtin::Close),
    ("cos", Builtin::Cos),
    ("exp", Builtin::Exp),
    ("fflush", Builtin::Fflush),
    ("gsub", Builtin::Gsub),
    ("index", Builtin::Index),
    ("int", Builtin::Int),
    ("length", Builtin::Length),
    ("log", Builtin::Log),
    ("match", Builtin::Match),
    ("rand", Builtin::Rand),
    ("sin", Builtin::Sin),
    ("split", Builtin::Split),
    ("sprintf", Builtin::Sprintf),
    ("sqrt", Builtin::Sqrt),
    ("srand", Builtin::Srand),
    ("sub", Builtin::Sub),
    ("substr", Builtin::Substr),
    ("system", Builtin::System),
    ("tolower", Builtin::Tolower),
    ("toupper", Builtin::Toupper),
];

impl Builtin {
    pub fn name(self) -> &'static str {
        BUILTINS[self as usize].0
    }
}

/// The token that a word is.
pub(crate) fn word(text: &str) -> Token {
    if let Some(keyword) = KEYWORDS.iter().find(|it| **it == text) {
        // Both spellings mean the same.
        return Token::Keyword(if *keyword == "func" {
            "function"
        } else {
            keyword
        });
    }
    match BUILTINS.iter().find(|(name, _)| *name == text) {
        Some((_, builtin)) => Token::Builtin(*builtin),
        None => Token::Name(text.to_owned()),
    }
}
