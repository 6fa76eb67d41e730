//! The method that evaluates a JSONPath, with the expressions that Bento's dialect allows within
//! and around it.
//!
//! ```text
//! expression = unary (operator unary)* ("?" expression ":" expression)?
//! unary      = ("-" | "!" | "~") unary | primary
//! primary    = number | string | "true" | "false" | "(" expression ")" | "[" expression,* "]"
//!            | "{" (expression ":" expression),* "}" | "date" "(" expression ")" | path | name
//! path       = ("$" | "@") step*                                 "@" is the value at hand
//! step       = "." (name | "*") | ".." (name | "*" | "[" …) | "[" selector "]" | "(" expression ")"
//! selector   = "*" | expression,+ | expression? ":" expression? (":" expression?)? | "?" expression
//! name       = word ("." word | "[" expression "]")*             a member of the document
//! ```
//!
//! A path with `*`, `..`, a range, a filter or several keys gives an array of what it finds, any
//! other one the value itself.

use std::borrow::Cow;

use millrace_message::Value;

use crate::arguments::Arguments;
use crate::budget;
use crate::environment::Environment;
use crate::eval_error::EvalError;
use crate::go::regex::Pattern;
use crate::registry::{Category, Example, Method, Parameter, PreparedMethod, Reach, Status};

mod evaluate;
mod operators;
mod parse;
mod tokens;

pub(super) const METHODS: &[Method] = &[Method::prepared(
    "json_path",
    "What a JSONPath finds in the target: an array for a path with `*`, `..`, ranges, filters or several keys, else the one value.",
    json_path,
)
    .reach(Reach::Deep)
.category(Category::Objects)
.status(Status::Experimental)
.parameters(&[Parameter::string("expression", "The path, or an expression with paths in it.")])
.examples(&[
    Example::new(
        r#"root.all_names = this.json_path("$..name")"#,
        &[
            (r#"{"name":"alice","foo":{"name":"bob"}}"#, r#"{"all_names":["alice","bob"]}"#),
            (r#"{"thing":["this","bar",{"name":"alice"}]}"#, r#"{"all_names":["alice"]}"#),
        ],
    ),
    Example::new(
        r#"root.texts = this.json_path("$.body[?(@.type=='text')].id")"#,
        &[(
            r#"{"body":[{"type":"image","id":"foo"},{"type":"text","id":"bar"}]}"#,
            r#"{"texts":["bar"]}"#,
        )],
    ),
    Example::new(
        r#"root = this.json_path("$.a.b")"#,
        &[(r#"{"a":{}}"#, "error:unknown key b")],
    ),
])];

/// An operator with two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    MatchesNot,
    In,
    And,
    Or,
    Coalesce,
    BitAnd,
    BitOr,
    BitXor,
    ShiftLeft,
    ShiftRight,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Minus,
    Not,
    BitNot,
}

#[derive(Debug)]
enum Node {
    Constant(Value),
    Path {
        from_root: bool,
        steps: Vec<Step>,
    },
    /// Members of the document by their names, null where there are none.
    Name(Vec<Node>),
    Sign(Sign, Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    /// A pattern that was known when the expression was read.
    Matches {
        text: Box<Node>,
        pattern: Box<Pattern>,
        is_negated: bool,
    },
    Choice(Box<[Node; 3]>),
    Array(Vec<Node>),
    Object(Vec<(Node, Node)>),
    Date(Box<Node>),
}

#[derive(Debug)]
enum Step {
    /// One member or element.
    Key(Node),
    /// The value of an expression about the value at hand.
    Script(Node),
    /// Every member or element.
    All,
    Keys(Vec<Node>),
    /// The value and everything below it.
    Descend,
    Filter(Node),
    Range(Box<[Node; 3]>),
}

fn json_path(arguments: &Arguments<'_>, _: &Environment) -> Result<PreparedMethod, EvalError> {
    let expression = parse::expression(arguments.text(0)?).map_err(|error| {
        EvalError::new(format!("failed to evaluate json path expression: {error}"))
    })?;
    Ok(Box::new(move |target: Cow<'_, Value>| {
        let found = evaluate::value(&expression, &target);
        // A filter passes over the elements that it fails for.
        budget::within_steps()?;
        let found = found.map_err(EvalError::new)?;
        if found.is_built() {
            // With `..` a value is found together with all those it stands in.
            budget::share(evaluate::FOUND_MAX.ilog2());
        }
        Ok(found)
    }))
}

#[cfg(test)]
mod tests;
