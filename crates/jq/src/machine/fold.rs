//! `reduce` and `foreach`.

use millrace_message::Value;

use super::Machine;
use super::state::{Env, Fork, Frame, Item, Matching, Next, State, Then, Work};
use crate::error::Fail;
use crate::program::Fold;

impl<'p> Machine<'p> {
    /// The fork keeps the state; when the source has given everything, it is the result.
    pub(super) fn reduce(
        &mut self,
        fold: &'p Fold,
        item: Item<'p>,
        env: Env<'p>,
        next: Next<'p>,
    ) -> Result<State<'p>, Fail> {
        let state = item.clone().with(Value::Null);
        let fork = self.fork(Fork::Reduce(state, next))?;
        let frame = Frame::ReduceInit(fork, fold, item.without_path(), env.clone());
        let then = self.then(frame, Next(None))?;
        Ok(State::Eval(&fold.init, item, env, then))
    }

    pub(super) fn reduce_from(
        &mut self,
        fork: usize,
        fold: &'p Fold,
        init: Item<'p>,
        item: Item<'p>,
        env: Env<'p>,
    ) -> Result<State<'p>, Fail> {
        if let Fork::Reduce(state, _) = self.kept(fork) {
            *state = init;
        }
        let frame = Frame::FoldSource(fork, fold, env.clone());
        let then = self.then(frame, Next(None))?;
        Ok(State::Eval(&fold.source, item, env, then))
    }

    pub(super) fn foreach_from(
        &mut self,
        fold: &'p Fold,
        init: Item<'p>,
        item: Item<'p>,
        env: Env<'p>,
        next: Next<'p>,
    ) -> Result<State<'p>, Fail> {
        let fork = self.fork(Fork::Foreach(init))?;
        let frame = Frame::FoldSource(fork, fold, env.clone());
        Ok(State::Eval(
            &fold.source,
            item,
            env,
            self.then(frame, next)?,
        ))
    }

    /// The source has given a value.
    pub(super) fn fold_value(
        &mut self,
        fork: usize,
        fold: &'p Fold,
        value: Value,
        env: Env<'p>,
        next: Next<'p>,
    ) -> Result<State<'p>, Fail> {
        let then = match self.kept(fork) {
            Fork::Reduce(..) => Then::Reduce(fork, fold),
            _ => Then::Foreach(fork, fold),
        };
        let matching = Matching {
            work: vec![Work::Pattern(&fold.pattern, value)],
            env,
            then,
        };
        self.matched(matching, next)
    }

    /// The variables are bound: the state is updated.
    pub(super) fn reduce_update(
        &mut self,
        fork: usize,
        fold: &'p Fold,
        env: Env<'p>,
    ) -> Result<State<'p>, Fail> {
        let Fork::Reduce(state, _) = self.kept(fork) else {
            unreachable!("the fork of a reduction keeps its state");
        };
        // An update that surely gives a value gets the state alone: it is changed in place.
        let item = match fold.update.is_single {
            true => Item {
                value: super::taken(&mut state.value),
                origin: state.origin.clone(),
            },
            false => state.clone(),
        };
        let then = self.then(Frame::ReduceSet(fork), Next(None))?;
        Ok(State::Eval(&fold.update, item, env, then))
    }

    pub(super) fn foreach_update(
        &mut self,
        fork: usize,
        fold: &'p Fold,
        env: Env<'p>,
        next: Next<'p>,
    ) -> Result<State<'p>, Fail> {
        let Fork::Foreach(state) = self.kept(fork) else {
            unreachable!("the fork of a loop keeps its state");
        };
        let item = state.clone();
        let frame = Frame::ForeachSet(fork, fold, env.clone());
        Ok(State::Eval(
            &fold.update,
            item,
            env,
            self.then(frame, next)?,
        ))
    }
}
