//! Where the members of large containers stand, for those that are asked again and again.
//!
//! A tape is walked from a container's first member on. Who takes one member after another of a
//! large container by name or by position would walk through it each time; so, once a document has
//! been walked through a few times, what a walk finds is kept.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// Containers with fewer members are walked each time.
pub(super) const LARGE: u16 = 256;

/// So many times as many nodes as the document has are walked before anything is kept.
const WALKS: usize = 4;

/// For each container that was asked often: the nodes of its elements in their order, or of its keys in
/// the order of their text, each text once.
type Kept = RwLock<HashMap<u32, Arc<[u32]>>>;

/// What is kept, and how much was walked without it. Holds at most 4 bytes for each node of the tape,
/// beside its own.
#[derive(Default)]
pub(super) struct Places {
    walked: AtomicUsize,
    kept: OnceLock<Box<Kept>>,
}

impl Places {
    /// The members of a container, when they are kept.
    pub(super) fn of(&self, container: u32) -> Option<Arc<[u32]>> {
        let kept = self.kept.get()?.read();
        let kept = kept.unwrap_or_else(PoisonError::into_inner);
        kept.get(&container).cloned()
    }

    /// Whether it is time to keep what the next walk finds: `nodes` is the size of the tape.
    pub(super) fn are_worth_it(&self, nodes: usize) -> bool {
        self.walked.load(Ordering::Relaxed) / WALKS >= nodes
    }

    /// That so many members were walked over.
    pub(super) fn add_walked(&self, members: usize) {
        self.walked.fetch_add(members, Ordering::Relaxed);
    }

    /// Keeps the members of a container.
    pub(super) fn keep(&self, container: u32, members: Arc<[u32]>) {
        let kept = self.kept.get_or_init(Box::default).write();
        let mut kept = kept.unwrap_or_else(PoisonError::into_inner);
        kept.insert(container, members);
    }
}
