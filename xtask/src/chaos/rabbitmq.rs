//! The story on RabbitMQ: nothing may be lost.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use millrace_testkit::poll;
use millrace_testkit::postgres::{PostgresDatabase, PostgresServer};
use millrace_testkit::proxy::Proxy;
use millrace_testkit::rabbitmq::RabbitmqServer;

use super::cast::{Cast, PREFETCH};
use super::cities::{self, Cities, City};
use super::plan::{Event, Plan, Wishes};
use super::{Options, Outcome};

/// How long the whole may take, from the first city to the last.
const LONGEST_RUN: Duration = Duration::from_secs(300);
/// An event does not wait longer than this for its turn: after the broker's restart the work may
/// stand still for a while.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// Messages that the importer has published without a confirmation.
const IMPORTER_IN_FLIGHT: u64 = 64;

/// Runs the story once.
pub fn run(options: &Options) -> Result<Outcome> {
    let cities = cities::read()?;
    let mut broker = RabbitmqServer::start()?;
    let postgres = PostgresServer::start(false)?;
    let database = postgres.database()?;
    let vhost = broker.vhost()?;
    for queue in ["q1", "mayors"] {
        vhost.declare_queue(queue)?;
    }
    // Everything but the sink goes through the proxy, so that one cut hits importer and workers.
    let proxy = Proxy::start(vhost.address())?;
    let postgres_url = format!("{}?sslmode=disable", database.url());
    let mut cast = Cast::new(
        options,
        &[
            ("AMQP_URL", proxy.url(&vhost.url())?),
            ("POSTGRES_URL", postgres_url),
        ],
    )?;
    let start = Instant::now();
    let mut model = cast.model()?;
    let mut sink = cast.start("sink", "sink.yaml")?;
    let mut workers = cast.workers("worker.yaml")?;
    let mut importer = cast.start_finite("importer", "importer-rabbitmq.yaml")?;
    poll::until("the sink's tables", LONGEST_RUN, || {
        answered(&database).ok()
    })?;

    let wishes = Wishes {
        workers: options.workers,
        kills: options.kills,
        terminations: 4,
        restarts: 1,
        cuts: 1,
    };
    let plan = Plan::new(options.seed, wishes);
    for (index, event) in plan.events.iter().enumerate() {
        let (share, pause) = plan.due(index, cities.len());
        let turn = Instant::now();
        while answered(&database)? < share && turn.elapsed() < LONGEST_WAIT {
            thread::sleep(Duration::from_millis(20));
        }
        thread::sleep(pause);
        println!(
            "{:6.1} s  {event:?} at {}",
            start.elapsed().as_secs_f32(),
            answered(&database)?
        );
        match event {
            Event::RestartBroker => broker.restart()?,
            Event::Cut => proxy.cut(),
            Event::Kill(_) | Event::Terminate(_) => cast.strike(*event, &mut workers)?,
        }
    }
    let finished = importer
        .finish(LONGEST_RUN)
        .and_then(|()| wait_until_empty(&vhost, LONGEST_RUN.saturating_sub(start.elapsed())));
    if let Err(error) = finished {
        bail!("{error:#}\n{}", cast.errors(5)?);
    }
    let took = start.elapsed();
    println!("{:6.1} s  both queues are empty", took.as_secs_f32());
    for role in workers.iter_mut().chain([&mut sink, &mut model]) {
        role.end()?;
    }
    let (right, wrong) = count_right(&database, &cities)?;
    let deliveries: u64 = database.value("SELECT count(*) FROM deliveries")?.parse()?;
    let rows = answered(&database)? as u64;
    let in_flight = u64::from(options.workers) * PREFETCH + PREFETCH + IMPORTER_IN_FLIGHT;
    Ok(Outcome {
        sent: cities.len(),
        right,
        wrong,
        duplicates: deliveries - rows,
        most_duplicates: u64::from(options.kills) * PREFETCH + 2 * in_flight,
        took,
    })
}

/// How many cities have a row.
fn answered(database: &PostgresDatabase) -> Result<usize> {
    database
        .value("SELECT count(*) FROM mayors")?
        .parse()
        .context("count the answers")
}

fn wait_until_empty(vhost: &millrace_testkit::rabbitmq::Vhost, within: Duration) -> Result<()> {
    let start = Instant::now();
    // A message moves from the first queue to the second, so the first must be empty first.
    for queue in ["q1", "mayors"] {
        let left = within.saturating_sub(start.elapsed());
        vhost.wait_for_depth(queue, left, |depth| depth.total() == 0)?;
    }
    Ok(())
}

/// How many cities have a row with every column right, and how many another one, which is printed.
fn count_right(database: &PostgresDatabase, cities: &Cities) -> Result<(usize, usize)> {
    let sql = "SELECT city_id, name, country, population, note, mayor FROM mayors";
    let (mut right, mut wrong) = (0, 0);
    for row in database.query(sql)? {
        let [id, name, country, population, note, mayor] = <[String; 6]>::try_from(row)
            .ok()
            .context("a row has not six columns")?;
        let found = City {
            name,
            country,
            population,
            note,
            mayor,
        };
        match cities.get(&id) {
            Some(city) if *city == found => right += 1,
            expected => {
                println!("city {id} is {found:?}, expected {expected:?}");
                wrong += 1;
            }
        }
    }
    Ok((right, wrong))
}
