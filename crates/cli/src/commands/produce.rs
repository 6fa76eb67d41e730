//! `produce`: sends the lines of the standard input.

mod lines;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millrace_kafka_client::{
    Compression, Delivered, Delivery, Error, NewRecord, Producer, ProducerSettings,
};
use millrace_spec::render::emit;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use self::lines::Lines;
use super::kafka::{Ended, Failure, connect, number, object, or_null, run, text};
use super::{complain, print};
use crate::args::kafka::ProduceArgs;

/// How many records may be on their way whose fate was not told yet.
const UNTOLD: usize = 100_000;

/// Sends every line; exits with 0 when all are delivered.
pub fn produce(args: ProduceArgs) -> ExitCode {
    run(send(args))
}

async fn send(args: ProduceArgs) -> Ended {
    let settings = settings(&args);
    settings
        .check()
        .map_err(|error| Failure::Misuse(error.to_string()))?;
    let largest = settings.max_record_bytes;
    let cluster = connect(&args.cluster).await?;
    let producer = Producer::start(cluster, settings).await?;
    let reports = Reports::start(args.json, args.topic.clone());
    let mut lines = Lines::start(largest);
    let ended = send_lines(&args, &producer, &mut lines, &reports).await;
    producer.flush().await;
    let delivered = reports.end().await;
    ended.and(delivered)
}

/// Sends until the lines end, or one of them could not be delivered.
async fn send_lines(
    args: &ProduceArgs,
    producer: &Producer,
    lines: &mut Lines,
    reports: &Reports,
) -> Ended {
    let mut line_number = 0_u64;
    loop {
        let line = tokio::select! {
            line = lines.next() => line,
            () = reports.failed.notified() => return Ok(()),
        };
        line_number += 1;
        let at_line =
            |error: &dyn std::fmt::Display| Failure::Failed(format!("line {line_number}: {error}"));
        let Some(line) = line.map_err(|error| at_line(&error))? else {
            return Ok(());
        };
        let record = record(args, line).map_err(|error| at_line(&error))?;
        let delivery = producer
            .send(record)
            .await
            .map_err(|error| at_line(&error))?;
        if reports
            .deliveries
            .send((line_number, delivery))
            .await
            .is_err()
        {
            return Ok(());
        }
    }
}

fn record(args: &ProduceArgs, line: Bytes) -> Result<NewRecord, String> {
    let (key, value) = match &args.key_separator {
        Some(separator) if !separator.is_empty() => {
            let separator = separator.as_bytes();
            let mut places = line.windows(separator.len());
            let at = places.position(|it| it == separator).ok_or_else(|| {
                let separator = String::from_utf8_lossy(separator);
                format!("there is no `{separator}` between a key and a value")
            })?;
            (Some(line.slice(..at)), line.slice(at + separator.len()..))
        }
        _ => (None, line),
    };
    Ok(NewRecord {
        topic: (&*args.topic).into(),
        partition: args.partition,
        key,
        value: Some(value),
        ..NewRecord::default()
    })
}

/// The profile, and what is said beside it.
fn settings(args: &ProduceArgs) -> ProducerSettings {
    let mut settings = match args.profile.as_deref() {
        Some("high-throughput") => ProducerSettings::high_throughput(),
        Some("low-latency") => ProducerSettings::low_latency(),
        Some("high-durability") => ProducerSettings::high_durability(),
        _ => ProducerSettings::default(),
    };
    let set = |to: &mut usize, from: Option<usize>| {
        if let Some(value) = from {
            *to = value;
        }
    };
    set(&mut settings.batch_size, args.batch_size);
    set(
        &mut settings.max_in_flight_requests,
        args.max_in_flight_requests,
    );
    settings.acks = args.acks.unwrap_or(settings.acks);
    settings.retries = args.retries.unwrap_or(settings.retries);
    settings.enable_idempotence = args.enable_idempotence.or(settings.enable_idempotence);
    let codec: Option<Compression> = args.compression_type;
    settings.compression = codec.unwrap_or(settings.compression);
    if let Some(linger) = args.linger_ms {
        settings.linger = Duration::from_millis(linger);
    }
    settings.request_timeout = Duration::from_millis(args.cluster.request_timeout_ms);
    settings
}

/// Waits for what becomes of records, in their order.
struct Reports {
    deliveries: mpsc::Sender<(u64, Delivery)>,
    failed: Arc<Notify>,
    task: JoinHandle<Ended>,
}

impl Reports {
    fn start(is_json: bool, topic: String) -> Self {
        let (deliveries, queue) = mpsc::channel(UNTOLD);
        let failed = Arc::new(Notify::new());
        let told = Arc::clone(&failed);
        Self {
            deliveries,
            failed,
            task: tokio::spawn(async move { report(queue, is_json, &topic, &told).await }),
        }
    }

    async fn end(self) -> Ended {
        drop(self.deliveries);
        let ended = self.task.await;
        ended.unwrap_or_else(|error| Err(Failure::Failed(error.to_string())))
    }
}

/// Reports every record; how many were not delivered, and why the first of them was not.
async fn report(
    mut queue: mpsc::Receiver<(u64, Delivery)>,
    is_json: bool,
    topic: &str,
    failed: &Notify,
) -> Ended {
    let mut lost: Option<(u64, Error)> = None;
    let (mut delivered, mut missing) = (0_u64, 0_u64);
    while let Some((line, delivery)) = queue.recv().await {
        match delivery.await {
            Ok(place) => {
                delivered += 1;
                if is_json && print(&json_line(topic, line, &place)) != ExitCode::SUCCESS {
                    failed.notify_one();
                    return Err(Failure::Told);
                }
            }
            Err(error) => {
                missing += 1;
                failed.notify_one();
                lost.get_or_insert((line, error));
            }
        }
    }
    let Some((line, error)) = lost else {
        return Ok(());
    };
    complain(&format!(
        "{delivered} records were delivered, {missing} were not"
    ));
    Err(Failure::Failed(format!("line {line}: {error}")))
}

fn json_line(topic: &str, line: u64, place: &Delivered) -> String {
    let json = object([
        ("line", number(i64::try_from(line).unwrap_or(i64::MAX))),
        ("topic", text(topic)),
        ("partition", number(place.partition)),
        ("offset", or_null(place.offset, number)),
        ("timestamp", number(place.timestamp)),
    ]);
    emit::json(&json) + "\n"
}
