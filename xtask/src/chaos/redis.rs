//! The story on Redis lists, which have no acknowledgements: without the reliable mode what a killed
//! worker holds is gone, with it nothing is.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use millrace_testkit::poll;
use millrace_testkit::proxy::Proxy;
use millrace_testkit::redis::{RedisClient, RedisOptions, RedisServer, Reply};
use serde_json::Value;

use super::cast::{Cast, PREFETCH};
use super::cities::{self, Cities, City};
use super::plan::{Event, Plan, Wishes};
use super::{Options, Outcome};

/// How long the whole may take, from the first city to the last.
const LONGEST_RUN: Duration = Duration::from_secs(240);
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// Without a new answer for so long a run has lost what is missing: longer than a lease and the
/// time until somebody looks for those that are over.
const SILENCE: Duration = Duration::from_secs(8);

/// One way to run the story.
struct Story {
    worker: &'static str,
    wishes: Wishes,
    /// Answers that may come twice.
    most_duplicates: u64,
}

/// Workers are killed with SIGKILL: what they hold is lost, and how much that is, is the lesson.
/// Nothing is sent again, so nothing comes twice.
pub fn killed(options: &Options) -> Result<Outcome> {
    let wishes = Wishes {
        workers: options.workers,
        kills: options.kills,
        ..Wishes::default()
    };
    let story = Story {
        worker: "worker-redis.yaml",
        wishes,
        most_duplicates: 0,
    };
    run(options, &story)
}

/// Workers are stopped with SIGTERM: they put back what they hold, so nothing is lost.
pub fn terminated(options: &Options) -> Result<Outcome> {
    let wishes = Wishes {
        workers: options.workers,
        terminations: options.kills,
        ..Wishes::default()
    };
    let story = Story {
        worker: "worker-redis.yaml",
        wishes,
        most_duplicates: 0,
    };
    run(options, &story)
}

/// Workers are killed, stopped and disconnected; each entry stays in Redis until it is answered.
pub fn reliable(options: &Options) -> Result<Outcome> {
    let wishes = Wishes {
        workers: options.workers,
        kills: options.kills,
        terminations: 4,
        cuts: 1,
        ..Wishes::default()
    };
    let cut_off = (u64::from(options.workers) + 1) * PREFETCH;
    let story = Story {
        worker: "worker-redis-reliable.yaml",
        wishes,
        most_duplicates: u64::from(options.kills) * PREFETCH + cut_off,
    };
    run(options, &story)
}

fn run(options: &Options, story: &Story) -> Result<Outcome> {
    let cities = cities::read()?;
    let redis = RedisServer::start(RedisOptions::default())?;
    let mut client = redis.client()?;
    let proxy = Proxy::start(("127.0.0.1", redis.port()))?;
    let mut cast = Cast::new(options, &[("REDIS_URL", proxy.url(&redis.url())?)])?;
    let start = Instant::now();
    let mut model = cast.model()?;
    let mut workers = cast.workers(story.worker)?;
    let mut importer = cast.start_finite("importer", "importer-redis.yaml")?;
    importer.finish(LONGEST_RUN)?;

    let plan = Plan::new(options.seed, story.wishes);
    for (index, event) in plan.events.iter().enumerate() {
        let (share, pause) = plan.due(index, cities.len());
        let turn = Instant::now();
        // Not the answers: cities that are lost are done too.
        while cities.len() < share + length(&mut client, "cities")? && turn.elapsed() < LONGEST_WAIT
        {
            thread::sleep(Duration::from_millis(10));
        }
        thread::sleep(pause);
        println!(
            "{:6.1} s  {event:?} at {}",
            start.elapsed().as_secs_f32(),
            length(&mut client, "mayors")?
        );
        match event {
            Event::Cut => proxy.cut(),
            Event::Kill(_) | Event::Terminate(_) => cast.strike(*event, &mut workers)?,
            Event::RestartBroker => bail!("no plan of Redis lists restarts it"),
        }
    }
    let answers = last_answers(&mut client, &cities)?;
    let took = start.elapsed();
    for role in workers.iter_mut().chain([&mut model]) {
        role.end()?;
    }
    Ok(Outcome {
        sent: cities.len(),
        right: answers.count.len(),
        wrong: answers.wrong,
        duplicates: answers.count.values().map(|count| count - 1).sum(),
        most_duplicates: story.most_duplicates,
        took,
    })
}

/// How many entries a list has.
fn length(client: &mut RedisClient, list: &str) -> Result<usize> {
    match client.command(&["LLEN", list])? {
        Reply::Integer(length) => Ok(usize::try_from(length)?),
        other => bail!("LLEN {list}: {other:?}"),
    }
}

/// What stands in the list of answers.
#[derive(Debug, Default)]
struct Answers {
    /// How often each city has its right answer.
    count: HashMap<String, u64>,
    wrong: usize,
}

impl Answers {
    fn add(&mut self, text: &str, cities: &Cities) -> Result<()> {
        let answer: Value =
            serde_json::from_str(text).with_context(|| format!("`{text}` is no JSON"))?;
        let column = |name: &str| match &answer[name] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let found = City {
            name: column("name"),
            country: column("country"),
            population: column("population"),
            note: column("note"),
            mayor: column("mayor"),
        };
        let id = column("id");
        match cities.get(&id) {
            Some(city) if *city == found => *self.count.entry(id).or_default() += 1,
            expected => {
                println!("city {id} is {found:?}, expected {expected:?}");
                self.wrong += 1;
            }
        }
        Ok(())
    }
}

/// Waits until all cities are answered, or nothing has come for a while, and reads the answers.
fn last_answers(client: &mut RedisClient, cities: &Cities) -> Result<Answers> {
    let (mut last, mut since) = (0, Instant::now());
    let mut answers = Answers::default();
    poll::until_ok("the last answer", LONGEST_RUN, || {
        let count = length(client, "mayors")?;
        if count == last {
            return Ok(since.elapsed() > SILENCE);
        }
        (last, since) = (count, Instant::now());
        answers = Answers::default();
        for text in client.list("mayors")? {
            answers.add(&text, cities)?;
        }
        Ok(answers.count.len() == cities.len())
    })?;
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_when_all_of_it_is_right() {
        let cities = cities::read_from("../examples/cities/cities.csv").unwrap();
        let (id, city) = cities.iter().next().unwrap();
        let right = serde_json::json!({
            "id": id.parse::<u64>().unwrap(), "name": city.name, "country": city.country,
            "population": city.population.parse::<u64>().unwrap(), "note": city.note,
            "mayor": city.mayor,
        });
        let mut wrong = right.clone();
        wrong["note"] = "another".into();
        let mut answers = Answers::default();
        for answer in [&right, &right, &wrong] {
            answers.add(&answer.to_string(), &cities).unwrap();
        }
        assert_eq!((answers.count[id], answers.wrong), (2, 1));
        assert!(answers.add("no JSON", &cities).is_err());
    }
}
