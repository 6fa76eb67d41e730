//! Fields: members of maps, and methods of the values that have some.

use std::sync::Arc;

use super::{Place, Slot, Walker};
use crate::Fault;
use crate::ast::Operand;
use crate::functions::{Callee, methods};
use crate::value::{MapKind, Val};

impl<'p> Walker<'p, '_> {
    /// `.a.b.c` of a value; arguments are those of a method at the end.
    pub(super) fn fields(
        &mut self,
        dot: &Slot,
        receiver: Slot,
        operand: &'p Operand,
        fields: &[Arc<str>],
        arguments: &'p [Operand],
        last: Option<Slot>,
    ) -> Result<Slot, Fault> {
        let mut receiver = receiver;
        let Some((end, fields)) = fields.split_last() else {
            return Ok(receiver);
        };
        for field in fields {
            receiver = self.field(dot, receiver, operand, field, &[], None)?;
        }
        self.field(dot, receiver, operand, end, arguments, last)
    }

    fn field(
        &mut self,
        dot: &Slot,
        receiver: Slot,
        operand: &'p Operand,
        name: &str,
        arguments: &'p [Operand],
        last: Option<Slot>,
    ) -> Result<Slot, Fault> {
        self.step()?;
        let has_arguments = !arguments.is_empty() || last.is_some();
        match &receiver.value {
            Val::Missing => return Ok(Slot::plain(Val::Missing)),
            Val::Nil => {
                return Err(
                    self.error(format_args!("nil pointer evaluating interface {{}}.{name}"))
                );
            }
            Val::Map(_) if has_arguments => {
                return Err(self.error(format_args!("{name} is not a method but has arguments")));
            }
            Val::Map(map) => {
                let found = self.located(map.get(name))?;
                return Ok(match found {
                    Some(value) => Slot {
                        value,
                        is_boxed: map.kind() == MapKind::Any,
                    },
                    None => Slot::plain(Val::Missing),
                });
            }
            _ => {}
        }
        if let Some(method) = methods::find(&receiver.value, name) {
            let callee = Callee::Builtin(method);
            let place = Place::Operand(operand);
            let receiver = Some(receiver.value);
            return self.call(dot, callee, name, place, receiver, arguments, last);
        }
        let reason = match methods::is_refused(&receiver.value, name) {
            true => format!(
                "the method {name} of {} is not supported",
                receiver.value.type_name()
            ),
            false => format!(
                "can't evaluate field {name} in type {}",
                receiver.type_name()
            ),
        };
        Err(self.error(reason))
    }
}
