//! The syntax tree of a mapping: what was written, with byte spans, and no decision about meaning
//! beyond what the grammar itself settles (which name is a lambda's parameter, which path is a
//! target).
//!
//! Two invariants let every consumer recurse without fear of hostile input:
//!
//! - nesting ([`Expr`] inside [`Expr`], statement inside statement) is at most
//!   [`MAX_DEPTH`] deep;
//! - operators of one precedence level and the links of one chain are flat lists of at most
//!   [`MAX_CHAIN`] entries, so `a.b.c…` and `1 + 1 + …` add no depth.
//!
//! Parentheses leave no node: `(a)` is `a`.

use std::ops::Range;
use std::sync::Arc;

/// How deep expressions and statements may nest.
pub const MAX_DEPTH: usize = 100;

/// How many links a chain and how many operators a level of an expression may have.
pub const MAX_CHAIN: usize = 1000;

/// A half-open range of bytes in the text that was parsed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The span `start..end`; texts over 4 GiB are refused before parsing.
    pub fn new(start: usize, end: usize) -> Self {
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            start: narrow(start),
            end: narrow(end),
        }
    }

    /// The span as a range that can index the text.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The smallest span that covers both.
    pub fn to(self, other: Span) -> Span {
        Span {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }
}

/// A name as written, with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    /// The name itself; for a quoted name the unescaped text.
    pub text: Arc<str>,
    /// Where it stands, quotes included.
    pub span: Span,
}

/// A whole mapping.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mapping {
    /// `import` and `from` lines in the order they were written.
    pub imports: Vec<Import>,
    /// `map name { … }` blocks in the order they were written.
    pub maps: Vec<MapBlock>,
    /// What runs, in order.
    pub statements: Vec<Statement>,
    /// True for a mapping that is one expression: its only statement assigns that to `root`.
    pub is_expression: bool,
}

/// A line that takes something from another file.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// `import` takes the maps of the file, `from` is the file.
    pub kind: ImportKind,
    /// The path as written.
    pub path: Name,
    /// The whole line.
    pub span: Span,
}

/// What an import line takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportKind {
    /// `import "path"`: the maps of that file become maps of this mapping.
    Maps,
    /// `from "path"`: this mapping is that file; nothing else may stand beside it.
    Whole,
}

/// `map name { statements }`, called by `.apply("name")`.
#[derive(Clone, Debug, PartialEq)]
pub struct MapBlock {
    /// The name of the map.
    pub name: Name,
    /// Its statements; none of them assigns metadata.
    pub statements: Vec<Statement>,
    /// From `map` to the closing brace.
    pub span: Span,
}

/// One thing that a mapping does.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// What it does.
    pub kind: StatementKind,
    /// From its first to its last byte.
    pub span: Span,
}

/// The two kinds of statements.
#[derive(Clone, Debug, PartialEq)]
pub enum StatementKind {
    /// `target = value`.
    Assign {
        /// What is assigned.
        target: Target,
        /// What is assigned to it.
        value: Expr,
    },
    /// `if condition { statements } else if … else …`.
    If {
        /// Tried in order.
        branches: Vec<StatementBranch>,
        /// Statements of the final `else`.
        otherwise: Option<Vec<Statement>>,
    },
}

/// One `if` or `else if` of a statement.
#[derive(Clone, Debug, PartialEq)]
pub struct StatementBranch {
    /// Must give a boolean.
    pub condition: Expr,
    /// What runs when it is true.
    pub statements: Vec<Statement>,
}

/// The left side of an assignment.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// What is assigned.
    pub kind: TargetKind,
    /// Where it is written.
    pub span: Span,
}

/// What an assignment can change.
#[derive(Clone, Debug, PartialEq)]
pub enum TargetKind {
    /// `root`, `root.a."b c"`, or `a.b` without `root`: the segments below root.
    ///
    /// A segment is the raw key: `root."a.b"` has the one segment `a.b`.
    Root(Vec<Name>),
    /// `meta key`, or with `None` all metadata: `meta = {…}`.
    Meta(Option<Name>),
    /// `let name`.
    Variable(Name),
}

/// An expression, which Bento calls a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// From its first to its last byte.
    pub span: Span,
}

/// The kinds of expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// `null`, `true`, `5`, `"text"`.
    Literal(Literal),
    /// `[a, b]`.
    Array(Vec<Expr>),
    /// `{"key": value, (expression): value}`, in source order.
    Object(Vec<(Expr, Expr)>),
    /// `this`.
    This,
    /// `root`.
    Root,
    /// A bare name that no lambda around it declares: short for `this.name`.
    Field(Name),
    /// The parameter of a lambda around it.
    Parameter(Name),
    /// `$name`.
    Variable(Name),
    /// `@key`, `@"key"`, or `None` for `@`: all metadata as an object.
    Metadata(Option<Name>),
    /// `name(arguments)`.
    Function {
        /// The function's name.
        name: Name,
        /// What is passed.
        arguments: Arguments,
    },
    /// A head and what is chained to it: `head.field.method()[0].(query)`; never empty.
    Chain {
        /// What the chain starts from; itself never a chain.
        head: Box<Expr>,
        /// Applied from left to right.
        links: Vec<Link>,
    },
    /// `!operand`; binds weaker than a chain.
    Not(Box<Expr>),
    /// `-operand`, which means `0 - operand`; binds weaker than a chain and than `!`.
    Negate(Box<Expr>),
    /// Operators of one precedence level, applied from left to right; never empty.
    Binary {
        /// The leftmost operand.
        first: Box<Expr>,
        /// Each operator with its right operand.
        rest: Vec<(Operator, Expr)>,
    },
    /// `match context { case => value, … }`.
    Match {
        /// Becomes `this` inside the cases.
        context: Option<Box<Expr>>,
        /// Tried in order.
        cases: Vec<MatchCase>,
    },
    /// `if condition { value } else if … { value } else { value }`.
    If {
        /// Condition and value, tried in order.
        branches: Vec<(Expr, Expr)>,
        /// The value of the final `else`; without one the result is `nothing()`.
        otherwise: Option<Box<Expr>>,
    },
    /// `name -> body`, or with `None` `_ -> body`.
    Lambda {
        /// Names the context inside the body, where `this` stays the outer one.
        parameter: Option<Name>,
        /// What is evaluated.
        body: Box<Expr>,
    },
}

/// A value written out.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Digits without a point.
    Int(i64),
    /// Digits with a point.
    Float(f64),
    /// A quoted or triple-quoted string.
    String(Arc<str>),
    /// A quoted string whose escapes (`\xff`) spell bytes that are no UTF-8.
    Bytes(Arc<[u8]>),
}

/// What can follow an expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// What it does with the value before it.
    pub kind: LinkKind,
    /// From its dot or bracket to its end.
    pub span: Span,
}

/// The kinds of links of a chain.
#[derive(Clone, Debug, PartialEq)]
pub enum LinkKind {
    /// `.name` or `."any text"`; the raw key.
    Field(Name),
    /// `.name(arguments)`.
    Method {
        /// The method's name.
        name: Name,
        /// What is passed.
        arguments: Arguments,
    },
    /// `.(query)`: the query with the value as `this`.
    Map(Box<Expr>),
    /// `[index]`.
    Index(Box<Expr>),
    /// `[start:end:step]`, each of them optional.
    Slice {
        /// Where it begins.
        start: Option<Box<Expr>>,
        /// Where it ends.
        end: Option<Box<Expr>>,
        /// Which elements it takes.
        step: Option<Box<Expr>>,
    },
}

/// The arguments of a call: either all named or all unnamed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arguments {
    /// In source order.
    pub list: Vec<Argument>,
    /// Parentheses included.
    pub span: Span,
}

impl Arguments {
    /// True when arguments are passed by name.
    pub fn are_named(&self) -> bool {
        self.list.first().is_some_and(|first| first.name.is_some())
    }
}

/// One argument of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// `name:` before the value.
    pub name: Option<Name>,
    /// The value.
    pub value: Expr,
}

/// One case of a `match`.
#[derive(Clone, Debug, PartialEq)]
pub struct MatchCase {
    /// When it applies.
    pub pattern: Pattern,
    /// What the match then gives.
    pub value: Expr,
}

/// The left side of a match case.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// `_`: always.
    Any,
    /// An expression that is static is compared with the context, any other one must be true.
    Expr(Expr),
}

/// Operators between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
    /// `|`, which takes its right side when the left one is null or fails.
    Coalesce,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `&&`
    And,
    /// `||`
    Or,
}

impl Operator {
    /// Binding strength from 0 (`&&` and `||`, which are equal) to 3 (`* / % |`).
    pub fn precedence(self) -> u8 {
        match self {
            Self::Multiply | Self::Divide | Self::Modulo | Self::Coalesce => 3,
            Self::Add | Self::Subtract => 2,
            Self::Equal
            | Self::NotEqual
            | Self::Greater
            | Self::GreaterOrEqual
            | Self::Less
            | Self::LessOrEqual => 1,
            Self::And | Self::Or => 0,
        }
    }

    /// The operator as written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Coalesce => "|",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::And => "&&",
            Self::Or => "||",
        }
    }
}

/// A field that holds text with `${! expression }` in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interpolation {
    /// What is joined, in order.
    pub segments: Vec<Segment>,
}

/// One part of an interpolated text.
#[derive(Clone, Debug, PartialEq)]
pub enum Segment {
    /// Text that stays as it is, escapes already resolved.
    Text(String),
    /// `${! expression }`.
    Query(Expr),
}
