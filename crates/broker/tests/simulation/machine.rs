//! A machine that a broker runs on: its disk, its clock, its threads and its chance are simulated,
//! so that one seed is one history.

use std::io;
use std::path::Path;
use std::sync::Arc;

use millrace_broker::config::Texts;
use millrace_broker::driver::{Driver, OnSynced, Task, Work};
use millrace_broker::{Broker, BrokerConfig, Clock, Random as Ids, Running, StartError, start};
use millrace_log::Dirty;
use millrace_log::files::sim::{Random, Simulated};
use millrace_telemetry::Scope;
use parking_lot::Mutex;
use tokio::time::{Duration, Instant, sleep};

/// In November 2023.
const BEGIN: i64 = 1_700_000_000_000;
/// Syncs and other work for the disk take up to so many milliseconds.
const DISK_MS: u64 = 10;

/// How a broker ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is told to.
    Stop,
    /// The process is killed, and the kernel goes on.
    Kill,
    /// The power goes.
    Power,
}

/// What is left when the process is not.
pub struct Machine {
    pub disk: Simulated,
    /// In milliseconds since 1970.
    pub now: i64,
    settings: Texts,
}

impl Machine {
    pub fn new(disk: Simulated, settings: Texts) -> Self {
        Self {
            disk,
            now: BEGIN,
            settings,
        }
    }

    /// Starts the broker, lets something go on until it returns how the broker ends, and ends it so;
    /// but when the disk went before, that is the end. Returns how it ended.
    ///
    /// # Errors
    /// The broker does not start although the disk works.
    pub fn run<F: Future<Output = End>>(
        &mut self,
        mut random: Random,
        act: impl FnOnce(Arc<Broker>) -> F,
    ) -> Result<End, StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build();
        let runtime = runtime.expect("a runtime without threads");
        let disk = self.disk.clone();
        let (ended, took) = runtime.block_on(async {
            let begun = Instant::now();
            let started = self.start(begun, &mut random).await;
            let mut ended = (started.map(Some), End::Kill);
            if let (Ok(running), end) = &mut ended
                && let Some(started) = running.take()
            {
                *end = act(Arc::clone(started.broker())).await;
                match (disk.is_cut(), *end) {
                    (false, End::Stop) => drop(started.stop().await),
                    _ => *running = Some(started),
                }
            }
            (ended, begun.elapsed())
        });
        let (running, mut end) = ended;
        if disk.is_cut() {
            end = End::Power;
        }
        match end {
            End::Power => disk.lose_power(),
            End::Stop | End::Kill => disk.lose_process(),
        }
        // What goes on until here finds that its files are gone.
        drop(runtime);
        self.now += took.as_millis() as i64 + 1;
        match running {
            Err(error) if end != End::Power => Err(error),
            _ => Ok(end),
        }
    }

    async fn start(&self, begun: Instant, random: &mut Random) -> Result<Running, StartError> {
        let config = BrokerConfig::embedded(self.settings.clone(), Path::new("/data"));
        let base = self.now;
        let mut of_ids = Random::new(random.number());
        let ids: Ids = Arc::new(Mutex::new(move || {
            let halves = [of_ids.number(), of_ids.number()];
            halves
                .map(u64::to_be_bytes)
                .concat()
                .try_into()
                .expect("two times eight are sixteen")
        }));
        start(
            config.expect("the settings fit together"),
            Arc::new(self.disk.clone()),
            Arc::new(Loops(Mutex::new(Random::new(random.number())))),
            Clock::new(move || base + begun.elapsed().as_millis() as i64),
            ids,
            &Scope::detached(),
        )
        .await
    }
}

/// All loops take turns on one thread.
struct Loops(Mutex<Random>);

impl Loops {
    fn wait(&self) -> Duration {
        Duration::from_micros(self.0.lock().below(DISK_MS * 1000))
    }
}

impl Driver for Loops {
    fn spawn(&self, _: String, task: Task) -> io::Result<()> {
        tokio::spawn(task);
        Ok(())
    }

    fn sync(&self, dirty: Dirty, then: OnSynced) {
        let wait = self.wait();
        tokio::spawn(async move {
            sleep(wait).await;
            then(dirty.sync());
        });
    }

    fn run(&self, work: Work) {
        let wait = self.wait();
        tokio::spawn(async move {
            sleep(wait).await;
            work();
        });
    }

    fn parallelism(&self) -> usize {
        2
    }
}
