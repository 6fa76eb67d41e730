//! The loop over instructions.

use super::{Flow, Run};
use crate::ast::Unary;
use crate::code::Op;
use crate::value::Value;
use crate::{Fault, format, number};

impl Run<'_> {
    /// Runs a piece of code to its end, or to where it goes elsewhere.
    pub(super) fn execute(&mut self, start: u32) -> Result<Flow, Fault> {
        let mut at = start as usize;
        loop {
            self.meter.step(1)?;
            let op = self.code.ops[at];
            at += 1;
            match op {
                Op::End => return Ok(Flow::Done),
                Op::Jump(goal) => at = goal as usize,
                Op::JumpIf(goal) => {
                    let value = self.pop();
                    if self.is_true(&value)? {
                        at = goal as usize;
                    }
                }
                Op::JumpUnless(goal) => {
                    let value = self.pop();
                    if !self.is_true(&value)? {
                        at = goal as usize;
                    }
                }
                Op::NextKey(end) => match self.next_key()? {
                    Some(key) => self.push(Value::Text(key)),
                    None => at = end as usize,
                },
                Op::Call(call) => at = self.call(call, at)?,
                Op::Return => at = self.leave(),
                Op::Next | Op::NextFile | Op::Exit { .. } => return self.go_elsewhere(op),
                _ => self.step(op)?,
            }
        }
    }

    fn go_elsewhere(&mut self, op: Op) -> Result<Flow, Fault> {
        let flow = match op {
            Op::Next => Flow::Next,
            Op::NextFile => Flow::NextFile,
            Op::Exit { has_status } => {
                if has_status {
                    let status = self.pop();
                    self.status = number::integer(self.number_of(&status)?);
                }
                Flow::Exit
            }
            _ => Flow::Done,
        };
        self.unwind();
        Ok(flow)
    }

    /// One instruction behind which the next one follows.
    fn step(&mut self, op: Op) -> Result<(), Fault> {
        match op {
            Op::Number(index) => {
                let number = self.code.numbers[index as usize];
                self.push(Value::Number(number));
            }
            Op::Text(index) => {
                let text = self.texts[index as usize].clone();
                self.push(text);
            }
            Op::Unset => self.push(Value::Unset),
            Op::Drop => drop(self.pop()),
            Op::FieldAt(index) => {
                let field = self.field(index.into())?;
                self.push(field);
            }
            Op::FieldNamed => {
                let name = self.pop();
                let field = self.named_field(&name)?;
                self.push(field);
            }
            Op::Load(place) => {
                let target = self.target(place)?;
                let value = self.read(&target)?;
                self.push(value);
            }
            Op::Store(place) => {
                let target = self.target(place)?;
                let value = self.pop();
                self.write(&target, value.clone())?;
                self.push(value);
            }
            Op::Modify(place, operator) => {
                let target = self.target(place)?;
                let right = self.pop();
                let left = self.read(&target)?;
                let value = self.arithmetic(operator, &left, &right)?;
                self.write(&target, value.clone())?;
                self.push(value);
            }
            Op::Step {
                place,
                is_up,
                is_prefix,
            } => {
                let target = self.target(place)?;
                let before = self.read(&target)?;
                let before = self.number_of(&before)?;
                let after = before + if is_up { 1.0 } else { -1.0 };
                self.write(&target, Value::Number(after))?;
                self.push(Value::Number(if is_prefix { after } else { before }));
            }
            Op::Key(count) => {
                let separator = self.specials.subsep().to_vec();
                self.join(count as usize, &separator)?;
            }
            Op::Concat(count) => self.join(count as usize, b"")?,
            Op::Contains(array) => {
                let key = self.pop();
                let is_there = self.contains(array, &key)?;
                self.push(is_there.into());
            }
            Op::Delete(array) => {
                let key = self.pop();
                self.delete(array, &key)?;
            }
            Op::Clear(array) => self.array(array).clear(),
            Op::Length(array) => {
                let length = self.array(array).len();
                self.push(Value::Number(length as f64));
            }
            Op::LoopKeys(array) => self.begin_keys(array)?,
            Op::EndKeys => self.end_keys(),
            Op::Arithmetic(operator) => {
                let (right, left) = (self.pop(), self.pop());
                let value = self.arithmetic(operator, &left, &right)?;
                self.push(value);
            }
            Op::Compare(comparison) => {
                let (right, left) = (self.pop(), self.pop());
                let truth = self.compare(comparison, &left, &right)?;
                self.push(truth.into());
            }
            Op::Unary(unary) => {
                let value = self.pop();
                let value = match unary {
                    Unary::Not => Value::from(!self.is_true(&value)?),
                    Unary::Minus => Value::Number(-self.number_of(&value)?),
                    Unary::Plus => Value::Number(self.number_of(&value)?),
                };
                self.push(value);
            }
            Op::Truth => {
                let value = self.pop();
                let truth = self.is_true(&value)?;
                self.push(truth.into());
            }
            _ => self.step_of_text(op)?,
        }
        Ok(())
    }

    /// Instructions that read, search and write texts.
    fn step_of_text(&mut self, op: Op) -> Result<(), Fault> {
        match op {
            Op::Matches {
                pattern,
                is_negated,
            } => {
                let pattern = self.pattern(pattern)?;
                let text = self.pop();
                let text = self.text_of(&text)?;
                let is_match = pattern.is_match(&text, self.meter)?;
                self.push((is_match != is_negated).into());
            }
            Op::LineMatches(pattern) => {
                let line = self.line()?;
                let pattern = &self.code.patterns[pattern as usize];
                let is_match = pattern.is_match(&line, self.meter)?;
                self.push(is_match.into());
            }
            Op::HostCall {
                function,
                arguments,
            } => self.host_call(function, arguments as usize)?,
            Op::PrintLine => self.print_line()?,
            Op::Print(count) => self.print(count as usize)?,
            Op::Printf(count) => {
                let text = self.formatted(count as usize)?;
                self.write_out(&text)?;
            }
            Op::Sprintf(count) => {
                let text = self.formatted(count as usize)?;
                let text = self.text(text)?;
                self.push(Value::Text(text));
            }
            Op::Builtin(builtin, count) => self.builtin(builtin, count)?,
            Op::Match(pattern) => self.match_first(pattern)?,
            Op::Split(array, separator) => self.split(array, separator)?,
            Op::Substitute {
                place,
                pattern,
                is_global,
            } => self.substitute(place, pattern, is_global)?,
            Op::Getline(place) => self.getline(place)?,
            _ => unreachable!("the other instructions are carried out above"),
        }
        Ok(())
    }

    /// The last values of the stack, the first one a format.
    fn formatted(&mut self, count: usize) -> Result<Vec<u8>, Fault> {
        let values = self.stack.split_off(self.stack.len() - count);
        let Some((format, arguments)) = values.split_first() else {
            return Ok(Vec::new());
        };
        let format = self.text_of(format)?;
        format::format(&format, arguments, &self.specials.convfmt, self.meter)
    }

    /// The last values of the stack as one text.
    fn join(&mut self, count: usize, separator: &[u8]) -> Result<(), Fault> {
        let values = self.stack.split_off(self.stack.len() - count);
        let mut joined = Vec::new();
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                joined.extend_from_slice(separator);
            }
            let text = value.bytes(&self.specials.convfmt);
            self.meter
                .room(joined.len() + text.len() + separator.len())?;
            joined.extend_from_slice(&text);
        }
        let joined = self.text(joined)?;
        self.push(Value::Text(joined));
        Ok(())
    }
}
