//! B7: how long a message is on its way at a steady rate.
//!
//! Time counts from the moment at which a message was due, whether or not it could be sent then, so
//! that a stall shows in all messages that it has held up.

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use millrace_kafka_wire::api::fetch::{FetchRequest, FetchResponse};
use millrace_kafka_wire::api::produce::ProduceRequest;
use millrace_kafka_wire::read_response;
use millrace_testkit::kafka::{self, Client};

use super::distribution::Distribution;
use super::{Figure, Setting};
use crate::bench::log::offsets;
use crate::bench::log::workload::Durability;

const PERIOD: Duration = Duration::from_millis(1);
const WARM_UP: u32 = 2_000;
const MEASURED: u32 = 10_000;
const SIZE: usize = 1024;
/// The versions of Produce and Fetch that both brokers know.
const VERSION: i16 = 12;
/// How long a reader waits in one request.
const WAIT_MS: i32 = 500;
/// How long after the last message was due all must be there. One that syncs each message by itself
/// needs minutes.
const PATIENCE: Duration = Duration::from_secs(300);

/// When each message is due.
#[derive(Clone, Copy)]
struct Schedule {
    since: Instant,
}

impl Schedule {
    const MESSAGES: u32 = WARM_UP + MEASURED;

    fn due(self, message: u32) -> Instant {
        self.since + PERIOD * message
    }

    fn wait_for(self, message: u32) {
        thread::sleep(self.due(message).saturating_duration_since(Instant::now()));
    }

    fn end(self) -> Instant {
        self.due(Self::MESSAGES) + PATIENCE
    }
}

/// Answered from the memory of the system.
pub fn in_memory(setting: &mut Setting) -> Result<Vec<Figure>> {
    measure(setting, Durability::System)
}

/// Answered from the disk.
pub fn on_disk(setting: &mut Setting) -> Result<Vec<Figure>> {
    measure(setting, Durability::Disk)
}

fn measure(setting: &Setting, durability: Durability) -> Result<Vec<Figure>> {
    let (broker, topic) = (&*setting.broker, setting.topic.as_str());
    setting.client.create(broker, topic, 1, durability)?;
    offsets::wait_until_served(broker.socket(), topic, 1)?;
    let stream = connect(setting)?;
    let (writer, answers) = (Client::over(stream.try_clone()?), Client::over(stream));
    let reader = Client::over(connect(setting)?);
    let schedule = Schedule {
        since: Instant::now() + Duration::from_millis(100),
    };
    let (acknowledged, seen, cpu) = thread::scope(|scope| -> Result<_> {
        let writer = scope.spawn(move || write(writer, schedule, topic));
        let answers = scope.spawn(move || read_answers(answers, schedule));
        let reader = scope.spawn(move || read(reader, schedule, topic));
        schedule.wait_for(WARM_UP);
        let before = broker.cpu()?;
        joined(writer.join())?.context("produce")?;
        let acknowledged = joined(answers.join())?.context("read the answers")?;
        let seen = joined(reader.join())?.context("consume")?;
        Ok((acknowledged, seen, broker.cpu()?.saturating_sub(before)))
    })?;
    let stored: i64 = offsets::all(broker.socket(), topic, 1)?.iter().sum();
    if stored != i64::from(Schedule::MESSAGES) {
        bail!(
            "the topic holds {stored} messages of {}",
            Schedule::MESSAGES
        );
    }
    setting.client.delete_topic(broker, topic)?;
    let acknowledged = Distribution::new(acknowledged)?;
    let seen = Distribution::new(seen)?;
    Ok(vec![
        Figure::new("acknowledged ms: p50", acknowledged.permille(500)),
        Figure::new("p99", acknowledged.permille(990)),
        Figure::new("p99.9", acknowledged.permille(999)),
        Figure::new("max", acknowledged.permille(1000)),
        Figure::new("seen ms: p50", seen.permille(500)),
        Figure::new("p99", seen.permille(990)),
        Figure::new("p99.9", seen.permille(999)),
        Figure::new("max", seen.permille(1000)),
        Figure::new("broker CPU s", cpu.as_secs_f64()),
    ])
}

fn connect(setting: &Setting) -> Result<TcpStream> {
    let stream = TcpStream::connect(setting.broker.socket()).context("connect to the broker")?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn joined<T>(result: thread::Result<T>) -> Result<T> {
    result.map_err(|_| anyhow!("a thread of the client has panicked"))
}

/// Sends each message when it is due, without a look at the answers.
fn write(mut client: Client, schedule: Schedule, topic: &str) -> Result<()> {
    let mut value = [0; SIZE];
    for message in 0..Schedule::MESSAGES {
        value[..4].copy_from_slice(&message.to_be_bytes());
        let request = kafka::produce(topic, 0, kafka::batch(&[&value]), -1);
        schedule.wait_for(message);
        client.try_send(VERSION, &request)?;
    }
    Ok(())
}

/// How long after it was due each measured message was acknowledged.
fn read_answers(mut client: Client, schedule: Schedule) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    for message in 0..Schedule::MESSAGES {
        let frame = client.frame().context("the broker does not answer")?;
        let now = Instant::now();
        let (_, response) = read_response::<ProduceRequest>(frame, VERSION)?;
        let mut partitions = response
            .responses
            .iter()
            .flat_map(|it| &it.partition_responses);
        let answer = partitions.next().context("there is no answer in it")?;
        if answer.error_code != 0 || answer.base_offset != i64::from(message) {
            bail!(
                "message {message}: error {}, offset {}",
                answer.error_code,
                answer.base_offset
            );
        }
        if message >= WARM_UP {
            times.push(now.saturating_duration_since(schedule.due(message)));
        }
    }
    Ok(times)
}

/// How long after it was due each measured message was seen by one that waits for it.
fn read(mut client: Client, schedule: Schedule, topic: &str) -> Result<Vec<Duration>> {
    let (mut times, mut next) = (Vec::new(), 0);
    while next < Schedule::MESSAGES {
        if Instant::now() > schedule.end() {
            bail!("message {next} is not seen");
        }
        let request = kafka::fetch(topic, &[(0, i64::from(next))], WAIT_MS);
        client.try_send(VERSION, &request)?;
        let frame = client.frame().context("the broker does not answer")?;
        let now = Instant::now();
        let (_, response) = read_response::<FetchRequest>(frame, VERSION)?;
        for (offset, value) in values(&response)? {
            if offset != i64::from(next) || value.get(..4) != Some(&next.to_be_bytes()) {
                bail!("another message than {next} is at offset {offset}");
            }
            if next >= WARM_UP {
                times.push(now.saturating_duration_since(schedule.due(next)));
            }
            next += 1;
        }
    }
    Ok(times)
}

fn values(response: &FetchResponse) -> Result<Vec<(i64, Vec<u8>)>> {
    let mut partitions = response.responses.iter().flat_map(|it| &it.partitions);
    let data = partitions.next().context("there is no answer in it")?;
    if response.error_code != 0 || data.error_code != 0 {
        bail!("errors {} and {}", response.error_code, data.error_code);
    }
    Ok(kafka::values(data))
}
