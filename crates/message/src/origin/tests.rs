use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use proptest::prelude::*;
use smallvec::SmallVec;

use super::{Origin, Outcome, Outcomes, Settle, SettleRun, Transaction};
use crate::Error;

#[derive(Default)]
struct Record {
    calls: AtomicUsize,
    outcomes: Mutex<Vec<Outcome>>,
}

struct Recorder(Arc<Record>);

impl Settle for Recorder {
    fn settle(self: Box<Self>, outcomes: SmallVec<[Outcome; 1]>) {
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        *self.0.outcomes.lock() = outcomes.into_vec();
    }
}

fn open(messages: usize) -> (Arc<Record>, SmallVec<[Origin; 1]>) {
    let record = Arc::new(Record::default());
    let origins = Transaction::open(messages, Box::new(Recorder(Arc::clone(&record))));
    (record, origins)
}

fn names(record: &Record) -> Vec<&'static str> {
    record
        .outcomes
        .lock()
        .iter()
        .map(|outcome| match outcome {
            Outcome::Delivered => "delivered",
            Outcome::Filtered { .. } => "filtered",
            Outcome::Dropped { .. } => "dropped",
            Outcome::Failed(_) => "failed",
        })
        .collect()
}

#[test]
fn a_batch_settles_once_when_its_last_message_does() {
    let (record, origins) = open(2);
    let mut origins = origins.into_iter();
    origins.next().unwrap().deliver();
    assert_eq!(record.calls.load(Ordering::SeqCst), 0);
    origins.next().unwrap().fail(Error::retry("no"));
    assert_eq!(record.calls.load(Ordering::SeqCst), 1);
    assert_eq!(names(&record), ["delivered", "failed"]);
}

#[test]
fn a_handle_dropped_unsettled_is_a_failure() {
    let (record, origins) = open(1);
    drop(origins);
    assert_eq!(names(&record), ["failed"]);
}

#[test]
fn a_copy_has_to_settle_too_and_the_worst_outcome_wins() {
    let (record, mut origins) = open(1);
    let first = origins.pop().unwrap();
    let copy = first.clone();
    first.deliver();
    assert_eq!(record.calls.load(Ordering::SeqCst), 0);
    copy.settle(Outcome::Dropped {
        reason: "no_match".into(),
    });
    assert_eq!(names(&record), ["dropped"]);
}

#[test]
fn a_panicking_thread_fails_what_it_held() {
    let (record, mut origins) = open(1);
    let origin = origins.pop().unwrap();
    let panicked = std::thread::spawn(move || {
        let _held = origin;
        panic!("a processor panics");
    })
    .join();
    assert!(panicked.is_err());
    assert_eq!(names(&record), ["failed"]);
}

#[test]
fn an_empty_batch_settles_at_once() {
    let (record, origins) = open(0);
    assert!(origins.is_empty());
    assert_eq!(record.calls.load(Ordering::SeqCst), 1);
}

/// What each batch of a run heard, in the order of hearing.
#[derive(Clone, Default)]
struct RunRecord(Arc<Mutex<Vec<(usize, Outcomes)>>>);

impl SettleRun for RunRecord {
    fn settle(&self, batch: usize, _: usize, outcomes: Outcomes) {
        self.0.lock().push((batch, outcomes));
    }

    fn is_source(&self) -> bool {
        true
    }
}

#[test]
fn each_batch_of_a_run_settles_for_itself() {
    let record = RunRecord::default();
    let lengths = [2, 0, 1].into_iter();
    let mut origins = Transaction::open_run(lengths, Box::new(record.clone())).into_iter();
    let heard = |record: &RunRecord| -> Vec<String> {
        let heard = record.0.lock();
        let name = |(batch, outcomes): &(usize, Outcomes)| match outcomes {
            Outcomes::All(outcome) => format!("{batch}: all {}", outcome.rank()),
            Outcomes::Each(each) => {
                let ranks: Vec<u8> = each.iter().map(Outcome::rank).collect();
                format!("{batch}: {ranks:?}")
            }
        };
        heard.iter().map(name).collect()
    };
    assert_eq!(heard(&record), ["1: []"], "an empty batch settles at once");
    let (first, second, third) = (origins.next(), origins.next(), origins.next());
    assert!(origins.next().is_none());
    third.unwrap().deliver();
    assert_eq!(heard(&record)[1..], ["2: all 2"]);
    second.unwrap().deliver();
    first.unwrap().fail(Error::retry("no"));
    assert_eq!(heard(&record)[2..], ["0: [4, 2]"]);
}

#[derive(Clone, Debug)]
enum Step {
    Copy(usize),
    Merge(usize, usize),
    Settle(usize, u8),
    Forget(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..8_usize).prop_map(Step::Copy),
        (0..8_usize, 0..8_usize).prop_map(|(a, b)| Step::Merge(a, b)),
        (0..8_usize, 1..=4_u8).prop_map(|(at, rank)| Step::Settle(at, rank)),
        (0..8_usize).prop_map(Step::Forget),
    ]
}

fn outcome(rank: u8) -> Outcome {
    match rank {
        1 => Outcome::Filtered {
            by: "mapping".into(),
        },
        2 => Outcome::Delivered,
        3 => Outcome::Dropped {
            reason: "test".into(),
        },
        _ => Outcome::Failed(Error::retry("test")),
    }
}

proptest! {
    /// Whatever happens to the descendants, the source hears exactly once, and for each source
    /// message the worst outcome of a simple model.
    #[test]
    fn any_history_settles_once_with_the_worst_outcome(
        messages in 1..5_usize,
        steps in proptest::collection::vec(step(), 0..40),
    ) {
        let (record, origins) = open(messages);
        let mut worst = vec![0_u8; messages];
        let mut live: Vec<(Origin, Vec<usize>)> =
            origins.into_iter().enumerate().map(|(i, origin)| (origin, vec![i])).collect();
        let mut end = |(origin, of): (Origin, Vec<usize>), rank: Option<u8>| {
            for i in of {
                worst[i] = worst[i].max(rank.unwrap_or(4));
            }
            match rank {
                Some(rank) => origin.settle(outcome(rank)),
                None => drop(origin),
            }
        };
        for step in steps {
            if live.is_empty() {
                break;
            }
            let n = live.len();
            match step {
                Step::Copy(at) => {
                    let (origin, of) = &live[at % n];
                    let copy = (origin.clone(), of.clone());
                    live.push(copy);
                }
                Step::Merge(a, b) if a % n != b % n => {
                    let (high, low) = ((a % n).max(b % n), (a % n).min(b % n));
                    let (first, mut of) = live.swap_remove(high);
                    let (second, more) = live.swap_remove(low);
                    of.extend(more);
                    live.push((Origin::merge([first, second]), of));
                }
                Step::Merge(..) => {}
                Step::Settle(at, rank) => end(live.swap_remove(at % n), Some(rank)),
                Step::Forget(at) => end(live.swap_remove(at % n), None),
            }
        }
        prop_assert_eq!(record.calls.load(Ordering::SeqCst), usize::from(live.is_empty()));
        for held in live {
            end(held, Some(2));
        }
        prop_assert_eq!(record.calls.load(Ordering::SeqCst), 1);
        let ranks: Vec<u8> = record.outcomes.lock().iter().map(Outcome::rank).collect();
        prop_assert_eq!(ranks, worst);
    }
}

/// Holds the origins of others until it settles.
struct Holder(Vec<Origin>);

impl Settle for Holder {
    fn settle(self: Box<Self>, outcomes: SmallVec<[Outcome; 1]>) {
        for (origin, outcome) in self.0.into_iter().zip(outcomes) {
            origin.settle(outcome);
        }
    }

    fn show_held(&self, show: &mut dyn FnMut(&Origin)) -> bool {
        self.0.iter().for_each(show);
        true
    }
}

/// Does not say what it holds.
struct Silent;

impl Settle for Silent {
    fn settle(self: Box<Self>, _: SmallVec<[Outcome; 1]>) {}
}

#[test]
fn a_message_holds_up_what_it_descends_from_and_whatever_does_not_say_what_it_holds() {
    let run = RunRecord::default();
    let mut sources = Transaction::open_run([1, 1].into_iter(), Box::new(run));
    let (other, source) = (sources.pop().unwrap(), sources.pop().unwrap());
    let root = source.transaction().unwrap();
    let inner = Transaction::open(1, Box::new(Holder(vec![source]))).pop();
    let inner = inner.unwrap();
    let stage = inner.transaction().unwrap();
    assert!(inner.holds_up(&root), "it descends from it");
    assert!(inner.holds_up(&stage));
    assert!(!other.holds_up(&stage), "the stage does not wait for it");
    let opaque = Transaction::open(1, Box::new(Silent)).pop();
    let opaque = opaque.unwrap();
    assert!(opaque.holds_up(&root), "nobody knows what waits for it");
    let both = Origin::merge([other, opaque]);
    assert!(both.holds_up(&stage));
    assert!(!Origin::Detached.holds_up(&root));
    both.deliver();
    inner.deliver();
}
