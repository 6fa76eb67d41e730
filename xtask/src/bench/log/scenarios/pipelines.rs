//! B21: pipelines over the log of their process, and over a broker.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{Figure, Setting};
use crate::bench::child;
use crate::bench::log::workload::Durability;
use crate::bench::measure::Measured;

/// How many messages go through, and how many of them at a time.
struct Size {
    messages: u64,
    batch: u64,
}

const BATCHES: Size = Size {
    messages: 1_000_000,
    batch: 100,
};
const SINGLE: Size = Size {
    messages: 100_000,
    batch: 1,
};

const SETTINGS: &str = "http: { enabled: false }\nlogger: { level: INFO }\nmetrics: { none: {} }\n";
const DROP: &str = "output: { drop: {} }\n";
/// What a pipeline says at its end of what went through, and of what left its buffer.
const ENDED: &str = "the run has ended";
const BUFFER_ENDED: &str = "the run has ended: behind the buffer";

pub fn in_process(setting: &mut Setting) -> Result<Vec<Figure>> {
    over_buffer(setting, &BATCHES)
}

pub fn over_tcp(setting: &mut Setting) -> Result<Vec<Figure>> {
    over_broker(setting, &BATCHES)
}

pub fn single_in_process(setting: &mut Setting) -> Result<Vec<Figure>> {
    over_buffer(setting, &SINGLE)
}

pub fn single_over_tcp(setting: &mut Setting) -> Result<Vec<Figure>> {
    over_broker(setting, &SINGLE)
}

fn over_buffer(setting: &Setting, size: &Size) -> Result<Vec<Figure>> {
    let folder = tempfile::tempdir().context("make a folder for the data")?;
    let data = folder.path().join("log");
    let config = format!(
        "{SETTINGS}log: {{ log.dirs: '{}' }}\n{}buffer: {{ log: {{}} }}\n{DROP}",
        data.display(),
        generate(size)
    );
    let used = run(setting, folder.path(), &config, size, BUFFER_ENDED)?;
    Ok(vec![
        rate("messages/s", size, used.wall),
        rate("messages per CPU second", size, used.cpu),
    ])
}

fn over_broker(setting: &Setting, size: &Size) -> Result<Vec<Figure>> {
    let (broker, topic) = (&*setting.broker, setting.topic.as_str());
    setting.client.create(broker, topic, 1, Durability::Disk)?;
    let folder = tempfile::tempdir().context("make a folder for the configs")?;
    let place = format!("addresses: [ '{}' ]", broker.address());
    let producer = format!(
        "{SETTINGS}{}output: {{ kafka: {{ {place}, topic: {topic}, ack_replicas: true }} }}\n",
        generate(size)
    );
    // In one partition the last message has the last offset. The partition is named, as a group would
    // wait for further members first.
    let consumer = format!(
        "{SETTINGS}input:\n  read_until:\n    check: '@kafka_offset.number() == {}'\n    input:\n      \
         kafka: {{ {place}, topics: [ '{topic}:0' ], consumer_group: {topic} }}\n{DROP}",
        size.messages - 1
    );
    let before = broker.cpu()?;
    let produced = run(setting, folder.path(), &producer, size, ENDED).context("produce")?;
    let consumed = run(setting, folder.path(), &consumer, size, ENDED).context("consume")?;
    let cpu = produced.cpu + consumed.cpu + broker.cpu()?.saturating_sub(before);
    setting.client.delete_topic(broker, topic)?;
    Ok(vec![
        rate("messages/s", size, produced.wall + consumed.wall),
        rate("messages per CPU second", size, cpu),
        rate("produced/s", size, produced.wall),
        rate("consumed/s", size, consumed.wall),
    ])
}

fn rate(name: &'static str, size: &Size, time: Duration) -> Figure {
    Figure::new(name, size.messages as f64 / time.as_secs_f64())
}

/// The input that makes all messages, of about 200 bytes.
fn generate(size: &Size) -> String {
    let text = "0123456789abcdef".repeat(11);
    format!(
        "input:\n  generate:\n    count: {}\n    batch_size: {}\n    interval: ''\n    mapping: |\n      \
         root.id = counter()\n      root.text = \"{text}\"\n",
        size.messages, size.batch
    )
}

/// Runs a pipeline to its end, at which it must have delivered all messages.
fn run(
    setting: &Setting,
    folder: &Path,
    config: &str,
    size: &Size,
    summary: &str,
) -> Result<Measured> {
    let (file, log) = (folder.join("pipeline.yaml"), folder.join("pipeline.log"));
    fs::write(&file, config).context("write the config")?;
    let mut command = Command::new(setting.broker.millrace_binary());
    command
        .arg("run")
        .arg(&file)
        .stderr(File::create(&log).context("make a file for its log")?);
    let measured = child::start(&mut command)?.wait(size.messages);
    let said = fs::read_to_string(&log).context("read its log")?;
    let measured = measured.with_context(|| said.clone())?;
    match delivered(&said, summary) {
        Some(delivered) if delivered == size.messages => Ok(measured),
        found => bail!(
            "{found:?} messages of {} are delivered:\n{said}",
            size.messages
        ),
    }
}

/// How many messages were delivered, by the closing record of that text.
fn delivered(log: &str, summary: &str) -> Option<u64> {
    let mut records = log
        .lines()
        .filter_map(|it| serde_json::from_str::<Value>(it).ok());
    let record = records.find(|it| it["message"] == summary)?;
    record["delivered"].as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_record_says_how_many_messages_were_delivered() {
        let log = "no JSON\n{\"message\":\"the run has ended\",\"delivered\":5}\n\
                   {\"message\":\"the run has ended: behind the buffer\",\"delivered\":4}\n";
        assert_eq!(delivered(log, ENDED), Some(5));
        assert_eq!(delivered(log, BUFFER_ENDED), Some(4));
        assert_eq!(delivered("", ENDED), None);
    }
}
