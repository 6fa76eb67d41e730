//! What is done with a value once it is there.

use std::rc::Rc;

use millrace_message::{Object, Value};

use super::direct::object_key;
use super::state::{Arguments, Fork, Frame, Item, Members, Next, State};
use super::{Machine, is_true};
use crate::error::Fail;
use crate::natives::Run;
use crate::program::Kind;

impl<'p> Machine<'p> {
    pub(super) fn resume(&mut self, item: Item<'p>, mut next: Next<'p>) -> Result<State<'p>, Fail> {
        let Some(cont) = next.0.take() else {
            unreachable!("a result has nothing behind it and is not resumed");
        };
        let (frame, next) = match Rc::try_unwrap(cont) {
            Ok(cont) => (cont.frame, cont.next),
            Err(cont) => (cont.frame.clone(), cont.next.clone()),
        };
        Ok(match frame {
            Frame::Pipe(steps, env) => return self.pipe(steps, item, env, next),
            Frame::Index(key) => State::Return(self.index(item, key)?, next),
            Frame::IndexWith(key) => State::Return(self.index(item, &key)?, next),
            Frame::Key(target, of, env) => match target.kind {
                Kind::Identity => State::Return(self.index(of, &item.value)?, next),
                _ => {
                    let frame = Frame::IndexWith(item.value);
                    State::Eval(target, of, env, self.then(frame, next)?)
                }
            },
            Frame::Iterate => return self.iterate(item, next),
            Frame::Append(fork) => {
                self.append(fork, item.value)?;
                State::Backtrack
            }
            Frame::ObjectKey(members) => return self.member_value(members, item.value, next),
            Frame::ObjectValue(mut members, key) => {
                members.done.push((key, item.value));
                return self.member(members, next);
            }
            Frame::Argument(mut arguments) => {
                arguments.done.push(item.value);
                return self.argument(arguments, next);
            }
            Frame::If(then, otherwise, of, env) => {
                let branch = if is_true(&item.value) {
                    then
                } else {
                    otherwise
                };
                State::Eval(branch, of, env, next)
            }
            Frame::TryEnd(fork) => {
                self.fork(Fork::TryEnd(fork))?;
                State::Return(item, next)
            }
            Frame::Truth(fork) => {
                if !is_true(&item.value) {
                    return Ok(State::Backtrack);
                }
                if let Fork::Alternative(found, ..) = self.kept(fork) {
                    *found = true;
                }
                State::Return(item, next)
            }
            Frame::Counted(fork, is_last_alone) => {
                let Fork::Limit(left) = self.kept(fork) else {
                    unreachable!("the fork of a limit counts");
                };
                *left -= 1.0;
                let is_last = *left <= 0.0;
                if is_last {
                    self.forks.truncate(fork);
                }
                match is_last || !is_last_alone {
                    true => State::Return(item, next),
                    false => State::Backtrack,
                }
            }
            Frame::ReduceInit(fork, fold, of, env) => {
                return self.reduce_from(fork, fold, item, of, env);
            }
            Frame::ForeachInit(fold, of, env) => {
                return self.foreach_from(fold, item, of, env, next);
            }
            Frame::FoldSource(fork, fold, env) => {
                return self.fold_value(fork, fold, item.value, env, next);
            }
            Frame::ReduceSet(fork) => {
                if let Fork::Reduce(state, _) = self.kept(fork) {
                    *state = item;
                }
                State::Backtrack
            }
            Frame::ForeachSet(fork, fold, env) => {
                if let Fork::Foreach(state) = self.kept(fork) {
                    *state = item.clone();
                }
                match &fold.extract {
                    Some(extract) => State::Eval(extract, item, env, next),
                    None => State::Return(item, next),
                }
            }
            Frame::Bind(bind, of, env) => return self.bound(bind, item.value, of, env, next),
            Frame::MemberKey(member, value, matching) => {
                return self.matched_key(member, &value, &item.value, *matching, next);
            }
            Frame::PathEnd(origin) => {
                let value = self.path_of(&item)?;
                State::Return(Item { value, origin }, next)
            }
            Frame::GetPath(of) => State::Return(self.get_path(of, &item.value)?, next),
            Frame::ModifyPath(fork, update, env) => {
                let path = self.path_of(&item)?;
                // It holds what is to be changed in place.
                drop(item);
                return self.modify_at(fork, update, path, env);
            }
            Frame::ModifySet(fork, delete, path) => {
                self.forks.truncate(delete);
                self.modified(fork, &path, item.value)?;
                State::Backtrack
            }
            Frame::Parameter(mut parameters) => {
                parameters.env = self.bind(parameters.env, super::Binding::Value(item.value))?;
                parameters.position += 1;
                return self.parameter(parameters, next);
            }
        })
    }

    /// Evaluates the next member of an object, or makes it.
    pub(super) fn member(
        &mut self,
        members: Members<'p>,
        next: Next<'p>,
    ) -> Result<State<'p>, Fail> {
        let Some((key, _)) = members.nodes.get(members.done.len()) else {
            self.budget.members(members.done.len())?;
            let object = members.done.into_iter().collect::<Object>();
            return Ok(State::Return(
                members.item.with(Value::Object(object)),
                next,
            ));
        };
        if key.is_direct {
            let key = self.direct(key, members.item.value.clone(), &members.env)?;
            return self.member_value(members, key, next);
        }
        let (within, env) = (members.item.without_path(), members.env.clone());
        let frame = Frame::ObjectKey(members);
        Ok(State::Eval(key, within, env, self.then(frame, next)?))
    }

    fn member_value(
        &mut self,
        mut members: Members<'p>,
        key: Value,
        next: Next<'p>,
    ) -> Result<State<'p>, Fail> {
        let key = object_key(key)?;
        let (_, value) = &members.nodes[members.done.len()];
        if value.is_direct {
            let value = self.direct(value, members.item.value.clone(), &members.env)?;
            members.done.push((key, value));
            return self.member(members, next);
        }
        let (within, env) = (members.item.without_path(), members.env.clone());
        let frame = Frame::ObjectValue(members, key);
        Ok(State::Eval(value, within, env, self.then(frame, next)?))
    }

    /// Evaluates the next argument of a native function, or calls it.
    pub(super) fn argument(
        &mut self,
        mut arguments: Arguments<'p>,
        next: Next<'p>,
    ) -> Result<State<'p>, Fail> {
        let Kind::Native(native, nodes) = &arguments.node.kind else {
            unreachable!("arguments belong to a native function");
        };
        self.budget.step()?;
        let left = nodes.len() - arguments.done.len();
        if left == 0 {
            let mut values = arguments.done;
            values.reverse();
            let item = arguments.item;
            if let Run::Range = native.run {
                return self.range(values, item, next);
            }
            let Item { value, origin } = item;
            let value = self.native(native, value, &mut values)?;
            return Ok(State::Return(Item { value, origin }, next));
        }
        let argument = &nodes[left - 1];
        let within = match left == 1 && !native.uses_input {
            true => Item::plain(super::taken(&mut arguments.item.value)),
            false => arguments.item.without_path(),
        };
        if argument.is_direct {
            let value = self.direct(argument, within.value, &arguments.env)?;
            arguments.done.push(value);
            return self.argument(arguments, next);
        }
        let env = arguments.env.clone();
        let frame = Frame::Argument(arguments);
        Ok(State::Eval(argument, within, env, self.then(frame, next)?))
    }
}
