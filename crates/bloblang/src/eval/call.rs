//! Calls of methods and functions, paid for as far as they look and by what they make.

use std::borrow::Cow;

use millrace_message::Value;

use super::Cx;
use crate::arguments::{self, Argument, Arguments, Call};
use crate::budget;
use crate::eval_error::EvalError;
use crate::outcome::Outcome;
use crate::program::{FunctionCall, MethodCall};
use crate::registry::{FunctionRun, MethodRun, Reach};

impl MethodCall {
    pub(super) fn eval<'a>(&'a self, cx: &Cx<'a>) -> Result<Outcome<'a>, EvalError> {
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
    pub(super) fn eval<'a>(&'a self, cx: &Cx<'a>) -> Result<Outcome<'a>, EvalError> {
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
