//! One history: topics, clients, and a broker that ends again and again.

use std::sync::Arc;

use millrace_log::files::sim::{Fault, Random, Simulated, Skip};
use tokio::time::{Duration, sleep, timeout};

use crate::cast::{self, Cast};
use crate::check;
use crate::clients::transactional::Outcome;
use crate::clients::{Stage, operator};
use crate::link::Gone;
use crate::machine::{End, Machine};
use crate::told::Told;

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
    cast: Cast,
    pace: u64,
    events: Events,
}

impl World {
    /// With `skip`, the disk claims syncs that it does not do.
    pub fn new(seed: u64, skip: Option<Skip>, is_loud: bool) -> Self {
        let mut random = Random::new(seed);
        let disk = Simulated::new(random.number());
        disk.skip(skip);
        let settings = cast::settings(&mut random);
        let cast = Cast::new(&mut random);
        // One history takes a second, another one an hour.
        let pace = [2_000, 20_000, 200_000, 20_000_000][random.below(4) as usize];
        Self {
            machine: Machine::new(disk, settings),
            random,
            told: Arc::new(Told::new(is_loud)),
            cast,
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
            .cast
            .producers
            .iter()
            .map(|it| it.acknowledged().0.len() as u64);
        self.events.acknowledged = acknowledged.sum();
        let transactions = self
            .cast
            .transactional
            .iter()
            .flat_map(|it| it.transactions());
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
        let actors = self.cast.actors();
        let random = Random::new(self.random.number());
        let mut of_clients = Random::new(self.random.number());
        let (told, topics) = (Arc::clone(&self.told), self.cast.topics.clone());
        let pace = self.pace;
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
        for producer in self.cast.producers.iter().filter(|_| is_power_lost) {
            producer.power_is_lost();
        }
        for producer in &self.cast.transactional {
            producer.start_again();
        }
        Ok(())
    }

    /// Compares all that is there with all that was told.
    fn check(&mut self) -> Result<(), String> {
        let random = Random::new(self.random.number());
        let disk = self.machine.disk.clone();
        let (cast, told, pace) = (self.cast.clone(), Arc::clone(&self.told), self.pace);
        let ended = self.machine.run(random, async |broker| {
            let stage = Stage {
                broker,
                disk,
                told,
                pace,
            };
            match timeout(Duration::from_secs(600), check::all(&stage, &cast)).await {
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

/// Goes on until it is done, or the power is gone.
async fn until_cut(disk: &Simulated, work: impl Future<Output = ()>) {
    tokio::pin!(work);
    while !disk.is_cut() {
        if timeout(Duration::from_millis(5), &mut work).await.is_ok() {
            return;
        }
    }
}
