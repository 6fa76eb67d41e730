//! One history: topics, clients, and a broker that ends again and again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use millrace_broker::config::Texts;
use millrace_log::files::sim::{Fault, Random, Simulated, Skip};
use tokio::time::{Duration, sleep, timeout};

use crate::clients::groups::{self, Group};
use crate::clients::idempotent::Idempotent;
use crate::clients::operator::{self, Operator, Topic};
use crate::clients::reader::{Reader, Shown, read_all};
use crate::clients::transactional::{Outcome, Transactional};
use crate::clients::{Stage, origin};
use crate::link::{Gone, Link};
use crate::machine::{End, Machine};
use crate::told::{Place, Told};

/// Holds what was acknowledged until it is read.
const ORDERS: &str = "orders";
/// Leaves syncing to the kernel.
const LOOSE: &str = "clicks";
/// Is compacted.
const PRICES: &str = "prices";
/// What transactions write.
const PAYMENTS: &str = "payments";

/// The places of a history, and what holds there.
const PLACES: [Shown; 6] = [
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

/// What happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events {
    pub starts: u64,
    pub kills: u64,
    pub losses: u64,
    pub faults: u64,
    pub acknowledged: u64,
    pub transactions: u64,
    pub trace: (usize, u64),
}

impl std::ops::AddAssign for Events {
    fn add_assign(&mut self, other: Self) {
        self.starts += other.starts;
        self.kills += other.kills;
        self.losses += other.losses;
        self.faults += other.faults;
        self.acknowledged += other.acknowledged;
        self.transactions += other.transactions;
    }
}

/// See the module.
pub struct World {
    machine: Machine,
    random: Random,
    told: Arc<Told>,
    topics: Vec<Topic>,
    producers: Vec<Arc<Idempotent>>,
    transactional: Vec<Arc<Transactional>>,
    groups: Vec<Arc<Group>>,
    operator: Arc<Operator>,
    pace: u64,
    events: Events,
}

impl World {
    /// With `skip`, the disk claims syncs that it does not do.
    pub fn new(seed: u64, skip: Option<Skip>, is_loud: bool) -> Self {
        let mut random = Random::new(seed);
        let disk = Simulated::new(random.number());
        disk.skip(skip);
        let settings = settings(&mut random);
        let topics = topics(&mut random);
        // One history takes a second, another one an hour.
        let pace = [2_000, 20_000, 200_000, 20_000_000][random.below(4) as usize];
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
        let groups =
            ["billing", "shipping"].map(|name| Arc::new(Group::new(name.into(), (ORDERS, 0))));
        Self {
            machine: Machine::new(disk, settings),
            random,
            told: Arc::new(Told::new(is_loud)),
            topics,
            producers,
            transactional: transactional.into(),
            groups: groups.into(),
            operator: Arc::new(Operator::new((ORDERS, 0))),
            pace,
            events: Events::default(),
        }
    }

    /// Runs the history to its end.
    ///
    /// # Errors
    /// What the broker did that it must not do.
    pub fn run(mut self) -> Result<Events, String> {
        for _ in 0..2 + self.random.below(4) {
            self.live()?;
        }
        self.check()?;
        let acknowledged = self
            .producers
            .iter()
            .map(|it| it.acknowledged().0.len() as u64);
        self.events.acknowledged = acknowledged.sum();
        let transactions = self.transactional.iter().flat_map(|it| it.transactions());
        let settled = |it: &Outcome| matches!(it, Outcome::Committed | Outcome::Aborted);
        self.events.transactions = transactions.filter(|it| settled(&it.outcome)).count() as u64;
        self.events.trace = self.told.trace();
        Ok(self.events)
    }

    /// One life of a broker.
    fn live(&mut self) -> Result<(), String> {
        let end = [End::Stop, End::Kill, End::Power, End::Power][self.random.below(4) as usize];
        let disk = self.machine.disk.clone();
        let steps = self.random.below(240);
        let is_faulty = self.random.percent(10);
        match (end, is_faulty) {
            (End::Power, _) => disk.cut_at(self.random.below(3 * steps + 20)),
            (_, true) => disk.fail_at(self.random.below(steps + 1), Fault::Broken),
            _ => {}
        }
        self.events.faults += u64::from(is_faulty && end != End::Power);
        let lasting = Duration::from_micros(steps * self.pace / 10);
        let actors = self.actors();
        let random = Random::new(self.random.number());
        let mut of_clients = Random::new(self.random.number());
        let (told, topics, pace) = (Arc::clone(&self.told), self.topics.clone(), self.pace);
        let started = self.machine.run(random, async |broker| {
            let stage = Stage {
                broker,
                disk: disk.clone(),
                told,
                pace,
            };
            let working = async {
                if operator::make(&stage, &topics).await.is_ok() {
                    for actor in actors {
                        let (stage, random) = (stage.clone(), Random::new(of_clients.number()));
                        tokio::spawn(actor.work(stage, random));
                    }
                }
                sleep(lasting).await;
            };
            // A broker whose disk is broken may never make the topics.
            let _ = timeout(lasting + Duration::from_secs(30), until_cut(&disk, working)).await;
            end
        });
        self.ended(started.map_err(|it| it.to_string()), is_faulty)
    }

    fn ended(&mut self, ended: Result<End, String>, is_faulty: bool) -> Result<(), String> {
        self.told.verdict()?;
        self.events.starts += 1;
        let is_power_lost = match ended {
            Ok(end) => {
                self.events.kills += u64::from(end == End::Kill);
                self.events.losses += u64::from(end == End::Power);
                end == End::Power
            }
            Err(_) if is_faulty => false,
            Err(error) => return Err(format!("the broker does not start: {error}")),
        };
        let now = self.machine.now;
        self.told
            .note(|| format!("{now} the end, of power: {is_power_lost}"));
        self.told.start_again(is_power_lost);
        for producer in self.producers.iter().filter(|_| is_power_lost) {
            producer.power_is_lost();
        }
        for producer in &self.transactional {
            producer.start_again();
        }
        Ok(())
    }

    fn actors(&self) -> Vec<Actor> {
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

    /// Compares all that is there with all that was told.
    fn check(&mut self) -> Result<(), String> {
        let random = Random::new(self.random.number());
        let disk = self.machine.disk.clone();
        let told = Arc::clone(&self.told);
        let (producers, transactional) = (self.producers.clone(), self.transactional.clone());
        let (groups, operator) = (self.groups.clone(), Arc::clone(&self.operator));
        let (topics, pace) = (self.topics.clone(), self.pace);
        let ended = self.machine.run(random, async |broker| {
            let stage = Stage {
                broker,
                disk,
                told,
                pace,
            };
            let checking = async {
                operator::make(&stage, &topics).await?;
                let mut link = stage.link();
                settle(&stage, &mut link, &transactional).await?;
                for group in &groups {
                    until(&stage, "the offset of a group", async || {
                        group.check(&stage, &mut stage.link()).await
                    })
                    .await?;
                }
                operator.check(&stage, &mut link).await?;
                let found = read(&stage, &mut link).await?;
                for producer in &producers {
                    in_order(&stage, producer, &found);
                }
                for producer in &transactional {
                    whole(&stage, producer, &found);
                    offset(&stage, &mut link, producer).await?;
                }
                Ok::<_, Gone>(())
            };
            match timeout(Duration::from_secs(600), checking).await {
                Ok(Ok(())) => {}
                Ok(Err(Gone)) => stage
                    .told
                    .wrong(|| "a connection broke for no reason".into()),
                Err(_) => stage.told.wrong(|| "the check has no end".into()),
            }
            End::Stop
        });
        self.ended(ended.map_err(|it| it.to_string()), false)
    }
}

/// A client of the history.
enum Actor {
    Idempotent(Arc<Idempotent>),
    Transactional(Arc<Transactional>),
    Group(Arc<Group>),
    Reader(Reader),
    Operator(Arc<Operator>),
}

impl Actor {
    async fn work(self, stage: Stage, mut random: Random) {
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

/// Goes on until it is done, or the power is gone.
async fn until_cut(disk: &Simulated, work: impl Future<Output = ()>) {
    tokio::pin!(work);
    while !disk.is_cut() {
        if timeout(Duration::from_millis(5), &mut work).await.is_ok() {
            return;
        }
    }
}

/// Asks again until it works; where it does not for long, that is wrong.
async fn until(
    stage: &Stage,
    what: &str,
    mut ask: impl AsyncFnMut() -> Result<bool, Gone>,
) -> Result<(), Gone> {
    for _ in 0..500 {
        if ask().await? {
            return Ok(());
        }
        sleep(Duration::from_millis(50)).await;
    }
    stage.told.wrong(|| format!("{what} cannot be had"));
    Ok(())
}

/// Ends all transactions; then nothing holds up readers of committed records.
async fn settle(
    stage: &Stage,
    link: &mut Link,
    producers: &[Arc<Transactional>],
) -> Result<(), Gone> {
    for producer in producers {
        let begin = async || producer.begin(stage, &mut stage.link()).await;
        until(stage, "a number for a producer with transactions", begin).await?;
    }
    for shown in PLACES {
        let mut found = (0, 0);
        for _ in 0..200 {
            let data = crate::clients::reader::fetch(
                link,
                shown.place,
                stage.told.start(shown.place),
                false,
                0,
            )
            .await?;
            found = (data.last_stable_offset, data.high_watermark);
            if data.error_code == 0 && found.0 == found.1 {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
        if found.0 != found.1 {
            stage
                .told
                .wrong(|| format!("a transaction in {:?} has no end: {found:?}", shown.place));
        }
    }
    Ok(())
}

/// What stands in the places: all of it, and what is committed.
#[derive(Default)]
struct Found {
    all: BTreeMap<Place, BTreeMap<i64, Bytes>>,
    committed: BTreeMap<Place, BTreeMap<i64, Bytes>>,
    /// The last value of each key.
    last: BTreeMap<Place, BTreeMap<Bytes, Bytes>>,
    starts: BTreeMap<Place, i64>,
}

async fn read(stage: &Stage, link: &mut Link) -> Result<Found, Gone> {
    let mut found = Found::default();
    for Shown {
        place, has_gaps, ..
    } in PLACES
    {
        for is_committed in [false, true] {
            let Some((start, records)) = read_all(link, place, is_committed).await? else {
                stage.told.wrong(|| format!("{place:?} cannot be read"));
                continue;
            };
            let keyed = records
                .values()
                .filter_map(|(key, value)| Some((key.clone()?, value.clone())));
            found.last.insert(place, keyed.collect());
            let values = records
                .into_iter()
                .map(|(offset, (_, value))| (offset, value));
            let values: BTreeMap<_, _> = values.collect();
            found.starts.insert(place, start);
            match is_committed {
                true => drop(found.committed.insert(place, values)),
                false => {
                    stage.told.compare(place, start, &values, has_gaps);
                    found.all.insert(place, values);
                }
            }
        }
    }
    Ok(found)
}

/// The records of a producer stand in their order, each once, and none that was acknowledged is
/// missing; where the place is compacted, each key has the last one.
fn in_order(stage: &Stage, producer: &Idempotent, found: &Found) {
    let name = producer.name.as_str();
    let records = found
        .all
        .get(&producer.place)
        .into_iter()
        .flat_map(|it| it.values());
    let own = records
        .filter_map(|it| origin(it))
        .filter(|(writer, _)| *writer == name);
    let numbers: Vec<i64> = own.map(|(_, number)| number).collect();
    if let Some(pair) = numbers.windows(2).find(|it| it[0] >= it[1]) {
        stage
            .told
            .wrong(|| format!("of {name} {} stands before {}", pair[0], pair[1]));
    }
    let (acknowledged, made) = producer.acknowledged();
    if numbers.last().is_some_and(|it| *it >= made) {
        stage
            .told
            .wrong(|| format!("of {name} a record was made up"));
    }
    if producer.keys > 0 {
        return last_of_keys(stage, producer, found, &acknowledged);
    }
    let present: BTreeSet<i64> = numbers.iter().copied().collect();
    // What stood before the first that is there may be deleted.
    let start = found.starts.get(&producer.place).copied().unwrap_or(0);
    let first = match start {
        0 => 0,
        _ => numbers.first().copied().unwrap_or(i64::MAX),
    };
    let missing = acknowledged
        .iter()
        .find(|it| **it >= first && !present.contains(it));
    if let Some(missing) = missing {
        stage
            .told
            .wrong(|| format!("{missing} of {name} was acknowledged and is gone"));
    }
}

fn last_of_keys(stage: &Stage, producer: &Idempotent, found: &Found, acknowledged: &[i64]) {
    let mut wanted: BTreeMap<i64, i64> = BTreeMap::new();
    for first in acknowledged {
        // All records of a batch have the key of its first.
        let last = wanted.entry(first % producer.keys).or_default();
        *last = (*last).max(*first);
    }
    let last = found.last.get(&producer.place);
    let lasts = last
        .into_iter()
        .flatten()
        .filter_map(|(_, value)| origin(value));
    let newest = lasts.map(|(_, number)| number).max();
    if newest < acknowledged.iter().copied().max() {
        stage
            .told
            .wrong(|| format!("the newest of {} is {newest:?}", producer.name));
    }
}

/// Each transaction is there as a whole or not at all, as it was told.
fn whole(stage: &Stage, producer: &Transactional, found: &Found) {
    let seen = |place: &Place, value: &Bytes| {
        let values = found
            .committed
            .get(place)
            .into_iter()
            .flat_map(|it| it.values());
        values.filter(|it| *it == value).count()
    };
    for (number, transaction) in producer.transactions().iter().enumerate() {
        let counts: BTreeSet<usize> = transaction
            .values
            .iter()
            .map(|(place, it)| seen(place, it))
            .collect();
        let outcome = transaction.outcome;
        let is_right = match outcome {
            Outcome::Committed => counts.iter().all(|it| *it == 1),
            Outcome::Aborted | Outcome::Open => counts.iter().all(|it| *it == 0),
            Outcome::Asked(_) => counts.len() <= 1 && counts.iter().all(|it| *it <= 1),
        };
        let mut values = transaction.values.iter().map(|(_, value)| value);
        let is_over = matches!(outcome, Outcome::Aborted | Outcome::Open);
        if is_over && values.any(|it| stage.told.is_shown_as_committed(it)) {
            (stage.told).wrong(|| {
                format!(
                    "transaction {number} of {} was shown and aborted",
                    producer.name
                )
            });
        }
        if !is_right {
            stage.told.wrong(|| {
                let name = &producer.name;
                format!("transaction {number} of {name} is {outcome:?}, and its records are there {counts:?} times")
            });
        }
    }
}

/// The offset that a producer with transactions has committed is that of its last transaction with
/// one that is committed.
async fn offset(stage: &Stage, link: &mut Link, producer: &Transactional) -> Result<(), Gone> {
    let mut allowed = BTreeSet::from([-1]);
    for (number, transaction) in (1..).zip(producer.transactions()) {
        match transaction.outcome {
            _ if !transaction.has_offset => {}
            Outcome::Committed => allowed = BTreeSet::from([number]),
            Outcome::Asked(true) => drop(allowed.insert(number)),
            Outcome::Asked(false) | Outcome::Aborted | Outcome::Open => {}
        }
    }
    for _ in 0..200 {
        match groups::committed(link, &producer.name, producer.places[0]).await? {
            Some(found) if allowed.contains(&found) => return Ok(()),
            Some(found) => {
                let name = &producer.name;
                stage.told.wrong(|| {
                    format!("{name} has the offset {found}, and one of {allowed:?} was told")
                });
                return Ok(());
            }
            None => sleep(Duration::from_millis(50)).await,
        }
    }
    stage
        .told
        .wrong(|| format!("the offset of {} cannot be had", producer.name));
    Ok(())
}

fn settings(random: &mut Random) -> Texts {
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
