//! SQLite sessions: one connection, whose work runs on a blocking thread.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use millrace_message::{Error, ErrorClass, Value};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::database::{Connect, Session, Statement};
use crate::dsn::SqliteTarget;
use crate::fields::Limits;

mod query;

/// How long a statement waits for another process that writes, unless a pragma says otherwise.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Steps of SQLite's machine between two looks at whether anybody still waits for the statement.
const STEPS_UNTIL_LOOK: std::ffi::c_int = 10_000;

/// SQLite has one writer, and a database in memory belongs to its connection.
pub fn limits() -> Limits {
    Limits {
        open_max: Some(1),
        idle_max: 1,
        idle_time_max: None,
        life_time_max: None,
    }
}

/// Opens SQLite sessions.
pub struct Sqlite {
    target: SqliteTarget,
}

impl Sqlite {
    /// Sessions of this database.
    pub fn new(target: SqliteTarget) -> Self {
        Self { target }
    }
}

#[async_trait]
impl Connect for Sqlite {
    async fn connect(&self) -> Result<Box<dyn Session>, Error> {
        let target = self.target.clone();
        let is_given_up = Arc::<AtomicBool>::default();
        let asked = Arc::clone(&is_given_up);
        let mut wait = Wait::on(&is_given_up);
        let connection = blocking(move || open(&target, asked)).await?;
        wait.is_over = true;
        Ok(Box::new(SqliteSession {
            connection: Some(connection),
            is_given_up,
        }))
    }

    fn place(&self) -> String {
        format!("sqlite `{}`", self.target.uri)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let work = tokio::task::spawn_blocking(work);
    work.await
        .unwrap_or_else(|panic| Err(Error::not_connected(format!("the thread ended: {panic}"))))
}

fn open(target: &SqliteTarget, is_given_up: Arc<AtomicBool>) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connected = || {
        let mut connection = Connection::open_with_flags(&target.uri, flags)?;
        let is_given_up = Arc::clone(&is_given_up);
        let give_up = move || is_given_up.load(Ordering::Relaxed);
        connection.progress_handler(STEPS_UNTIL_LOOK, Some(give_up))?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        for pragma in &target.pragmas {
            connection.execute_batch(pragma)?;
        }
        // Opening reads nothing: ask for something, so that a broken file is found now.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(connection)
    };
    connected().map_err(|error: rusqlite::Error| {
        let is_lasting = match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => true,
            Some(ErrorCode::CannotOpen) => is_out_of_reach(&target.uri),
            _ => false,
        };
        let class = match is_lasting {
            true => ErrorClass::Fatal,
            false => ErrorClass::NotConnected,
        };
        Error::new(class, error.to_string())
    })
}

/// Whether no file can be at this place: its folder is missing or closed, or it is a folder itself.
fn is_out_of_reach(uri: &str) -> bool {
    let path = uri.strip_prefix("file:").unwrap_or(uri);
    let path = Path::new(path.split('?').next().unwrap_or(path));
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let closed = folder.is_some_and(|folder| match folder.metadata() {
        Ok(folder) => !folder.is_dir(),
        Err(error) => is_lasting(error.kind()),
    });
    closed || path.is_dir()
}

fn is_lasting(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied
    )
}

struct SqliteSession {
    /// Absent while a statement runs; for ever, when the wait for it was cancelled.
    connection: Option<Connection>,
    /// Tells the thread of the statement that nobody waits for it.
    is_given_up: Arc<AtomicBool>,
}

/// The wait for a statement. One that is dropped before its end, because the stream stops or takes
/// no longer, ends the statement: its thread would go on for ever with an endless one.
struct Wait {
    is_given_up: Arc<AtomicBool>,
    is_over: bool,
}

impl Wait {
    fn on(is_given_up: &Arc<AtomicBool>) -> Self {
        Self {
            is_given_up: Arc::clone(is_given_up),
            is_over: false,
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if !self.is_over {
            self.is_given_up.store(true, Ordering::Relaxed);
        }
    }
}

impl SqliteSession {
    async fn with<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let Some(mut connection) = self.connection.take() else {
            return Err(Error::not_connected("the connection is gone"));
        };
        let mut wait = Wait::on(&self.is_given_up);
        let (connection, result) = blocking(move || {
            let result = work(&mut connection);
            Ok((connection, result))
        })
        .await?;
        wait.is_over = true;
        self.connection = Some(connection);
        result
    }
}

#[async_trait]
impl Session for SqliteSession {
    async fn execute(&mut self, statement: &Statement) -> Result<(), Error> {
        let statement = statement.clone();
        self.with(move |connection| execute(connection, &statement))
            .await
    }

    async fn query(&mut self, statement: &Statement, max: usize) -> Result<Value, Error> {
        let statement = statement.clone();
        self.with(move |connection| query::run(connection, &statement, max))
            .await
    }

    async fn transact(&mut self, statements: &[Statement]) -> Result<(), Error> {
        let statements = statements.to_vec();
        self.with(move |connection| {
            let transaction = connection
                .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
                .map_err(|error| classify(&error))?;
            for statement in &statements {
                execute(&transaction, statement)?;
            }
            transaction.commit().map_err(|error| classify(&error))
        })
        .await
    }

    async fn is_in_transaction(&mut self) -> Result<bool, Error> {
        self.with(|connection| Ok(!connection.is_autocommit()))
            .await
    }

    async fn roll_back(&mut self) -> Result<(), Error> {
        let roll_back = |connection: &mut Connection| match connection.is_autocommit() {
            true => Ok(()),
            false => connection
                .execute_batch("ROLLBACK")
                .map_err(|error| classify(&error)),
        };
        self.with(roll_back).await
    }

    async fn is_alive(&mut self) -> bool {
        !self.is_closed()
    }

    fn is_closed(&self) -> bool {
        self.connection.is_none()
    }
}

fn execute(connection: &Connection, statement: &Statement) -> Result<(), Error> {
    let Some(arguments) = &statement.arguments else {
        let result = connection.execute_batch(&statement.sql);
        return result.map_err(|error| classify(&error));
    };
    let run = || {
        let mut prepared = connection.prepare_cached(&statement.sql)?;
        let mut rows = match bind(&mut prepared, arguments)? {
            Ok(()) => prepared.raw_query(),
            Err(mismatch) => return Ok(Err(mismatch)),
        };
        while rows.next()?.is_some() {}
        Ok(Ok(()))
    };
    run().unwrap_or_else(|error: rusqlite::Error| Err(classify(&error)))
}

/// Binds the arguments, or says that there are too many or too few.
fn bind(
    prepared: &mut rusqlite::Statement<'_>,
    arguments: &[Value],
) -> rusqlite::Result<Result<(), Error>> {
    let (expected, found) = (prepared.parameter_count(), arguments.len());
    if expected != found {
        return Ok(Err(Error::rejected(format!(
            "the statement takes {expected} arguments and `args_mapping` gives {found}"
        ))));
    }
    for (index, argument) in arguments.iter().enumerate() {
        prepared.raw_bind_parameter(index + 1, Argument(argument))?;
    }
    Ok(Ok(()))
}

/// A value bound as an argument; the column's affinity converts text that looks like a number.
struct Argument<'a>(&'a Value);

impl rusqlite::ToSql for Argument<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        use rusqlite::types::Value as Sql;
        let text = |value: &Value| Sql::Text(value.to_text().as_str().to_owned());
        Ok(ToSqlOutput::Owned(match self.0 {
            Value::Null => Sql::Null,
            Value::Bool(it) => Sql::Integer(i64::from(*it)),
            Value::I64(it) => Sql::Integer(*it),
            Value::U64(it) => i64::try_from(*it).map_or_else(|_| text(self.0), Sql::Integer),
            Value::F64(it) => Sql::Real(*it),
            // A number that is longer than a float stays text, which keeps every digit.
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Sql::Integer(integer),
                (None, Some(float)) if number.as_str().len() <= 17 => Sql::Real(float),
                _ => text(self.0),
            },
            Value::String(it) => return Ok(ToSqlOutput::Borrowed(ValueRef::Text(it.as_bytes()))),
            Value::Bytes(it) => return Ok(ToSqlOutput::Borrowed(ValueRef::Blob(it))),
            Value::Timestamp(_) | Value::Array(_) | Value::Object(_) => text(self.0),
        }))
    }
}

fn classify(error: &rusqlite::Error) -> Error {
    let text = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig) => {
            Error::rejected(text)
        }
        Some(ErrorCode::CannotOpen | ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            Error::not_connected(text)
        }
        None => Error::rejected(text),
        Some(_) => Error::retry(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_statement_that_nobody_waits_for_any_more_ends() {
        let target = SqliteTarget {
            uri: ":memory:".to_owned(),
            pragmas: Vec::new(),
        };
        let mut session = Sqlite::new(target).connect().await.expect("a session");
        let statement = Statement {
            sql: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
                .into(),
            arguments: Some(Vec::new()),
        };
        let endless = session.query(&statement, 1_000);
        let waited = tokio::time::timeout(Duration::from_millis(50), endless).await;
        assert!(waited.is_err(), "it is not endless");
        assert!(session.is_closed());
        // The runtime of this test ends with its blocking threads: it would wait for ever.
    }
}
