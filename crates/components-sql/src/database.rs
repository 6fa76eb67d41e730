//! One database as the components see it: connected to, initialised once, written to and asked.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use millrace_component::{BuildContext, files};
use millrace_message::{Error, ErrorClass, Value};
use parking_lot::Mutex;

use crate::dsn::Target;
use crate::fields::Limits;
use crate::pool::{Lease, Pool};

/// How often a connection that is not in use is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// One statement with its arguments.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The text, with the placeholders of the driver.
    pub sql: std::sync::Arc<str>,
    /// The arguments. `None` sends the text as it is, which may then be several statements.
    pub arguments: Option<Vec<Value>>,
}

/// Words without which a text leaves no transaction open.
const OPENING: [&str; 5] = ["begin", "start", "savepoint", "autocommit", "xa"];
/// With which a statement begins that opens one.
const FIRST: [&str; 5] = ["begin", "start", "savepoint", "set", "xa"];

impl Statement {
    /// Whether a transaction may be open when it has been executed: what the next one does would
    /// then not be committed.
    ///
    /// With arguments it is one statement, of which there is one for each message: its begin says
    /// it, whatever its columns are called.
    fn may_open_transaction(&self) -> bool {
        if self.arguments.is_some() {
            let text = without_comments(&self.sql);
            let begins = |word: &str| {
                let start = text.get(..word.len());
                start.is_some_and(|it| it.eq_ignore_ascii_case(word))
            };
            return FIRST.iter().any(|word| begins(word));
        }
        let text = self.sql.to_ascii_lowercase();
        OPENING.iter().any(|word| text.contains(word))
    }
}

/// A text from its first statement on.
fn without_comments(text: &str) -> &str {
    let mut text = text.trim_start();
    loop {
        let end = match text.get(..2) {
            Some("--") => "\n",
            Some("/*") => "*/",
            _ => return text,
        };
        match text.split_once(end) {
            Some((_, rest)) => text = rest.trim_start(),
            None => return text,
        }
    }
}

/// A connection that executes one statement at a time.
///
/// Errors are classed: `NotConnected` when the connection cannot be used any more, `Rejected` when
/// the statement's data is at fault, `Retry` for everything else.
#[async_trait]
pub trait Session: Send {
    /// Executes a statement; on return its effect is committed.
    async fn execute(&mut self, statement: &Statement) -> Result<(), Error>;

    /// Executes one statement and returns its rows as an array of objects, which may become about
    /// `max` bytes large.
    async fn query(&mut self, statement: &Statement, max: usize) -> Result<Value, Error>;

    /// Executes statements as one transaction. After an error none of them has had an effect,
    /// unless the connection was lost during the commit.
    async fn transact(&mut self, statements: &[Statement]) -> Result<(), Error>;

    /// Whether a transaction is open that a text has begun.
    async fn is_in_transaction(&mut self) -> Result<bool, Error>;

    /// Ends whatever transaction a text has left open; there may be none.
    async fn roll_back(&mut self) -> Result<(), Error>;

    /// Asks whether the connection can be used; costs a round trip where the client does not know
    /// by itself.
    async fn is_alive(&mut self) -> bool;

    /// Whether the connection is known to be unusable.
    fn is_closed(&self) -> bool;
}

/// What opens sessions.
#[async_trait]
pub trait Connect: Send + Sync {
    /// Opens a session.
    async fn connect(&self) -> Result<Box<dyn Session>, Error>;

    /// The database for error texts, without secrets.
    fn place(&self) -> String;
}

/// The statements that are executed when the database is first connected to.
pub struct Init {
    statements: Mutex<Vec<(String, String)>>,
}

impl Init {
    /// Statements with what they are called in logs.
    pub fn new(statements: Vec<(String, String)>) -> Self {
        Self {
            statements: Mutex::new(statements),
        }
    }

    async fn run(&self, session: &mut dyn Session, log: &Origin) {
        let statements = std::mem::take(&mut *self.statements.lock());
        for (name, text) in statements {
            let statement = Statement {
                sql: text.into(),
                arguments: None,
            };
            if let Err(error) = session.execute(&statement).await {
                tracing::warn!(
                    component = &*log.component,
                    path = &*log.path,
                    "{name} is not executed: {error}"
                );
            }
        }
    }
}

/// Who logs.
struct Origin {
    component: Box<str>,
    path: Box<str>,
}

/// A database with its connections.
pub struct Database {
    pool: Pool,
    init: Init,
    log: Origin,
}

impl Database {
    /// The database at `target`; nothing is opened.
    pub fn new(target: Target, init: Init, limits: Limits, cx: &BuildContext) -> Self {
        let (connect, limits): (Box<dyn Connect>, _) = match target {
            Target::Postgres(target) => (Box::new(crate::postgres::Postgres::new(target)), limits),
            Target::Mysql(target) => (Box::new(crate::mysql::Mysql::new(target)), limits),
            Target::Sqlite(target) => (
                Box::new(crate::sqlite::Sqlite::new(target)),
                crate::sqlite::limits(),
            ),
        };
        Self {
            pool: Pool::new(connect, limits),
            init,
            log: Origin {
                component: cx.component().into(),
                path: cx.path().into(),
            },
        }
    }

    /// Opens a connection, to see that the database is there, and runs the init statements when
    /// it is the first one.
    ///
    /// # Errors
    /// `NotConnected` with the reason, or `Fatal` where it will not pass: the user, the password, or
    /// that there is no such database.
    pub async fn connect(&self) -> Result<(), Error> {
        self.pool.clear();
        let mut lease = self.pool.lease().await?;
        self.init.run(lease.session(), &self.log).await;
        lease.keep();
        Ok(())
    }

    /// Executes each statement; all in one transaction when that works, else one by one, so that
    /// only those that are at fault fail. Over one that is too much for it, a server may end the
    /// connection: then the others go through another one.
    ///
    /// # Errors
    /// The statements that failed, by index, each with its reason. When the connection is lost and
    /// there is no other, those whose effect is not known to be committed.
    pub async fn execute(&self, statements: &[Statement]) -> Result<(), Vec<(usize, Error)>> {
        let mut lease = match self.pool.lease().await {
            Ok(lease) => lease,
            Err(away) => return Err(all_from(0, statements, &away)),
        };
        let is_plain = |it: &Statement| it.arguments.is_some() && !it.may_open_transaction();
        if statements.len() > 1 && statements.iter().all(is_plain) {
            match lease.session().transact(statements).await {
                Ok(()) => {
                    lease.keep();
                    return Ok(());
                }
                Err(error) if is_lost(&error) => match self.pool.reopen(lease).await {
                    Ok(other) => lease = other,
                    Err(away) => return Err(all_from(0, statements, &away)),
                },
                Err(_) => {}
            }
        }
        let failed = self.execute_each(lease, statements).await;
        match failed.is_empty() {
            true => Ok(()),
            false => Err(failed),
        }
    }

    async fn execute_each(&self, lease: Lease, statements: &[Statement]) -> Vec<(usize, Error)> {
        let mut lease = lease;
        let mut failed = Vec::new();
        for (index, statement) in statements.iter().enumerate() {
            let Err(error) = execute(lease.session(), statement).await else {
                continue;
            };
            if !is_lost(&error) {
                failed.push((index, error));
                continue;
            }
            if statements.len() == 1 {
                return vec![(index, error)];
            }
            match self.pool.reopen(lease).await {
                Ok(other) => lease = other,
                Err(away) => {
                    failed.extend(all_from(index, statements, &away));
                    return failed;
                }
            }
            // The server is there: it is this one that it does not bear.
            failed.push((index, Error::retry(error.text())));
        }
        lease.keep();
        failed
    }

    /// Executes one statement and returns its rows as an array of objects, which may become about
    /// `max` bytes large.
    ///
    /// # Errors
    /// As [`Session`].
    pub async fn query(&self, statement: &Statement, max: usize) -> Result<Value, Error> {
        let mut lease = self.pool.lease().await?;
        let session = lease.session();
        let result = match session.query(statement, max).await {
            Ok(rows) => closed(session, statement).await.map(|()| rows),
            Err(error) => Err(rolled_back(session, statement, error).await),
        };
        if !result.as_ref().is_err_and(is_lost) {
            lease.keep();
        }
        result
    }

    /// Returns when a connection that is not in use is found to be lost.
    pub async fn lost(&self) {
        loop {
            tokio::time::sleep(LOOK).await;
            if self.pool.has_lost().await {
                return;
            }
        }
    }

    /// Closes the connections that are not in use.
    pub fn close(&self) {
        self.pool.clear();
    }
}

fn is_lost(error: &Error) -> bool {
    error.class() == ErrorClass::NotConnected
}

/// The statements from this one on, with the error that holds for all of them.
fn all_from(first: usize, statements: &[Statement], error: &Error) -> Vec<(usize, Error)> {
    let rest = first..statements.len();
    rest.map(|it| (it, error.clone())).collect()
}

/// Executes a statement; no transaction is open on return, whatever came of it.
async fn execute(session: &mut dyn Session, statement: &Statement) -> Result<(), Error> {
    match session.execute(statement).await {
        Ok(()) => closed(session, statement).await,
        Err(error) => Err(rolled_back(session, statement, error).await),
    }
}

/// Makes sure that a statement that has worked is committed.
async fn closed(session: &mut dyn Session, statement: &Statement) -> Result<(), Error> {
    if !statement.may_open_transaction() || !session.is_in_transaction().await? {
        return Ok(());
    }
    session.roll_back().await?;
    Err(Error::rejected(
        "the text leaves a transaction open, which is rolled back: end it with `commit`",
    ))
}

/// The error of a statement, after the transaction is gone that it may have begun. Where that cannot
/// be done, nobody may use the connection any more.
async fn rolled_back(session: &mut dyn Session, statement: &Statement, error: Error) -> Error {
    if is_lost(&error) || !statement.may_open_transaction() {
        return error;
    }
    match session.roll_back().await {
        Ok(()) => error,
        Err(failed) => Error::not_connected(format!("{error}; roll back: {failed}")),
    }
}

/// The files that a pattern names, in order.
///
/// # Errors
/// The pattern is not valid, names nothing, or a directory cannot be read.
pub fn expand(pattern: &str) -> Result<Vec<PathBuf>, Error> {
    let wrong = |reason: String| Error::fatal(format!("init_files: `{pattern}`: {reason}"));
    let mut paths = files::expand(pattern).map_err(|error| wrong(error.to_string()))?;
    paths.retain(|path| path.exists());
    if paths.is_empty() {
        return Err(wrong("there is no such file".to_owned()));
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_does_not_make_a_statement_one_that_opens_a_transaction() {
        let opens = |sql: &str, arguments: Option<Vec<Value>>| {
            let sql = sql.into();
            Statement { sql, arguments }.may_open_transaction()
        };
        let one = || Some(Vec::new());
        assert!(!opens(
            "INSERT INTO t (start_at, exact) VALUES (?, ?)",
            one()
        ));
        for text in [
            "begin",
            " Start transaction",
            "/* a */ -- b\n BEGIN",
            "SET autocommit = 0",
        ] {
            assert!(opens(text, one()), "{text}");
        }
        assert!(opens("insert into t values (1); begin", None));
        assert!(!opens("insert into t values (1)", None));
    }
}
