//! PostgreSQL sessions.
//!
//! A statement is prepared, PostgreSQL names the types of its parameters, and every argument is
//! sent in text form for that type: the server converts it as it converts a literal.

mod argument;
mod column;
mod query;
mod tls;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::try_join_all;
use millrace_message::{Error, ErrorClass, Value};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, SimpleQueryMessage, Statement as Prepared};

use crate::database::{Connect, Session, Statement};
use crate::dsn::{PostgresTarget, SslMode};
use argument::Argument;

/// How long connecting may take when the DSN does not say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long sent bytes may stay unacknowledged before the connection counts as lost.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);
/// Prepared statements that are kept for a session.
const PREPARED_MAX: usize = 64;
/// Statements of a transaction that are sent without waiting for their answers.
const PIPELINE_MAX: usize = 256;

/// Opens PostgreSQL sessions.
pub struct Postgres {
    target: PostgresTarget,
}

impl Postgres {
    /// Sessions of this server.
    pub fn new(target: PostgresTarget) -> Self {
        Self { target }
    }

    fn config(&self) -> Config {
        let target = &self.target;
        let mut config = Config::new();
        for (host, port) in &target.hosts {
            config.host(host).port(*port);
        }
        config
            .user(&target.user)
            .ssl_mode(match target.ssl_mode {
                SslMode::Disable => tokio_postgres::config::SslMode::Disable,
                SslMode::Prefer => tokio_postgres::config::SslMode::Prefer,
                _ => tokio_postgres::config::SslMode::Require,
            })
            .application_name("millrace")
            .keepalives_idle(UNACKNOWLEDGED)
            .tcp_user_timeout(UNACKNOWLEDGED);
        if let Some(password) = &target.password {
            config.password(password);
        }
        if let Some(database) = &target.database {
            config.dbname(database);
        }
        let mut options = Vec::new();
        for (name, value) in &target.session {
            match name.as_str() {
                "application_name" => {
                    config.application_name(value);
                }
                "options" => options.push(value.clone()),
                _ => options.push(format!("-c {name}={}", escape_option(value))),
            }
        }
        if !options.is_empty() {
            config.options(options.join(" "));
        }
        config
    }
}

/// In `options`, white space divides and a backslash protects it.
fn escape_option(value: &str) -> String {
    value.replace('\\', "\\\\").replace(' ', "\\ ")
}

#[async_trait]
impl Connect for Postgres {
    async fn connect(&self) -> Result<Box<dyn Session>, Error> {
        let tls = tls::Tls::new(&self.target)?;
        let config = self.config();
        let limit = self.target.connect_timeout.unwrap_or(CONNECT_TIMEOUT);
        let connecting = tokio::time::timeout(limit, config.connect(tls));
        let (client, connection) = connecting
            .await
            .map_err(|_| Error::not_connected(format!("no answer within {limit:?}")))?
            .map_err(|error| not_connected(&error, self.target.ssl_mode))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("a connection to PostgreSQL ends: {}", describe(&error));
            }
        });
        Ok(Box::new(PostgresSession {
            client,
            prepared: HashMap::new(),
        }))
    }

    fn place(&self) -> String {
        let hosts = self.target.hosts.iter();
        let hosts: Vec<_> = hosts.map(|(host, port)| format!("{host}:{port}")).collect();
        format!("postgres at {} as `{}`", hosts.join(","), self.target.user)
    }
}

struct PostgresSession {
    client: Client,
    prepared: HashMap<Arc<str>, Prepared>,
}

#[async_trait]
impl Session for PostgresSession {
    async fn execute(&mut self, statement: &Statement) -> Result<(), Error> {
        let Some(arguments) = &statement.arguments else {
            return self
                .client
                .batch_execute(&statement.sql)
                .await
                .map_err(|error| classify(&error));
        };
        let prepared = self.prepare(&statement.sql).await?;
        let arguments: Vec<_> = arguments.iter().map(Argument).collect();
        let result = execute(&self.client, &prepared, &arguments).await;
        if result.is_err() {
            // The table may have changed: the next attempt asks for the types again.
            self.prepared.remove(&statement.sql);
            self.client.clear_type_cache();
        }
        result
    }

    async fn query(&mut self, statement: &Statement, max: usize) -> Result<Value, Error> {
        let prepared = self.prepare(&statement.sql).await?;
        let arguments = statement.arguments.iter().flatten();
        let arguments: Vec<_> = arguments.map(Argument).collect();
        let result = query::run(&self.client, &prepared, &arguments, max).await;
        if result.is_err() {
            self.prepared.remove(&statement.sql);
            self.client.clear_type_cache();
        }
        result
    }

    async fn transact(&mut self, statements: &[Statement]) -> Result<(), Error> {
        let mut prepared = Vec::with_capacity(statements.len());
        for statement in statements {
            prepared.push(self.prepare(&statement.sql).await?);
        }
        self.control("BEGIN").await?;
        let result = self.run_all(statements, &prepared).await;
        match result {
            Ok(()) => self.control("COMMIT").await,
            Err(error) => {
                for statement in statements {
                    self.prepared.remove(&statement.sql);
                }
                self.control("ROLLBACK").await?;
                Err(error)
            }
        }
    }

    async fn is_in_transaction(&mut self) -> Result<bool, Error> {
        // Outside of one a text is its own transaction, which begins when it does.
        let asked = "SELECT now() <> statement_timestamp()";
        let answer = self.client.simple_query(asked).await;
        let answer = answer.map_err(|error| classify(&error))?;
        Ok(answer
            .iter()
            .any(|it| matches!(it, SimpleQueryMessage::Row(row) if row.get(0) == Some("t"))))
    }

    async fn roll_back(&mut self) -> Result<(), Error> {
        self.control("ROLLBACK").await
    }

    async fn is_alive(&mut self) -> bool {
        // Its connection is read all the time, by a task of its own.
        !self.client.is_closed()
    }

    fn is_closed(&self) -> bool {
        self.client.is_closed()
    }
}

impl PostgresSession {
    async fn prepare(&mut self, sql: &Arc<str>) -> Result<Prepared, Error> {
        if let Some(prepared) = self.prepared.get(sql) {
            return Ok(prepared.clone());
        }
        let prepared = self
            .client
            .prepare(sql)
            .await
            .map_err(|error| classify(&error))?;
        if self.prepared.len() >= PREPARED_MAX {
            self.prepared.clear();
        }
        self.prepared.insert(Arc::clone(sql), prepared.clone());
        Ok(prepared)
    }

    async fn control(&self, sql: &str) -> Result<(), Error> {
        self.client
            .batch_execute(sql)
            .await
            .map_err(|error| classify(&error))
    }

    /// Sends the statements one behind the other, without waiting for each answer.
    async fn run_all(&self, statements: &[Statement], prepared: &[Prepared]) -> Result<(), Error> {
        for (statements, prepared) in statements
            .chunks(PIPELINE_MAX)
            .zip(prepared.chunks(PIPELINE_MAX))
        {
            let arguments: Vec<Vec<_>> = statements
                .iter()
                .map(|it| it.arguments.iter().flatten().map(Argument).collect())
                .collect();
            let run = prepared.iter().zip(&arguments);
            try_join_all(
                run.map(|(prepared, arguments)| execute(&self.client, prepared, arguments)),
            )
            .await?;
        }
        Ok(())
    }
}

async fn execute(
    client: &Client,
    prepared: &Prepared,
    arguments: &[Argument<'_>],
) -> Result<(), Error> {
    let result = client
        .execute(prepared, &matched(prepared, arguments)?)
        .await;
    result.map(|_| ()).map_err(|error| classify(&error))
}

/// The arguments, as many as the statement takes.
fn matched<'a>(
    prepared: &Prepared,
    arguments: &'a [Argument<'_>],
) -> Result<Vec<&'a (dyn ToSql + Sync)>, Error> {
    let (expected, found) = (prepared.params().len(), arguments.len());
    if expected != found {
        return Err(Error::rejected(format!(
            "the statement takes {expected} arguments and `args_mapping` gives {found}"
        )));
    }
    let arguments = arguments.iter().map(|it| it as &(dyn ToSql + Sync));
    Ok(arguments.collect())
}

/// The error of a statement.
fn classify(error: &tokio_postgres::Error) -> Error {
    let text = describe(error);
    let Some(code) = error.code().map(|it| it.code()) else {
        return match error.is_closed() || is_io(error) {
            true => Error::not_connected(text),
            false => Error::rejected(text),
        };
    };
    match (code, code.get(..2)) {
        // Shutting down, crashed, starting up, too many connections.
        ("57P01" | "57P02" | "57P03" | "57P05" | "53300", _) | (_, Some("08" | "28")) => {
            Error::not_connected(text)
        }
        (_, Some("22" | "23")) => Error::rejected(text),
        _ => Error::retry(text),
    }
}

fn not_connected(error: &tokio_postgres::Error, ssl_mode: SslMode) -> Error {
    let mut text = describe(error);
    if ssl_mode != SslMode::Disable && text.contains("does not support TLS") {
        text.push_str(": add `sslmode=disable` when the network is trusted");
    }
    // What the server has against this client does not pass: the user, the password, the database.
    let class = match error.code().map(tokio_postgres::error::SqlState::code) {
        Some("28000" | "28P01" | "3D000") => ErrorClass::Fatal,
        _ => ErrorClass::NotConnected,
    };
    Error::new(class, text)
}

fn is_io(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(|it| it.is::<std::io::Error>())
}

/// The text of an error with its causes; the server's own words and code where there are some.
fn describe(error: &tokio_postgres::Error) -> String {
    if let Some(server) = error.as_db_error() {
        return format!("{} (SQLSTATE {})", server.message(), server.code().code());
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
