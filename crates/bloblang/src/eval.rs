//! The evaluator: walks a compiled expression and gives its outcome.
//!
//! Values are borrowed wherever they exist already (the message, variables, literals), so reading
//! copies nothing; contexts live on the Rust stack, so binding a lambda's parameter or changing
//! `this` allocates nothing.

use std::borrow::Cow;
use std::sync::LazyLock;

use millrace_message::{Message, Metadata, Object, Segment, Text, Value};

use crate::arguments::{self, Argument, Arguments, Call};
use crate::ast::Operator;
use crate::budget;
use crate::eval_error::{EvalError, shortened};
use crate::outcome::{NULL, Outcome};
use crate::program::{
    Base, Binary, Expr, FunctionCall, If, Key, Match, MethodCall, Path, Pattern, Program, dotted,
};
use crate::registry::{FunctionRun, MethodRun, Reach};

pub(crate) mod access;
pub(crate) mod arithmetic;
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
            Expr::Array(elements) => array(elements, cx),
            Expr::Object(members) => object(members, cx),
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
            Expr::Get(get) => Ok(read(get.target.eval(cx)?, &get.segments)),
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
pub(crate) fn read<'a>(outcome: Outcome<'a>, segments: &[Segment]) -> Outcome<'a> {
    match outcome {
        Outcome::Ref(value) => value
            .path(segments)
            .map_or(Outcome::Ref(&NULL), Outcome::from),
        Outcome::Own(value) => match value.path(segments) {
            Some(found) => Outcome::Own(found.into_owned()),
            None => Outcome::Ref(&NULL),
        },
        Outcome::Nothing | Outcome::Deleted if segments.is_empty() => outcome,
        Outcome::Nothing | Outcome::Deleted => Outcome::Ref(&NULL),
    }
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
                Some(root) => return Ok(read(root.as_borrowed(), &self.segments)),
            },
        };
        if self.segments.is_empty() {
            return Ok(Outcome::Ref(value));
        }
        Ok(value
            .path(&self.segments)
            .map_or(Outcome::Ref(&NULL), Outcome::from))
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

fn array<'a>(elements: &'a [Expr], cx: &Cx<'a>) -> Result<Outcome<'a>, EvalError> {
    let mut values = Vec::with_capacity(elements.len());
    for element in elements {
        values.extend(element.eval(cx)?.into_value());
    }
    values.iter().try_for_each(budget::held)?;
    Ok(Outcome::Own(Value::from(values)))
}

fn object<'a>(members: &'a [(Key, Expr)], cx: &Cx<'a>) -> Result<Outcome<'a>, EvalError> {
    let mut object = Object::with_capacity(members.len());
    for (key, value) in members {
        let key = match key {
            Key::Static(key) => key.clone(),
            Key::Dynamic(key) => key_text(key, cx)?,
        };
        let outcome = value
            .eval(cx)
            .map_err(|error| error.context(format_args!("failed to resolve '{key}' value")))?;
        if let Some(value) = outcome.into_value() {
            budget::held(&value)?;
            object.insert(key, value);
        }
    }
    Ok(Outcome::Own(Value::from(object)))
}

fn key_text(key: &Expr, cx: &Cx<'_>) -> Result<Text, EvalError> {
    let outcome = key
        .eval(cx)
        .map_err(|error| error.context("failed to resolve key"))?;
    match outcome.value() {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(bytes @ Value::Bytes(_)) => Ok(bytes.to_text()),
        _ => Err(EvalError::complete(format!(
            "mapping returned invalid key type: {}",
            outcome.type_name()
        ))),
    }
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

impl If {
    fn eval<'a>(&'a self, cx: &Cx<'a>) -> Result<Outcome<'a>, EvalError> {
        for (i, (condition, value)) in self.branches.iter().enumerate() {
            let outcome = condition.eval(cx).map_err(|error| match i {
                0 => error.context("failed to check if condition"),
                i => error.context(format_args!("failed to check if condition {i}")),
            })?;
            if is_true(&outcome, condition)? {
                return value.eval(cx);
            }
        }
        match &self.otherwise {
            Some(value) => value.eval(cx),
            None => Ok(Outcome::Nothing),
        }
    }
}

/// The truth of a condition: a bool, or null for false.
fn is_true(outcome: &Outcome<'_>, condition: &Expr) -> Result<bool, EvalError> {
    match outcome.value() {
        Some(Value::Bool(bool)) => Ok(*bool),
        Some(Value::Null) => Ok(false),
        _ => Err(non_boolean(outcome, condition)),
    }
}

#[cold]
pub(crate) fn non_boolean(outcome: &Outcome<'_>, condition: &Expr) -> EvalError {
    let value = outcome.value_or_null();
    let shown = match budget::unfold(value) {
        Ok(()) => shortened(&value.to_text()).into_owned(),
        Err(_) => "…".to_owned(),
    };
    EvalError::complete(format!(
        "{} resolved to a non-boolean value {} ({})",
        condition.annotation(),
        shown,
        outcome.type_name()
    ))
}

impl Match {
    fn eval<'a>(&'a self, cx: &Cx<'a>) -> Result<Outcome<'a>, EvalError> {
        let Some(context) = &self.context else {
            // Without a context of its own, `this` stays what it is (and may be missing).
            let this = cx.this(String::new).unwrap_or(&NULL);
            return self.choose(cx, this);
        };
        let outcome = context.eval(cx)?;
        let value = outcome.value_or_null();
        let scope = Scope {
            value,
            outer: cx.this,
        };
        let inner = Cx {
            this: This::Scope(&scope),
            ..*cx
        };
        self.choose(&inner, value).map(Outcome::into_owned)
    }

    fn choose<'a>(&'a self, cx: &Cx<'a>, value: &Value) -> Result<Outcome<'a>, EvalError> {
        for (i, (pattern, result)) in self.cases.iter().enumerate() {
            let matches = match pattern {
                Pattern::Any => true,
                Pattern::Equals(literal) => value.loosely_equals(literal),
                Pattern::Condition(condition) => {
                    let outcome = condition.eval(cx).map_err(|error| {
                        error.context(format_args!("failed to check match case {i}"))
                    })?;
                    matches!(outcome.value(), Some(Value::Bool(true)))
                }
            };
            if matches {
                return result.eval(cx);
            }
        }
        Ok(Outcome::Nothing)
    }
}

impl MethodCall {
    fn eval<'a>(&'a self, cx: &Cx<'a>) -> Result<Outcome<'a>, EvalError> {
        if let Some(prepared) = &self.prepared {
            let target = self.target(cx)?;
            return self.made(prepared(target));
        }
        if !self
            .arguments
            .iter()
            .any(|argument| matches!(argument, Argument::Dynamic { .. }))
        {
            return self.run(&Call {
                cx: *cx,
                arguments: Arguments::fixed(&self.arguments),
            });
        }
        let about = &self.method.about;
        let dynamic = arguments::evaluate(about.name, &about.parameters, &self.arguments, cx)?;
        let arguments = Arguments {
            list: &self.arguments,
            dynamic: &dynamic,
        };
        self.run(&Call { cx: *cx, arguments })
            .map(Outcome::into_owned)
    }

    #[inline]
    fn run<'a>(&'a self, call: &Call<'a>) -> Result<Outcome<'a>, EvalError> {
        if self.method.reach == Reach::Deep {
            let mut arguments = call.arguments.dynamic.iter().filter_map(Outcome::value);
            arguments.try_for_each(budget::unfold)?;
        }
        let result = match self.method.run {
            MethodRun::Control(run) => return run(&self.target, call),
            MethodRun::Value(run) => run(self.target(&call.cx)?, call),
            MethodRun::Prepare(prepare) => {
                budget::prepared()?;
                let prepared = prepare(&call.arguments, &call.cx.frame.program.environment)?;
                prepared(self.target(&call.cx)?)
            }
        };
        self.made(result)
    }

    /// The result of the method, paid for.
    #[inline]
    fn made<'a>(&self, result: Result<Value, EvalError>) -> Result<Outcome<'a>, EvalError> {
        match result {
            Ok(value) if value.is_light() => Ok(Outcome::Own(value)),
            result => self.made_heavy(result),
        }
    }

    #[inline(never)]
    fn made_heavy<'a>(&self, result: Result<Value, EvalError>) -> Result<Outcome<'a>, EvalError> {
        result
            .and_then(|value| {
                match self.method.reach {
                    // What it gives is a part of its target.
                    Reach::Glance => budget::shared(&value),
                    Reach::Whole | Reach::Deep => budget::made(&value)?,
                }
                Ok(Outcome::Own(value))
            })
            .map_err(|error| error.blaming(|| self.target.annotation()))
    }

    #[inline]
    fn target<'a>(&'a self, cx: &Cx<'a>) -> Result<Cow<'a, Value>, EvalError> {
        let target = match self.target.eval(cx)? {
            Outcome::Ref(value) => Cow::Borrowed(value),
            Outcome::Own(value) => Cow::Owned(value),
            outcome => {
                return Err(
                    EvalError::wrong_outcome(&outcome, &[]).blaming(|| self.target.annotation())
                );
            }
        };
        if !target.is_light() {
            self.look_through(&target)?;
        }
        Ok(target)
    }
}

impl MethodCall {
    /// Pays for looking at a target, as far as the method does.
    #[inline(never)]
    fn look_through(&self, target: &Value) -> Result<(), EvalError> {
        match self.method.reach {
            Reach::Glance => Ok(()),
            Reach::Whole => budget::operand(target),
            Reach::Deep => {
                budget::operand(target)?;
                budget::unfold(target)
            }
        }
    }
}

impl FunctionCall {
    fn eval<'a>(&'a self, cx: &Cx<'a>) -> Result<Outcome<'a>, EvalError> {
        if !self
            .arguments
            .iter()
            .any(|argument| matches!(argument, Argument::Dynamic { .. }))
        {
            return self.run(
                cx,
                &Call {
                    cx: *cx,
                    arguments: Arguments::fixed(&self.arguments),
                },
            );
        }
        let about = &self.function.about;
        let dynamic = arguments::evaluate(about.name, &about.parameters, &self.arguments, cx)?;
        let arguments = Arguments {
            list: &self.arguments,
            dynamic: &dynamic,
        };
        self.run(cx, &Call { cx: *cx, arguments })
            .map(Outcome::into_owned)
    }

    #[inline]
    fn run<'a>(&'a self, cx: &Cx<'a>, call: &Call<'a>) -> Result<Outcome<'a>, EvalError> {
        let result = match (&self.prepared, self.function.run) {
            (Some(prepared), _) => prepared(call),
            (None, FunctionRun::Value(run)) => run(call),
            (None, FunctionRun::Control(run)) => return run(cx, call),
            (None, FunctionRun::Prepare(prepare)) => {
                budget::prepared()?;
                prepare(&call.arguments, &cx.frame.program.environment)?(call)
            }
        };
        let value = result?;
        // Some functions give the same value again and again.
        budget::shared(&value);
        Ok(Outcome::Own(value))
    }
}
