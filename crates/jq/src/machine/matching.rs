//! Values are taken apart by patterns.

use millrace_message::Value;

use super::Machine;
use super::state::{Binding, Env, Fork, Frame, Item, Matching, Next, State, Then, Work};
use crate::access;
use crate::error::{Fail, named};
use crate::number;
use crate::program::{Bind, Member, Pattern};

impl<'p> Machine<'p> {
    /// `source as pattern | body`: the source has given a value.
    pub(super) fn bound(
        &mut self,
        bind: &'p Bind,
        value: Value,
        item: Item<'p>,
        env: Env<'p>,
        next: Next<'p>,
    ) -> Result<State<'p>, Fail> {
        self.try_pattern(bind, 0, value, item, env, next)
    }

    /// Tries a pattern; the next one is for what fails from here on.
    pub(super) fn try_pattern(
        &mut self,
        bind: &'p Bind,
        position: usize,
        value: Value,
        item: Item<'p>,
        env: Env<'p>,
        next: Next<'p>,
    ) -> Result<State<'p>, Fail> {
        let alternative = &bind.alternatives[position];
        if position + 1 < bind.alternatives.len() {
            self.fork(Fork::Patterns(
                bind,
                position + 1,
                value.clone(),
                item.clone(),
                env.clone(),
                next.clone(),
            ))?;
        }
        let matching = Matching {
            work: vec![Work::Pattern(&alternative.pattern, value)],
            env: env.clone(),
            then: Then::Body(bind, alternative, item, env),
        };
        self.matched(matching, next)
    }

    /// Takes apart what is left, then goes on.
    pub(super) fn matched(
        &mut self,
        mut matching: Matching<'p>,
        next: Next<'p>,
    ) -> Result<State<'p>, Fail> {
        while let Some(work) = matching.work.pop() {
            self.budget.step()?;
            match work {
                Work::Pattern(Pattern::Variable, value) => {
                    matching.env = self.bind(matching.env, Binding::Value(value))?;
                }
                Work::Pattern(Pattern::Array(elements), value) => {
                    if !matches!(value, Value::Array(_) | Value::Null) {
                        let text = format!("expected an array but got: {}", named(&value));
                        return Err(Fail::text(text));
                    }
                    for (position, pattern) in elements.iter().enumerate().rev() {
                        let key = number::count(position);
                        let element = access::index(self.budget, &value, &key)?;
                        matching.work.push(Work::Pattern(pattern, element));
                    }
                }
                Work::Pattern(Pattern::Object(members), value) => {
                    let members = members.iter().rev();
                    let work = members.map(|member| Work::Member(member, value.clone()));
                    matching.work.extend(work);
                }
                Work::Member(member, value) if member.key.is_direct => {
                    let key = self.direct(&member.key, value.clone(), &matching.env)?;
                    self.match_member(member, &value, &key, &mut matching)?;
                }
                Work::Member(member, value) => {
                    let env = matching.env.clone();
                    let item = Item::plain(value.clone());
                    let frame = Frame::MemberKey(member, value, Box::new(matching));
                    let then = self.then(frame, next)?;
                    return Ok(State::Eval(&member.key, item, env, then));
                }
            }
        }
        self.all_matched(matching, next)
    }

    pub(super) fn matched_key(
        &mut self,
        member: &'p Member,
        value: &Value,
        key: &Value,
        mut matching: Matching<'p>,
        next: Next<'p>,
    ) -> Result<State<'p>, Fail> {
        self.match_member(member, value, key, &mut matching)?;
        self.matched(matching, next)
    }

    fn match_member(
        &self,
        member: &'p Member,
        value: &Value,
        key: &Value,
        matching: &mut Matching<'p>,
    ) -> Result<(), Fail> {
        let found = access::index(self.budget, value, key)?;
        if member.is_variable {
            let env = matching.env.take();
            matching.env = self.bind(env, Binding::Value(found.clone()))?;
        }
        if let Some(pattern) = &member.pattern {
            matching.work.push(Work::Pattern(pattern, found));
        }
        Ok(())
    }

    fn all_matched(&mut self, matching: Matching<'p>, next: Next<'p>) -> Result<State<'p>, Fail> {
        match matching.then {
            Then::Reduce(fork, fold) => self.reduce_update(fork, fold, matching.env),
            Then::Foreach(fork, fold) => self.foreach_update(fork, fold, matching.env, next),
            Then::Body(bind, alternative, item, outer) => {
                let env = match &alternative.exports {
                    None => matching.env,
                    Some(exports) => self.exported(exports, &matching.env, outer)?,
                };
                Ok(State::Eval(&bind.body, item, env, next))
            }
        }
    }

    /// Binds the variables of all patterns, of which the one that matched has some.
    fn exported(
        &self,
        exports: &[Option<usize>],
        matched: &Env<'p>,
        mut env: Env<'p>,
    ) -> Result<Env<'p>, Fail> {
        for export in exports {
            let value = export.map_or(Value::Null, |distance| self.variable(matched, distance));
            env = self.bind(env, Binding::Value(value))?;
        }
        Ok(env)
    }
}
