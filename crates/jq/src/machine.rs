//! Evaluation without the stack of the thread.
//!
//! A node is evaluated with a value, with what its names stand for, and with what is to be done
//! with each value that it gives (`Next`). Where a program may give another value, a fork is left
//! behind; a run goes back to the last fork whenever it has nothing more to do. Calls leave nothing
//! behind, so a loop that is written as a recursion takes no memory.

use std::mem::{size_of, take};
use std::rc::Rc;

use millrace_message::Value;

use crate::access;
use crate::error::{Error, Fail, named};
use crate::limits::{Budget, Limits};
use crate::number;
use crate::program::{Kind, Node, Program};
use crate::result::finish;
use state::{
    Arguments, Binding, Cont, Env, Fork, Frame, Item, Members, Next, Origin, Scope, State,
};

mod backtrack;
mod call;
mod direct;
mod fold;
mod matching;
mod paths;
mod resume;
mod state;

/// Runs a program on an input.
///
/// # Errors
/// The program fails, halts, or meets a limit.
pub(crate) fn run(
    program: &Program,
    input: Value,
    variables: Vec<Value>,
    limits: Limits,
) -> Result<Vec<Value>, Error> {
    let budget = Budget::new(limits);
    let machine = Machine::new(&budget);
    machine
        .run(&program.root, input, variables)
        .map_err(Fail::into_error)
}

struct Entry<'p> {
    fork: Fork<'p>,
    _waiting: crate::limits::Waiting<'p>,
}

struct Machine<'p> {
    budget: &'p Budget,
    forks: Vec<Entry<'p>>,
    labels: u64,
}

impl<'p> Machine<'p> {
    fn new(budget: &'p Budget) -> Self {
        Self {
            budget,
            forks: Vec::new(),
            labels: 0,
        }
    }

    fn run(
        mut self,
        root: &'p Node,
        input: Value,
        variables: Vec<Value>,
    ) -> Result<Vec<Value>, Fail> {
        let mut env = None;
        for value in variables {
            env = self.bind(env, Binding::Value(value))?;
        }
        let mut results = Vec::new();
        let mut state = State::Eval(root, Item::plain(access::plain(input)), env, Next(None));
        loop {
            let next = match state {
                State::Eval(node, item, env, next) => self.eval(node, item, env, next),
                State::Return(item, Next(None)) => {
                    self.budget.values(1)?;
                    results.push(finish(self.budget, item.value)?);
                    Ok(State::Backtrack)
                }
                State::Return(item, next) => self.resume(item, next),
                State::Backtrack => match self.backtrack()? {
                    Some(state) => Ok(state),
                    None => return Ok(results),
                },
            };
            state = match next {
                Ok(state) => state,
                Err(fail) => self.raise(fail)?,
            };
        }
    }

    fn bind(&self, env: Env<'p>, binding: Binding<'p>) -> Result<Env<'p>, Fail> {
        let _waiting = self.budget.wait(size_of::<Scope>())?;
        Ok(Some(Rc::new(Scope {
            binding,
            parent: env,
            _waiting,
        })))
    }

    fn then(&self, frame: Frame<'p>, next: Next<'p>) -> Result<Next<'p>, Fail> {
        let _waiting = self.budget.wait(size_of::<Cont>())?;
        Ok(Next(Some(Rc::new(Cont {
            frame,
            next,
            _waiting,
        }))))
    }

    /// Leaves a fork behind and gives its place.
    fn fork(&mut self, fork: Fork<'p>) -> Result<usize, Fail> {
        let _waiting = self.budget.wait(size_of::<Entry>())?;
        self.forks.push(Entry { fork, _waiting });
        Ok(self.forks.len() - 1)
    }

    /// The scope of a name, by its distance.
    fn scope<'e>(&self, env: &'e Env<'p>, distance: usize) -> &'e Rc<Scope<'p>> {
        let mut scope = env.as_ref();
        for _ in 0..distance {
            scope = scope.and_then(|scope| scope.parent.as_ref());
        }
        scope.expect("names are resolved when a program is compiled")
    }

    fn variable(&self, env: &Env<'p>, distance: usize) -> Value {
        match &self.scope(env, distance).binding {
            Binding::Value(value) => value.clone(),
            _ => unreachable!("the compiler found a variable there"),
        }
    }

    fn eval(
        &mut self,
        node: &'p Node,
        item: Item<'p>,
        env: Env<'p>,
        next: Next<'p>,
    ) -> Result<State<'p>, Fail> {
        self.budget.step()?;
        if node.is_direct && (item.origin.is_none() || makes_value(&node.kind)) {
            let value = self.direct(node, item.value, &env)?;
            let origin = item.origin;
            return Ok(State::Return(Item { value, origin }, next));
        }
        Ok(match &node.kind {
            Kind::Identity => State::Return(item, next),
            Kind::Literal(value) => State::Return(item.with(value.clone()), next),
            Kind::Variable(distance) => {
                let value = self.variable(&env, *distance);
                State::Return(item.with(value), next)
            }
            Kind::Index(target, key) => {
                State::Eval(target, item, env, self.then(Frame::Index(key), next)?)
            }
            Kind::IndexBy(target, key) => {
                let key_of = item.without_path();
                let frame = Frame::Key(target, item, env.clone());
                State::Eval(key, key_of, env, self.then(frame, next)?)
            }
            Kind::Iterate(target) => match target.kind {
                Kind::Identity => return self.iterate(item, next),
                _ => State::Eval(target, item, env, self.then(Frame::Iterate, next)?),
            },
            Kind::Array(body) => {
                let within = item.without_path();
                let fork = self.fork(Fork::Collect(Vec::new(), item.with(Value::Null), next))?;
                State::Eval(
                    body,
                    within,
                    env,
                    self.then(Frame::Append(fork), Next(None))?,
                )
            }
            Kind::Object(members) => {
                let done = Vec::with_capacity(members.len());
                return self.member(
                    Members {
                        nodes: members,
                        done,
                        item,
                        env,
                    },
                    next,
                );
            }
            Kind::Native(_, arguments) => {
                let done = Vec::with_capacity(arguments.len());
                return self.argument(
                    Arguments {
                        node,
                        done,
                        item,
                        env,
                    },
                    next,
                );
            }
            Kind::Pipe(steps) => return self.pipe(steps, item, env, next),
            Kind::Comma(parts) => return self.comma(parts, item, env, next),
            Kind::If(condition, then, otherwise) => {
                let within = item.without_path();
                if condition.is_direct {
                    let value = self.direct(condition, within.value, &env)?;
                    let branch = if is_true(&value) { then } else { otherwise };
                    return Ok(State::Eval(branch, item, env, next));
                }
                let frame = Frame::If(then, otherwise, item, env.clone());
                State::Eval(condition, within, env, self.then(frame, next)?)
            }
            Kind::Try(body, handler) => {
                let handler = handler.as_deref();
                let again = Fork::Try(handler, item.clone(), env.clone(), next.clone());
                let fork = self.fork(again)?;
                State::Eval(body, item, env, self.then(Frame::TryEnd(fork), next)?)
            }
            Kind::Alternative(left, right) => {
                let again =
                    Fork::Alternative(false, right, item.clone(), env.clone(), next.clone());
                let fork = self.fork(again)?;
                State::Eval(left, item, env, self.then(Frame::Truth(fork), next)?)
            }
            Kind::Reduce(fold) => return self.reduce(fold, item, env, next),
            Kind::Foreach(fold) => {
                let frame = Frame::ForeachInit(fold, item.without_path(), env.clone());
                State::Eval(&fold.init, item, env, self.then(frame, next)?)
            }
            Kind::Bind(bind) => {
                let within = item.without_path();
                let frame = Frame::Bind(bind, item, env.clone());
                State::Eval(&bind.source, within, env, self.then(frame, next)?)
            }
            Kind::Label(body) => {
                self.labels += 1;
                let env = self.bind(env, Binding::Label(self.labels))?;
                self.fork(Fork::Label(self.labels))?;
                State::Eval(body, item, env, next)
            }
            Kind::Limit(count, body, is_last_alone) => {
                let count = self.direct(count, item.value.clone(), &env)?;
                let Some(count) = number::of(&count) else {
                    let text = format!("cannot subtract: {} and number (1)", named(&count));
                    return Err(Fail::text(text));
                };
                let fork = self.fork(Fork::Limit(count.float()))?;
                let frame = Frame::Counted(fork, *is_last_alone);
                State::Eval(body, item, env, self.then(frame, next)?)
            }
            Kind::Break(distance) => match self.scope(&env, *distance).binding {
                Binding::Label(label) => return Err(Fail::Break(label)),
                _ => unreachable!("the compiler found a label there"),
            },
            Kind::Path(body) => {
                let within = self.rooted(item.value)?;
                let frame = Frame::PathEnd(item.origin);
                State::Eval(body, within, env, self.then(frame, next)?)
            }
            Kind::GetPath(path) => {
                let within = item.without_path();
                State::Eval(path, within, env, self.then(Frame::GetPath(item), next)?)
            }
            Kind::Modify(paths, update) => return self.modify(paths, update, item, env, next),
            Kind::Empty => State::Backtrack,
            Kind::Define(function, body) => {
                let env = self.bind(env, Binding::Function(function))?;
                State::Eval(body, item, env, next)
            }
            Kind::Call(distance, arguments) => {
                return self.call_local(*distance, arguments, item, env, next);
            }
            Kind::CallPrelude(function, arguments) => {
                return self.call_prelude(*function, arguments, item, env, next);
            }
            Kind::CallParameter(distance) => match &self.scope(&env, *distance).binding {
                Binding::Closure(node, env) => State::Eval(node, item, env.clone(), next),
                _ => unreachable!("the compiler found a parameter there"),
            },
        })
    }

    fn pipe(
        &mut self,
        steps: &'p [Node],
        item: Item<'p>,
        env: Env<'p>,
        next: Next<'p>,
    ) -> Result<State<'p>, Fail> {
        Ok(match steps {
            [] => State::Return(item, next),
            [last] => State::Eval(last, item, env, next),
            [first, rest @ ..] => {
                let frame = Frame::Pipe(rest, env.clone());
                State::Eval(first, item, env, self.then(frame, next)?)
            }
        })
    }

    fn comma(
        &mut self,
        parts: &'p [Node],
        item: Item<'p>,
        env: Env<'p>,
        next: Next<'p>,
    ) -> Result<State<'p>, Fail> {
        Ok(match parts {
            [] => State::Backtrack,
            [last] => State::Eval(last, item, env, next),
            [first, rest @ ..] => {
                let again = Fork::Comma(rest, item.clone(), env.clone(), next.clone());
                self.fork(again)?;
                State::Eval(first, item, env, next)
            }
        })
    }

    /// Gives the elements or members one after the other.
    fn iterate(&mut self, item: Item<'p>, next: Next<'p>) -> Result<State<'p>, Fail> {
        let fork = match &item.value {
            Value::Array(array) => {
                self.check_path(&item, "iterating against")?;
                self.budget.values(array.len())?;
                let elements: Vec<Value> = array
                    .iter()
                    .map(|it| access::plain(it.into_owned()))
                    .collect();
                Fork::Elements(elements.into_iter(), 0, item, next)
            }
            Value::Object(object) => {
                self.check_path(&item, "iterating against")?;
                self.budget.members(object.len())?;
                let members = object.entries();
                let members: Vec<_> = members
                    .map(|(key, it)| (key, access::plain(it.into_owned())))
                    .collect();
                Fork::Members(members.into_iter(), item, next)
            }
            other => {
                let text = format!("cannot iterate over: {}", named(other));
                return Err(Fail::text(text));
            }
        };
        self.fork(fork)?;
        Ok(State::Backtrack)
    }

    fn index(&self, item: Item<'p>, key: &Value) -> Result<Item<'p>, Fail> {
        let value = access::index(self.budget, &item.value, key)?;
        self.step(item, key.clone(), value)
    }

    /// Restores what a fork has kept and takes a value out of it.
    fn kept(&mut self, fork: usize) -> &mut Fork<'p> {
        &mut self.forks[fork].fork
    }

    /// The array that a fork has collected.
    fn append(&mut self, fork: usize, value: Value) -> Result<(), Fail> {
        self.budget.values(1)?;
        match self.kept(fork) {
            Fork::Collect(values, ..) => values.push(value),
            _ => unreachable!("the fork of an array collects"),
        }
        Ok(())
    }

    fn root(&self, value: Value) -> Result<Rc<Origin<'p>>, Fail> {
        let _waiting = self.budget.wait(size_of::<Origin>())?;
        Ok(Rc::new(Origin {
            value,
            step: None,
            _waiting,
        }))
    }

    fn rooted(&self, value: Value) -> Result<Item<'p>, Fail> {
        let origin = Some(self.root(value.clone())?);
        Ok(Item { value, origin })
    }
}

/// Whether a node gives a value of its own, not one that has a path.
fn makes_value(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Literal(_) | Kind::Variable(_) | Kind::Array(_) | Kind::Object(_) | Kind::Native(..)
    )
}

/// Everything but null and false is true.
fn is_true(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false))
}

/// Moves a value out and leaves null.
fn taken(value: &mut Value) -> Value {
    take(value)
}
