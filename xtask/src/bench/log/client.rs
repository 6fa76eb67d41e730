//! The client, and what is asked of a broker around it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use millrace_testkit::run_to_end;
use wait4::Wait4;

use super::brokers::Broker;
use super::offsets;
use super::workload::{Durability, Workload};

/// What the client has taken.
pub struct Used {
    pub wall: Duration,
    pub cpu: Duration,
}

/// The client program, and ours for topics.
pub struct Client {
    performance: PathBuf,
    millrace: PathBuf,
}

impl Client {
    /// Looks whether the client is there.
    pub fn new(performance: &Path, millrace: &Path) -> Result<Self> {
        if !performance.is_file() {
            bail!("there is no `{}`", performance.display());
        }
        Ok(Self {
            performance: performance.to_owned(),
            millrace: millrace.to_owned(),
        })
    }

    /// Makes the topic of a run.
    pub fn create_topic(&self, broker: &Broker, topic: &str, workload: &Workload) -> Result<()> {
        self.create(broker, topic, workload.partitions, workload.durability)
    }

    /// Makes a topic that is as durable as that.
    pub fn create(
        &self,
        broker: &Broker,
        topic: &str,
        partitions: i32,
        durability: Durability,
    ) -> Result<()> {
        let setting = durability.settings()[broker.kind];
        self.create_with(broker, topic, partitions, setting)
    }

    /// Makes a topic of so many partitions.
    pub fn create_partitions(&self, broker: &Broker, topic: &str, partitions: i32) -> Result<()> {
        self.create_with(broker, topic, partitions, None)
    }

    fn create_with(
        &self,
        broker: &Broker,
        topic: &str,
        partitions: i32,
        setting: Option<&str>,
    ) -> Result<()> {
        let partitions = partitions.to_string();
        let mut arguments = vec!["create", topic, "--partitions", &partitions];
        arguments.extend(setting.into_iter().flat_map(|it| ["--config", it]));
        self.topic(broker, &arguments)
    }

    pub fn delete_topic(&self, broker: &Broker, topic: &str) -> Result<()> {
        self.topic(broker, &["delete", topic])
    }

    fn topic(&self, broker: &Broker, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new(&self.millrace);
        command.arg("topic").args(arguments);
        command.args(["--bootstrap-servers", &broker.address()]);
        run_to_end(&format!("topic {}", arguments.join(" ")), &mut command).map(drop)
    }

    pub fn produce(
        &self,
        broker: &Broker,
        topic: &str,
        workload: &Workload,
        messages: u64,
    ) -> Result<Used> {
        let mut command = self.command("-P", broker, topic, messages);
        command.args(["-s", &workload.size.to_string()]);
        command.args(workload.client);
        command.args(["-X", "batch.size=1000000"]);
        command.args(["-X", "queue.buffering.max.messages=1000000"]);
        measured(&mut command)
    }

    pub fn consume(&self, broker: &Broker, topic: &str, messages: u64) -> Result<Used> {
        let mut command = self.command("-C", broker, topic, messages);
        measured(command.args(["-p", "0", "-o", "beginning"]))
    }

    fn command(&self, mode: &str, broker: &Broker, topic: &str, messages: u64) -> Command {
        let mut command = Command::new(&self.performance);
        let messages = messages.to_string();
        command.args([
            mode,
            "-t",
            topic,
            "-c",
            &messages,
            "-u",
            "-b",
            &broker.address(),
        ]);
        command
    }

    /// How many messages a topic holds.
    pub fn stored(&self, broker: &Broker, topic: &str, workload: &Workload) -> Result<u64> {
        let ends = offsets::all(broker.socket(), topic, workload.partitions)?;
        Ok(u64::try_from(ends.iter().sum::<i64>())?)
    }
}

/// Runs a command to its end and measures it.
fn measured(command: &mut Command) -> Result<Used> {
    let output = tempfile::tempfile().context("make a file for its output")?;
    command.stdout(output.try_clone()?).stderr(output);
    let since = Instant::now();
    let child = command.spawn().context("run the client")?;
    let used = child.wait4().context("wait for the client")?;
    if !used.status.success() {
        bail!("the client ended with {}: {command:?}", used.status);
    }
    Ok(Used {
        wall: since.elapsed(),
        cpu: used.rusage.utime + used.rusage.stime,
    })
}
