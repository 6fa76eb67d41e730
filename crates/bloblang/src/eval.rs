//! The evaluator: walks a compiled expression and gives its outcome.
//!
//! Values are borrowed wherever they exist already (the message, variables, literals), so reading
//! copies nothing; contexts live on the Rust stack, so binding a lambda's parameter or changing
//! `this` allocates nothing.

use std::borrow::Cow;
use std::sync::LazyLock;

use bytes::Bytes;
use millrace_message::{Message, Metadata, Object, Segment, Text, Value};

use crate::ast::Operator;
use crate::budget;
use crate::eval_error::EvalError;
use crate::outcome::{NULL, Outcome};
use crate::program::{Base, Binary, Expr, Path, Program, dotted};

pub(crate) mod access;
pub(crate) mod arithmetic;
mod call;
pub(crate) mod choice;
mod literal;
pub(crate) mod statement;

/// What stays the same while the expressions of one statement are evaluated.
pub(crate) struct Frame<'a> {
    pub program: &'a Program,
    /// The batch as it came in.
    pub batch: &'a [Message],
    /// What `this` is outside of lambdas, matches and `.(…)`.
    pub top: Top<'a>,
    pub variables: &'a [Option<Value>],
    /// What was assigned to `root` so far; nothing where there is no root.
    pub root: Option<&'a Outcome<'static>>,
    /// The metadata as assigned so far; nothing where it can not be read.
    pub metadata: Option<&'a Metadata>,
    /// The message that a mutation changes, as it is now.
    pub mutated: Option<Mutated<'a>>,
}

/// A message that is changed in place: functions about it see what was assigned before.
#[derive(Clone, Copy)]
pub(crate) struct Mutated<'a> {
    /// Which message of the batch it is.
    pub index: usize,
    /// Nothing when it is no JSON: then it is replaced at the end.
    pub payload: Option<&'a Value>,
    pub metadata: Option<&'a Metadata>,
}

/// The outermost context.
#[derive(Clone, Copy)]
pub(crate) enum Top<'a> {
    /// The payload of a message, parsed when it is first needed.
    Message(&'a Message),
    Value(&'a Value),
    Missing,
}

/// Where an expression is evaluated.
#[derive(Clone, Copy)]
pub(crate) struct Cx<'a> {
    pub frame: &'a Frame<'a>,
    /// The message of the batch that functions such as `json()` refer to.
    pub index: usize,
    pub this: This<'a>,
    pub parameters: Option<&'a Binding<'a>>,
    /// How many maps called each other to get here.
    pub depth: usize,
}

/// The context that `this` names.
#[derive(Clone, Copy)]
pub(crate) enum This<'a> {
    Top,
    Scope(&'a Scope<'a>),
    Missing,
}

/// A context that replaced an outer one.
pub(crate) struct Scope<'a> {
    pub value: &'a Value,
    pub outer: This<'a>,
}

/// The value of a lambda's parameter.
pub(crate) struct Binding<'a> {
    pub value: &'a Value,
    pub outer: Option<&'a Binding<'a>>,
}

impl<'a> Cx<'a> {
    /// The context at the beginning of a statement.
    pub fn new(frame: &'a Frame<'a>, index: usize, depth: usize) -> Cx<'a> {
        Cx {
            frame,
            index,
            this: This::Top,
            parameters: None,
            depth,
        }
    }

    /// The message that functions refer to; an empty one where there is none.
    pub fn message(&self) -> &'a Message {
        static EMPTY: LazyLock<Message> = LazyLock::new(Message::default);
        self.frame.batch.get(self.index).unwrap_or_else(|| &EMPTY)
    }

    /// The payload of that message as a value.
    pub fn payload(&self) -> Result<&'a Value, EvalError> {
        match self.mutated().and_then(|it| it.payload) {
            Some(value) => Ok(value),
            None => self.message().value().map_err(EvalError::from),
        }
    }

    /// The payload of that message as it would be written out, which a mutation does anew each time.
    pub fn payload_bytes(&self) -> Result<Bytes, EvalError> {
        let Some(value) = self.mutated().and_then(|it| it.payload) else {
            return Ok(self.message().bytes().clone());
        };
        budget::unfold(value)?;
        let bytes = value.to_json();
        budget::make_text(bytes.len())?;
        Ok(bytes)
    }

    /// The metadata of that message.
    pub fn metadata(&self) -> &'a Metadata {
        let mutated = self.mutated().and_then(|it| it.metadata);
        mutated.unwrap_or(&self.message().metadata)
    }

    fn mutated(&self) -> Option<Mutated<'a>> {
        self.frame.mutated.filter(|it| it.index == self.index)
    }

    /// The value of `this`; `field` is what is to be read from it, for the error text.
    #[inline]
    pub fn this(&self, field: impl FnOnce() -> String) -> Result<&'a Value, EvalError> {
        match self.this {
            This::Scope(scope) => Ok(scope.value),
            This::Top => match self.frame.top {
                Top::Message(message) => message
                    .value()
                    .map_err(|error| EvalError::unstructured(&field(), error)),
                Top::Value(value) => Ok(value),
                Top::Missing => Err(EvalError::no_context(&field())),
            },
            This::Missing => Err(EvalError::no_context(&field())),
        }
    }
}

impl Expr {
    /// Evaluates the expression.
    pub fn eval<'a>(&'a self, cx: &Cx<'a>) -> Result<Outcome<'a>, EvalError> {
        match self {
            Expr::Literal(value) => Ok(Outcome::Ref(value)),
            Expr::Path(path) => path.eval(cx),
            Expr::Method(call) => call.eval(cx),
            Expr::Function(call) => call.eval(cx),
            Expr::Binary(binary) => binary.eval(cx),
            Expr::If(it) => it.eval(cx),
            Expr::Match(it) => it.eval(cx),
            Expr::Nothing => Ok(Outcome::Nothing),
            Expr::Deleted => Ok(Outcome::Deleted),
            Expr::Metadata(key) => metadata(cx, key.as_ref()),
            Expr::Array(elements) => literal::array(elements, cx),
            Expr::Object(members) => literal::object(members, cx),
            Expr::Not(operand) => not(operand, cx),
            Expr::Lambda(lambda) => {
                let value = cx
                    .this(String::new)
                    .map_err(|error| match &lambda.parameter {
                        Some(name) => {
                            error.context(format_args!("failed to capture context {name}"))
                        }
                        None => error.context("failed to capture context _"),
                    })?;
                self.eval_with(&popped(cx), value).map(Outcome::into_owned)
            }
            Expr::Map(map) => {
                let target = map.0.eval(cx)?;
                map.1
                    .eval_with(cx, target.value_or_null())
                    .map(Outcome::into_owned)
            }
            Expr::Get(get) => read(get.target.eval(cx)?, &get.segments),
            Expr::Index(index) => access::index(&index.0, &index.1, cx),
            Expr::Slice(slice) => access::slice(slice, cx),
            Expr::Apply(apply) => {
                let target = apply.target.eval(cx)?;
                statement::call_map(
                    &cx.frame.program.maps[apply.map],
                    target.value_or_null(),
                    cx,
                )
            }
        }
    }

    /// Evaluates the expression with `value` as its context: the parameter of a lambda, `this`
    /// of anything else.
    #[inline]
    pub fn eval_with<'v, 'a: 'v>(
        &'v self,
        cx: &Cx<'a>,
        value: &'v Value,
    ) -> Result<Outcome<'v>, EvalError> {
        if let Expr::Lambda(lambda) = self {
            if lambda.parameter.is_none() {
                return lambda.body.eval(cx);
            }
            let binding = Binding {
                value,
                outer: cx.parameters,
            };
            let inner = Cx {
                parameters: Some(&binding),
                ..*cx
            };
            return match lambda.body.eval(&inner)? {
                // The value lives longer than the binding that led to it, which the borrow of
                // `binding` hides.
                Outcome::Ref(found) if std::ptr::eq(found, value) => Ok(Outcome::Ref(value)),
                outcome => Ok(outcome.into_owned()),
            };
        }
        let scope = Scope {
            value,
            outer: cx.this,
        };
        let inner = Cx {
            this: This::Scope(&scope),
            ..*cx
        };
        match self.eval(&inner)? {
            Outcome::Ref(found) if std::ptr::eq(found, value) => Ok(Outcome::Ref(value)),
            outcome => Ok(outcome.into_owned()),
        }
    }
}

/// The context without its innermost value.
fn popped<'a>(cx: &Cx<'a>) -> Cx<'a> {
    let this = match cx.this {
        This::Scope(scope) => scope.outer,
        This::Top | This::Missing => This::Missing,
    };
    Cx { this, ..*cx }
}

/// What stands at a path of an outcome; null when it leads nowhere.
pub(crate) fn read<'a>(
    outcome: Outcome<'a>,
    segments: &[Segment],
) -> Result<Outcome<'a>, EvalError> {
    Ok(match outcome {
        Outcome::Ref(value) => at(value, segments)?,
        Outcome::Own(value) => at(&value, segments)?.into_owned(),
        Outcome::Nothing | Outcome::Deleted if segments.is_empty() => outcome,
        Outcome::Nothing | Outcome::Deleted => Outcome::Ref(&NULL),
    })
}

/// The segments of a dot path, which may be as long as any text that a mapping makes.
pub(crate) fn dot_path(text: &str) -> Result<Vec<Segment>, EvalError> {
    const SHORT: usize = 64;
    if text.len() > SHORT {
        let count = 1 + text.bytes().filter(|byte| *byte == b'.').count();
        budget::steps(count)?;
        budget::make(text.len() + count * size_of::<Segment>())?;
    }
    Ok(Segment::parse_dot_path(text))
}

/// What stands at a path of a value; null when it leads nowhere.
#[inline]
pub(crate) fn at<'a>(value: &'a Value, segments: &[Segment]) -> Result<Outcome<'a>, EvalError> {
    budget::path(value, segments)?;
    Ok(match value.path(segments) {
        None => Outcome::Ref(&NULL),
        Some(Cow::Borrowed(found)) => Outcome::Ref(found),
        Some(Cow::Owned(found)) => {
            budget::read(&found)?;
            Outcome::Own(found)
        }
    })
}

impl Path {
    #[inline]
    fn eval<'a>(&'a self, cx: &Cx<'a>) -> Result<Outcome<'a>, EvalError> {
        let value = match &self.base {
            Base::This => cx.this(|| dotted(&self.segments))?,
            Base::Parameter { level, name } => parameter(cx, *level, name)?,
            Base::Variable { slot, name } => match cx.frame.variables.get(*slot) {
                Some(Some(value)) => value,
                _ => return Err(undefined(name)),
            },
            Base::Root => match cx.frame.root {
                None => {
                    return Err(EvalError::new(
                        "unable to reference `root` from this context",
                    ));
                }
                Some(root) => return read(root.as_borrowed(), &self.segments),
            },
        };
        if self.segments.is_empty() {
            return Ok(Outcome::Ref(value));
        }
        at(value, &self.segments)
    }
}

#[inline]
fn parameter<'a>(cx: &Cx<'a>, level: usize, name: &Text) -> Result<&'a Value, EvalError> {
    let mut binding = cx.parameters;
    for _ in 0..level {
        binding = binding.and_then(|it| it.outer);
    }
    match binding {
        Some(binding) => Ok(binding.value),
        None => Err(EvalError::new(format!(
            "named context {name} was not found"
        ))),
    }
}

#[cold]
fn undefined(name: &Text) -> EvalError {
    EvalError::complete(format!("variable '{name}' undefined"))
}

fn metadata<'a>(cx: &Cx<'a>, key: Option<&Text>) -> Result<Outcome<'a>, EvalError> {
    let Some(metadata) = cx.frame.metadata else {
        return Err(EvalError::new("metadata cannot be queried in this context"));
    };
    Ok(match key {
        Some(key) => Outcome::Ref(metadata.get(key).unwrap_or(&NULL)),
        None => Outcome::Own(metadata_object(metadata)),
    })
}

/// All metadata as an object.
pub(crate) fn metadata_object(metadata: &Metadata) -> Value {
    metadata
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect::<Object>()
        .into()
}

fn not<'a>(operand: &'a Expr, cx: &Cx<'a>) -> Result<Outcome<'a>, EvalError> {
    let outcome = operand.eval(cx)?;
    match outcome.value() {
        Some(Value::Bool(bool)) => Ok(Outcome::Own(Value::Bool(!bool))),
        _ => Err(EvalError::wrong_outcome(&outcome, &["bool"]).blaming(|| operand.annotation())),
    }
}

impl Binary {
    fn eval<'a>(&'a self, cx: &Cx<'a>) -> Result<Outcome<'a>, EvalError> {
        match self.operator {
            Operator::Coalesce => match self.left.eval(cx) {
                Ok(outcome) if !outcome.is_null() => Ok(outcome),
                _ => self.right.eval(cx),
            },
            Operator::And => self.both(cx, false),
            Operator::Or => self.both(cx, true),
            operator => {
                let left = self.left.eval(cx)?;
                let right = self.right.eval(cx)?;
                if let (Some(left), Some(right)) = (left.value(), right.value()) {
                    arithmetic::pay(operator, left, right)?;
                }
                arithmetic::apply(operator, &left, &right)
                    .map(Outcome::Own)
                    .map_err(|fault| fault.into_error(operator, &left, &right, self))
            }
        }
    }

    /// `&&` and `||`: the right side counts only when the left one does not decide.
    fn both<'a>(&'a self, cx: &Cx<'a>, decides: bool) -> Result<Outcome<'a>, EvalError> {
        let truth = |expr: &'a Expr| -> Result<bool, EvalError> {
            let outcome = expr.eval(cx)?;
            outcome
                .value()
                .and_then(Value::truthiness)
                .ok_or_else(|| EvalError::wrong_outcome(&outcome, &["bool"]))
        };
        let result = match truth(&self.left)? {
            left if left == decides => left,
            _ => truth(&self.right)?,
        };
        Ok(Outcome::Own(Value::Bool(result)))
    }
}
