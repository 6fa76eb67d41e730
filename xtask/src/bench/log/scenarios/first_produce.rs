//! B14: how long after the start of its process a broker has acknowledged something.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use millrace_testkit::kafka::{batch, produce};

use super::distribution::Distribution;
use super::{Figure, Setting};
use crate::bench::log::offsets;
use crate::bench::log::workload::Durability;
use crate::promises::client::Client;

const STARTS: usize = 10;
/// The version of Produce that both brokers know.
const PRODUCE: i16 = 12;
const PATIENCE: Duration = Duration::from_secs(60);

pub fn measure(setting: &mut Setting) -> Result<Vec<Figure>> {
    let topic = setting.topic.as_str();
    let client = setting.client;
    client.create(setting.broker, topic, 1, Durability::System)?;
    offsets::wait_until_served(setting.broker.socket(), topic, 1)?;
    let mut times = Vec::new();
    for _ in 0..STARTS {
        setting.broker.stop()?;
        let since = Instant::now();
        setting.broker.start()?;
        let mut connection = Client::connect(setting.broker.socket())?;
        while !acknowledges(&mut connection, topic)? {
            if since.elapsed() > PATIENCE {
                bail!("nothing is acknowledged within {PATIENCE:?}");
            }
            sleep(Duration::from_millis(1));
        }
        times.push(since.elapsed());
    }
    let stored: i64 = offsets::all(setting.broker.socket(), topic, 1)?
        .iter()
        .sum();
    if stored != STARTS as i64 {
        bail!("the topic holds {stored} messages of {STARTS}");
    }
    client.delete_topic(setting.broker, topic)?;
    let times = Distribution::new(times)?;
    Ok(vec![
        Figure::new("ms: median of 10 starts", times.permille(500)),
        Figure::new("fastest", times.permille(0)),
        Figure::new("slowest", times.permille(1000)),
    ])
}

fn acknowledges(client: &mut Client, topic: &str) -> Result<bool> {
    let response = client.ask(PRODUCE, &produce(topic, 0, batch(&[b"first"]), -1))?;
    let mut answers = response
        .responses
        .iter()
        .flat_map(|it| &it.partition_responses);
    let answer = answers.next().context("there is no answer in it")?;
    Ok(answer.error_code == 0)
}
