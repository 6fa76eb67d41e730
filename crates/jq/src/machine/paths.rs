//! Paths: where a value was found, and updates there.

use std::mem::size_of;
use std::rc::Rc;

use millrace_message::Value;

use super::Machine;
use super::state::{Env, Fork, Frame, Item, Next, Origin, State};
use crate::access;
use crate::error::{Fail, named};
use crate::program::Node;

impl<'p> Machine<'p> {
    /// An item one step further.
    pub(super) fn step(&self, item: Item<'p>, key: Value, value: Value) -> Result<Item<'p>, Fail> {
        self.check_path(&item, "against")?;
        let Some(before) = item.origin else {
            return Ok(Item::plain(value));
        };
        let _waiting = self.budget.wait(size_of::<Origin>())?;
        let origin = Origin {
            value: value.clone(),
            step: Some((key, before)),
            _waiting,
        };
        Ok(Item {
            value,
            origin: Some(Rc::new(origin)),
        })
    }

    /// Refuses a value that is not the one at its path.
    pub(super) fn check_path(&self, item: &Item<'p>, what: &str) -> Result<(), Fail> {
        match &item.origin {
            Some(origin) if !origin.value.is_same(&item.value) => {
                let on = if what == "against" { "" } else { "on " };
                let text = format!("invalid path {on}{what}: {}", named(&item.value));
                Err(Fail::text(text))
            }
            _ => Ok(()),
        }
    }

    /// The path of an item, as an array.
    pub(super) fn path_of(&self, item: &Item<'p>) -> Result<Value, Fail> {
        self.check_path(item, "against")?;
        let mut keys = Vec::new();
        let mut origin = item.origin.as_deref();
        while let Some(Origin {
            step: Some((key, before)),
            ..
        }) = origin
        {
            self.budget.values(1)?;
            keys.push(key.clone());
            origin = Some(before);
        }
        keys.reverse();
        Ok(Value::from(keys))
    }

    pub(super) fn get_path(&self, item: Item<'p>, path: &Value) -> Result<Item<'p>, Fail> {
        let value = access::get_path(self.budget, &item.value, path)?;
        if item.origin.is_none() {
            return Ok(Item::plain(value));
        }
        self.check_path(&item, "against")?;
        let mut item = item;
        for key in path.as_array().into_iter().flatten() {
            item = self.step(item, key.into_owned(), value.clone())?;
        }
        Ok(item.with(value))
    }

    /// `paths |= update`: the fork keeps the value that is updated, and the paths to delete.
    pub(super) fn modify(
        &mut self,
        paths: &'p Node,
        update: &'p Node,
        item: Item<'p>,
        env: Env<'p>,
        next: Next<'p>,
    ) -> Result<State<'p>, Fail> {
        let within = self.rooted(item.value.clone())?;
        let value = item.value.clone();
        let fork = Fork::Modify(value, Vec::new(), item.with(Value::Null), next);
        let fork = self.fork(fork)?;
        let frame = Frame::ModifyPath(fork, update, env.clone());
        Ok(State::Eval(
            paths,
            within,
            env,
            self.then(frame, Next(None))?,
        ))
    }

    /// A path was found: what is there is updated.
    pub(super) fn modify_at(
        &mut self,
        fork: usize,
        update: &'p Node,
        path: Value,
        env: Env<'p>,
    ) -> Result<State<'p>, Fail> {
        let budget = self.budget;
        let Fork::Modify(value, ..) = self.kept(fork) else {
            unreachable!("the fork of an update keeps its value");
        };
        let old = access::get_path(budget, value, &path)?;
        if update.is_direct {
            let new = self.direct(update, old, &env)?;
            self.modified(fork, &path, new)?;
            return Ok(State::Backtrack);
        }
        let delete = self.fork(Fork::Delete(fork, path.clone()))?;
        let frame = Frame::ModifySet(fork, delete, path);
        let then = self.then(frame, Next(None))?;
        Ok(State::Eval(update, Item::plain(old), env, then))
    }

    pub(super) fn modified(&mut self, fork: usize, path: &Value, new: Value) -> Result<(), Fail> {
        let budget = self.budget;
        if let Fork::Modify(value, ..) = self.kept(fork) {
            let old = super::taken(value);
            *value = access::set_path(budget, old, path, new)?;
        }
        Ok(())
    }
}
