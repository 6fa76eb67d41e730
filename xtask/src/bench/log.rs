//! `cargo xtask bench log`: producing and consuming, beside Apache Kafka if its jars are given.
//!
//! The client is librdkafka's `rdkafka_performance`, the same for every broker. Brokers are started
//! once and warmed up; each run is on a topic of its own, and the runs of the brokers alternate. A
//! topic that does not hold exactly what was sent has no figures.

mod brokers;
mod client;
mod offsets;
mod options;
mod report;
mod scenarios;
mod workload;

use std::time::Duration;

use anyhow::{Context, Result, bail};

use brokers::Broker;
use client::Client;
use options::{IDLE, Options};
use scenarios::SCENARIOS;
use workload::{WORKLOADS, Workload};

/// What one run has taken.
#[derive(Clone, Debug)]
pub struct Run {
    pub wall: Duration,
    pub client_cpu: Duration,
    pub broker_cpu: Duration,
}

/// All measured runs of one workload on one broker.
pub struct Series {
    pub workload: &'static Workload,
    pub broker: &'static str,
    pub messages: u64,
    pub runs: Vec<Run>,
}

/// What a broker takes while nothing happens.
#[derive(Clone, Debug)]
pub struct Idle {
    pub broker: &'static str,
    /// From the start of the process until it takes connections, for each start.
    pub starts: Vec<Duration>,
    pub memory: u64,
    /// With a thousand partitions more.
    pub memory_with_partitions: u64,
    /// The share of one core that it then takes.
    pub cpu_with_partitions: f64,
}

/// Runs the workloads that the arguments ask for and prints their table.
pub fn run(arguments: &[String]) -> Result<bool> {
    let options = Options::parse(arguments)?;
    let folder = tempfile::tempdir().context("make a folder for the data")?;
    let mut brokers = vec![Broker::millrace(
        crate::test::binary(options.binary.clone(), &["--release"])?,
        folder.path(),
    )];
    if let Some(jars) = &options.kafka {
        brokers.push(Broker::kafka(jars, folder.path())?);
    }
    let client = Client::new(&options.client, brokers[0].millrace_binary())?;
    let mut idle = Vec::new();
    for broker in brokers.iter_mut().filter(|_| options.wants(IDLE)) {
        idle.push(report::told(measure_idle(broker, &client)?));
    }
    for broker in &mut brokers {
        broker.start()?;
    }
    let mut all: Vec<Series> = Vec::new();
    for workload in WORKLOADS.iter().filter(|it| options.wants(it.name)) {
        let messages = options.messages(workload);
        let mut series: Vec<Series> = brokers
            .iter()
            .map(|broker| Series {
                workload,
                broker: broker.name,
                messages,
                runs: Vec::new(),
            })
            .collect();
        // The first round warms up and does not count.
        for round in 0..=options.runs {
            for (broker, series) in brokers.iter().zip(&mut series) {
                let run = measure(broker, &client, workload, messages, round)
                    .with_context(|| format!("{} on {}", workload.name, broker.name))?;
                println!("{}", report::line(series, &run, round == 0));
                if round > 0 {
                    series.runs.push(run);
                }
            }
        }
        all.extend(series);
    }
    let mut outcomes = Vec::new();
    for scenario in SCENARIOS.iter().filter(|it| options.wants(it.name)) {
        outcomes.extend(scenario.run(&mut brokers, &client, options.runs, report::tell)?);
    }
    let memory: Vec<(&str, u64)> = brokers
        .iter()
        .map(|it| Ok((it.name, it.memory()?)))
        .collect::<Result<_>>()?;
    for broker in &mut brokers {
        broker.stop()?;
    }
    if !all.is_empty() {
        println!("\n{}", report::workloads(&all));
    }
    if !idle.is_empty() {
        println!("\n{}", report::idle(&idle, &memory));
    }
    println!("{}", report::scenarios(&outcomes));
    Ok(true)
}

fn measure(
    broker: &Broker,
    client: &Client,
    workload: &Workload,
    messages: u64,
    round: u32,
) -> Result<Run> {
    let topic = format!("{}-{round}", workload.name);
    client.create_topic(broker, &topic, workload)?;
    if workload.consumes {
        client.produce(broker, &topic, workload, messages)?;
    }
    let before = broker.cpu()?;
    let used = match workload.consumes {
        true => client.consume(broker, &topic, messages)?,
        false => client.produce(broker, &topic, workload, messages)?,
    };
    // What it does behind its answers belongs to the work.
    std::thread::sleep(Duration::from_millis(500));
    let run = Run {
        wall: used.wall,
        client_cpu: used.cpu,
        broker_cpu: broker.cpu()?.saturating_sub(before),
    };
    let stored = client.stored(broker, &topic, workload)?;
    if stored != messages {
        bail!("the topic holds {stored} messages of {messages}");
    }
    client.delete_topic(broker, &topic)?;
    Ok(run)
}

/// How often a start is measured.
const STARTS: usize = 5;
/// How long an idle broker is looked at.
const LOOK: Duration = Duration::from_secs(10);

fn measure_idle(broker: &mut Broker, client: &Client) -> Result<Idle> {
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        starts.push(broker.start()?);
        broker.stop()?;
    }
    broker.start()?;
    std::thread::sleep(Duration::from_secs(2));
    let memory = broker.memory()?;
    client.create_partitions(broker, "many", 1000)?;
    std::thread::sleep(Duration::from_secs(5));
    let before = broker.cpu()?;
    std::thread::sleep(LOOK);
    let used = broker.cpu()?.saturating_sub(before);
    let idle = Idle {
        broker: broker.name,
        starts,
        memory,
        memory_with_partitions: broker.memory()?,
        cpu_with_partitions: used.as_secs_f64() / LOOK.as_secs_f64(),
    };
    client.delete_topic(broker, "many")?;
    broker.stop()?;
    Ok(idle)
}
