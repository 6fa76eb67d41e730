//! Pipelines, commands and operands: what they are worth.

use super::{Place, Slot, Walker};
use crate::Fault;
use crate::ast::{Command, Constant, Operand, OperandKind, Pipe};
use crate::functions::Type;
use crate::literal::Number;
use crate::value::{Str, Val, nested};

impl<'p> Walker<'p, '_> {
    /// The value of a pipeline, which its variables take.
    pub(super) fn pipe(&mut self, dot: &Slot, pipe: &'p Pipe) -> Result<Slot, Fault> {
        self.place = Place::Pipe(pipe);
        let mut last: Option<Slot> = None;
        for command in &pipe.commands {
            self.step()?;
            last = Some(self.command(dot, command, last)?.unboxed());
        }
        let slot = last.unwrap_or_else(|| Slot::plain(Val::Missing));
        for variable in &pipe.variables {
            match pipe.assigns {
                true => self.set_variable(&variable.name, slot.clone())?,
                false => self.variables.push((&variable.name, slot.clone())),
            }
        }
        Ok(slot)
    }

    /// The value of a command; `last` is what the command before it gives.
    fn command(
        &mut self,
        dot: &Slot,
        command: &'p Command,
        last: Option<Slot>,
    ) -> Result<Slot, Fault> {
        let first = &command.operands[0];
        let arguments = &command.operands[1..];
        let has_arguments = !arguments.is_empty() || last.is_some();
        match &first.kind {
            OperandKind::Field(fields) => {
                self.place = Place::Operand(first);
                self.fields(dot, dot.clone(), first, fields, arguments, last)
            }
            OperandKind::Chain { inner, fields } => {
                self.place = Place::Operand(first);
                let receiver = self.chained(dot, first, inner)?;
                self.fields(dot, receiver, first, fields, arguments, last)
            }
            OperandKind::Function { name, callee } => {
                self.place = Place::Operand(first);
                self.call(
                    dot,
                    *callee,
                    name,
                    Place::Command(command),
                    None,
                    arguments,
                    last,
                )
            }
            OperandKind::Pipe(pipe) => {
                self.refuse_arguments(has_arguments, first)?;
                nested(|| self.pipe(dot, pipe))
            }
            OperandKind::Variable { name, fields } => {
                self.place = Place::Operand(first);
                let slot = self.variable(name)?;
                if fields.is_empty() {
                    self.refuse_arguments(has_arguments, first)?;
                    return Ok(slot);
                }
                self.fields(dot, slot, first, fields, arguments, last)
            }
            OperandKind::Nil => {
                self.place = Place::Operand(first);
                self.refuse_arguments(has_arguments, first)?;
                Err(self.error("nil is not a command"))
            }
            _ => {
                self.place = Place::Operand(first);
                self.refuse_arguments(has_arguments, first)?;
                self.literal(dot, first)
            }
        }
    }

    fn refuse_arguments(&self, has_arguments: bool, operand: &Operand) -> Result<(), Fault> {
        match has_arguments {
            true => Err(self.error(format_args!(
                "can't give argument to non-function {operand}"
            ))),
            false => Ok(()),
        }
    }

    /// A literal where nothing says which type it should have.
    fn literal(&mut self, dot: &Slot, operand: &'p Operand) -> Result<Slot, Fault> {
        Ok(match &operand.kind {
            OperandKind::Dot => dot.clone(),
            OperandKind::Bool(bool) => Slot::plain(Val::Bool(*bool)),
            OperandKind::Number(number) => Slot::plain(self.ideal(number)?),
            OperandKind::Text { value, .. } => Slot::plain(self.constant(value)?),
            _ => {
                return Err(self.error(format_args!(
                    "can't handle assignment of {operand} to empty interface argument"
                )));
            }
        })
    }

    fn constant(&self, constant: &Constant) -> Result<Val, Fault> {
        match constant {
            Constant::Text(text) => Ok(Val::Str(Str::Text(text.clone()))),
            Constant::Bytes(bytes) => {
                self.located(Str::made(bytes.clone(), &self.run.meter).map(Val::Str))
            }
        }
    }

    fn ideal(&self, number: &Number) -> Result<Val, Fault> {
        match (number.is_float(), number.int, number.float) {
            (true, _, Some(float)) => Ok(Val::Float(float)),
            (_, Some(int), _) => Ok(Val::Int(int)),
            _ => Err(self.error(format_args!("{} overflows int", number.text))),
        }
    }

    /// What the fields of a chain are taken of.
    fn chained(
        &mut self,
        dot: &Slot,
        chain: &'p Operand,
        inner: &'p Operand,
    ) -> Result<Slot, Fault> {
        if let OperandKind::Nil = inner.kind {
            return Err(self.error(format_args!("indirection through explicit nil in {chain}")));
        }
        self.operand(dot, inner)
    }

    /// An operand that is no literal.
    fn operand(&mut self, dot: &Slot, operand: &'p Operand) -> Result<Slot, Fault> {
        self.place = Place::Operand(operand);
        match &operand.kind {
            OperandKind::Dot => Ok(dot.clone()),
            OperandKind::Field(fields) => self.fields(dot, dot.clone(), operand, fields, &[], None),
            OperandKind::Variable { name, fields } => {
                let slot = self.variable(name)?;
                match fields.is_empty() {
                    true => Ok(slot),
                    false => self.fields(dot, slot, operand, fields, &[], None),
                }
            }
            OperandKind::Pipe(pipe) => nested(|| self.pipe(dot, pipe)),
            OperandKind::Function { name, callee } => {
                let place = Place::Operand(operand);
                self.call(dot, *callee, name, place, None, &[], None)
            }
            OperandKind::Chain { inner, fields } => {
                let receiver = self.chained(dot, operand, inner)?;
                self.fields(dot, receiver, operand, fields, &[], None)
            }
            _ => self.literal(dot, operand),
        }
    }

    /// An operand as an argument of this type.
    pub(super) fn argument(
        &mut self,
        dot: &Slot,
        kind: Type,
        operand: &'p Operand,
    ) -> Result<Val, Fault> {
        self.place = Place::Operand(operand);
        let expected = |what: &str| format!("expected {what}; found {operand}");
        let reason = match (&operand.kind, kind) {
            (OperandKind::Nil, Type::Any) => return Ok(Val::Nil),
            (OperandKind::Nil, Type::Value | Type::Map) => return Ok(Val::Missing),
            (OperandKind::Nil, _) => format!("cannot assign nil to {}", kind.name()),
            (
                OperandKind::Bool(_) | OperandKind::Number(_) | OperandKind::Text { .. },
                Type::Any | Type::Value,
            ) => return Ok(self.literal(dot, operand)?.value),
            (OperandKind::Bool(bool), Type::Bool) => return Ok(Val::Bool(*bool)),
            (OperandKind::Text { value, .. }, Type::Text) => return self.constant(value),
            (OperandKind::Number(number), Type::Int | Type::Uint32 | Type::Float) => {
                match number_as(number, kind) {
                    Some(value) => return Ok(value),
                    None => expected(literal_name(kind)),
                }
            }
            (OperandKind::Bool(_) | OperandKind::Number(_) | OperandKind::Text { .. }, _) => {
                match literal_name(kind) {
                    "" => format!("can't handle {operand} for arg of type {}", kind.name()),
                    name => expected(name),
                }
            }
            _ => {
                let slot = self.operand(dot, operand)?;
                return self.checked(slot, kind);
            }
        };
        Err(self.error(reason))
    }

    /// A value as an argument of this type.
    pub(super) fn checked(&self, slot: Slot, kind: Type) -> Result<Val, Fault> {
        let is_right = match (&slot.value, kind) {
            (Val::Missing, Type::Any) => return Ok(Val::Nil),
            (Val::Missing, Type::Value | Type::Map) => return Ok(Val::Missing),
            (Val::Missing, _) => {
                return Err(self.error(format_args!("invalid value; expected {}", kind.name())));
            }
            (_, Type::Any | Type::Value)
            | (Val::Bool(_), Type::Bool)
            | (Val::Int(_), Type::Int)
            | (Val::Float(_), Type::Float)
            | (Val::Str(_), Type::Text)
            | (Val::Time(_), Type::Time)
            | (Val::Version(_), Type::Version) => true,
            (Val::Map(map), Type::Map) => map.kind() == crate::value::MapKind::Any,
            _ => false,
        };
        if is_right {
            return Ok(slot.value);
        }
        let given = match slot.value {
            Val::Nil => "interface {}",
            ref other => other.type_name(),
        };
        Err(self.error(format_args!(
            "wrong type for value; expected {}; got {given}",
            kind.name()
        )))
    }
}

/// What a literal of this type is called; nothing when there is none.
fn literal_name(kind: Type) -> &'static str {
    match kind {
        Type::Bool => "bool",
        Type::Int => "integer",
        Type::Uint32 => "unsigned integer",
        Type::Float => "float",
        Type::Text => "string",
        Type::Any | Type::Value | Type::Map | Type::Time | Type::Version => "",
    }
}

fn number_as(number: &Number, kind: Type) -> Option<Val> {
    match kind {
        Type::Int => number.int.map(Val::Int),
        Type::Uint32 => number.uint.map(|it| Val::Uint64(u64::from(it as u32))),
        Type::Float => number.float.map(Val::Float),
        _ => None,
    }
}
