//! A compiled program: a tree whose names are resolved.
//!
//! Variables, parameters and local functions are found by their distance: how many others were
//! bound after them.

use millrace_message::Value;

use crate::natives::Native;

/// An operation.
#[derive(Debug)]
pub(crate) struct Node {
    pub kind: Kind,
    /// Whether it gives exactly one value or fails, and can be evaluated at once.
    pub is_direct: bool,
    /// Whether it gives exactly one value or fails.
    pub is_single: bool,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Identity,
    Literal(Value),
    Variable(usize),
    Index(Box<Node>, Value),
    IndexBy(Box<Node>, Box<Node>),
    Iterate(Box<Node>),
    Array(Box<Node>),
    Object(Box<[(Node, Node)]>),
    Native(&'static Native, Box<[Node]>),
    Pipe(Box<[Node]>),
    Comma(Box<[Node]>),
    If(Box<Node>, Box<Node>, Box<Node>),
    Try(Box<Node>, Option<Box<Node>>),
    Alternative(Box<Node>, Box<Node>),
    Reduce(Box<Fold>),
    Foreach(Box<Fold>),
    Bind(Box<Bind>),
    /// The first values of the body, as many as the count says; or the last one of these alone.
    Limit(Box<Node>, Box<Node>, bool),
    Label(Box<Node>),
    Break(usize),
    Path(Box<Node>),
    GetPath(Box<Node>),
    /// `paths |= update`
    Modify(Box<Node>, Box<Node>),
    Empty,
    /// A function defined within the program, and what may call it.
    Define(Box<Function>, Box<Node>),
    /// A call of such a function.
    Call(usize, Box<[Node]>),
    /// A call of a function of the prelude.
    CallPrelude(usize, Box<[Node]>),
    /// A call of a parameter.
    CallParameter(usize),
}

/// `reduce` and `foreach`.
#[derive(Debug)]
pub(crate) struct Fold {
    pub source: Node,
    pub pattern: Pattern,
    pub init: Node,
    pub update: Node,
    pub extract: Option<Node>,
}

/// `source as pattern | body`
#[derive(Debug)]
pub(crate) struct Bind {
    pub source: Node,
    pub alternatives: Box<[Alternative]>,
    pub body: Node,
}

/// A pattern, and where the variables of all patterns are found in its own, when there are several.
#[derive(Debug)]
pub(crate) struct Alternative {
    pub pattern: Pattern,
    pub exports: Option<Box<[Option<usize>]>>,
}

#[derive(Debug)]
pub(crate) enum Pattern {
    Variable,
    Array(Box<[Pattern]>),
    Object(Box<[Member]>),
}

#[derive(Debug)]
pub(crate) struct Member {
    pub key: Node,
    pub is_variable: bool,
    pub pattern: Option<Pattern>,
}

/// A function: its parameters are closures, some of them variables too.
#[derive(Debug)]
pub(crate) struct Function {
    pub parameters: Box<[Parameter]>,
    pub body: Node,
}

#[derive(Debug)]
pub(crate) struct Parameter {
    pub is_variable: bool,
    /// Whether the body calls it. What nobody calls is not kept: a loop that counts in a variable
    /// would keep all its rounds.
    pub is_called: bool,
}

impl Node {
    pub fn new(kind: Kind) -> Self {
        let is_direct = is_direct(&kind);
        let is_single = is_direct || is_single(&kind);
        Self {
            kind,
            is_direct,
            is_single,
        }
    }

    pub fn literal(value: Value) -> Self {
        Self::new(Kind::Literal(value))
    }
}

fn is_direct(kind: &Kind) -> bool {
    match kind {
        Kind::Identity | Kind::Literal(_) | Kind::Variable(_) => true,
        Kind::Index(target, _) => target.is_direct,
        Kind::IndexBy(target, key) => target.is_direct && key.is_direct,
        Kind::Array(body) => body.is_direct,
        Kind::Object(members) => members
            .iter()
            .all(|(key, value)| key.is_direct && value.is_direct),
        Kind::Native(native, arguments) => {
            native.is_plain() && arguments.iter().all(|argument| argument.is_direct)
        }
        Kind::Pipe(steps) => steps.iter().all(|step| step.is_direct),
        Kind::If(condition, then, otherwise) => {
            condition.is_direct && then.is_direct && otherwise.is_direct
        }
        _ => false,
    }
}

fn is_single(kind: &Kind) -> bool {
    match kind {
        Kind::Array(_) | Kind::Reduce(_) | Kind::Modify(..) => true,
        Kind::Index(target, _) => target.is_single,
        Kind::IndexBy(target, key) => target.is_single && key.is_single,
        Kind::Object(members) => members
            .iter()
            .all(|(key, value)| key.is_single && value.is_single),
        Kind::Native(native, arguments) => {
            native.is_plain() && arguments.iter().all(|argument| argument.is_single)
        }
        Kind::Pipe(steps) => steps.iter().all(|step| step.is_single),
        Kind::If(condition, then, otherwise) => {
            condition.is_single && then.is_single && otherwise.is_single
        }
        Kind::Alternative(left, right) => left.is_single && right.is_single,
        Kind::Bind(bind) => {
            bind.source.is_single
                && bind.body.is_single
                && bind.alternatives.len() == 1
                && matches!(bind.alternatives[0].pattern, Pattern::Variable)
        }
        _ => false,
    }
}

/// A program that was compiled; it is run on any number of inputs.
#[derive(Debug)]
pub struct Program {
    pub(crate) root: Node,
    pub(crate) variables: usize,
}
