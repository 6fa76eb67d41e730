//! Real servers, broken networks and the product as a child process, for tests.
//!
//! A dev-dependency of every crate whose tests need one of these. Everything is blocking and needs
//! no async runtime; in an async test call it directly, the calls are short, or from
//! `spawn_blocking` when a server is started.
//!
//! # Shared servers
//!
//! `cargo xtask test` starts one RabbitMQ, PostgreSQL, MariaDB and Redis for the whole run. A test
//! asks for a part of its own and gets rid of it by dropping it:
//!
//! ```no_run
//! use millrace_testkit::{poll::PATIENCE, shared};
//!
//! # fn main() -> anyhow::Result<()> {
//! let vhost = shared::rabbitmq(); // a virtual host
//! vhost.declare_queue("q1")?;
//! vhost.publish("q1", "hello")?;
//! // … run what is tested against `vhost.url()`, then look at what it did:
//! vhost.wait_for_depth("q1", PATIENCE, |depth| depth.total() == 0)?;
//!
//! let database = shared::postgres(); // `shared::mariadb()` is used the same way
//! database.query("CREATE TABLE cities (id int PRIMARY KEY, name text)")?;
//! // … `database.url()` …
//! assert_eq!(database.value("SELECT count(*) FROM cities")?, "1000");
//!
//! let redis = shared::redis(); // a numbered database
//! redis.client()?.command(&["RPUSH", "cities", "Paris"])?;
//! # Ok(())
//! # }
//! ```
//!
//! Without servers such a test fails and says which command to run. For one crate or one test:
//! `cargo xtask test -p millrace-components-amqp redelivers`; `--servers rabbitmq` before the other
//! arguments starts only that one, and `cargo xtask servers bash` opens a shell beside them.
//!
//! # Servers of one test
//!
//! A test that stops or breaks its server starts one for itself: [`rabbitmq::RabbitmqServer`]
//! (5 to 10 s), [`postgres::PostgresServer`], [`mariadb::MariadbServer`] (1 to 3 s each),
//! [`redis::RedisServer`], [`prometheus::PrometheusServer`] (well below a second). All have
//! `start`, `stop`, `kill` and `start_again` on the same port and data. They die with the test
//! process, however it ends.
//!
//! # A broken network
//!
//! [`proxy::Proxy`] stands in front of any server and cuts, closes, delays, swallows and refuses:
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! # use millrace_testkit::{proxy::Proxy, shared};
//! let vhost = shared::rabbitmq();
//! let proxy = Proxy::start(vhost.address())?;
//! let url = proxy.url(&vhost.url())?;
//! // … a client connects to `url` …
//! proxy.cut();
//! # Ok(())
//! # }
//! ```
//!
//! # The product
//!
//! [`millrace::Millrace`] runs the binary, captures both its outputs, waits for log records, sends
//! SIGTERM or SIGKILL:
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! # use millrace_testkit::{millrace::Millrace, poll::PATIENCE};
//! let config = std::path::Path::new("examples/cities/worker.yaml");
//! let mut worker = Millrace::run(config, &[("AMQP_URL", "amqp://…")])?;
//! worker.wait_for_log("the input", PATIENCE, |record| record["component"] == "amqp_0_9")?;
//! worker.kill()?;
//! # Ok(())
//! # }
//! ```
//!
//! [`http`] is a small client to talk to it, [`http_server::HttpServer`] an endpoint that answers as
//! a test says and remembers what it was asked, [`otlp::Collector`] takes the traces that it exports,
//! [`kafka`] speaks to a broker, [`poll`] is the one way to wait, [`port::free_port`]
//! finds a port where port 0 does not do, [`pages`] reads the examples of documents, [`seeds`] has
//! those that Millrace is specified by, [`python`] has Python with packages, [`pem`] a private key
//! that no error may quote.

pub mod cases;
pub mod data_dir;
pub mod http;
pub mod http_server;
pub mod kafka;
pub mod mariadb;
pub mod millrace;
pub mod names;
pub mod otlp;
pub mod pages;
pub mod pem;
pub mod poll;
pub mod port;
pub mod postgres;
pub mod process;
pub mod programs;
pub mod prometheus;
pub mod proxy;
pub mod python;
pub mod rabbitmq;
pub mod redis;
pub mod seeds;
pub mod shared;
mod watchdog;

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs a program to its end and returns its standard output.
///
/// # Errors
/// It cannot be started, or does not succeed; the text has what it said.
pub fn run_to_end(name: &str, command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| {
        format!(
            "start {name} (`{}`)",
            command.get_program().to_string_lossy()
        )
    })?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{name} ended with {}: {}{text}",
            output.status,
            complaint.trim()
        );
    }
    Ok(text)
}

/// Says on standard error what went wrong where nothing can be returned: in a drop, in a thread.
#[expect(clippy::print_stderr, reason = "a drop and a thread have no other way")]
pub(crate) fn report(what: &str, result: Result<()>) {
    if let Err(error) = result {
        eprintln!("{what}: {error:#}");
    }
}
