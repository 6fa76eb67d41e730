//! `consume`: prints the records of a topic.

pub mod output;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use millrace_kafka_client::{
    Cluster, Consumer, ConsumerSettings, Isolation, OffsetAt, Reset, Start, TopicPartition,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use self::output::Format;
use super::kafka::{Ended, Failure, connect, run};
use crate::args::kafka::{ConsumeArgs, Target};

/// How long a poll waits, unless the end comes before.
const POLL: Duration = Duration::from_secs(1);

/// Prints records until there is an end.
pub fn consume(args: ConsumeArgs) -> ExitCode {
    run(read(args))
}

async fn read(args: ConsumeArgs) -> Ended {
    let cluster = connect(&args.cluster).await?;
    let mut consumer = consumer(&args, cluster).await?;
    let ended = tokio::select! {
        ended = print_records(&args, &mut consumer) => ended,
        stopped = stop() => stopped,
    };
    match ended {
        Ok(()) => Ok(consumer.close().await?),
        // What was not printed is not committed: the next member reads it.
        Err(failure) => {
            let left = consumer.abandon().await;
            Err(match (failure, left) {
                (Failure::Told, Err(error)) => error.into(),
                (failure, _) => failure,
            })
        }
    }
}

/// Waits until somebody asks for the end.
async fn stop() -> Ended {
    let failed = |error: std::io::Error| Failure::Failed(format!("wait for signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Prints records until as many were printed as were asked for, or none came for too long.
///
/// Records are printed without a pause between a poll and the end of its records, so that a stop
/// finds nothing half done.
async fn print_records(args: &ConsumeArgs, consumer: &mut Consumer) -> Ended {
    let format = match args.json || args.format == "json" {
        true => Format::Json,
        false => Format::Raw,
    };
    let patience = args.timeout.map(Duration::from_millis);
    let mut left = args.max_messages.unwrap_or(usize::MAX);
    let mut last = Instant::now();
    let at_once = settings(args).max_poll_records;
    while left > 0 {
        consumer.set_max_poll_records(at_once.min(left));
        let waits = patience.map_or(POLL, |it| it.saturating_sub(last.elapsed()).min(POLL));
        let was_at_work = consumer.is_at_work();
        let records = consumer.poll(waits).await?;
        if records.is_empty() {
            if !was_at_work {
                // A group takes its time to form: nothing could come yet.
                last = Instant::now();
                continue;
            }
            match patience.is_some_and(|it| last.elapsed() >= it) {
                true => return Ok(()),
                false => continue,
            }
        }
        left -= records.len();
        format.print(&records).map_err(|_| Failure::Told)?;
        last = Instant::now();
    }
    Ok(())
}

async fn consumer(args: &ConsumeArgs, cluster: Arc<Cluster>) -> Result<Consumer, Failure> {
    let settings = settings(args);
    if let Some(group) = &args.group {
        return Ok(Consumer::in_group(cluster, settings, group, &[&args.topic]));
    }
    let start = match args.offset {
        Some(Target::At(at)) => Start::At(at),
        Some(Target::Offset(offset)) => Start::Offset(offset),
        None if args.from_beginning => Start::At(OffsetAt::Earliest),
        None if args.auto_offset_reset.as_deref() == Some("earliest") => {
            Start::At(OffsetAt::Earliest)
        }
        None => Start::At(OffsetAt::Latest),
    };
    let topic = cluster.describe_topic(&args.topic).await?;
    let there: Vec<_> = topic.partitions.iter().map(|it| it.partition).collect();
    let wanted = match args.partition.is_empty() {
        true => &there,
        false => &args.partition,
    };
    if let Some(missing) = wanted.iter().find(|it| !there.contains(it)) {
        let count = there.len();
        let reason = format!(
            "topic `{}` has no partition {missing}: it has {count}",
            args.topic
        );
        return Err(Failure::Failed(reason));
    }
    let partitions = wanted
        .iter()
        .map(|it| (TopicPartition::new(&args.topic, *it), start));
    let partitions: Vec<_> = partitions.collect();
    Ok(Consumer::of_partitions(cluster, settings, partitions))
}

/// The profile, and what is said beside it.
fn settings(args: &ConsumeArgs) -> ConsumerSettings {
    let mut settings = match args.profile.as_deref() {
        Some("high-throughput") => ConsumerSettings::high_throughput(),
        Some("low-latency") => ConsumerSettings::low_latency(),
        _ => ConsumerSettings::default(),
    };
    let set = |to: &mut i32, from: Option<i32>| {
        if let Some(value) = from {
            *to = value;
        }
    };
    set(&mut settings.fetch_min_bytes, args.fetch_min_bytes);
    set(&mut settings.fetch_max_bytes, args.fetch_max_bytes);
    set(
        &mut settings.max_partition_fetch_bytes,
        args.max_partition_fetch_bytes,
    );
    let records = args.max_poll_records.unwrap_or(settings.max_poll_records);
    settings.max_poll_records = records.max(1);
    if let Some(wait) = args.fetch_max_wait_ms {
        settings.fetch_max_wait = Duration::from_millis(wait);
    }
    settings.auto_offset_reset = match args.auto_offset_reset.as_deref() {
        Some("earliest") => Reset::Earliest,
        Some("none") => Reset::None,
        Some(_) => Reset::Latest,
        None if args.from_beginning => Reset::Earliest,
        None => Reset::Latest,
    };
    if args.read_committed {
        settings.isolation = Isolation::ReadCommitted;
    }
    settings
}
