//! B12: what many partitions take.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use millrace_testkit::kafka::fetch;

use super::{Figure, Setting};
use crate::bench::log::offsets;
use crate::bench::log::workload::{PLAIN, SPREAD, Workload};
use crate::promises::client::Client;

const WORKLOAD: Workload = Workload {
    name: "b12",
    messages: 500_000,
    partitions: 1000,
    client: SPREAD,
    ..PLAIN
};
/// Connections that wait in a Fetch, each for one partition.
const WAITING: i32 = 100;
const WAIT_MS: i32 = 5000;
/// What happens behind the answers comes to its end.
const PAUSE: Duration = Duration::from_secs(5);
/// How long a broker is looked at.
const LOOK: Duration = Duration::from_secs(10);
/// The version of Fetch that both brokers know.
const FETCH: i16 = 12;

pub fn measure(setting: &mut Setting) -> Result<Vec<Figure>> {
    let (broker, topic) = (&*setting.broker, setting.topic.as_str());
    let mut client = Client::connect(broker.socket())?;
    let since = Instant::now();
    client.create_topic(topic, WORKLOAD.partitions, &[])?;
    let served = offsets::wait_until_served(broker.socket(), topic, WORKLOAD.partitions)?;

    let before = broker.cpu()?;
    let used = setting
        .client
        .produce(broker, topic, &WORKLOAD, WORKLOAD.messages)?;
    thread::sleep(PAUSE);
    let produce_cpu = broker.cpu()?.saturating_sub(before);
    let ends = offsets::all(broker.socket(), topic, WORKLOAD.partitions)?;
    check(&ends)?;

    let wait_share = thread::scope(|scope| -> Result<_> {
        let until = Instant::now() + PAUSE + LOOK;
        let ends = (0..WAITING).zip(&ends);
        let waiting: Vec<_> = ends
            .map(|place| scope.spawn(move || wait(broker.socket(), topic, place, until)))
            .collect();
        thread::sleep(PAUSE);
        let before = broker.cpu()?;
        thread::sleep(LOOK);
        let used = broker.cpu()?.saturating_sub(before);
        for thread in waiting {
            let result = thread.join();
            result.map_err(|_| anyhow!("a thread of the client has panicked"))??;
        }
        Ok(used.as_secs_f64() / LOOK.as_secs_f64())
    })?;
    setting.client.delete_topic(broker, topic)?;
    let bytes = (WORKLOAD.messages * WORKLOAD.size) as f64;
    Ok(vec![
        Figure::new("create ms", (served.all - since).as_secs_f64() * 1e3),
        Figure::new("MB/s", bytes / 1e6 / used.wall.as_secs_f64()),
        Figure::new(
            "broker CPU s per GB",
            produce_cpu.as_secs_f64() / (bytes / 1e9),
        ),
        Figure::new("% of a core with 100 waiting", wait_share * 100.0),
    ])
}

fn check(ends: &[i64]) -> Result<()> {
    let stored: i64 = ends.iter().sum();
    if u64::try_from(stored)? != WORKLOAD.messages {
        bail!("the topic holds {stored} messages of {}", WORKLOAD.messages);
    }
    match ends.iter().position(|it| *it == 0) {
        Some(empty) => bail!("partition {empty} got no message"),
        None => Ok(()),
    }
}

/// Waits at the end of a partition, to which nothing is added, again and again.
fn wait(
    broker: SocketAddr,
    topic: &str,
    (partition, end): (i32, &i64),
    until: Instant,
) -> Result<()> {
    let mut client = Client::connect(broker)?;
    while Instant::now() < until {
        let since = Instant::now();
        let response = client.ask(FETCH, &fetch(topic, &[(partition, *end)], WAIT_MS))?;
        let mut partitions = response.responses.iter().flat_map(|it| &it.partitions);
        let data = partitions.next().context("the partition is answered")?;
        if response.error_code != 0 || data.error_code != 0 || !data.records.is_empty() {
            bail!(
                "partition {partition}: error {}, or records",
                data.error_code
            );
        }
        if since.elapsed() < Duration::from_millis(WAIT_MS as u64) / 2 {
            bail!(
                "partition {partition}: answered after {:?}",
                since.elapsed()
            );
        }
    }
    Ok(())
}
