//! Starts the broker on what a power loss has left, and compares it with what clients were told.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use millrace_testkit::millrace::Millrace;
use millrace_testkit::port::free_port;

use super::client::Client;
use super::story::{
    GROUP, PARTITIONS, RECORDS, Story, TRANSACTIONAL_ID, TRANSACTIONS, number, value,
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
    let told = story.commits.iter().filter(|told| **told <= at).count() as i64;
    let found = client.committed(GROUP, RECORDS)?.max(0);
    // One more may have been on its way.
    ensure!(
        (told..=told + 1).contains(&found),
        "offset {told} was committed, and {found} is"
    );
    Ok(())
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
