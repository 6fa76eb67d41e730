//! What clients were told: the oracle that the broker is held against.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use parking_lot::Mutex;

/// A partition of a topic.
pub type Place = (&'static str, i32);

/// What is known to stand at an offset.
#[derive(Clone, Debug)]
struct Fact {
    value: Bytes,
    /// Whether it stays when the power goes.
    is_durable: bool,
}

#[derive(Default)]
struct Known {
    facts: BTreeMap<Place, BTreeMap<i64, Fact>>,
    /// What was read, by offset and leader epoch.
    read: BTreeMap<(Place, i64, i32), Bytes>,
    /// What readers of committed records were shown.
    committed: HashSet<Bytes>,
    /// Below these the records were deleted.
    starts: BTreeMap<Place, i64>,
    /// Below these they may be: it was asked for.
    asked_starts: BTreeMap<Place, i64>,
    /// High watermark and last stable offset, since the broker started.
    watermarks: BTreeMap<Place, (i64, i64)>,
    /// What was wrong first.
    wrong: Option<String>,
    trace: DefaultHasher,
    notes: usize,
}

/// See the module. It is shared by all clients.
#[derive(Default)]
pub struct Told {
    known: Mutex<Known>,
    /// Print what is noted.
    is_loud: bool,
}

impl Told {
    pub fn new(is_loud: bool) -> Self {
        Self {
            is_loud,
            ..Self::default()
        }
    }

    /// Something happened; the same seed notes the same.
    pub fn note(&self, what: impl FnOnce() -> String) {
        let mut known = self.known.lock();
        let what = what();
        known.notes += 1;
        what.hash(&mut known.trace);
        if self.is_loud {
            say(&what);
        }
    }

    /// How much was noted, and its sum.
    pub fn trace(&self) -> (usize, u64) {
        let known = self.known.lock();
        (known.notes, known.trace.finish())
    }

    /// Something must not be.
    pub fn wrong(&self, what: impl FnOnce() -> String) {
        let mut known = self.known.lock();
        if known.wrong.is_none() {
            let what = what();
            if self.is_loud {
                say(&format!("WRONG: {what}"));
            }
            known.wrong = Some(what);
        }
    }

    pub fn verdict(&self) -> Result<(), String> {
        self.known.lock().wrong.clone().map_or(Ok(()), Err)
    }

    /// A record is known to stand at an offset.
    pub fn stands(&self, place: Place, offset: i64, value: &Bytes, is_durable: bool) {
        let mut known = self.known.lock();
        let facts = known.facts.entry(place).or_default();
        let fact = facts.entry(offset).or_insert_with(|| Fact {
            value: value.clone(),
            is_durable,
        });
        fact.is_durable |= is_durable;
        let before = fact.value.clone();
        drop(known);
        if before != *value {
            self.wrong(|| {
                format!("at {offset} of {place:?} stood {before:?}, and {value:?} stands")
            });
        }
    }

    /// A record was read, which a leader of this epoch wrote.
    pub fn was_read(&self, place: Place, offset: i64, epoch: i32, value: &Bytes, is_durable: bool) {
        self.stands(place, offset, value, is_durable);
        let mut known = self.known.lock();
        let of_epoch = known.read.entry((place, offset, epoch));
        let before = of_epoch.or_insert_with(|| value.clone()).clone();
        drop(known);
        if before != *value {
            self.wrong(|| {
                format!("at {offset} of {place:?} epoch {epoch} has {before:?} and {value:?}")
            });
        }
    }

    /// A reader of committed records was shown a value.
    pub fn was_shown_as_committed(&self, value: Bytes) {
        self.known.lock().committed.insert(value);
    }

    /// Whether one was.
    pub fn is_shown_as_committed(&self, value: &Bytes) -> bool {
        self.known.lock().committed.contains(value)
    }

    /// The records below an offset are to be deleted.
    pub fn may_be_deleted_below(&self, place: Place, offset: i64) {
        let mut known = self.known.lock();
        let start = known.asked_starts.entry(place).or_default();
        *start = offset.max(*start);
    }

    /// The records below an offset are deleted.
    pub fn is_deleted_below(&self, place: Place, offset: i64) {
        let mut known = self.known.lock();
        let start = known.starts.entry(place).or_default();
        *start = offset.max(*start);
    }

    /// Where a partition begins at the earliest.
    pub fn start(&self, place: Place) -> i64 {
        self.known.lock().starts.get(&place).copied().unwrap_or(0)
    }

    /// Where it begins at the latest: what lies below may be deleted.
    pub fn latest_start(&self, place: Place) -> i64 {
        let known = self.known.lock();
        let all = [&known.starts, &known.asked_starts];
        let of_place = all.into_iter().filter_map(|it| it.get(&place));
        of_place.copied().max().unwrap_or(0)
    }

    /// What a reader was told of a partition.
    pub fn watermarks(&self, place: Place, high: i64, stable: i64) {
        let mut known = self.known.lock();
        let before = known.watermarks.entry(place).or_insert((high, stable));
        let (was_high, was_stable) = *before;
        *before = (high.max(was_high), stable.max(was_stable));
        drop(known);
        if high < was_high || stable < was_stable || stable > high {
            self.wrong(|| {
                format!(
                    "{place:?} had the high watermark {was_high} and the last stable offset \
                     {was_stable}, then {high} and {stable}"
                )
            });
        }
    }

    /// The broker starts again; when the power was gone, only what is durable is known.
    pub fn start_again(&self, is_power_lost: bool) {
        let mut known = self.known.lock();
        known.watermarks.clear();
        if is_power_lost {
            for facts in known.facts.values_mut() {
                facts.retain(|_, fact| fact.is_durable);
            }
        }
    }

    /// Compares a partition, whole from `start` on, with what is known of it. Where it is compacted,
    /// records may be gone.
    pub fn compare(
        &self,
        place: Place,
        start: i64,
        found: &BTreeMap<i64, Bytes>,
        is_compacted: bool,
    ) {
        let deleted = self.start(place);
        let latest = self.latest_start(place);
        if start < deleted || (start > latest && !is_compacted) {
            self.wrong(|| format!("{place:?} starts at {start}, and not at {deleted} to {latest}"));
        }
        let facts = self.known.lock().facts.get(&place).cloned();
        for (offset, fact) in facts.unwrap_or_default().range(start..) {
            match found.get(offset) {
                Some(value) if *value == fact.value => {}
                None if is_compacted => {}
                other => self.wrong(|| {
                    let value = &fact.value;
                    format!("at {offset} of {place:?} stood {value:?}, and now {other:?} does")
                }),
            }
        }
    }
}

#[allow(clippy::print_stdout, reason = "for who looks at one history")]
fn say(what: &str) {
    println!("{what}");
}
