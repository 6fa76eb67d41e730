//! The compiled form of a mapping: names resolved to slots, paths split, literals folded.

use std::collections::HashSet;
use std::sync::Arc;

use millrace_message::{Segment, Text, Value};

use crate::arguments::Argument;
use crate::ast::{Operator, Span};
use crate::environment::Environment;
use crate::error::SyntaxError;
use crate::registry::{Function, Method, PreparedFunction, PreparedMethod};

/// A compiled mapping.
pub(crate) struct Program {
    pub body: Body,
    pub maps: Vec<MapBody>,
    pub environment: Arc<Environment>,
    /// What is sure to fail whenever it is reached.
    pub warnings: Vec<SyntaxError>,
    /// The caches that it names in its own text.
    pub caches: Vec<CacheUse>,
}

/// A cache that a mapping names by a literal, as in `cache_get("label", …)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheUse {
    /// The label of the cache.
    pub label: String,
    /// The place of the function in the text.
    pub span: Span,
}

impl Program {
    /// What its variables hold before its first line.
    pub fn variables(&self) -> Vec<Option<Value>> {
        let given = self.environment.given();
        let mut variables = Vec::with_capacity(self.body.variables);
        variables.extend(given.iter().map(|(_, value)| Some(value.clone())));
        variables.resize(self.body.variables.max(given.len()), None);
        variables
    }
}

/// Statements that share one set of variables.
#[derive(Default)]
pub(crate) struct Body {
    pub statements: Vec<Statement>,
    /// How many variable slots they use.
    pub variables: usize,
    /// How many members of `root` they name: the room that a new root is made with.
    pub members: usize,
}

impl Body {
    pub(crate) fn new(statements: Vec<Statement>, variables: usize) -> Body {
        let mut names = HashSet::new();
        member_names(&statements, &mut names);
        let members = names.len();
        Body {
            statements,
            variables,
            members,
        }
    }
}

/// Collects the names of the members of `root` that statements assign to, or below.
fn member_names<'a>(statements: &'a [Statement], names: &mut HashSet<&'a str>) {
    for statement in statements {
        match &statement.kind {
            StatementKind::Assign {
                target: Target::Root(path),
                ..
            } => names.extend(path.first().map(Segment::name)),
            StatementKind::Assign { .. } => {}
            StatementKind::If {
                branches,
                otherwise,
            } => {
                for (_, statements) in branches {
                    member_names(statements, names);
                }
                member_names(otherwise, names);
            }
        }
    }
}

/// A `map name { … }` block.
pub(crate) struct MapBody {
    pub name: Text,
    pub body: Body,
}

pub(crate) struct Statement {
    /// From 1; 0 when the text is not known.
    pub line: usize,
    pub kind: StatementKind,
}

pub(crate) enum StatementKind {
    Assign {
        target: Target,
        value: Expr,
    },
    If {
        branches: Vec<(Expr, Vec<Statement>)>,
        otherwise: Vec<Statement>,
    },
}

pub(crate) enum Target {
    Root(Vec<Segment>),
    Metadata(Option<Text>),
    Variable(usize),
}

/// A compiled expression.
pub(crate) enum Expr {
    Literal(Value),
    Nothing,
    Deleted,
    Path(Box<Path>),
    /// `@key`, or all metadata.
    Metadata(Option<Text>),
    Array(Vec<Expr>),
    Object(Vec<(Key, Expr)>),
    Binary(Box<Binary>),
    Not(Box<Expr>),
    Match(Box<Match>),
    If(Box<If>),
    Lambda(Box<Lambda>),
    /// `.(query)`.
    Map(Box<(Expr, Expr)>),
    /// A path into what another expression gives.
    Get(Box<Get>),
    Index(Box<(Expr, Expr)>),
    Slice(Box<Slice>),
    Apply(Box<Apply>),
    Function(Box<FunctionCall>),
    Method(Box<MethodCall>),
}

/// A path from one of the roots that exist without evaluating anything.
pub(crate) struct Path {
    pub base: Base,
    pub segments: Vec<Segment>,
}

pub(crate) enum Base {
    This,
    Root,
    Variable {
        slot: usize,
        name: Text,
    },
    /// A lambda's parameter; 0 is the innermost lambda.
    Parameter {
        level: usize,
        name: Text,
    },
}

pub(crate) enum Key {
    Static(Text),
    Dynamic(Expr),
}

pub(crate) struct Binary {
    pub operator: Operator,
    pub left: Expr,
    pub right: Expr,
}

pub(crate) struct Match {
    pub context: Option<Expr>,
    pub cases: Vec<(Pattern, Expr)>,
}

pub(crate) enum Pattern {
    Any,
    Equals(Value),
    Condition(Expr),
}

pub(crate) struct If {
    pub branches: Vec<(Expr, Expr)>,
    pub otherwise: Option<Expr>,
}

pub(crate) struct Lambda {
    /// Nothing for `_ ->`.
    pub parameter: Option<Text>,
    pub body: Expr,
}

pub(crate) struct Get {
    pub target: Expr,
    pub segments: Vec<Segment>,
}

pub(crate) struct Slice {
    pub target: Expr,
    pub start: Option<Expr>,
    pub end: Option<Expr>,
    pub step: Option<Expr>,
}

/// `.apply("name")` of a map that exists.
pub(crate) struct Apply {
    pub target: Expr,
    pub map: usize,
}

pub(crate) struct FunctionCall {
    pub function: &'static Function,
    pub arguments: Vec<Argument>,
    pub prepared: Option<PreparedFunction>,
}

pub(crate) struct MethodCall {
    pub method: &'static Method,
    pub target: Expr,
    pub arguments: Vec<Argument>,
    pub prepared: Option<PreparedMethod>,
}

impl Expr {
    /// The literal, when it is one.
    pub fn as_literal(&self) -> Option<&Value> {
        match self {
            Expr::Literal(value) => Some(value),
            _ => None,
        }
    }

    /// How error texts name the expression.
    pub fn annotation(&self) -> String {
        match self {
            Expr::Literal(value) => format!("{} literal", value.kind()),
            Expr::Nothing => "nothing".to_owned(),
            Expr::Deleted => "delete".to_owned(),
            Expr::Path(path) => path.annotation(),
            Expr::Metadata(Some(key)) => format!("meta field {key}"),
            Expr::Metadata(None) => "meta object".to_owned(),
            Expr::Array(_) => "array literal".to_owned(),
            Expr::Object(_) => "object literal".to_owned(),
            Expr::Binary(binary) => binary.right.annotation(),
            Expr::Not(operand) => format!("not {}", operand.annotation()),
            Expr::Match(_) => "match expression".to_owned(),
            Expr::If(_) => "if expression".to_owned(),
            Expr::Lambda(lambda) => lambda.body.annotation(),
            Expr::Map(map) => map.1.annotation(),
            Expr::Get(get) => format!("path `{}`", dotted(&get.segments)),
            Expr::Index(_) => "index".to_owned(),
            Expr::Slice(_) => "slice".to_owned(),
            Expr::Apply(_) => "method apply".to_owned(),
            Expr::Function(call) => format!("function {}", call.function.about.name),
            Expr::Method(call) => format!("method {}", call.method.about.name),
        }
    }
}

impl Path {
    fn annotation(&self) -> String {
        let base = match &self.base {
            Base::This => "this",
            Base::Root => "root",
            Base::Variable { name, .. } if self.segments.is_empty() => {
                return format!("variable {name}");
            }
            Base::Variable { .. } => return format!("path `{}`", dotted(&self.segments)),
            Base::Parameter { name, .. } => name,
        };
        match self.segments.is_empty() {
            true => format!("field `{base}`"),
            false => format!("field `{base}.{}`", dotted(&self.segments)),
        }
    }
}

/// A path as a dot path, `~` and dots in segments escaped.
pub(crate) fn dotted(segments: &[Segment]) -> String {
    let mut text = String::new();
    for (i, segment) in segments.iter().enumerate() {
        if i > 0 {
            text.push('.');
        }
        text.push_str(&segment.name().replace('~', "~0").replace('.', "~1"));
    }
    text
}
