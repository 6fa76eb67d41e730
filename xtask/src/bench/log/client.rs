//! The client, and what is asked of a broker around it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use millrace_kafka_wire::api::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use millrace_testkit::{kafka, run_to_end};
use wait4::Wait4;

use super::brokers::Broker;
use super::workload::Workload;

/// The version of ListOffsets that both brokers know.
const LIST_OFFSETS: i16 = 5;
/// The timestamp that asks for the end.
const END: i64 = -1;

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
        let settings = workload.durability.settings()[broker.kind];
        self.create(broker, topic, workload.partitions, settings)
    }

    /// Makes a topic of so many partitions.
    pub fn create_partitions(&self, broker: &Broker, topic: &str, partitions: i32) -> Result<()> {
        self.create(broker, topic, partitions, None)
    }

    fn create(
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
        let partition = |partition_index| ListOffsetsPartition {
            partition_index,
            current_leader_epoch: -1,
            timestamp: END,
        };
        let request = ListOffsetsRequest {
            replica_id: -1,
            topics: vec![ListOffsetsTopic {
                name: topic.into(),
                partitions: (0..workload.partitions).map(partition).collect(),
            }],
            ..ListOffsetsRequest::default()
        };
        let mut client = kafka::Client::connect(broker.socket());
        let response = client.ask(LIST_OFFSETS, &request);
        let partitions = response.topics.iter().flat_map(|it| &it.partitions);
        let mut stored = 0;
        for found in partitions {
            if found.error_code != 0 {
                bail!(
                    "partition {}: error {}",
                    found.partition_index,
                    found.error_code
                );
            }
            stored += u64::try_from(found.offset)?;
        }
        Ok(stored)
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
