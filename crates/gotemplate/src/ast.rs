//! The tree of a template.

use std::sync::Arc;

use millrace_message::Text;

use crate::functions::Callee;
use crate::literal::Number;

mod display;

/// What stands one after the other.
pub(crate) type List = Vec<Node>;

#[derive(Debug)]
pub(crate) enum Node {
    Text(Text),
    Action(Pipe),
    Break,
    Continue,
    If(Branches),
    With(Branches),
    Range(Box<Range>),
    Template(Box<Call>),
}

/// An `if` or a `with`, with what `else if` adds.
#[derive(Debug)]
pub(crate) struct Branches {
    pub branches: Vec<(Pipe, List)>,
    pub otherwise: Option<List>,
}

#[derive(Debug)]
pub(crate) struct Range {
    pub pipe: Pipe,
    pub body: List,
    pub otherwise: Option<List>,
}

/// `{{template "name" pipeline}}`
#[derive(Debug)]
pub(crate) struct Call {
    pub at: usize,
    pub name: Arc<str>,
    pub pipe: Option<Pipe>,
}

/// Commands, of which each gives its value to the next.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub at: usize,
    /// The variables that take the value.
    pub variables: Vec<Variable>,
    /// Whether they are there already.
    pub assigns: bool,
    pub commands: Vec<Command>,
}

#[derive(Debug)]
pub(crate) struct Variable {
    pub name: Arc<str>,
}

/// A value, or a function with its arguments.
#[derive(Debug)]
pub(crate) struct Command {
    pub at: usize,
    /// At least one.
    pub operands: Vec<Operand>,
}

#[derive(Debug)]
pub(crate) struct Operand {
    pub at: usize,
    pub kind: OperandKind,
}

#[derive(Debug)]
pub(crate) enum OperandKind {
    Dot,
    Nil,
    Bool(bool),
    Number(Number),
    /// A string, and how it was written.
    Text {
        value: Constant,
        quoted: String,
    },
    /// `.a.b`
    Field(Vec<Arc<str>>),
    /// `$x.a.b`
    Variable {
        name: Arc<str>,
        fields: Vec<Arc<str>>,
    },
    Function {
        name: Arc<str>,
        callee: Callee,
    },
    /// `(pipeline).a.b`, `function.a`
    Chain {
        inner: Box<Operand>,
        fields: Vec<Arc<str>>,
    },
    Pipe(Box<Pipe>),
}

/// A string of the template, which need not be UTF-8.
#[derive(Debug)]
pub(crate) enum Constant {
    Text(Text),
    Bytes(Vec<u8>),
}

/// A named template.
#[derive(Debug)]
pub(crate) struct Tree {
    pub name: Arc<str>,
    /// Which text it stands in.
    pub source: usize,
    pub root: List,
}

/// Whether there is nothing in it but white space.
pub(crate) fn is_empty(list: &List) -> bool {
    list.iter().all(|node| match node {
        Node::Text(text) => text.trim().is_empty(),
        _ => false,
    })
}
