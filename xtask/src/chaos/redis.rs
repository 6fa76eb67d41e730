//! The story on Redis lists, which have no acknowledgements.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use millrace_testkit::poll;
use millrace_testkit::redis::{RedisClient, RedisOptions, RedisServer, Reply};
use serde_json::Value;

use super::cast::Cast;
use super::cities;
use super::plan::{Event, Plan, Wishes};
use super::{Options, Outcome};

/// How long the whole may take, from the first city to the last.
const LONGEST_RUN: Duration = Duration::from_secs(240);
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// Without a new answer for so long a run with losses is over.
const SILENCE: Duration = Duration::from_secs(10);

/// Workers are killed with SIGKILL: what they hold is lost, and how much that is, is the lesson.
pub fn killed(options: &Options) -> Result<Outcome> {
    let wishes = Wishes {
        workers: options.workers,
        kills: options.kills,
        ..Wishes::default()
    };
    run(options, wishes, "worker-redis.yaml")
}

/// Workers are stopped with SIGTERM: they put back what they hold, so nothing is lost.
pub fn terminated(options: &Options) -> Result<Outcome> {
    let wishes = Wishes {
        workers: options.workers,
        terminations: options.kills,
        ..Wishes::default()
    };
    run(options, wishes, "worker-redis.yaml")
}

fn run(options: &Options, wishes: Wishes, worker: &'static str) -> Result<Outcome> {
    let cities = cities::read()?;
    let redis = RedisServer::start(RedisOptions::default())?;
    let mut client = redis.client()?;
    let mut cast = Cast::new(options, &[("REDIS_URL", redis.url())])?;
    let start = Instant::now();
    let mut model = cast.model()?;
    let mut workers = cast.workers(worker)?;
    let mut importer = cast.start_finite("importer", "importer-redis.yaml")?;

    let plan = Plan::new(options.seed, wishes);
    for (index, event) in plan.events.iter().enumerate() {
        let (share, pause) = plan.due(index, cities.len());
        let turn = Instant::now();
        while length(&mut client, "mayors")? < share && turn.elapsed() < LONGEST_WAIT {
            thread::sleep(Duration::from_millis(10));
        }
        thread::sleep(pause);
        let answers = length(&mut client, "mayors")?;
        println!(
            "{:6.1} s  {event:?} at {answers}",
            start.elapsed().as_secs_f32()
        );
        debug_assert!(matches!(event, Event::Kill(_) | Event::Terminate(_)));
        cast.strike(*event, &mut workers)?;
    }
    importer.finish(LONGEST_RUN)?;
    wait_for_the_last(&mut client, cities.len())?;
    for role in workers.iter_mut().chain([&mut model]) {
        role.end()?;
    }

    let mut answers: HashMap<String, u64> = HashMap::new();
    let mut right = 0;
    for text in client.list("mayors")? {
        let answer: Value = serde_json::from_str(&text).context("an answer is no JSON")?;
        let id = answer["id"].to_string();
        let count = answers.entry(id.clone()).or_default();
        *count += 1;
        if *count == 1
            && cities
                .get(&id)
                .is_some_and(|city| answer["mayor"] == city.mayor)
        {
            right += 1;
        }
    }
    let duplicates = answers.values().map(|count| count - 1).sum();
    // A worker that was killed between its write and its next step explains one each.
    let most_duplicates = u64::from(wishes.kills + wishes.terminations);
    Ok(Outcome {
        sent: cities.len(),
        right,
        duplicates,
        most_duplicates,
    })
}

fn length(client: &mut RedisClient, key: &str) -> Result<usize> {
    match client.command(&["LLEN", key])? {
        Reply::Integer(length) => Ok(usize::try_from(length)?),
        other => anyhow::bail!("LLEN {key}: {other:?}"),
    }
}

/// Waits until all cities are answered, or nothing has come for a while.
fn wait_for_the_last(client: &mut RedisClient, all: usize) -> Result<()> {
    let (mut last, mut since) = (0, Instant::now());
    poll::until_ok("the last answer", LONGEST_RUN, || {
        let answers = length(client, "mayors")?;
        if answers != last {
            (last, since) = (answers, Instant::now());
        }
        Ok(answers >= all || since.elapsed() > SILENCE)
    })
}
