//! Who plays in a history: its topics, and its clients.

use std::sync::Arc;

use millrace_broker::config::Texts;
use millrace_log::files::sim::Random;

use crate::clients::Stage;
use crate::clients::groups::Group;
use crate::clients::idempotent::Idempotent;
use crate::clients::operator::{Operator, Topic};
use crate::clients::reader::{Reader, Shown};
use crate::clients::transactional::Transactional;
use crate::link::Gone;
use crate::told::Place;

/// Holds what was acknowledged until it is read.
const ORDERS: &str = "orders";
/// Leaves syncing to the kernel.
const LOOSE: &str = "clicks";
/// Is compacted.
const PRICES: &str = "prices";
/// What transactions write.
const PAYMENTS: &str = "payments";

/// The places of a history, and what holds there.
pub const PLACES: [Shown; 6] = [
    shown((ORDERS, 0), true, false),
    shown((ORDERS, 1), true, false),
    shown((LOOSE, 0), false, false),
    shown((PRICES, 0), true, true),
    shown((PAYMENTS, 0), true, false),
    shown((PAYMENTS, 1), true, false),
];

const fn shown(place: Place, is_durable: bool, has_gaps: bool) -> Shown {
    Shown {
        place,
        is_durable,
        has_gaps,
    }
}

/// See the module.
#[derive(Clone)]
pub struct Cast {
    pub topics: Vec<Topic>,
    pub producers: Vec<Arc<Idempotent>>,
    pub transactional: Vec<Arc<Transactional>>,
    pub groups: Vec<Arc<Group>>,
    pub operator: Arc<Operator>,
}

impl Cast {
    pub fn new(random: &mut Random) -> Self {
        let producer = |name: &str, place, acks, keys, is_durable| {
            Arc::new(Idempotent::new(name.into(), place, acks, keys, is_durable))
        };
        let producers = vec![
            producer("all-0", (ORDERS, 0), -1, 0, true),
            producer("all-1", (ORDERS, 1), -1, 0, true),
            producer("one-1", (ORDERS, 1), 1, 0, true),
            producer("loose", (LOOSE, 0), -1, 0, false),
            producer("keyed", (PRICES, 0), -1, 5, true),
        ];
        let transactional = ["till-0", "till-1"].map(|name| {
            let places = vec![(PAYMENTS, 0), (PAYMENTS, 1), (ORDERS, 1)];
            Arc::new(Transactional::new(name.into(), places))
        });
        let groups = ["billing", "shipping"];
        let groups = groups.map(|name| Arc::new(Group::new(name.into(), (ORDERS, 0))));
        Self {
            topics: topics(random),
            producers,
            transactional: transactional.into(),
            groups: groups.into(),
            operator: Arc::new(Operator::new((ORDERS, 0))),
        }
    }

    /// All that work at the same time.
    pub fn actors(&self) -> Vec<Actor> {
        let producers = self.producers.iter().cloned().map(Actor::Idempotent);
        let transactional = self.transactional.iter().cloned().map(Actor::Transactional);
        let groups = self.groups.iter().cloned().map(Actor::Group);
        let readers = (0..2).map(|_| {
            Actor::Reader(Reader {
                places: PLACES.to_vec(),
            })
        });
        let operator = [Actor::Operator(Arc::clone(&self.operator))];
        let all = producers
            .chain(transactional)
            .chain(groups)
            .chain(readers)
            .chain(operator);
        all.collect()
    }
}

/// A client of the history.
pub enum Actor {
    Idempotent(Arc<Idempotent>),
    Transactional(Arc<Transactional>),
    Group(Arc<Group>),
    Reader(Reader),
    Operator(Arc<Operator>),
}

impl Actor {
    pub async fn work(self, stage: Stage, mut random: Random) {
        let (stage, random) = (&stage, &mut random);
        // It ends with the broker.
        let _: Result<(), Gone> = match self {
            Self::Idempotent(it) => it.work(stage, random).await,
            Self::Transactional(it) => it.work(stage, random).await,
            Self::Group(it) => it.work(stage, random).await,
            Self::Reader(it) => it.work(stage, random).await,
            Self::Operator(it) => it.work(stage, random).await,
        };
    }
}

/// What the broker is told in its file.
pub fn settings(random: &mut Random) -> Texts {
    let small = 1500 + random.below(4000);
    [
        ("num.partitions", "1".to_owned()),
        ("offsets.topic.num.partitions", "2".to_owned()),
        ("offsets.topic.segment.bytes", small.to_string()),
        ("transaction.state.log.num.partitions", "2".to_owned()),
        (
            "log.cleaner.backoff.ms",
            (20 + random.below(5000)).to_string(),
        ),
        (
            "metadata.log.max.record.bytes.between.snapshots",
            (300 + random.below(3000)).to_string(),
        ),
        ("auto.create.topics.enable", "false".to_owned()),
        (
            "transaction.abort.timed.out.transaction.cleanup.interval.ms",
            "500".to_owned(),
        ),
    ]
    .map(|(name, text)| (name.to_owned(), text))
    .into()
}

fn topics(random: &mut Random) -> Vec<Topic> {
    let mut topic = |name, partitions, own: &[(&'static str, &str)]| {
        let mut settings = vec![
            (
                "internal.segment.bytes",
                (1500 + random.below(4000)).to_string(),
            ),
            ("index.interval.bytes", random.below(500).to_string()),
        ];
        settings.extend(own.iter().map(|(name, value)| (*name, (*value).to_owned())));
        Topic {
            name,
            partitions,
            settings,
        }
    };
    vec![
        topic(ORDERS, 2, &[]),
        topic(LOOSE, 1, &[("flush.mode", "os")]),
        topic(
            PRICES,
            1,
            &[
                ("cleanup.policy", "compact"),
                ("min.cleanable.dirty.ratio", "0.1"),
            ],
        ),
        topic(PAYMENTS, 2, &[]),
    ]
}
