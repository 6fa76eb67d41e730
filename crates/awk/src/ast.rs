//! The tree of a program.
//!
//! Chains of operators from left to right are one node each, so a tree is as deep as its source
//! nests, which the parser bounds.

use crate::token::Builtin;

/// A name and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    pub text: String,
    pub at: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub begin: Vec<Block>,
    pub actions: Vec<Action>,
    pub end: Vec<Block>,
    pub functions: Vec<Function>,
}

/// A pattern with its action; without one the record is printed.
#[derive(Debug)]
pub(crate) struct Action {
    pub pattern: ActionPattern,
    pub body: Option<Block>,
}

#[derive(Debug)]
pub(crate) enum ActionPattern {
    Always,
    When(Expr),
    Range(Expr, Expr),
}

#[derive(Debug)]
pub(crate) struct Function {
    pub name: Name,
    pub parameters: Vec<String>,
    pub body: Block,
}

pub(crate) type Block = Vec<Statement>;

#[derive(Debug)]
pub(crate) enum Statement {
    Expression(Expr),
    Print(Vec<Expr>),
    Printf(Vec<Expr>),
    /// Conditions with their blocks, and what is done when none holds.
    If(Vec<(Expr, Block)>, Block),
    While(Expr, Block),
    DoWhile(Block, Expr),
    For {
        start: Option<Box<Statement>>,
        condition: Option<Expr>,
        step: Option<Box<Statement>>,
        body: Block,
    },
    ForIn {
        variable: Name,
        array: Name,
        body: Block,
    },
    Block(Block),
    Delete(Name, Vec<Expr>),
    Break,
    Continue,
    Next,
    NextFile,
    Exit(Option<Expr>),
    Return(Option<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unary {
    Not,
    Minus,
    Plus,
}

#[derive(Debug)]
pub(crate) enum Expr {
    Number(f64),
    Text(Vec<u8>),
    /// A regular expression that stands alone: whether the record matches it.
    Regex(String),
    Field(Box<Expr>),
    /// A field by its name in the header.
    NamedField(Box<Expr>),
    Variable(Name),
    Element(Name, Vec<Expr>),
    /// In brackets: a value, never a place to assign to.
    Group(Box<Expr>),
    /// Values in brackets, which only `print` and `in` take.
    List(Vec<Expr>, usize),
    Unary(Unary, Box<Expr>),
    Chain(Box<Expr>, Vec<(Arithmetic, Expr)>),
    Power(Box<Expr>, Box<Expr>),
    Concat(Vec<Expr>),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    Match {
        is_negated: bool,
        text: Box<Expr>,
        pattern: Box<Expr>,
    },
    In(Vec<Expr>, Name),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Condition(Box<Expr>, Box<Expr>, Box<Expr>),
    Assign(Box<Expr>, Box<Expr>),
    Modify(Box<Expr>, Arithmetic, Box<Expr>),
    Step {
        target: Box<Expr>,
        is_up: bool,
        is_prefix: bool,
    },
    Builtin(Builtin, Vec<Expr>),
    Split {
        text: Box<Expr>,
        array: Name,
        separator: Option<Box<Expr>>,
    },
    Substitute {
        is_global: bool,
        pattern: Box<Expr>,
        replacement: Box<Expr>,
        target: Box<Expr>,
    },
    Call(Name, Vec<Expr>),
    Getline(Option<Box<Expr>>),
}

impl Expr {
    /// Whether it can be assigned to.
    pub fn is_place(&self) -> bool {
        matches!(self, Expr::Variable(_) | Expr::Element(..) | Expr::Field(_))
    }

    /// The expressions right below it.
    pub fn children(&self) -> Vec<&Expr> {
        match self {
            Expr::Number(_)
            | Expr::Text(_)
            | Expr::Regex(_)
            | Expr::Variable(_)
            | Expr::Getline(None) => vec![],
            Expr::Field(it)
            | Expr::NamedField(it)
            | Expr::Group(it)
            | Expr::Unary(_, it)
            | Expr::Getline(Some(it)) => vec![it],
            Expr::Step { target, .. } => vec![target],
            Expr::Element(_, list)
            | Expr::List(list, _)
            | Expr::Concat(list)
            | Expr::In(list, _)
            | Expr::And(list)
            | Expr::Or(list)
            | Expr::Builtin(_, list)
            | Expr::Call(_, list) => list.iter().collect(),
            Expr::Chain(first, rest) => {
                let rest = rest.iter().map(|(_, it)| it);
                std::iter::once(&**first).chain(rest).collect()
            }
            Expr::Power(a, b)
            | Expr::Compare(_, a, b)
            | Expr::Assign(a, b)
            | Expr::Modify(a, _, b) => vec![a, b],
            Expr::Match { text, pattern, .. } => vec![text, pattern],
            Expr::Condition(a, b, c) => vec![a, b, c],
            Expr::Split {
                text, separator, ..
            } => std::iter::once(&**text)
                .chain(separator.as_deref())
                .collect(),
            Expr::Substitute {
                pattern,
                replacement,
                target,
                ..
            } => vec![pattern, replacement, target],
        }
    }
}
