//! `if` and `match` expressions.

use millrace_message::Value;

use super::{Cx, Scope, This};
use crate::budget;
use crate::eval_error::{EvalError, shortened};
use crate::outcome::{NULL, Outcome};
use crate::program::{Expr, If, Match, Pattern};

impl If {
    pub(super) fn eval<'a>(&'a self, cx: &Cx<'a>) -> Result<Outcome<'a>, EvalError> {
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
    pub(super) fn eval<'a>(&'a self, cx: &Cx<'a>) -> Result<Outcome<'a>, EvalError> {
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
