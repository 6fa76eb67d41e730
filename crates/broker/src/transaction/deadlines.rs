//! When something is to be done about a transactional id. Nothing here reads a clock.

use std::collections::{BTreeMap, BTreeSet};

use millrace_kafka_wire::Str;

/// At most one deadline for each transactional id.
#[derive(Clone, Debug, Default)]
pub(super) struct Deadlines {
    queue: BTreeSet<(i64, Str)>,
    due: BTreeMap<Str, i64>,
}

impl Deadlines {
    /// Sets the deadline of an id, in place of the one that it had.
    pub fn set(&mut self, id: &Str, at: Option<i64>) {
        if let Some((id, before)) = self.due.remove_entry(id) {
            self.queue.remove(&(before, id));
        }
        if let Some(at) = at {
            self.queue.insert((at, id.clone()));
            self.due.insert(id.clone(), at);
        }
    }

    /// When the first one is due.
    pub fn first(&self) -> Option<i64> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Takes one that is due.
    pub fn pop(&mut self, now: i64) -> Option<Str> {
        if self.first()? > now {
            return None;
        }
        let (_, id) = self.queue.pop_first()?;
        self.due.remove(&id);
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_that_is_set_again_is_due_once_and_then() {
        let (one, other) = (Str::from("one"), Str::from("other"));
        let mut deadlines = Deadlines::default();
        deadlines.set(&one, Some(10));
        deadlines.set(&other, Some(5));
        deadlines.set(&one, Some(20));
        assert_eq!(deadlines.first(), Some(5));
        assert_eq!(deadlines.pop(15), Some(other));
        assert_eq!(deadlines.pop(15), None);
        assert_eq!(deadlines.pop(20), Some(one.clone()));
        deadlines.set(&one, Some(30));
        deadlines.set(&one, None);
        assert_eq!(deadlines.first(), None);
    }
}
