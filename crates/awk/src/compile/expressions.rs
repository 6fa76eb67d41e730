//! Expressions. A value that is assigned is computed before the index of where it goes.

use super::{Compiler, Result};
use crate::ast::{Expr, Name};
use crate::code::{Call, Op, PatternRef, Place, Separator};
use crate::token::Builtin;

impl Compiler<'_> {
    pub(super) fn expressions(&mut self, list: &[Expr]) -> Result<()> {
        list.iter().try_for_each(|it| self.expression(it))
    }

    pub(super) fn expression(&mut self, expression: &Expr) -> Result<()> {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.expression_here(expression))
    }

    fn expression_here(&mut self, expression: &Expr) -> Result<()> {
        match expression {
            Expr::Number(number) => self.number(*number),
            Expr::Text(text) => {
                let index = self.text(text);
                self.op(Op::Text(index));
            }
            Expr::Regex(pattern) => {
                let pattern = self.known_pattern(pattern.as_bytes(), 0)?;
                self.op(Op::LineMatches(pattern.expect("the parser compiled it")));
            }
            Expr::Group(inner) => self.expression(inner)?,
            Expr::Field(index) => match **index {
                Expr::Number(number) if number == f64::from(number as i32) => {
                    self.op(Op::FieldAt(number as i32));
                }
                _ => self.load(expression)?,
            },
            Expr::NamedField(name) => {
                self.expression(name)?;
                self.op(Op::FieldNamed);
            }
            Expr::Variable(_) | Expr::Element(..) => self.load(expression)?,
            Expr::List(list, _) => self.expressions(list)?,
            Expr::Unary(unary, value) => {
                self.expression(value)?;
                self.op(Op::Unary(*unary));
            }
            Expr::Chain(first, rest) => {
                self.expression(first)?;
                for (operator, value) in rest {
                    self.expression(value)?;
                    self.op(Op::Arithmetic(*operator));
                }
            }
            Expr::Power(base, exponent) => {
                self.expression(base)?;
                self.expression(exponent)?;
                self.op(Op::Arithmetic(crate::ast::Arithmetic::Power));
            }
            Expr::Concat(parts) => {
                self.expressions(parts)?;
                self.op(Op::Concat(parts.len() as u32));
            }
            Expr::Compare(comparison, left, right) => {
                self.expression(left)?;
                self.expression(right)?;
                self.op(Op::Compare(*comparison));
            }
            Expr::Match {
                is_negated,
                text,
                pattern,
            } => {
                self.expression(text)?;
                let pattern = self.pattern(pattern)?;
                self.op(Op::Matches {
                    pattern,
                    is_negated: *is_negated,
                });
            }
            Expr::In(index, array) => {
                self.key(index)?;
                let array = self.array(array);
                self.op(Op::Contains(array));
            }
            Expr::And(parts) => self.logic(parts, true)?,
            Expr::Or(parts) => self.logic(parts, false)?,
            Expr::Condition(condition, first, second) => {
                self.expression(condition)?;
                let otherwise = self.jump(Op::JumpUnless(0));
                self.expression(first)?;
                let end = self.jump(Op::Jump(0));
                self.land(otherwise);
                self.expression(second)?;
                self.land(end);
            }
            Expr::Assign(target, value) => {
                self.expression(value)?;
                let place = self.place(target)?;
                self.op(Op::Store(place));
            }
            Expr::Modify(target, operator, value) => {
                self.expression(value)?;
                let place = self.place(target)?;
                self.op(Op::Modify(place, *operator));
            }
            Expr::Step {
                target,
                is_up,
                is_prefix,
            } => {
                let place = self.place(target)?;
                self.op(Op::Step {
                    place,
                    is_up: *is_up,
                    is_prefix: *is_prefix,
                });
            }
            Expr::Builtin(builtin, arguments) => self.builtin(*builtin, arguments)?,
            Expr::Split {
                text,
                array,
                separator,
            } => {
                self.expression(text)?;
                let by = match separator {
                    Some(separator) => {
                        self.expression(separator)?;
                        Separator::Stack
                    }
                    None => Separator::Fields,
                };
                let array = self.array(array);
                self.op(Op::Split(array, by));
            }
            Expr::Substitute {
                is_global,
                pattern,
                replacement,
                target,
            } => {
                let pattern = self.pattern(pattern)?;
                self.expression(replacement)?;
                let place = self.place(target)?;
                self.op(Op::Substitute {
                    place,
                    pattern,
                    is_global: *is_global,
                });
            }
            Expr::Call(name, arguments) => self.call(name, arguments)?,
            Expr::Getline(target) => {
                let place = match target {
                    Some(target) => Some(self.place(target)?),
                    None => None,
                };
                self.op(Op::Getline(place));
            }
        }
        Ok(())
    }

    fn number(&mut self, number: f64) {
        let index = self.code.numbers.len() as u32;
        self.code.numbers.push(number);
        self.op(Op::Number(index));
    }

    fn text(&mut self, text: &[u8]) -> u32 {
        let known = self.code.texts.iter().position(|it| it == text);
        known.unwrap_or_else(|| {
            self.code.texts.push(text.to_vec());
            self.code.texts.len() - 1
        }) as u32
    }

    /// The index of a place comes on the stack, if it has one.
    fn place(&mut self, target: &Expr) -> Result<Place> {
        Ok(match target {
            Expr::Variable(name) => self.variable(name),
            Expr::Element(array, index) => {
                self.key(index)?;
                Place::Element(self.array(array))
            }
            Expr::Field(index) => {
                self.expression(index)?;
                Place::Field
            }
            _ => unreachable!("the parser assigns to places alone"),
        })
    }

    fn load(&mut self, target: &Expr) -> Result<()> {
        let place = self.place(target)?;
        self.op(Op::Load(place));
        Ok(())
    }

    /// The key of an element: one value, or several that are joined.
    pub(super) fn key(&mut self, index: &[Expr]) -> Result<()> {
        self.expressions(index)?;
        if index.len() > 1 {
            self.op(Op::Key(index.len() as u32));
        }
        Ok(())
    }

    /// A pattern is compiled now when it is a text of the program.
    fn pattern(&mut self, pattern: &Expr) -> Result<PatternRef> {
        if let Expr::Text(text) = pattern
            && let Some(index) = self.known_pattern(text, 0)?
        {
            return Ok(PatternRef::Known(index));
        }
        self.expression(pattern)?;
        Ok(PatternRef::Stack)
    }

    /// The value is 0 or 1; parts behind the one that decides are left out.
    fn logic(&mut self, parts: &[Expr], is_and: bool) -> Result<()> {
        let mut decided = Vec::new();
        let (last, first) = parts.split_last().expect("there are two parts at least");
        for part in first {
            self.expression(part)?;
            decided.push(match is_and {
                true => self.jump(Op::JumpUnless(0)),
                false => self.jump(Op::JumpIf(0)),
            });
        }
        self.expression(last)?;
        self.op(Op::Truth);
        let end = self.jump(Op::Jump(0));
        for jump in decided {
            self.land(jump);
        }
        self.number(f64::from(u8::from(!is_and)));
        self.land(end);
        Ok(())
    }

    fn builtin(&mut self, builtin: Builtin, arguments: &[Expr]) -> Result<()> {
        match (builtin, arguments) {
            (Builtin::Length, [Expr::Variable(name)]) if self.is_array(&name.text) => {
                let array = self.array(name);
                self.op(Op::Length(array));
            }
            (Builtin::Match, [text, pattern]) => {
                self.expression(text)?;
                let pattern = self.pattern(pattern)?;
                self.op(Op::Match(pattern));
            }
            (Builtin::Sprintf, _) => {
                self.expressions(arguments)?;
                self.op(Op::Sprintf(arguments.len() as u32));
            }
            _ => {
                self.expressions(arguments)?;
                self.op(Op::Builtin(builtin, arguments.len() as u8));
            }
        }
        Ok(())
    }

    fn call(&mut self, name: &Name, arguments: &[Expr]) -> Result<()> {
        let Some(&function) = self.functions.get(&*name.text) else {
            let function = self.host.iter().position(|it| it.name == name.text);
            self.expressions(arguments)?;
            self.op(Op::HostCall {
                function: function.expect("the resolver found it") as u32,
                arguments: arguments.len() as u32,
            });
            return Ok(());
        };
        let mut arrays = Vec::new();
        let mut scalars = 0;
        for argument in arguments {
            match argument {
                Expr::Variable(variable) if self.is_array(&variable.text) => {
                    arrays.push(self.array(variable));
                }
                _ => {
                    self.expression(argument)?;
                    scalars += 1;
                }
            }
        }
        let unset = self.code.functions[function].scalars - scalars;
        let index = self.code.calls.len() as u32;
        self.code.calls.push(Call {
            function: function as u32,
            arrays,
            unset: unset as u32,
        });
        self.op(Op::Call(index));
        Ok(())
    }
}
