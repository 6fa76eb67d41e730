//! Evaluation at once, of what gives exactly one value and calls nothing.
//!
//! It takes the stack of the thread, but no more than the text of the program nests.

use millrace_message::{Object, Text, Value};
use smallvec::SmallVec;

use super::state::Env;
use super::{Machine, is_true};
use crate::access;
use crate::error::{Fail, named};
use crate::natives::{Native, Run};
use crate::program::{Kind, Node};

impl<'p> Machine<'p> {
    pub(super) fn direct(
        &self,
        node: &'p Node,
        input: Value,
        env: &Env<'p>,
    ) -> Result<Value, Fail> {
        self.budget.step()?;
        Ok(match &node.kind {
            Kind::Identity => input,
            Kind::Literal(value) => value.clone(),
            Kind::Variable(distance) => self.variable(env, *distance),
            _ => {
                return stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
                    self.direct_below(node, input, env)
                });
            }
        })
    }

    fn direct_below(&self, node: &'p Node, input: Value, env: &Env<'p>) -> Result<Value, Fail> {
        match &node.kind {
            Kind::Index(target, key) => {
                let target = self.direct(target, input, env)?;
                access::index(self.budget, &target, key)
            }
            Kind::IndexBy(target, key) => {
                let key = self.direct(key, input.clone(), env)?;
                let target = self.direct(target, input, env)?;
                access::index(self.budget, &target, &key)
            }
            Kind::Array(body) => {
                self.budget.values(1)?;
                Ok(Value::from(vec![self.direct(body, input, env)?]))
            }
            Kind::Object(members) => self.direct_object(members, &input, env),
            Kind::Native(native, arguments) => self.direct_native(native, arguments, input, env),
            Kind::Pipe(steps) => steps
                .iter()
                .try_fold(input, |value, step| self.direct(step, value, env)),
            Kind::If(condition, then, otherwise) => {
                let condition = self.direct(condition, input.clone(), env)?;
                let branch = if is_true(&condition) { then } else { otherwise };
                self.direct(branch, input, env)
            }
            _ => unreachable!("the compiler marks what is evaluated at once"),
        }
    }

    fn direct_object(
        &self,
        members: &'p [(Node, Node)],
        input: &Value,
        env: &Env<'p>,
    ) -> Result<Value, Fail> {
        self.budget.members(members.len())?;
        let mut made = Vec::with_capacity(members.len());
        for (key, value) in members {
            let key = self.direct(key, input.clone(), env)?;
            made.push((object_key(key)?, self.direct(value, input.clone(), env)?));
        }
        Ok(Value::Object(made.into_iter().collect::<Object>()))
    }

    fn direct_native(
        &self,
        native: &'static Native,
        arguments: &'p [Node],
        mut input: Value,
        env: &Env<'p>,
    ) -> Result<Value, Fail> {
        let mut values: SmallVec<[Value; 3]> = SmallVec::with_capacity(arguments.len());
        for (position, argument) in arguments.iter().enumerate().rev() {
            // The first argument is the last that needs the input: a value that nobody else holds
            // can be changed in place.
            let input = match position == 0 && !native.uses_input {
                true => super::taken(&mut input),
                false => input.clone(),
            };
            values.push(self.direct(argument, input, env)?);
        }
        values.reverse();
        self.native(native, input, &mut values)
    }

    pub(super) fn native(
        &self,
        native: &'static Native,
        input: Value,
        arguments: &mut [Value],
    ) -> Result<Value, Fail> {
        match native.run {
            Run::Plain(run) => run(self.budget, input, arguments),
            Run::Range => unreachable!("a range gives many values"),
        }
    }
}

/// The key of an object that is being made.
pub(super) fn object_key(key: Value) -> Result<Text, Fail> {
    match key {
        Value::String(key) => Ok(key),
        other => Err(key_error(&other)),
    }
}

fn key_error(key: &Value) -> Fail {
    Fail::text(format!(
        "expected a string for object key but got: {}",
        named(key)
    ))
}
