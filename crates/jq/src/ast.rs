//! A program as it was written, before its names are resolved.

use std::ops::Range;

use millrace_message::Value;

/// A query with its place in the text.
#[derive(Clone, Debug)]
pub(crate) struct Ast {
    pub kind: Kind,
    pub range: Range<usize>,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Identity,
    Recurse,
    Literal(Value),
    /// `$name`, without the sign.
    Variable(String),
    /// `"a\(b)c"`, and with a format before it.
    Text(Option<String>, Vec<Part>),
    /// `@name`, with the sign.
    Format(String),
    Index(Box<Ast>, Box<Ast>),
    Slice(Box<Ast>, Option<Box<Ast>>, Option<Box<Ast>>),
    Iterate(Box<Ast>),
    /// `term?`: the errors of the last step of the term.
    Optional(Box<Ast>),
    Array(Option<Box<Ast>>),
    Object(Vec<(Ast, Ast)>),
    Call(String, Vec<Ast>),
    Negate(Box<Ast>),
    Plus(Box<Ast>),
    Pipe(Vec<Ast>),
    Comma(Vec<Ast>),
    Binary(Operator, Box<Ast>, Box<Ast>),
    Update(Option<Operator>, Box<Ast>, Box<Ast>),
    Assign(Box<Ast>, Box<Ast>),
    /// The last is what no condition is true for.
    If(Vec<(Ast, Ast)>, Option<Box<Ast>>),
    Try(Box<Ast>, Option<Box<Ast>>),
    Reduce(Box<Ast>, Pattern, Box<Ast>, Box<Ast>),
    Foreach(Box<Ast>, Pattern, Box<Ast>, Box<Ast>, Option<Box<Ast>>),
    Bind(Box<Ast>, Vec<Pattern>, Box<Ast>),
    Label(String, Box<Ast>),
    Break(String),
    Define(Box<Definition>, Box<Ast>),
}

/// A piece of a text.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Literal(String),
    Query(Ast),
}

/// What stands between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Alternative,
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

/// `def name(parameters): body;`
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub name: String,
    pub parameters: Vec<Parameter>,
    pub body: Ast,
}

/// A parameter; one with a sign is also a variable.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub name: String,
    pub is_variable: bool,
}

/// What a value is taken apart by.
#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    Variable(String),
    Array(Vec<Pattern>),
    Object(Vec<PatternMember>),
}

/// `$name`, `key: pattern`, `$name: pattern` or `(query): pattern`.
#[derive(Clone, Debug)]
pub(crate) struct PatternMember {
    pub key: Ast,
    pub variable: Option<String>,
    pub pattern: Option<Pattern>,
}

impl Ast {
    pub fn new(kind: Kind, range: Range<usize>) -> Self {
        Self { kind, range }
    }

    pub fn boxed(kind: Kind, range: Range<usize>) -> Box<Self> {
        Box::new(Self { kind, range })
    }
}
