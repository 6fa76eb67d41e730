//! What waits for a message: found by those who want to let one message wait for another, so that
//! none comes to wait for itself.

use std::collections::HashSet;
use std::sync::{Arc, Weak};

use super::{Hearer, Origin, Transaction};

/// A transaction that is remembered without being kept.
pub struct TransactionId(Weak<Transaction>);

impl Transaction {
    /// Shows the origins that settle when this does; false when it cannot be said which.
    fn show_held(&self, show: &mut dyn FnMut(&Origin)) -> bool {
        match &self.settle {
            Hearer::One(settle) => match &*settle.lock() {
                Some(settle) => settle.show_held(show),
                // It has settled: nothing waits for it any more.
                None => true,
            },
            Hearer::Run(settle) => settle.is_source(),
        }
    }
}

impl Origin {
    fn transactions(&self) -> impl Iterator<Item = Arc<Transaction>> {
        let handles = match self {
            Self::Detached => &[],
            Self::One(handle) => std::slice::from_ref(handle),
            Self::Many(handles) => &handles[..],
        };
        handles.iter().filter_map(|it| it.transaction.clone())
    }

    /// The transaction of a message that descends from one source message.
    pub fn transaction(&self) -> Option<TransactionId> {
        let first = self.transactions().next()?;
        Some(TransactionId(Arc::downgrade(&first)))
    }

    /// Whether the transaction waits, or may wait, until this message has settled: whether the
    /// message descends from it, or something that it waits for does.
    ///
    /// Stages that do not say what they hold ([`Settle::show_held`](super::Settle::show_held)) may
    /// hold anything.
    pub fn holds_up(&self, transaction: &TransactionId) -> bool {
        let mut open: Vec<_> = self.transactions().collect();
        let mut seen = HashSet::new();
        while let Some(next) = open.pop() {
            if Arc::as_ptr(&next) == transaction.0.as_ptr() {
                return true;
            }
            // Collected first: no lock is held while another one is taken.
            let is_known = !seen.insert(Arc::as_ptr(&next))
                || next.show_held(&mut |it| open.extend(it.transactions()));
            if !is_known {
                return true;
            }
        }
        false
    }
}
