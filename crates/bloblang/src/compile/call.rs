//! Calls of functions and methods: look-up, arguments, preparation, folding of pure ones.

use millrace_diagnostics::did_you_mean;
use millrace_message::{Text, Value};

use super::Compiler;
use crate::arguments::{self, Argument, Arguments};
use crate::ast::{Arguments as AstArguments, Expr as Ast, Name, Span};
use crate::budget;
use crate::environment::Environment;
use crate::error::SyntaxError;
use crate::eval::{Cx, Frame, Top};
use crate::eval_error::EvalError;
use crate::outcome::Outcome;
use crate::program::{Body, CacheUse, Expr, FunctionCall, MethodCall, Program};
use crate::registry::{
    About, Default, FunctionRun, MethodRun, Parameter, ParameterKind, Parameters,
};
use crate::{functions, methods, not_built};

/// Functions whose first argument is the label of a cache.
const CACHE_FUNCTIONS: [&str; 4] = ["cache_get", "cache_set", "cache_add", "cache_delete"];

impl Compiler<'_> {
    pub(super) fn function(&mut self, name: &Name, tree: &AstArguments) -> Expr {
        let Some(function) = functions::find(&name.text) else {
            let names = functions::all().map(|function| function.about.name);
            return self.unknown("function", name, names);
        };
        match function.about.name {
            "deleted" if tree.list.is_empty() => return Expr::Deleted,
            "nothing" if tree.list.is_empty() => return Expr::Nothing,
            _ => {}
        }
        let Some(arguments) = self.arguments(&function.about, tree, name.span) else {
            return Expr::Nothing;
        };
        if function.about.name == "var"
            && let Ok(variable) = Arguments::fixed(&arguments).text(0)
        {
            return self.variable(variable, name.span);
        }
        // Those of an imported file have no place in this text.
        if CACHE_FUNCTIONS.contains(&function.about.name)
            && self.import_depth == 0
            && let Ok(label) = Arguments::fixed(&arguments).text(0)
        {
            self.caches.push(CacheUse {
                label: label.to_string(),
                span: name.span,
            });
        }
        let mut prepared = None;
        if let FunctionRun::Prepare(prepare) = function.run
            && is_static(&arguments)
        {
            match budget::without_steps(|| prepare(&Arguments::fixed(&arguments), self.environment))
            {
                Ok(step) => prepared = Some(step),
                // With the bytes of a message it may go well.
                Err(error) if error.is_limit() => {}
                Err(error) => return self.error(tree.span, error.to_string()),
            }
        }
        let pure = function.about.pure && is_static(&arguments) && !has_query(&arguments);
        let call = Expr::Function(Box::new(FunctionCall {
            function,
            arguments,
            prepared,
        }));
        if pure {
            self.evaluated(call, name)
        } else {
            call
        }
    }

    pub(super) fn method(&mut self, target: Expr, name: &Name, tree: &AstArguments) -> Expr {
        let target = match self.built_in(target, &name.text, tree) {
            Ok(expr) => return expr,
            Err(target) => target,
        };
        let Some(method) = methods::find(&name.text) else {
            let names = methods::all().map(|method| method.about.name);
            return self.unknown("method", name, names);
        };
        let Some(arguments) = self.arguments(&method.about, tree, name.span) else {
            return Expr::Nothing;
        };
        let target = match takes_timestamp(&method.about) {
            true => without_text(target),
            false => target,
        };
        let mut prepared = None;
        if let MethodRun::Prepare(prepare) = method.run
            && is_static(&arguments)
        {
            match budget::without_steps(|| prepare(&Arguments::fixed(&arguments), self.environment))
            {
                Ok(step) => prepared = Some(step),
                // With the bytes of a message it may go well.
                Err(error) if error.is_limit() => {}
                Err(error) => return self.error(tree.span, error.to_string()),
            }
        }
        let pure = method.about.pure
            && target.as_literal().is_some()
            && is_static(&arguments)
            && !has_query(&arguments)
            && !matches!(method.run, MethodRun::Control(_));
        let call = Expr::Method(Box::new(MethodCall {
            method,
            target,
            arguments,
            prepared,
        }));
        if pure {
            self.evaluated(call, name)
        } else {
            call
        }
    }

    fn unknown(
        &mut self,
        what: &str,
        name: &Name,
        names: impl Iterator<Item = &'static str>,
    ) -> Expr {
        let mut error = SyntaxError::new(name.span, format!("unrecognised {what} `{}`", name.text));
        let known = if what == "method" {
            not_built::METHODS
        } else {
            not_built::FUNCTIONS
        };
        error.help = if self.errors.is_full() {
            None
        } else if known.contains(&&*name.text) {
            Some(format!("Bento has this {what}, this build does not"))
        } else {
            did_you_mean(&name.text, names)
        };
        self.errors.push(error);
        Expr::Nothing
    }

    /// Brings arguments into the order of the parameters; nothing after a complaint.
    fn arguments(
        &mut self,
        about: &About,
        tree: &AstArguments,
        name: Span,
    ) -> Option<Vec<Argument>> {
        let before = self.errors.count();
        let mut places = 0;
        let compiled = match about.parameters {
            Parameters::Variadic => {
                if tree.are_named() {
                    self.error(
                        tree.span,
                        format!("`{}` takes no named arguments", about.name),
                    );
                }
                tree.list
                    .iter()
                    .map(|argument| {
                        let value = self.expr(&argument.value);
                        any_argument(value, &mut places)
                    })
                    .collect()
            }
            Parameters::Named(parameters) => {
                self.check_names(about, parameters, tree, name);
                parameters
                    .iter()
                    .enumerate()
                    .map(
                        |(position, parameter)| match given(tree, position, parameter) {
                            Some(value) => self.argument(parameter, value, &mut places),
                            None => default(parameter),
                        },
                    )
                    .collect()
            }
        };
        (self.errors.count() == before).then_some(compiled)
    }

    fn check_names(
        &mut self,
        about: &About,
        parameters: &[Parameter],
        tree: &AstArguments,
        name: Span,
    ) {
        if !tree.are_named() && tree.list.len() > parameters.len() {
            let message = format!(
                "wrong number of arguments for `{}`, expected {}, got {}",
                about.name,
                parameters.len(),
                tree.list.len()
            );
            self.error(tree.span, message);
            return;
        }
        for argument in &tree.list {
            let Some(given) = &argument.name else {
                continue;
            };
            if !parameters
                .iter()
                .any(|parameter| *parameter.name == *given.text)
            {
                let mut error = SyntaxError::new(
                    given.span,
                    format!("unknown parameter `{}` of `{}`", given.text, about.name),
                );
                let names = parameters.iter().map(|parameter| parameter.name);
                error.help = did_you_mean(&given.text, names);
                self.errors.push(error);
            }
        }
        let missing: Vec<&str> = parameters
            .iter()
            .enumerate()
            .filter(|(position, parameter)| {
                matches!(parameter.default, Default::Required)
                    && given(tree, *position, parameter).is_none()
            })
            .map(|(_, parameter)| parameter.name)
            .collect();
        match missing.as_slice() {
            [] => {}
            [one] => {
                self.error(
                    name,
                    format!("missing parameter of `{}`: {one}", about.name),
                );
            }
            several => {
                let list = several.join(", ");
                self.error(
                    name,
                    format!("missing parameters of `{}`: {list}", about.name),
                );
            }
        }
    }

    fn argument(&mut self, parameter: &Parameter, tree: &Ast, places: &mut usize) -> Argument {
        let value = self.expr(tree);
        if parameter.kind == ParameterKind::Query {
            return Argument::Query(value);
        }
        match any_argument(value, places) {
            Argument::Static(outcome) => match arguments::convert(parameter, outcome) {
                Ok(outcome) => Argument::Static(outcome),
                Err(error) => {
                    self.error(tree.span, format!("field {}: {error}", parameter.name));
                    Argument::Absent
                }
            },
            Argument::Dynamic { .. } if parameter.is_static => {
                self.error(
                    tree.span,
                    format!("param {} must not be dynamic", parameter.name),
                );
                Argument::Absent
            }
            argument => argument,
        }
    }
}

/// Whether a method is about a point in time, in whatever form it is given.
fn takes_timestamp(about: &About) -> bool {
    about.name.starts_with("ts_") || about.name.starts_with("format_timestamp")
}

/// The time that `now()` gives, before it is written as text.
fn without_text(target: Expr) -> Expr {
    match target {
        Expr::Function(mut call) if call.function.about.name == "now" => {
            call.function = &functions::NOW_AS_TIMESTAMP;
            Expr::Function(call)
        }
        target => target,
    }
}

/// An argument whose type does not matter.
fn any_argument(value: Expr, places: &mut usize) -> Argument {
    match value {
        Expr::Literal(value) => Argument::Static(Outcome::Own(value)),
        Expr::Nothing => Argument::Static(Outcome::Nothing),
        Expr::Deleted => Argument::Static(Outcome::Deleted),
        value => {
            let place = *places;
            *places += 1;
            Argument::Dynamic { place, value }
        }
    }
}

/// What was written for a parameter.
fn given<'t>(tree: &'t AstArguments, position: usize, parameter: &Parameter) -> Option<&'t Ast> {
    let argument = match tree.are_named() {
        true => tree.list.iter().find(|argument| {
            argument
                .name
                .as_ref()
                .is_some_and(|name| *name.text == *parameter.name)
        }),
        false => tree.list.get(position),
    };
    argument.map(|argument| &argument.value)
}

fn default(parameter: &Parameter) -> Argument {
    let value = match parameter.default {
        Default::Required | Default::Absent => return Argument::Absent,
        Default::Bool(bool) => Value::Bool(bool),
        Default::Integer(integer) => Value::I64(integer),
        Default::Float(float) => Value::F64(float),
        Default::String(text) => Value::String(Text::from_static(text)),
    };
    match parameter.kind {
        ParameterKind::Query => Argument::Query(Expr::Literal(value)),
        _ => Argument::Static(Outcome::Own(value)),
    }
}

fn is_static(arguments: &[Argument]) -> bool {
    !arguments
        .iter()
        .any(|argument| matches!(argument, Argument::Dynamic { .. }))
}

fn has_query(arguments: &[Argument]) -> bool {
    arguments
        .iter()
        .any(|argument| matches!(argument, Argument::Query(_)))
}

impl Compiler<'_> {
    /// The literal that a pure call of literals gives. One that fails stays a call: it fails when it
    /// runs, where `.catch` may take it, or where nobody ever comes.
    fn evaluated(&mut self, call: Expr, name: &Name) -> Expr {
        match evaluate(&call, self.environment) {
            Ok(Some(value)) => Expr::Literal(value),
            Ok(None) => call,
            Err(error) => {
                if !error.is_limit() {
                    let message = format!("`{}` always fails here: {error}", name.text);
                    self.failing.push(SyntaxError::new(name.span, message));
                }
                call
            }
        }
    }
}

fn evaluate(call: &Expr, environment: &Environment) -> Result<Option<Value>, EvalError> {
    let program = Program {
        body: Body::default(),
        maps: Vec::new(),
        environment: std::sync::Arc::new(environment.clone()),
        warnings: Vec::new(),
        caches: Vec::new(),
    };
    let frame = Frame {
        program: &program,
        batch: &[],
        top: Top::Missing,
        variables: &[],
        root: None,
        metadata: None,
        mutated: None,
    };
    let outcome = call.eval(&Cx::new(&frame, 0, 0))?;
    Ok(outcome.into_value())
}
