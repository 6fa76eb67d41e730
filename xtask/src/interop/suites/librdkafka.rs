//! librdkafka's tests, without `-Q`, which makes many of them do nothing: a process for each.

mod said;

use std::cmp::Reverse;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::outcome::{Outcome, Outcomes};
use super::{Round, Suite, run};
use crate::interop::broker::Broker;
use crate::interop::install::{self, JAVA_OPTIONS};
use said::{Entry, entries, outcome};

pub const SUITE: Suite = Suite {
    name: "librdkafka",
    built: "tests/test-runner",
    floor: 82,
    run,
};

const SETTINGS: &str = "node.id=1\nnum.partitions=4\n";

/// The kinds of brokers that tests are for, with what each sets more.
const SCENARIOS: &[(&str, &str)] = &[
    ("default", ""),
    ("noautocreate", "auto.create.topics.enable=false\n"),
];

/// How long a test may take.
const PATIENCE: Duration = Duration::from_secs(150);
/// Those that need longer.
const SLOW: &[(&str, Duration)] = &[
    ("0077", Duration::from_secs(400)),
    ("0081", Duration::from_secs(400)),
    ("0113", Duration::from_secs(900)),
];
/// Measures how soon it is answered.
const ALONE: &str = "0055";
/// How many others run at a time: most of them wait most of the time.
const AT_ONCE: usize = 4;
/// What a test may expect of the broker.
const KAFKA: &str = "4.2.0";

fn run(round: &Round) -> Result<Outcomes> {
    let list = fs::read_to_string(round.checkout.join("tests/test.c"));
    let mut entries = entries(&list.context("read the list of tests")?);
    entries.retain(|it| !round.expected.leaves_out(&it.name));
    if entries.is_empty() {
        bail!("`test.c` names no test");
    }
    let outcomes = Mutex::new(Outcomes::default());
    for (scenario, more) in SCENARIOS {
        round.with_broker(&format!("{SETTINGS}{more}"), |broker| {
            Runner::new(round, &entries, scenario, broker)?.run_all(&outcomes)
        })?;
    }
    Ok(outcomes.into_inner().expect("no test panics"))
}

/// Starts the suite's own runner, which knows tests by their numbers; some share one.
struct Runner<'a> {
    round: &'a Round<'a>,
    entries: Vec<&'a Entry>,
    scenario: &'a str,
    address: String,
    settings: PathBuf,
    tools: PathBuf,
}

impl<'a> Runner<'a> {
    fn new(
        round: &'a Round,
        entries: &'a [Entry],
        scenario: &'a str,
        broker: &Broker,
    ) -> Result<Self> {
        let address = broker.address();
        let is_for = |it: &&Entry| it.scenario.split(',').any(|it| it == scenario);
        Ok(Self {
            round,
            entries: entries.iter().filter(is_for).collect(),
            scenario,
            settings: settings(&round.work.join(scenario), &address)?,
            tools: tools(&round.work, round.cache)?,
            address,
        })
    }

    fn run_all(&self, outcomes: &Mutex<Outcomes>) -> Result<()> {
        let numbers = self.numbers();
        let (alone, numbers): (Vec<_>, Vec<_>) = numbers.iter().partition(|it| **it == ALONE);
        for number in alone {
            self.run(number, outcomes)?;
        }
        let next = AtomicUsize::new(0);
        let work = || -> Result<()> {
            while let Some(number) = numbers.get(next.fetch_add(1, Ordering::Relaxed)) {
                self.run(number, outcomes)?;
            }
            Ok(())
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
            let mut ends = workers.into_iter();
            ends.try_for_each(|it| it.join().expect("no worker panics"))
        })
    }

    /// Each number once; the slow ones come first, or all would wait for them at the end.
    fn numbers(&self) -> Vec<&str> {
        let mut numbers: Vec<_> = self.entries.iter().map(|it| it.number()).collect();
        numbers.dedup();
        numbers.sort_by_key(|it| Reverse(patience(it)));
        numbers
    }

    fn run(&self, number: &str, outcomes: &Mutex<Outcomes>) -> Result<()> {
        let log = self
            .round
            .work
            .join(format!("{number}-{}.log", self.scenario));
        let patience = patience(number);
        let status = run::bounded(&mut self.command(number), &log, patience)?;
        let said = run::text(&log)?;
        for entry in self.entries.iter().filter(|it| it.number() == number) {
            let outcome = outcome(&entry.name, &said).unwrap_or_else(|| match status {
                Some(status) => Outcome::Failed(format!("{status} before it was done")),
                None => Outcome::Failed(format!("not done after {} s", patience.as_secs())),
            });
            let mut outcomes = outcomes.lock().expect("no test panics");
            outcomes.add(&entry.name, outcome);
        }
        Ok(())
    }

    fn command(&self, number: &str) -> Command {
        let mut command = Command::new("./test-runner");
        command.current_dir(self.round.checkout.join("tests"));
        command.args(["-p1", "-E", "-L", "-K", "-s", self.scenario]);
        command.env("TESTS", number);
        command.env("RDKAFKA_TEST_CONF", &self.settings);
        command.env("BROKERS", &self.address);
        command.env("KAFKA_PATH", &self.tools);
        command.env("TEST_KAFKA_VERSION", KAFKA);
        command.env("LD_LIBRARY_PATH", libraries(&self.round.checkout));
        command
    }
}

fn patience(number: &str) -> Duration {
    let slow = SLOW.iter().find(|(slow, _)| *slow == number);
    slow.map_or(PATIENCE, |(_, patience)| *patience)
}

/// The runner's file of settings.
fn settings(beginning: &Path, address: &str) -> Result<PathBuf> {
    let path = beginning.with_extension("conf");
    let text = format!(
        "metadata.broker.list={address}\nbroker.address.family=v4\ntest.topic.random=true\n\
         test.timeout.multiplier=3\n"
    );
    fs::write(&path, text).context("write the settings of the tests")?;
    Ok(path)
}

/// A directory with the scripts of Kafka that tests call.
fn tools(work: &Path, cache: &Path) -> Result<PathBuf> {
    let home = work.join("kafka");
    let bin = home.join("bin");
    fs::create_dir_all(&bin).context("make a directory for Kafka's tools")?;
    let class_path = install::kafka(cache)?;
    let options = JAVA_OPTIONS.join(" ");
    for (script, class) in [
        ("kafka-topics.sh", "org.apache.kafka.tools.TopicCommand"),
        ("kafka-acls.sh", "org.apache.kafka.tools.AclCommand"),
    ] {
        let path = bin.join(script);
        let text = format!("#!/bin/sh\nexec java {options} -cp '{class_path}' {class} \"$@\"\n");
        fs::write(&path, text).context("write a script of Kafka")?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(home)
}

fn libraries(checkout: &Path) -> String {
    let libraries = ["src", "src-cpp"].map(|it| checkout.join(it).display().to_string());
    libraries.join(":")
}
