//! Statements.

use super::{Compiler, Loop, Result};
use crate::ast::{Block, Expr, Name, Statement};
use crate::code::Op;

impl Compiler<'_> {
    pub(super) fn block(&mut self, block: &Block) -> Result<()> {
        block.iter().try_for_each(|it| self.statement(it))
    }

    fn statement(&mut self, statement: &Statement) -> Result<()> {
        match statement {
            Statement::Expression(expression) => {
                self.expression(expression)?;
                self.op(Op::Drop);
            }
            Statement::Print(arguments) if arguments.is_empty() => self.op(Op::PrintLine),
            Statement::Print(arguments) => {
                self.expressions(arguments)?;
                self.op(Op::Print(arguments.len() as u32));
            }
            Statement::Printf(arguments) => {
                self.expressions(arguments)?;
                self.op(Op::Printf(arguments.len() as u32));
            }
            Statement::If(arms, otherwise) => self.condition(arms, otherwise)?,
            Statement::While(condition, body) => self.loop_over(Some(condition), None, body)?,
            Statement::DoWhile(body, condition) => {
                let start = self.at();
                self.loops.push(Loop::default());
                self.block(body)?;
                self.end_round();
                self.expression(condition)?;
                self.op(Op::JumpIf(start));
                self.end_loop();
            }
            Statement::For {
                start,
                condition,
                step,
                body,
            } => {
                if let Some(start) = start {
                    self.statement(start)?;
                }
                self.loop_over(condition.as_ref(), step.as_deref(), body)?;
            }
            Statement::ForIn {
                variable,
                array,
                body,
            } => self.loop_keys(variable, array, body)?,
            Statement::Block(block) => self.block(block)?,
            Statement::Delete(array, index) => {
                let array = self.array(array);
                if index.is_empty() {
                    self.op(Op::Clear(array));
                } else {
                    self.key(index)?;
                    self.op(Op::Delete(array));
                }
            }
            Statement::Break => {
                let jump = self.jump(Op::Jump(0));
                self.loop_now().breaks.push(jump);
            }
            Statement::Continue => {
                let jump = self.jump(Op::Jump(0));
                self.loop_now().continues.push(jump);
            }
            Statement::Next => self.op(Op::Next),
            Statement::NextFile => self.op(Op::NextFile),
            Statement::Exit(status) => {
                if let Some(status) = status {
                    self.expression(status)?;
                }
                self.op(Op::Exit {
                    has_status: status.is_some(),
                });
            }
            Statement::Return(value) => {
                match value {
                    Some(value) => self.expression(value)?,
                    None => self.op(Op::Unset),
                }
                self.op(Op::Return);
            }
        }
        Ok(())
    }

    fn condition(&mut self, arms: &[(Expr, Block)], otherwise: &Block) -> Result<()> {
        let mut ends = Vec::new();
        for (condition, block) in arms {
            self.expression(condition)?;
            let next = self.jump(Op::JumpUnless(0));
            self.block(block)?;
            ends.push(self.jump(Op::Jump(0)));
            self.land(next);
        }
        self.block(otherwise)?;
        for end in ends {
            self.land(end);
        }
        Ok(())
    }

    fn loop_over(
        &mut self,
        condition: Option<&Expr>,
        step: Option<&Statement>,
        body: &Block,
    ) -> Result<()> {
        let start = self.at();
        self.loops.push(Loop::default());
        if let Some(condition) = condition {
            self.expression(condition)?;
            let out = self.jump(Op::JumpUnless(0));
            self.loop_now().breaks.push(out);
        }
        self.block(body)?;
        self.end_round();
        if let Some(step) = step {
            self.statement(step)?;
        }
        self.op(Op::Jump(start));
        self.end_loop();
        Ok(())
    }

    fn loop_keys(&mut self, variable: &Name, array: &Name, body: &Block) -> Result<()> {
        let (place, array) = (self.variable(variable), self.array(array));
        self.op(Op::LoopKeys(array));
        let start = self.at();
        let out = self.jump(Op::NextKey(0));
        self.ops([Op::Store(place), Op::Drop]);
        self.loops.push(Loop::default());
        self.loop_now().breaks.push(out);
        self.block(body)?;
        self.end_round();
        self.op(Op::Jump(start));
        self.end_loop();
        self.op(Op::EndKeys);
        Ok(())
    }

    fn loop_now(&mut self) -> &mut Loop {
        self.loops
            .last_mut()
            .expect("the parser lets these stand in loops alone")
    }

    /// `continue` goes here.
    fn end_round(&mut self) {
        for jump in std::mem::take(&mut self.loop_now().continues) {
            self.land(jump);
        }
    }

    /// `break` goes here.
    fn end_loop(&mut self) {
        for jump in self.loops.pop().unwrap_or_default().breaks {
            self.land(jump);
        }
    }
}
