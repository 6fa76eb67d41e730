//! Calls of functions: those of the language, each with its own rules, and those of programs.

use super::{Parser, Result};
use crate::SyntaxError;
use crate::ast::{Expr, Name};
use crate::token::Builtin;

impl Parser<'_> {
    pub(super) fn call(&mut self, name: Name) -> Result<Expr> {
        self.expect("(")?;
        let mut arguments = Vec::new();
        while !self.is_sign(")") {
            if !arguments.is_empty() {
                self.comma()?;
            }
            arguments.push(self.whole_expression()?);
        }
        self.expect(")")?;
        Ok(Expr::Call(name, arguments))
    }

    pub(super) fn builtin(&mut self, builtin: Builtin) -> Result<Expr> {
        let at = self.current.at;
        if builtin == Builtin::System {
            return self.error("`system` would start a command, which programs cannot do");
        }
        self.next()?;
        if builtin == Builtin::Length && !self.is_sign("(") {
            return Ok(Expr::Builtin(builtin, Vec::new()));
        }
        self.expect("(")?;
        let call = match builtin {
            Builtin::Sub | Builtin::Gsub => self.substitute(builtin == Builtin::Gsub)?,
            Builtin::Split => self.split()?,
            Builtin::Match => {
                let text = self.whole_expression()?;
                self.comma()?;
                Expr::Builtin(builtin, vec![text, self.pattern()?])
            }
            _ => {
                let arguments = self.list(Self::whole_expression)?;
                let (least, most) = arguments_of(builtin);
                if arguments.len() < least || arguments.len() > most {
                    let given = arguments.len();
                    let name = builtin.name();
                    return Err(SyntaxError::new(
                        at,
                        format!("`{name}` does not take {given} arguments"),
                    ));
                }
                Expr::Builtin(builtin, arguments)
            }
        };
        self.expect(")")?;
        Ok(call)
    }

    fn pattern(&mut self) -> Result<Expr> {
        match self.regex_text()? {
            Some(pattern) => Ok(pattern),
            None => self.whole_expression(),
        }
    }

    fn substitute(&mut self, is_global: bool) -> Result<Expr> {
        let pattern = self.pattern()?;
        self.comma()?;
        let replacement = self.whole_expression()?;
        let target = if self.is_sign(",") {
            self.comma()?;
            let at = self.current.at;
            let target = self.whole_expression()?;
            if !target.is_place() {
                let what = "the third argument must be a variable, element or field";
                return Err(SyntaxError::new(at, what));
            }
            target
        } else {
            Expr::Field(Box::new(Expr::Number(0.0)))
        };
        Ok(Expr::Substitute {
            is_global,
            pattern: Box::new(pattern),
            replacement: Box::new(replacement),
            target: Box::new(target),
        })
    }

    fn split(&mut self) -> Result<Expr> {
        let text = self.whole_expression()?;
        self.comma()?;
        let array = self.name()?;
        let separator = if self.is_sign(",") {
            self.comma()?;
            Some(Box::new(self.pattern()?))
        } else {
            None
        };
        Ok(Expr::Split {
            text: Box::new(text),
            array,
            separator,
        })
    }
}

/// How many arguments a function takes at least and at most.
fn arguments_of(builtin: Builtin) -> (usize, usize) {
    match builtin {
        Builtin::Rand => (0, 0),
        Builtin::Srand | Builtin::Length | Builtin::Fflush => (0, 1),
        Builtin::Atan2 | Builtin::Index => (2, 2),
        Builtin::Substr => (2, 3),
        Builtin::Sprintf => (1, usize::MAX),
        _ => (1, 1),
    }
}
