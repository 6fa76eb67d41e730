//! Calls of functions and methods.

use super::{Place, Slot, Walker};
use crate::Fault;
use crate::ast::Operand;
use crate::functions::{Call, Callee, HostArgument, Type};
use crate::value::Val;

/// What a call of the host takes, in steps: the host bounds the call itself, and by these the clock is
/// read now and then.
const HOST_STEPS: usize = 1000;

impl<'p> Walker<'p, '_> {
    /// Calls a function; `place` is what errors of the function itself are about, `last` the value
    /// that comes down the pipeline.
    #[allow(clippy::too_many_arguments, reason = "all of a call, each once")]
    pub(super) fn call(
        &mut self,
        dot: &Slot,
        callee: Callee,
        name: &str,
        place: Place<'p>,
        receiver: Option<Val>,
        arguments: &'p [Operand],
        last: Option<Slot>,
    ) -> Result<Slot, Fault> {
        self.step()?;
        let count = arguments.len() + usize::from(last.is_some());
        let (parameters, rest): (&[Type], _) = match callee {
            Callee::Builtin(function) => (function.parameters, function.rest),
            Callee::And | Callee::Or | Callee::Call => (&[Type::Value], Some(Type::Value)),
            Callee::Host(_, HostArgument::Any) => (&[Type::Any], None),
            Callee::Host(_, HostArgument::Text) => (&[Type::Text], None),
        };
        if rest.is_some() && count < parameters.len() {
            let (least, given) = (parameters.len(), arguments.len());
            return Err(self.error(format_args!(
                "wrong number of args for {name}: want at least {least} got {given}"
            )));
        }
        if rest.is_none() && count != parameters.len() {
            let exactly = parameters.len();
            return Err(self.error(format_args!(
                "wrong number of args for {name}: want {exactly} got {count}"
            )));
        }
        if let Callee::And | Callee::Or = callee {
            return self.shortened(dot, matches!(callee, Callee::Or), arguments, last);
        }
        let kind = |index: usize| parameters.get(index).copied().or(rest).unwrap_or(Type::Any);
        let mut values = Vec::with_capacity(count + 1);
        values.extend(receiver);
        for (index, operand) in arguments.iter().enumerate() {
            values.push(self.argument(dot, kind(index), operand)?);
        }
        if let Some(last) = last {
            values.push(self.checked(last, kind(arguments.len()))?);
        }
        let result = match callee {
            Callee::Builtin(function) => {
                let mut call = Call {
                    values: &values,
                    run: &mut self.run,
                };
                (function.run)(&mut call).map(|value| Slot {
                    is_boxed: function.gives_any || matches!(value, Val::Nil),
                    value,
                })
            }
            Callee::Call => Err(Fault::new(match &values[0] {
                Val::Missing | Val::Nil => "call of nil".to_owned(),
                other => {
                    let shown = arguments.first().map(ToString::to_string);
                    let name = shown.unwrap_or_else(|| format!("<{} Value>", other.type_name()));
                    format!("non-function {name} of type {}", other.type_name())
                }
            })),
            Callee::Host(index, _) => self.host(index, &values[0]).map(Slot::boxed),
            Callee::And | Callee::Or => unreachable!("they were carried out above"),
        };
        result.map_err(|fault| {
            self.place = place;
            self.error(format_args!("error calling {name}: {fault}"))
        })
    }

    fn host(&mut self, index: usize, argument: &Val) -> Result<Val, Fault> {
        self.run.meter.step(HOST_STEPS)?;
        let argument = argument.to_value(&self.run.meter)?;
        let value = self.run.host.call(index, argument).map_err(Fault::new)?;
        Val::of_mapping(&value, &self.run.meter)
    }

    /// `and` and `or`, which evaluate no more arguments than they need.
    fn shortened(
        &mut self,
        dot: &Slot,
        is_or: bool,
        arguments: &'p [Operand],
        last: Option<Slot>,
    ) -> Result<Slot, Fault> {
        let mut value = Val::Missing;
        for operand in arguments {
            value = self.argument(dot, Type::Value, operand)?;
            if value.is_true() == is_or {
                return Ok(Slot::plain(value));
            }
        }
        Ok(match last {
            Some(last) => last,
            None => Slot::plain(value),
        })
    }
}
