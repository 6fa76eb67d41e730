//! B15: how long after a kill a broker serves what it had stored.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::{Figure, Setting};
use crate::bench::log::offsets;
use crate::bench::log::workload::{PLAIN, SPREAD, Workload};

const WORKLOAD: Workload = Workload {
    name: "b15",
    messages: 2 << 20,
    partitions: 1000,
    client: SPREAD,
    ..PLAIN
};

pub fn measure(setting: &mut Setting) -> Result<Vec<Figure>> {
    let topic = setting.topic.as_str();
    let (client, broker) = (setting.client, &mut *setting.broker);
    client.create_topic(broker, topic, &WORKLOAD)?;
    offsets::wait_until_served(broker.socket(), topic, WORKLOAD.partitions)?;
    client.produce(broker, topic, &WORKLOAD, WORKLOAD.messages)?;
    let before = offsets::all(broker.socket(), topic, WORKLOAD.partitions)?;
    let stored: i64 = before.iter().sum();
    if u64::try_from(stored)? != WORKLOAD.messages {
        bail!("the topic holds {stored} messages of {}", WORKLOAD.messages);
    }

    broker.kill()?;
    let since = Instant::now();
    let connected = broker.start()?;
    let served = offsets::wait_until_served(broker.socket(), topic, WORKLOAD.partitions)?;
    let cpu = broker.cpu()?;

    let after = offsets::all(broker.socket(), topic, WORKLOAD.partitions)?;
    if let Some(index) = (0..before.len()).find(|it| before.get(*it) != after.get(*it)) {
        bail!(
            "partition {index} ended at {:?} before the kill and ends at {:?} now",
            before.get(index),
            after.get(index)
        );
    }
    client.delete_topic(broker, topic)?;
    let millis = |it: Duration| it.as_secs_f64() * 1e3;
    Ok(vec![
        Figure::new("ms: port", millis(connected)),
        Figure::new("first answer", millis(served.any - since)),
        Figure::new("first partition", millis(served.first - since)),
        Figure::new("all partitions", millis(served.all - since)),
        Figure::new("broker CPU s", cpu.as_secs_f64()),
    ])
}
