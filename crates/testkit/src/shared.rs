//! The servers that all tests of one run share, and how a test gets its own part of one.

use std::env;
use std::thread;

use anyhow::{Context, Result, bail};

use crate::mariadb::{MariadbDatabase, MariadbServer};
use crate::postgres::{PostgresDatabase, PostgresServer};
use crate::rabbitmq::{RabbitmqServer, Vhost};
use crate::redis::{RedisDatabase, RedisOptions, RedisServer};

const RABBITMQ_URL: &str = "MILLRACE_TEST_RABBITMQ_URL";
const RABBITMQ_MANAGEMENT: &str = "MILLRACE_TEST_RABBITMQ_MANAGEMENT";
const POSTGRES_URL: &str = "MILLRACE_TEST_POSTGRES_URL";
const MYSQL_URL: &str = "MILLRACE_TEST_MYSQL_URL";
const REDIS_URL: &str = "MILLRACE_TEST_REDIS_URL";

/// A server that tests share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// RabbitMQ, a virtual host for each test.
    Rabbitmq,
    /// PostgreSQL, a database for each test.
    Postgres,
    /// MariaDB, a database for each test.
    Mariadb,
    /// Redis, a numbered database for each test.
    Redis,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Rabbitmq, Self::Postgres, Self::Mariadb, Self::Redis];

    /// The word for it on a command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rabbitmq => "rabbitmq",
            Self::Postgres => "postgres",
            Self::Mariadb => "mariadb",
            Self::Redis => "redis",
        }
    }

    /// The kind with that name.
    ///
    /// # Errors
    /// When there is none.
    pub fn parse(name: &str) -> Result<Self> {
        match Self::ALL.into_iter().find(|it| it.name() == name) {
            Some(kind) => Ok(kind),
            None => bail!("`{name}` is no test server: use rabbitmq, postgres, mariadb or redis"),
        }
    }
}

#[derive(Debug)]
enum Server {
    Rabbitmq(RabbitmqServer),
    Postgres(PostgresServer),
    Mariadb(MariadbServer),
    Redis(RedisServer),
}

/// The running servers of one test run; they end when this value is dropped, and when the process
/// that holds it ends in any way.
#[derive(Debug)]
pub struct SharedServers(Vec<Server>);

impl SharedServers {
    /// Starts the servers side by side. Nothing that they hold survives a crash of the machine.
    ///
    /// # Errors
    /// When one does not start; the others are stopped again.
    pub fn start(kinds: &[Kind]) -> Result<Self> {
        let started: Vec<Result<Server>> = thread::scope(|scope| {
            let threads: Vec<_> = kinds
                .iter()
                .map(|kind| scope.spawn(|| Server::start(*kind)))
                .collect();
            threads
                .into_iter()
                .map(|it| {
                    it.join()
                        .unwrap_or_else(|_| bail!("a thread that starts servers died"))
                })
                .collect()
        });
        started.into_iter().collect::<Result<_>>().map(Self)
    }

    /// The environment variables that tell tests where the servers are.
    #[must_use]
    pub fn env(&self) -> Vec<(&'static str, String)> {
        self.0.iter().flat_map(Server::env).collect()
    }
}

impl Server {
    fn start(kind: Kind) -> Result<Self> {
        match kind {
            Kind::Rabbitmq => RabbitmqServer::start().map(Self::Rabbitmq),
            Kind::Postgres => PostgresServer::start(false).map(Self::Postgres),
            Kind::Mariadb => MariadbServer::start(false).map(Self::Mariadb),
            Kind::Redis => RedisServer::start(RedisOptions::default()).map(Self::Redis),
        }
    }

    fn env(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Rabbitmq(it) => {
                vec![
                    (RABBITMQ_URL, it.url()),
                    (RABBITMQ_MANAGEMENT, it.management()),
                ]
            }
            Self::Postgres(it) => vec![(POSTGRES_URL, it.url())],
            Self::Mariadb(it) => vec![(MYSQL_URL, it.url())],
            Self::Redis(it) => vec![(REDIS_URL, it.url())],
        }
    }
}

/// A virtual host of the shared RabbitMQ for the calling test.
///
/// # Panics
/// When no shared RabbitMQ runs; the text says which command starts one.
#[must_use]
pub fn rabbitmq() -> Vhost {
    must(Vhost::create(
        &address(RABBITMQ_URL),
        &address(RABBITMQ_MANAGEMENT),
    ))
}

/// A database of the shared PostgreSQL for the calling test.
///
/// # Panics
/// When no shared PostgreSQL runs; the text says which command starts one.
#[must_use]
pub fn postgres() -> PostgresDatabase {
    must(PostgresDatabase::create(&address(POSTGRES_URL)))
}

/// A database of the shared MariaDB for the calling test.
///
/// # Panics
/// When no shared MariaDB runs; the text says which command starts one.
#[must_use]
pub fn mariadb() -> MariadbDatabase {
    must(MariadbDatabase::create(&address(MYSQL_URL)))
}

/// A database of the shared Redis for the calling test.
///
/// # Panics
/// When no shared Redis runs; the text says which command starts one.
#[must_use]
pub fn redis() -> RedisDatabase {
    must(RedisDatabase::take(&address(REDIS_URL)))
}

fn address(variable: &str) -> String {
    must(lookup(variable, env::var(variable).ok()))
}

fn lookup(variable: &str, value: Option<String>) -> Result<String> {
    value.with_context(|| {
        format!(
            "this test needs a server and `{variable}` is not set: run `cargo xtask test`, which \
             starts the servers (`cargo xtask test -p PACKAGE TEST` for one test)"
        )
    })
}

fn must<T>(result: Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_server_says_which_command_to_run() {
        let error = lookup(REDIS_URL, None).unwrap_err().to_string();
        assert!(
            error.contains(REDIS_URL) && error.contains("cargo xtask test"),
            "{error}"
        );
    }

    #[test]
    fn an_unknown_server_is_refused_by_name() {
        assert!(
            Kind::parse("mongodb")
                .unwrap_err()
                .to_string()
                .contains("mongodb")
        );
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.name()).unwrap(), kind);
        }
    }
}
