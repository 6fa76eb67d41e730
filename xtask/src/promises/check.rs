//! Starts the broker on what a power loss has left, and compares it with what clients were told.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use millrace_testkit::millrace::Millrace;
use millrace_testkit::port::free_port;

use super::client::Client;
use super::story::{
    COMPACTED, GROUP, KEYS, PARTITIONS, RECORDS, RETAINED, RETAINED_BYTES, RETAINED_RECORD, Story,
    TRANSACTIONAL_ID, TRANSACTIONS, number, value,
};
use crate::broker::started;

/// The command that runs the broker on a directory.
pub fn command(binary: &Path, address: SocketAddr, data: &Path) -> Vec<String> {
    [
        binary.display().to_string(),
        "broker".to_owned(),
        "1".to_owned(),
        address.port().to_string(),
        "--host".to_owned(),
        address.ip().to_string(),
        "--data".to_owned(),
        data.display().to_string(),
    ]
    .to_vec()
}

/// As [`command`], for a broker that compacts and deletes while clients work; its settings are written
/// to a file of the folder, its data is in the directory `data` there.
///
/// # Errors
/// The file cannot be written.
pub fn busy_command(binary: &Path, address: SocketAddr, folder: &Path) -> Result<Vec<String>> {
    let settings = folder.join("broker.properties");
    let text = format!(
        "node.id=1
listeners=PLAINTEXT://{address}
log.cleaner.backoff.ms=50
log.retention.check.interval.ms=100
metadata.log.max.record.bytes.between.snapshots=4000
"
    );
    fs::write(&settings, text).context("write the settings of the broker")?;
    let text = |path: &Path| path.display().to_string();
    Ok([
        text(binary),
        "broker".to_owned(),
        "--config".to_owned(),
        text(&settings),
        "--data".to_owned(),
        text(&folder.join("data")),
    ]
    .to_vec())
}

/// An address that nobody listens on.
pub fn free_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}

/// Starts the broker and waits until it hears clients.
pub fn start(command: &[String]) -> Result<Millrace> {
    let (program, arguments) = command.split_first().context("there is a program")?;
    started(Command::new(program).args(arguments))
}

/// Whether all is there that was told before the power went.
///
/// # Errors
/// The broker does not start, or something was lost, doubled or made up.
pub fn check(binary: &Path, data: &Path, story: &Story, at: f64) -> Result<()> {
    let address = free_address();
    let mut broker = start(&command(binary, address, data))?;
    let mut client = Client::connect(address)?;
    for partition in 0..PARTITIONS {
        records(&mut client, story, partition, at)
            .with_context(|| format!("partition {partition}"))?;
    }
    topics(&mut client, story, at)?;
    commits(&mut client, story, at)?;
    transactions(&mut client, story, at)?;
    compacted(&mut client, story, at).context(COMPACTED)?;
    retained(&mut client, story, at).context(RETAINED)?;
    broker.kill()?;
    Ok(())
}

/// The records stand in their order, each once, and none that was told is missing. The last one that
/// was told is known when it is sent again.
fn records(client: &mut Client, story: &Story, partition: i32, at: f64) -> Result<()> {
    let of_partition = story.records.iter().filter(|it| it.partition == partition);
    let told: Vec<_> = of_partition.filter(|it| it.told <= at).collect();
    if let Some(last) = told.last() {
        let again = client.produce((RECORDS, partition), None, last.batch.clone());
        let offset = again.context("send the last record again")?;
        ensure!(
            offset == last.offset,
            "the record at {} was taken again at {offset}",
            last.offset
        );
    }
    let Some(found) = client.read(RECORDS, partition, false)? else {
        ensure!(told.is_empty(), "the topic is gone");
        return Ok(());
    };
    ensure!(
        found.len() >= told.len(),
        "{} records of {} are there",
        found.len(),
        told.len()
    );
    for (number, (offset, found)) in (0..).zip(found) {
        ensure!(
            offset == number && found == value(partition, number),
            "at {offset} there is another record than number {number}"
        );
    }
    Ok(())
}

fn topics(client: &mut Client, story: &Story, at: f64) -> Result<()> {
    for topic in story.topics.iter().filter(|it| it.told <= at) {
        let found = client.read(&topic.name, 0, false)?;
        let (name, found) = (&topic.name, found.map(|it| it.len()));
        match topic.end {
            Some((_, told)) if told <= at => {
                ensure!(found.is_none(), "{name} was deleted and is there");
            }
            Some((asked, _)) if asked <= at => {}
            _ => ensure!(found == Some(1), "{name} has {found:?} records and not one"),
        }
    }
    Ok(())
}

fn commits(client: &mut Client, story: &Story, at: f64) -> Result<()> {
    let told = count_told(&story.commits, at) as i64;
    let found = client.committed(GROUP, RECORDS)?.max(0);
    // One more may have been on its way.
    ensure!(
        (told..=told + 1).contains(&found),
        "offset {told} was committed, and {found} is"
    );
    Ok(())
}

/// How many were told.
fn count_told(told: &[f64], at: f64) -> usize {
    told.iter().filter(|told| **told <= at).count()
}

/// What is left stands where it stood, and of each key it is what was told last, or newer.
fn compacted(client: &mut Client, story: &Story, at: f64) -> Result<()> {
    let told = count_told(&story.compacted, at) as i64;
    let numbers = numbers(client, COMPACTED, told)?;
    for last in (told - KEYS).max(0)..told {
        let key = last % KEYS;
        let newest = numbers.iter().rev().find(|it| *it % KEYS == key);
        ensure!(
            newest.is_some_and(|newest| *newest >= last),
            "of key {key} record {last} was told, and {newest:?} is the newest"
        );
    }
    Ok(())
}

/// From the first record that is left on each is there, and no fewer are left than are to be kept.
fn retained(client: &mut Client, story: &Story, at: f64) -> Result<()> {
    let told = count_told(&story.retained, at) as i64;
    let numbers = numbers(client, RETAINED, told)?;
    let first = numbers.first().copied().unwrap_or_default();
    let next = first + numbers.len() as i64;
    ensure!(
        numbers.iter().copied().eq(first..next),
        "records are missing in between: {numbers:?}"
    );
    ensure!(
        next >= told,
        "{told} records were told, and the next is {next}"
    );
    // One that was on its way may be gone after it has counted; each has a header.
    let least = RETAINED_BYTES / (RETAINED_RECORD + 200);
    ensure!(
        first == 0 || numbers.len() >= least,
        "{} records are left from {first} on, and {least} were to be kept",
        numbers.len()
    );
    Ok(())
}

/// The numbers in the records of a topic, which are their offsets; none, where there is no topic yet
/// because nothing was told of it.
fn numbers(client: &mut Client, topic: &str, told: i64) -> Result<Vec<i64>> {
    let found = client.read(topic, 0, false)?;
    ensure!(found.is_some() || told == 0, "the topic is gone");
    let found = found.unwrap_or_default();
    for (offset, value) in &found {
        ensure!(
            number(value) == Some(*offset),
            "at {offset} there is another record"
        );
    }
    Ok(found.into_iter().map(|(offset, _)| offset).collect())
}

/// Each transaction is in both partitions or in none; those that were told are as they were told.
fn transactions(client: &mut Client, story: &Story, at: f64) -> Result<()> {
    // Whatever was open is over then.
    client.producer(Some(TRANSACTIONAL_ID))?;
    let mut seen = Vec::new();
    for partition in [0, 1] {
        let found = client
            .read(TRANSACTIONS, partition, true)?
            .unwrap_or_default();
        let numbers: Option<BTreeSet<i64>> = found.iter().map(|(_, it)| number(it)).collect();
        let numbers = numbers.context("a record of a transaction has no number")?;
        ensure!(numbers.len() == found.len(), "a transaction was doubled");
        seen.push(numbers);
    }
    ensure!(
        seen[0] == seen[1],
        "a transaction is in one partition alone"
    );
    for (number, transaction) in (0..).zip(&story.transactions) {
        let is_seen = seen[0].contains(&number);
        if is_seen && !transaction.is_committed {
            bail!("transaction {number} was aborted and is seen");
        }
        if !is_seen && transaction.is_committed && transaction.told <= at {
            bail!("transaction {number} was committed and is not seen");
        }
    }
    Ok(())
}
