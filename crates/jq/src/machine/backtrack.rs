//! Back to the last fork: because everything was done, or because something failed.

use std::cmp::Ordering;

use millrace_message::Value;

use super::Machine;
use super::state::{Fork, Item, Next, State};
use crate::access;
use crate::error::Fail;
use crate::number::{self, Operation};
use crate::order::compare;

impl<'p> Machine<'p> {
    /// Goes on at the last fork; nothing when there is none.
    pub(super) fn backtrack(&mut self) -> Result<Option<State<'p>>, Fail> {
        while let Some(entry) = self.forks.pop() {
            let state = match self.again(entry.fork) {
                Ok(Some(state)) => state,
                Ok(None) => continue,
                Err(fail) => self.raise(fail)?,
            };
            return Ok(Some(state));
        }
        Ok(None)
    }

    /// What a fork has left to do.
    fn again(&mut self, fork: Fork<'p>) -> Result<Option<State<'p>>, Fail> {
        self.budget.step()?;
        Ok(Some(match fork {
            Fork::Comma(parts, item, env, next) => self.comma(parts, item, env, next)?,
            Fork::Elements(elements, position, item, next) => {
                return self.next_element(elements, position, item, next);
            }
            Fork::Members(mut members, item, next) => {
                let Some((key, value)) = members.next() else {
                    return Ok(None);
                };
                let found = self.iterated(&item, Value::String(key), value)?;
                if members.len() > 0 {
                    self.fork(Fork::Members(members, item, next.clone()))?;
                }
                State::Return(found, next)
            }
            Fork::Range(value, end, step, item, next) => {
                return self.next_of_range(value, end, step, item, next);
            }
            Fork::Collect(values, item, next) => State::Return(item.with(values.into()), next),
            Fork::Reduce(state, next) => State::Return(state, next),
            Fork::Alternative(false, right, item, env, next) => State::Eval(right, item, env, next),
            Fork::Modify(value, deleted, item, next) => {
                let value = match deleted.is_empty() {
                    true => value,
                    false => access::delete_paths(self.budget, value, &Value::from(deleted))?,
                };
                State::Return(item.with(value), next)
            }
            Fork::Delete(fork, path) => {
                self.budget.values(1)?;
                if let Fork::Modify(_, deleted, ..) = self.kept(fork) {
                    deleted.push(path);
                }
                return Ok(None);
            }
            Fork::Foreach(_)
            | Fork::Alternative(true, ..)
            | Fork::Try(..)
            | Fork::TryEnd(_)
            | Fork::Label(_)
            | Fork::Limit(_)
            | Fork::Patterns(..) => return Ok(None),
        }))
    }

    fn next_element(
        &mut self,
        mut elements: std::vec::IntoIter<Value>,
        position: usize,
        item: Item<'p>,
        next: Next<'p>,
    ) -> Result<Option<State<'p>>, Fail> {
        let Some(value) = elements.next() else {
            return Ok(None);
        };
        let found = self.iterated(&item, number::count(position), value)?;
        if elements.len() > 0 {
            self.fork(Fork::Elements(elements, position + 1, item, next.clone()))?;
        }
        Ok(Some(State::Return(found, next)))
    }

    fn iterated(&self, item: &Item<'p>, key: Value, value: Value) -> Result<Item<'p>, Fail> {
        match item.origin {
            Some(_) => self.step(item.clone(), key, value),
            None => Ok(Item::plain(value)),
        }
    }

    fn next_of_range(
        &mut self,
        value: Value,
        end: Value,
        step: Value,
        item: Item<'p>,
        next: Next<'p>,
    ) -> Result<Option<State<'p>>, Fail> {
        let direction = compare(self.budget, &step, &Value::I64(0))?;
        let goes_on = match compare(self.budget, &value, &end)? {
            Ordering::Less => direction == Ordering::Greater,
            Ordering::Greater => direction == Ordering::Less,
            Ordering::Equal => false,
        };
        if !goes_on {
            return Ok(None);
        }
        let following = self.sum(&value, &step)?;
        let given = item.clone().with(value);
        self.fork(Fork::Range(following, end, step, item, next.clone()))?;
        Ok(Some(State::Return(given, next)))
    }

    fn sum(&self, a: &Value, b: &Value) -> Result<Value, Fail> {
        match (number::of(a), number::of(b)) {
            (Some(a), Some(b)) => number::apply(self.budget, Operation::Add, &a, &b),
            _ => unreachable!("the bounds of a range are numbers"),
        }
    }

    /// Goes back to what catches a failure.
    ///
    /// # Errors
    /// The failure, when nothing does.
    pub(super) fn raise(&mut self, mut fail: Fail) -> Result<State<'p>, Fail> {
        while let Some(entry) = self.forks.pop() {
            match entry.fork {
                Fork::Label(label) if matches!(fail, Fail::Break(of) if label == of) => {
                    return Ok(State::Backtrack);
                }
                Fork::TryEnd(fork) => self.forks.truncate(fork),
                Fork::Try(handler, item, env, next) if fail.can_be_caught() => {
                    return Ok(match handler {
                        Some(handler) => {
                            State::Eval(handler, item.with(fail.into_caught()), env, next)
                        }
                        None => State::Backtrack,
                    });
                }
                Fork::Patterns(bind, position, value, item, env, next) if fail.can_be_caught() => {
                    match self.try_pattern(bind, position, value, item, env, next) {
                        Ok(state) => return Ok(state),
                        Err(again) => fail = again,
                    }
                }
                _ => {}
            }
        }
        Err(fail)
    }
}
