//! MySQL and MariaDB sessions.
//!
//! The server does not name the types of parameters: it converts text by the column. The one thing
//! that it does not convert is a time with a zone, so a text that it refuses as a datetime is
//! written in its notation, in UTC, and the place is remembered for the statement.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use millrace_message::{Error, ErrorClass, Value};
use mysql_async::consts::StatusFlags;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, DriverError, Opts, OptsBuilder, Params, ServerError, SslOpts};

use crate::database::{Connect, Session, Statement};
use crate::dsn::{Address, MysqlTarget, MysqlTls};
use crate::result::Rows;

mod query;

/// How long connecting may take when the DSN does not say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Statements whose datetime places are remembered for a session.
const LEARNED_MAX: usize = 64;

/// Opens MySQL sessions.
pub struct Mysql {
    target: MysqlTarget,
}

impl Mysql {
    /// Sessions of this server.
    pub fn new(target: MysqlTarget) -> Self {
        Self { target }
    }

    fn options(&self) -> Opts {
        let target = &self.target;
        let session = target
            .session
            .iter()
            .map(|(name, value)| match name.as_str() {
                "names" => format!("SET NAMES {value}"),
                _ => format!("SET {name}={value}"),
            });
        let builder = OptsBuilder::default()
            .user(target.user.clone())
            .pass(target.password.clone())
            .db_name(target.database.clone())
            .client_found_rows(target.client_found_rows)
            .tcp_keepalive(Some(Duration::from_secs(30)))
            .prefer_socket(false)
            .init(session.collect::<Vec<_>>())
            .ssl_opts(match target.tls {
                MysqlTls::Off => None,
                MysqlTls::Verify => Some(SslOpts::default()),
                MysqlTls::SkipVerify => Some(
                    SslOpts::default()
                        .with_danger_accept_invalid_certs(true)
                        .with_danger_skip_domain_validation(true),
                ),
            });
        match &target.address {
            Address::Tcp(host, port) => builder.ip_or_hostname(host).tcp_port(*port).into(),
            Address::Unix(path) => builder.socket(Some(path)).into(),
        }
    }
}

#[async_trait]
impl Connect for Mysql {
    async fn connect(&self) -> Result<Box<dyn Session>, Error> {
        let limit = self.target.timeout.unwrap_or(CONNECT_TIMEOUT);
        let connection = tokio::time::timeout(limit, Conn::new(self.options()))
            .await
            .map_err(|_| Error::not_connected(format!("no answer within {limit:?}")))?
            .map_err(|error| refused(&error))?;
        Ok(Box::new(MysqlSession {
            connection,
            is_lost: false,
            parse_time: self.target.parse_time,
            datetimes: HashMap::new(),
        }))
    }

    fn place(&self) -> String {
        let address = match &self.target.address {
            Address::Tcp(host, port) => format!("{host}:{port}"),
            Address::Unix(path) => path.clone(),
        };
        let user = self.target.user.as_deref().unwrap_or("");
        format!("mysql at {address} as `{user}`")
    }
}

struct MysqlSession {
    connection: Conn,
    is_lost: bool,
    parse_time: bool,
    /// By statement, the arguments that its datetime columns take.
    datetimes: HashMap<Arc<str>, HashSet<usize>>,
}

#[async_trait]
impl Session for MysqlSession {
    async fn execute(&mut self, statement: &Statement) -> Result<(), Error> {
        match &statement.arguments {
            None => self.command(&statement.sql).await,
            Some(arguments) => self.run(&statement.sql, arguments, None).await,
        }
    }

    async fn query(&mut self, statement: &Statement, max: usize) -> Result<Value, Error> {
        let arguments = statement.arguments.as_deref().unwrap_or_default();
        let mut rows = Rows::new(max);
        self.run(&statement.sql, arguments, Some(&mut rows)).await?;
        Ok(rows.into_value())
    }

    async fn transact(&mut self, statements: &[Statement]) -> Result<(), Error> {
        self.command("START TRANSACTION").await?;
        for statement in statements {
            if let Err(error) = self.execute(statement).await {
                if !self.is_lost {
                    self.command("ROLLBACK").await?;
                }
                return Err(error);
            }
        }
        self.command("COMMIT").await
    }

    async fn is_in_transaction(&mut self) -> Result<bool, Error> {
        // The answer to a statement says it; this one has no other effect.
        self.command("DO 0").await?;
        let answer = self.connection.last_ok_packet();
        let flags = answer.map(|it| it.status_flags()).unwrap_or_default();
        let is_committing = flags.contains(StatusFlags::SERVER_STATUS_AUTOCOMMIT);
        Ok(flags.contains(StatusFlags::SERVER_STATUS_IN_TRANS) || !is_committing)
    }

    async fn roll_back(&mut self) -> Result<(), Error> {
        self.command("ROLLBACK").await?;
        self.command("SET autocommit = 1").await
    }

    async fn is_alive(&mut self) -> bool {
        !self.is_lost && self.connection.ping().await.is_ok()
    }

    fn is_closed(&self) -> bool {
        self.is_lost
    }
}

impl MysqlSession {
    async fn command(&mut self, sql: &str) -> Result<(), Error> {
        let result = self.connection.query_drop(sql).await;
        result.map_err(|error| self.notice(&error))
    }

    /// Executes a statement, and keeps its rows when they are asked for.
    async fn run(
        &mut self,
        sql: &Arc<str>,
        arguments: &[Value],
        mut rows: Option<&mut Rows>,
    ) -> Result<(), Error> {
        let mut values: Vec<_> = arguments.iter().map(argument).collect();
        for place in self.datetimes.get(sql).into_iter().flatten() {
            if let Some(value) = values.get_mut(*place) {
                convert_time(value);
            }
        }
        loop {
            let params = if values.is_empty() {
                Params::Empty
            } else {
                Params::Positional(values.clone())
            };
            let ran = match &mut rows {
                None => self.connection.exec_drop(&**sql, params).await,
                Some(rows) => {
                    match query::run(&mut self.connection, sql, params, rows, self.parse_time).await
                    {
                        Ok(Ok(())) => Ok(()),
                        Ok(Err(too_many)) => {
                            // What is left of the result is not worth being read.
                            self.is_lost = true;
                            return Err(too_many);
                        }
                        Err(error) => Err(error),
                    }
                }
            };
            let Err(error) = ran else { return Ok(()) };
            let Some(places) = refused_times(&error, &mut values) else {
                return Err(self.notice(&error));
            };
            if self.datetimes.len() >= LEARNED_MAX {
                self.datetimes.clear();
            }
            self.datetimes
                .entry(Arc::clone(sql))
                .or_default()
                .extend(places);
        }
    }

    fn notice(&mut self, error: &mysql_async::Error) -> Error {
        let error = classify(error);
        self.is_lost |= error.class() == ErrorClass::NotConnected;
        error
    }
}

fn argument(value: &Value) -> mysql_async::Value {
    use mysql_async::Value as Sql;
    let text = |value: &Value| Sql::Bytes(value.to_text().as_bytes().to_vec());
    match value {
        Value::Null => Sql::NULL,
        Value::Bool(it) => Sql::Int(i64::from(*it)),
        Value::I64(it) => Sql::Int(*it),
        Value::U64(it) => Sql::UInt(*it),
        Value::F64(it) => Sql::Double(*it),
        // Text keeps every digit for a decimal column.
        Value::Number(number) => number.as_i64().map_or_else(|| text(value), Sql::Int),
        Value::String(_) | Value::Bytes(_) => {
            Sql::Bytes(value.as_bytes().unwrap_or_default().to_vec())
        }
        Value::Timestamp(at) => Sql::Bytes(in_utc(at.timestamp()).into_bytes()),
        Value::Array(_) | Value::Object(_) => text(value),
    }
}

/// A point in time in the notation of MySQL.
fn in_utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S%.6f").to_string()
}

/// Rewrites a text with date, time and zone; whether it was one.
fn convert_time(value: &mut mysql_async::Value) -> bool {
    let mysql_async::Value::Bytes(bytes) = value else {
        return false;
    };
    let text = std::str::from_utf8(bytes).ok();
    let Some(at) = text.and_then(|text| text.parse::<Timestamp>().ok()) else {
        return false;
    };
    *bytes = in_utc(at).into_bytes();
    true
}

/// Rewrites the arguments that the server refused as a datetime, when it quotes them in its error
/// and they are times with a zone; their places.
fn refused_times(
    error: &mysql_async::Error,
    values: &mut [mysql_async::Value],
) -> Option<Vec<usize>> {
    let mysql_async::Error::Server(ServerError {
        code: 1292,
        message,
        ..
    }) = error
    else {
        return None;
    };
    let quoted = message.split('\'').nth(1)?.as_bytes().to_vec();
    let is_refused = |value: &mysql_async::Value| matches!(value, mysql_async::Value::Bytes(it) if *it == quoted);
    let places: Vec<_> = values
        .iter_mut()
        .enumerate()
        .filter_map(|(place, value)| (is_refused(value) && convert_time(value)).then_some(place))
        .collect();
    (!places.is_empty()).then_some(places)
}

/// Why there is no connection. What the server has against this client does not pass: the user, the
/// password, the database, or where it connects from.
fn refused(error: &mysql_async::Error) -> Error {
    let class = match error {
        mysql_async::Error::Server(error)
            if matches!(error.code, 1044 | 1045 | 1049 | 1130 | 1698) =>
        {
            ErrorClass::Fatal
        }
        _ => ErrorClass::NotConnected,
    };
    Error::new(class, classify(error).text())
}

fn classify(error: &mysql_async::Error) -> Error {
    match error {
        mysql_async::Error::Server(error) => classify_server(error),
        mysql_async::Error::Driver(DriverError::StmtParamsMismatch { required, supplied }) => {
            Error::rejected(format!(
                "the statement takes {required} arguments and `args_mapping` gives {supplied}"
            ))
        }
        mysql_async::Error::Driver(DriverError::PacketTooLarge) => {
            Error::rejected("the statement is larger than the server's `max_allowed_packet`")
        }
        mysql_async::Error::Driver(error) => Error::not_connected(error.to_string()),
        mysql_async::Error::Io(error) => Error::not_connected(error.to_string()),
        other => Error::not_connected(other.to_string()),
    }
}

fn classify_server(error: &ServerError) -> Error {
    let text = format!(
        "{} (error {}, SQLSTATE {})",
        error.message, error.code, error.state
    );
    match (error.code, error.state.get(..2)) {
        // Too many connections, access denied, shutting down, killed.
        (1040 | 1044 | 1045 | 1053 | 1698 | 1927, _) | (_, Some("08" | "28")) => {
            Error::not_connected(text)
        }
        // Truncated data, a wrong value, a value that a column does not have.
        (1265 | 1366 | 1364 | 1048 | 3140, _) | (_, Some("22" | "23")) => Error::rejected(text),
        _ => Error::retry(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_with_a_zone_is_written_in_utc() {
        for (text, expected) in [
            ("2024-02-03T04:05:06Z", Some("2024-02-03 04:05:06.000000")),
            (
                "2024-02-03T04:05:06.789+02:00",
                Some("2024-02-03 02:05:06.789000"),
            ),
            ("2024-02-03", None),
            ("yesterday", None),
        ] {
            let mut value = mysql_async::Value::from(text);
            let converted = convert_time(&mut value);
            assert_eq!(converted, expected.is_some(), "{text}");
            assert_eq!(value, mysql_async::Value::from(expected.unwrap_or(text)));
        }
    }

    #[test]
    fn only_the_argument_that_the_server_quotes_is_rewritten() {
        let error = mysql_async::Error::Server(ServerError {
            code: 1292,
            message: "Incorrect datetime value: '2024-02-03T04:05:06Z' for column `at`".to_owned(),
            state: "22007".to_owned(),
        });
        let time = || mysql_async::Value::from("2024-02-03T04:05:06Z");
        let other = || mysql_async::Value::from("2025-02-03T04:05:06Z");
        let mut values = vec![other(), time(), mysql_async::Value::NULL];
        assert_eq!(refused_times(&error, &mut values), Some(vec![1]));
        assert_eq!(values[0], other());
        assert_eq!(refused_times(&error, &mut values), None, "it ends");
    }
}
