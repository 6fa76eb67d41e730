//! Which rows are delivered, and how much the others are.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, Sub};

/// How much was ever stored before a place in the topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    pub bytes: u64,
    pub messages: u64,
}

impl Amount {
    /// As the key of a record says it.
    pub fn to_key(self) -> [u8; 16] {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&self.bytes.to_be_bytes());
        key[8..].copy_from_slice(&self.messages.to_be_bytes());
        key
    }

    /// Reads the key of a record; `None` when it is none of a buffer.
    pub fn of_key(key: &[u8]) -> Option<Self> {
        let (bytes, messages) = key.split_first_chunk::<8>()?;
        Some(Self {
            bytes: u64::from_be_bytes(*bytes),
            messages: u64::from_be_bytes(messages.try_into().ok()?),
        })
    }

    /// With a row more.
    pub fn and(self, bytes: usize, messages: u32) -> Self {
        Self {
            bytes: self.bytes.saturating_add(bytes as u64),
            messages: self.messages.saturating_add(messages.into()),
        }
    }
}

impl Sub for Amount {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(other.bytes),
            messages: self.messages.saturating_sub(other.messages),
        }
    }
}

/// The rows from the oldest one that is not delivered. The id of a row is its offset and one more.
#[derive(Debug, Default)]
pub struct Rows {
    /// All rows up to this one are delivered, or hold nothing that is to be.
    done: i64,
    /// Rows behind that which are, too.
    done_later: BTreeSet<i64>,
    /// Rows between those of this run that it has not seen: such that it wrote although its input was
    /// told that they are not, and what others have written. They do not leave.
    unseen: BTreeSet<i64>,
    /// What was stored up to and with each row that is known.
    amounts: BTreeMap<i64, Amount>,
    amount_done: Amount,
    /// The last row that is stored, and what was up to it.
    last: i64,
    total: Amount,
}

impl Rows {
    /// Those of a topic in which everything up to `done` is delivered.
    pub fn new((done, amount_done): (i64, Amount), (last, total): (i64, Amount)) -> Self {
        Self {
            done,
            amount_done,
            last,
            total,
            ..Self::default()
        }
    }

    /// Everything up to this row is delivered.
    pub fn done(&self) -> i64 {
        self.done
    }

    /// The last row that is stored.
    pub fn last(&self) -> i64 {
        self.last
    }

    /// What was ever stored.
    pub fn total(&self) -> Amount {
        self.total
    }

    /// What is stored and not delivered; rows that were delivered out of order count.
    pub fn left(&self) -> Amount {
        self.total - self.amount_done
    }

    /// Whether a row need not be delivered.
    pub fn is_done(&self, id: i64) -> bool {
        id <= self.done || self.done_later.contains(&id)
    }

    /// Whether it is not known yet what a row between those of this run is.
    pub fn is_unseen(&self, id: i64) -> bool {
        self.unseen.contains(&id)
    }

    /// The first of those.
    pub fn first_unseen(&self) -> Option<i64> {
        self.unseen.first().copied()
    }

    /// A row of this run is stored.
    pub fn stored(&mut self, id: i64, amount: Amount) {
        if id > self.done {
            self.amounts.insert(id, amount);
        }
        self.unseen.extend(self.last + 1..id);
        self.last = self.last.max(id);
        self.total = amount;
    }

    /// A row was read from the topic, before and with which so much was stored.
    pub fn known(&mut self, id: i64, before: Amount, amount: Amount) {
        if id > self.done {
            self.amounts.insert(id, amount);
        }
        if id == self.done + 1 {
            self.amount_done = before;
        }
    }

    /// There is nothing to deliver in these rows.
    pub fn pass_over(&mut self, ids: Range<i64>) {
        for id in ids.start.max(self.done + 1)..ids.end {
            self.deliver(id);
        }
    }

    /// A row was delivered.
    pub fn deliver(&mut self, id: i64) {
        if id <= self.done {
            return;
        }
        self.unseen.remove(&id);
        self.done_later.insert(id);
        while self.done_later.remove(&(self.done + 1)) {
            self.done += 1;
            if let Some(amount) = self.amounts.remove(&self.done) {
                self.amount_done = amount;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(bytes: u64) -> Amount {
        Amount { bytes, messages: 1 }
    }

    #[test]
    fn a_key_comes_back_as_it_was_and_others_are_refused() {
        let amount = Amount {
            bytes: 7,
            messages: 1 << 40,
        };
        assert_eq!(Amount::of_key(&amount.to_key()), Some(amount));
        for length in [0, 8, 15, 17] {
            assert_eq!(Amount::of_key(&vec![0; length]), None, "{length}");
        }
    }

    #[test]
    fn everything_up_to_a_row_is_done_when_it_and_all_before_it_are() {
        let mut rows = Rows::new((4, amount(40)), (4, amount(40)));
        for id in 5..8 {
            rows.stored(id, amount(id as u64 * 10));
        }
        rows.deliver(6);
        assert_eq!((rows.done(), rows.left().bytes), (4, 30));
        assert!(rows.is_done(6) && !rows.is_done(5));
        rows.deliver(5);
        assert_eq!((rows.done(), rows.left().bytes), (6, 10));
        rows.deliver(7);
        assert_eq!((rows.done(), rows.left().bytes), (7, 0));
    }

    #[test]
    fn a_row_between_those_of_the_run_is_done_when_it_was_looked_at() {
        let mut rows = Rows::new((0, Amount::default()), (0, Amount::default()));
        rows.stored(1, amount(10));
        rows.stored(3, amount(30));
        assert_eq!((rows.first_unseen(), rows.is_unseen(3)), (Some(2), false));
        rows.deliver(1);
        rows.deliver(3);
        assert_eq!(rows.done(), 1);
        rows.deliver(2);
        assert_eq!(rows.first_unseen(), None);
        assert_eq!((rows.done(), rows.left().bytes), (3, 0));
    }
}
