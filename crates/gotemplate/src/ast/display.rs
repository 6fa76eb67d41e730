//! Parts of a template as errors quote them.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use millrace_bloblang::quote;

use super::{Call, Command, Operand, OperandKind, Pipe};

impl Display for Pipe {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, variable) in self.variables.iter().enumerate() {
            let separator = if index > 0 { ", " } else { "" };
            write!(f, "{separator}{}", variable.name)?;
        }
        if !self.variables.is_empty() {
            f.write_str(if self.assigns { " = " } else { " := " })?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            let separator = if index > 0 { " | " } else { "" };
            write!(f, "{separator}{command}")?;
        }
        Ok(())
    }
}

impl Display for Command {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, operand) in self.operands.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            write_in_parens(operand, f)?;
        }
        Ok(())
    }
}

fn write_in_parens(operand: &Operand, f: &mut Formatter<'_>) -> fmt::Result {
    match &operand.kind {
        OperandKind::Pipe(pipe) => write!(f, "({pipe})"),
        _ => write!(f, "{operand}"),
    }
}

fn write_fields(fields: &[Arc<str>], f: &mut Formatter<'_>) -> fmt::Result {
    fields.iter().try_for_each(|field| write!(f, ".{field}"))
}

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            OperandKind::Dot => f.write_str("."),
            OperandKind::Nil => f.write_str("nil"),
            OperandKind::Bool(bool) => write!(f, "{bool}"),
            OperandKind::Number(number) => f.write_str(&number.text),
            OperandKind::Text { quoted, .. } => f.write_str(quoted),
            OperandKind::Field(fields) => write_fields(fields, f),
            OperandKind::Variable { name, fields } => {
                f.write_str(name)?;
                write_fields(fields, f)
            }
            OperandKind::Function { name, .. } => f.write_str(name),
            OperandKind::Chain { inner, fields } => {
                write_in_parens(inner, f)?;
                write_fields(fields, f)
            }
            OperandKind::Pipe(pipe) => write!(f, "{pipe}"),
        }
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{template {}", quote(&self.name))?;
        if let Some(pipe) = &self.pipe {
            write!(f, " {pipe}")?;
        }
        f.write_str("}}")
    }
}
