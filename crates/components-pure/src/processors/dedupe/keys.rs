//! The keys that a `dedupe` has seen, and what its duplicates wait for.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use millrace_component::{Added, BuiltCache, Identity};
use millrace_message::{Error, Message, Origin, Outcome, TransactionId};
use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::Verdict;

/// The keys seen.
pub(super) struct Keys {
    pub(super) cache: BuiltCache,
    /// The keys of messages that are on their way.
    on_way: Mutex<HashMap<Arc<str>, Arc<Way>>>,
    /// Keys that are still in the cache though their messages were not delivered, since the cache
    /// could not be asked to remove them.
    owed: Mutex<HashSet<Arc<str>>>,
    identity: Arc<Identity>,
}

impl Keys {
    pub(super) fn new(cache: BuiltCache, identity: &Arc<Identity>) -> Self {
        Self {
            cache,
            on_way: Mutex::default(),
            owed: Mutex::default(),
            identity: Arc::clone(identity),
        }
    }

    /// Adds the key of a message unless it is there.
    ///
    /// Only the cache knows whether a key is new: what comes behind may have removed the key of a
    /// message that is still on its way, or its time to live may be over.
    pub(super) async fn judge(self: &Arc<Self>, key: Arc<str>, message: &mut Message) -> Verdict {
        let place = self.place(&key);
        match (self.add(&key).await, place) {
            (Ok(Added::Stored), Place::First(claim)) => Verdict::New(claim),
            (Ok(Added::Stored), Place::Behind(_)) => Verdict::New(Claim::lay(self, &key)),
            (Ok(Added::AlreadyThere), Place::First(claim)) => claim.duplicate(message),
            (Ok(Added::AlreadyThere), Place::Behind(way)) => {
                self.follow(&way, message.take_origin());
                Verdict::Settled
            }
            (Err(error), place) => {
                let error = error.context("add a key to the cache");
                if let Place::First(claim) = place {
                    claim.fail(&error);
                }
                Verdict::Unknown(error)
            }
        }
    }

    /// Lets a duplicate settle as the message ahead of it does. When that one waits for it, it is
    /// one of the messages that are filtered at once.
    fn follow(&self, way: &Way, origin: Origin) {
        let by = &self.identity.component;
        // Two messages that begin to follow each other at the same time would not see it.
        let one_at_a_time = FOLLOWING.lock();
        let settled = match way.waits_for(&origin) {
            true => Some((origin, Outcome::Filtered { by: Arc::clone(by) })),
            false => way.follow(origin, by),
        };
        drop(one_at_a_time);
        if let Some((origin, outcome)) = settled {
            origin.settle(outcome);
        }
    }

    fn place(self: &Arc<Self>, key: &Arc<str>) -> Place {
        match self.on_way.lock().entry(Arc::clone(key)) {
            Entry::Occupied(there) => Place::Behind(Arc::clone(there.get())),
            Entry::Vacant(free) => {
                let way = Arc::<Way>::default();
                free.insert(Arc::clone(&way));
                Place::First(Claim::new(self, key, way))
            }
        }
    }

    async fn add(&self, key: &str) -> Result<Added, Error> {
        let added = self.cache.add(key, Bytes::from_static(b"t"), None).await?;
        if added == Added::AlreadyThere && self.owed.lock().remove(key) {
            return Ok(Added::Stored);
        }
        Ok(added)
    }

    fn owe(&self, key: &Arc<str>, error: &Error) {
        self.identity.log_warning(format_args!(
            "remove the key of an undelivered message: {error}"
        ));
        self.owed.lock().insert(Arc::clone(key));
    }

    /// Forgets the keys of messages that were not delivered, then says so to their sources.
    pub(super) fn forget(self: &Arc<Self>, failed: Vec<(Watched, Error)>, runtime: Option<Handle>) {
        let is_current = |it: &(Watched, Error)| it.0.claim.is_current();
        let (failed, replaced): (Vec<_>, Vec<_>) = failed.into_iter().partition(is_current);
        // The key is that of another message now.
        for (watched, failure) in replaced {
            watched.fail(failure);
        }
        match (&self.cache, runtime) {
            (BuiltCache::Local(cache), _) => {
                for (watched, failure) in failed {
                    if let Err(error) = cache.delete(&watched.claim.key) {
                        self.owe(&watched.claim.key, &error);
                    }
                    watched.fail(failure);
                }
            }
            (BuiltCache::Remote(cache), Some(runtime)) => {
                let (keys, cache) = (Arc::clone(self), Arc::clone(cache));
                runtime.spawn(async move {
                    for (watched, failure) in failed {
                        if let Err(error) = cache.delete(&watched.claim.key).await {
                            keys.owe(&watched.claim.key, &error);
                        }
                        watched.fail(failure);
                    }
                });
            }
            (BuiltCache::Remote(_), None) => {
                let error = Error::fatal("there is no runtime to ask the cache from");
                for (watched, failure) in failed {
                    self.owe(&watched.claim.key, &error);
                    watched.fail(failure);
                }
            }
        }
    }
}

/// The place of a message among those that are on their way with its key.
enum Place {
    First(Claim),
    Behind(Arc<Way>),
}

/// Held while a message begins to follow another one, of whatever `dedupe`.
static FOLLOWING: Mutex<()> = Mutex::new(());

/// The way of one message, which its duplicates follow.
#[derive(Default)]
pub(super) struct Way {
    fate: Mutex<Fate>,
    /// The transaction of what the message becomes, once it goes on.
    transaction: OnceLock<TransactionId>,
}

/// What has become of a message.
enum Fate {
    /// It is on its way, and these are the origins of its duplicates.
    OnWay(Vec<Origin>),
    /// It is a duplicate itself, of a message that took this way.
    Behind(Arc<Way>),
    Arrived,
    Failed(Error),
}

impl Default for Fate {
    fn default() -> Self {
        Self::OnWay(Vec::new())
    }
}

impl Way {
    /// What the message becomes has this transaction.
    pub(super) fn goes_on_as(&self, transaction: Option<TransactionId>) {
        if let Some(transaction) = transaction {
            // It goes on once.
            let _first = self.transaction.set(transaction);
        }
    }

    /// Whether the message settles only when the other one has: when that one was made of it.
    fn waits_for(&self, other: &Origin) -> bool {
        let ahead = match &*self.fate.lock() {
            Fate::Behind(way) => Some(Arc::clone(way)),
            Fate::OnWay(_) | Fate::Arrived | Fate::Failed(_) => None,
        };
        match (ahead, self.transaction.get()) {
            (Some(way), _) => way.waits_for(other),
            (None, Some(transaction)) => other.holds_up(transaction),
            (None, None) => false,
        }
    }

    /// Shows the origins of those that follow.
    pub(super) fn show_followers(&self, show: &mut dyn FnMut(&Origin)) {
        if let Fate::OnWay(duplicates) = &*self.fate.lock() {
            duplicates.iter().for_each(show);
        }
    }

    /// Takes in a duplicate, to settle as this message does; it is returned with its outcome when
    /// that is known already.
    fn follow(&self, origin: Origin, by: &Arc<str>) -> Option<(Origin, Outcome)> {
        let outcome = match &mut *self.fate.lock() {
            Fate::OnWay(duplicates) => {
                duplicates.push(origin);
                return None;
            }
            Fate::Behind(way) => return way.follow(origin, by),
            Fate::Arrived => Outcome::Filtered { by: Arc::clone(by) },
            Fate::Failed(error) => Outcome::Failed(error.clone()),
        };
        Some((origin, outcome))
    }

    /// Ends the way, and returns the origins of those that followed.
    fn end(&self, fate: Fate) -> Vec<Origin> {
        match std::mem::replace(&mut *self.fate.lock(), fate) {
            Fate::OnWay(duplicates) => duplicates,
            Fate::Behind(_) | Fate::Arrived | Fate::Failed(_) => Vec::new(),
        }
    }
}

/// A key that was added for a message that is on its way.
pub(super) struct Claim {
    keys: Arc<Keys>,
    key: Arc<str>,
    way: Arc<Way>,
    is_settled: bool,
}

impl Claim {
    fn new(keys: &Arc<Keys>, key: &Arc<str>, way: Arc<Way>) -> Self {
        Self {
            keys: Arc::clone(keys),
            key: Arc::clone(key),
            way,
            is_settled: false,
        }
    }

    pub(super) fn way(&self) -> Arc<Way> {
        Arc::clone(&self.way)
    }

    /// Makes a message the one that later copies follow, instead of the one that they followed.
    fn lay(keys: &Arc<Keys>, key: &Arc<str>) -> Self {
        let way = Arc::<Way>::default();
        keys.on_way.lock().insert(Arc::clone(key), Arc::clone(&way));
        Self::new(keys, key, way)
    }

    /// Whether later copies follow this one: not when its key was removed behind it and added anew.
    fn is_current(&self) -> bool {
        let on_way = self.keys.on_way.lock();
        let there = on_way.get(&self.key);
        there.is_some_and(|way| Arc::ptr_eq(way, &self.way))
    }

    /// The key was there. Its message is known to be on its way only when another copy came in
    /// between and was faster.
    fn duplicate(mut self, message: &mut Message) -> Verdict {
        let faster = self.keys.on_way.lock().get(&self.key).cloned();
        match faster.filter(|way| !Arc::ptr_eq(way, &self.way)) {
            Some(way) => {
                let behind = self.end(Fate::Behind(Arc::clone(&way)));
                for origin in [message.take_origin()].into_iter().chain(behind) {
                    self.keys.follow(&way, origin);
                }
                Verdict::Settled
            }
            None => {
                self.keep();
                Verdict::Duplicate
            }
        }
    }

    /// The message has arrived, or nobody asks whether it does: its duplicates are such.
    pub(super) fn keep(mut self) {
        let by = Arc::clone(&self.keys.identity.component);
        self.settle(Fate::Arrived, &Outcome::Filtered { by });
    }

    /// The message has not arrived, so that its duplicates are all that is left of it.
    fn fail(mut self, error: &Error) {
        self.settle_failed(error);
    }

    fn settle_failed(&mut self, error: &Error) {
        let error = error.clone();
        let error = error.context("the message that this one is a duplicate of was not delivered");
        self.settle(Fate::Failed(error.clone()), &Outcome::Failed(error));
    }

    fn settle(&mut self, fate: Fate, outcome: &Outcome) {
        for duplicate in self.end(fate) {
            duplicate.settle(outcome.clone());
        }
    }

    /// Ends the way of the message, and returns the origins of those that followed it.
    fn end(&mut self, fate: Fate) -> Vec<Origin> {
        self.is_settled = true;
        let mut on_way = self.keys.on_way.lock();
        if let Entry::Occupied(there) = on_way.entry(Arc::clone(&self.key))
            && Arc::ptr_eq(there.get(), &self.way)
        {
            there.remove();
        }
        drop(on_way);
        self.way.end(fate)
    }
}

impl Drop for Claim {
    /// What was dropped on its way goes back to its source, and its duplicates with it.
    fn drop(&mut self) {
        if !self.is_settled {
            self.settle_failed(&Error::retry("it was given up on its way"));
        }
    }
}

/// A claim, and the origin of its message.
pub(super) struct Watched {
    pub(super) claim: Claim,
    pub(super) origin: Origin,
}

impl Watched {
    fn fail(self, error: Error) {
        self.claim.fail(&error);
        self.origin.settle(Outcome::Failed(error));
    }
}
