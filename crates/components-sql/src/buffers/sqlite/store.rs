//! The database and the thread that it lives on.
//!
//! All that waits is one transaction: rows to store and rows to delete. An answer is given when
//! the commit has returned, which with `synchronous=FULL` is after the sync of the log.

use std::thread::JoinHandle;
use std::time::Duration;

use millrace_message::Error;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

/// Commands that become one transaction at most.
const GROUP_MAX: usize = 4096;
/// How long the lock of another process is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// Pages of the log after which it is moved into the database file.
const CHECKPOINT_PAGES: u32 = 4000;

/// A row as it is stored.
#[derive(Debug)]
pub struct Row {
    /// Rows are numbered in the order in which they were stored.
    pub id: i64,
    /// A batch, encoded.
    pub content: Vec<u8>,
}

/// What was in the database when it was opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stock {
    /// The id of the last row; 0 without rows.
    pub last: i64,
    /// The bytes of all rows.
    pub bytes: u64,
}

enum Command {
    Store(Vec<u8>, oneshot::Sender<Result<i64, Error>>),
    Delete(i64),
    Load {
        after: i64,
        bytes_max: usize,
        answer: oneshot::Sender<Result<Vec<Row>, Error>>,
    },
}

/// The database; dropping it finishes what was asked for and closes the file.
pub struct Store {
    commands: Option<mpsc::UnboundedSender<Command>>,
    thread: Option<JoinHandle<()>>,
    stock: Stock,
}

impl Store {
    /// Opens or creates the database and starts its thread.
    ///
    /// # Errors
    /// `Fatal`: the file cannot be used.
    pub fn open(path: &str) -> Result<Self, Error> {
        let connection = open(path)?;
        let stock = connection
            .query_row(
                "SELECT coalesce(max(id), 0), coalesce(sum(length(content)), 0) FROM millrace_buffer",
                [],
                |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
            )
            .map_err(|error| Error::fatal(error.to_string()))?;
        let (commands, receiver) = mpsc::unbounded_channel();
        let worker = Worker {
            connection,
            undeleted: Vec::new(),
        };
        let thread = std::thread::Builder::new()
            .name("sqlite-buffer".to_owned())
            .spawn(move || worker.run(receiver))
            .map_err(|error| Error::fatal(format!("start a thread: {error}")))?;
        Ok(Self {
            commands: Some(commands),
            thread: Some(thread),
            stock: Stock {
                last: stock.0,
                bytes: u64::try_from(stock.1).unwrap_or(0),
            },
        })
    }

    /// What was in the database when it was opened.
    pub fn stock(&self) -> Stock {
        self.stock
    }

    /// Stores a row and returns its id, once it is on disk.
    ///
    /// # Errors
    /// It may not be stored.
    pub fn store(
        &self,
        content: Vec<u8>,
    ) -> impl Future<Output = Result<i64, Error>> + Send + use<> {
        let (answer, answered) = oneshot::channel();
        self.send(Command::Store(content, answer));
        async move { answered.await.unwrap_or_else(|_| Err(gone())) }
    }

    /// Deletes a row, with the next transaction.
    pub fn delete(&self, id: i64) {
        self.send(Command::Delete(id));
    }

    /// The rows after `after`, in order: at least one, and not many more than `bytes_max` bytes.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn load(
        &self,
        after: i64,
        bytes_max: usize,
    ) -> impl Future<Output = Result<Vec<Row>, Error>> + Send + use<> {
        let (answer, answered) = oneshot::channel();
        self.send(Command::Load {
            after,
            bytes_max,
            answer,
        });
        async move { answered.await.unwrap_or_else(|_| Err(gone())) }
    }

    fn send(&self, command: Command) {
        if let Some(commands) = &self.commands {
            // Without the thread the answer is dropped, which is an error to who waits for it.
            let _sent = commands.send(command);
        }
    }

    /// Carries out what was asked for, and closes the database.
    pub fn close(mut self) {
        self.finish();
    }

    fn finish(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(
                component = "sqlite",
                path = "root.buffer",
                "the thread of the sqlite buffer panicked"
            );
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.finish();
    }
}

fn gone() -> Error {
    Error::retry("the thread of the sqlite buffer has ended")
}

fn open(path: &str) -> Result<Connection, Error> {
    let fails = |error: rusqlite::Error| {
        let text = error.to_string();
        Error::fatal(match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                format!("{text}: another process uses the file")
            }
            _ => text,
        })
    };
    let connection = Connection::open(path).map_err(fails)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(fails)?;
    // The lock is kept, so that two processes never deliver the same rows.
    set(&connection, "locking_mode", "EXCLUSIVE", "exclusive").map_err(fails)??;
    set(&connection, "journal_mode", "WAL", "wal").map_err(fails)??;
    set(&connection, "synchronous", "FULL", "2").map_err(fails)??;
    connection
        .pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)
        .map_err(fails)?;
    refuse_rows_of_bento(&connection)?;
    connection
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS millrace_buffer (
               id INTEGER PRIMARY KEY AUTOINCREMENT,
               content BLOB NOT NULL
             )",
        )
        .map_err(fails)?;
    Ok(connection)
}

/// Sets a pragma and looks whether it is set: SQLite ignores what it does not know.
fn set(
    connection: &Connection,
    name: &str,
    value: &str,
    expected: &str,
) -> rusqlite::Result<Result<(), Error>> {
    connection
        .pragma_update_and_check(None, name, value, |_| Ok(()))
        .optional()?;
    let found = connection.pragma_query_value(None, name, |row| {
        Ok(match row.get_ref(0)? {
            rusqlite::types::ValueRef::Integer(number) => number.to_string(),
            other => other.as_str()?.to_owned(),
        })
    })?;
    Ok(match found == expected {
        true => Ok(()),
        false => Err(Error::fatal(format!(
            "`{name}` stays `{found}` instead of `{expected}`"
        ))),
    })
}

/// Bento stores in a table and form of its own; such rows would never be delivered.
fn refuse_rows_of_bento(connection: &Connection) -> Result<(), Error> {
    let count = connection.query_row("SELECT count(requeue) FROM messages", [], |row| {
        row.get::<_, i64>(0)
    });
    match count {
        Ok(count) if count > 0 => Err(Error::fatal(format!(
            "the file holds {count} batches that Bento stored: let Bento deliver them first, or \
             name another file"
        ))),
        // Almost always there is no such table.
        _ => Ok(()),
    }
}

struct Worker {
    connection: Connection,
    /// Deletions of a transaction that failed.
    undeleted: Vec<i64>,
}

impl Worker {
    fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        while let Some(first) = commands.blocking_recv() {
            let mut group = vec![first];
            while group.len() < GROUP_MAX
                && let Ok(command) = commands.try_recv()
            {
                group.push(command);
            }
            self.carry_out(group);
        }
        if !self.undeleted.is_empty() {
            self.carry_out(Vec::new());
        }
        if let Err((_, error)) = self.connection.close() {
            tracing::warn!(
                component = "sqlite",
                path = "root.buffer",
                "close the sqlite buffer: {error}"
            );
        }
    }

    fn carry_out(&mut self, group: Vec<Command>) {
        let mut rows = Vec::new();
        let mut loads = Vec::new();
        let mut deletions = std::mem::take(&mut self.undeleted);
        for command in group {
            match command {
                Command::Store(content, answer) => rows.push((content, answer)),
                Command::Delete(id) => deletions.push(id),
                Command::Load {
                    after,
                    bytes_max,
                    answer,
                } => loads.push((after, bytes_max, answer)),
            }
        }
        if !rows.is_empty() || !deletions.is_empty() {
            let committed = self.commit(&rows, &deletions);
            if let Err(error) = &committed {
                tracing::error!(
                    component = "sqlite",
                    path = "root.buffer",
                    "the sqlite buffer cannot store: {error}"
                );
                self.undeleted = deletions;
            }
            for (index, (_, answer)) in rows.into_iter().enumerate() {
                // Who does not wait any more has given the message back.
                let _answered = answer.send(match &committed {
                    Ok(ids) => Ok(ids[index]),
                    Err(error) => Err(Error::retry(format!("store in the buffer: {error}"))),
                });
            }
        }
        for (after, bytes_max, answer) in loads {
            let rows = self.load(after, bytes_max);
            let _answered = answer
                .send(rows.map_err(|error| Error::retry(format!("read the buffer: {error}"))));
        }
    }

    fn commit<T>(
        &mut self,
        rows: &[(Vec<u8>, T)],
        deletions: &[i64],
    ) -> rusqlite::Result<Vec<i64>> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut ids = Vec::with_capacity(rows.len());
        {
            let mut insert =
                transaction.prepare_cached("INSERT INTO millrace_buffer (content) VALUES (?)")?;
            for (content, _) in rows {
                ids.push(insert.insert([content])?);
            }
            let mut delete =
                transaction.prepare_cached("DELETE FROM millrace_buffer WHERE id = ?")?;
            for id in deletions {
                delete.execute([id])?;
            }
        }
        transaction.commit()?;
        Ok(ids)
    }

    fn load(&self, after: i64, bytes_max: usize) -> rusqlite::Result<Vec<Row>> {
        let mut select = self
            .connection
            .prepare_cached("SELECT id, content FROM millrace_buffer WHERE id > ? ORDER BY id")?;
        let mut found = select.query([after])?;
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while bytes < bytes_max
            && let Some(row) = found.next()?
        {
            let content: Vec<u8> = row.get(1)?;
            bytes += content.len().max(1);
            rows.push(Row {
                id: row.get(0)?,
                content,
            });
        }
        Ok(rows)
    }
}
