//! The database and the thread that it lives on.
//!
//! All that waits is one transaction: rows to store and rows to delete. An answer is given when
//! the commit has returned, which with `synchronous=FULL` is after the sync of the log.
//!
//! On a full disk nothing can be stored, and still rows have to be deleted as they are delivered.
//! That takes room in the log; emptying the log takes room in the database file, as much as the log
//! has at most. So a [`Reserve`] of that size is there before anything is stored.

use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use futures::future::BoxFuture;
use millrace_durable_buffer::codec::{HEAD_BYTES, count_in};
use millrace_durable_buffer::{Rest, Row, Stock, Store};
use millrace_message::Error;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::reserve::Reserve;

/// Commands that become one transaction at most.
const GROUP_MAX: usize = 4096;
/// How long the lock of another process is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// Pages of the log after which it is moved into the database file.
const CHECKPOINT_PAGES: u32 = 1000;
/// Bytes of rows that become one transaction, with at least one row.
const GROUP_BYTES: usize = 2 << 20;
/// What the log may have when a transaction begins.
const LOG_BYTES: u64 = (CHECKPOINT_PAGES as u64 + 100) * 4120;
/// The room that is kept while no row is larger than a whole group should be.
const RESERVE_BYTES: u64 = 8 << 20;
/// Rows that are deleted in one transaction when room is short.
const DELETIONS_MAX: usize = 256;
/// A transaction that stores nothing.
const NO_ROWS: &[(Vec<u8>, ())] = &[];

enum Command {
    Store(Vec<u8>, oneshot::Sender<Result<i64, Error>>),
    Delete(i64),
    Load {
        after: i64,
        bytes_max: usize,
        answer: oneshot::Sender<Result<Vec<Row>, Error>>,
    },
}

impl Command {
    fn stored_bytes(&self) -> usize {
        match self {
            Self::Store(content, _) => content.len(),
            Self::Delete(_) | Self::Load { .. } => 0,
        }
    }
}

/// The database; dropping it finishes what was asked for and closes the file.
pub struct Database {
    commands: Option<mpsc::UnboundedSender<Command>>,
    thread: Option<JoinHandle<rusqlite::Result<Rest>>>,
    stock: Stock,
}

impl Database {
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
        let worker = Worker::new(connection)?;
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

    fn send(&self, command: Command) {
        if let Some(commands) = &self.commands {
            // Without the thread the answer is dropped, which is an error to who waits for it.
            let _sent = commands.send(command);
        }
    }

    fn finish(&mut self) -> Option<Rest> {
        self.commands = None;
        match self.thread.take()?.join() {
            Ok(Ok(rest)) => Some(rest),
            Ok(Err(error)) => {
                warn(&format!("count what is left: {error}"));
                None
            }
            Err(_) => {
                tracing::error!(
                    component = "sqlite",
                    path = "root.buffer",
                    "the thread of the sqlite buffer panicked"
                );
                None
            }
        }
    }
}

#[async_trait]
impl Store for Database {
    async fn open(&mut self) -> Result<Stock, Error> {
        Ok(self.stock)
    }

    fn store(&self, content: Vec<u8>) -> BoxFuture<'static, Result<i64, Error>> {
        let (answer, answered) = oneshot::channel();
        self.send(Command::Store(content, answer));
        async move { answered.await.unwrap_or_else(|_| Err(gone())) }.boxed()
    }

    fn delete(&self, id: i64) {
        self.send(Command::Delete(id));
    }

    fn load(&self, after: i64, bytes_max: usize) -> BoxFuture<'static, Result<Vec<Row>, Error>> {
        let (answer, answered) = oneshot::channel();
        self.send(Command::Load {
            after,
            bytes_max,
            answer,
        });
        async move { answered.await.unwrap_or_else(|_| Err(gone())) }.boxed()
    }

    async fn close(mut self) -> Option<Rest> {
        let closed = tokio::task::spawn_blocking(move || self.finish()).await;
        closed.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _rest = self.finish();
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
            // SQLite keeps the reason to itself.
            Some(rusqlite::ErrorCode::CannotOpen) => unopened(path).unwrap_or(text),
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

/// Why a file cannot be opened for reading and writing; nothing when it can.
fn unopened(path: &str) -> Option<String> {
    let mut options = std::fs::OpenOptions::new();
    let opened = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path);
    opened.err().map(|error| error.to_string())
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
    /// None for a database in memory.
    reserve: Option<Reserve>,
}

impl Worker {
    fn new(connection: Connection) -> Result<Self, Error> {
        let reserve = match connection.path() {
            None | Some("") => None,
            Some(path) => {
                let reserve = Reserve::of(path);
                Some(reserve.map_err(|error| Error::fatal(format!("reserve: {error}")))?)
            }
        };
        let mut worker = Self {
            connection,
            undeleted: Vec::new(),
            reserve,
        };
        if let Err(error) = worker.keep_reserve(RESERVE_BYTES) {
            // What is stored can be delivered all the same.
            warn(&format!("nothing can be stored yet: {error}"));
        }
        Ok(worker)
    }

    fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) -> rusqlite::Result<Rest> {
        while let Some(first) = commands.blocking_recv() {
            let mut bytes = first.stored_bytes();
            let mut group = vec![first];
            while group.len() < GROUP_MAX
                && bytes < GROUP_BYTES
                && let Ok(command) = commands.try_recv()
            {
                bytes += command.stored_bytes();
                group.push(command);
            }
            self.carry_out(group);
        }
        if !self.undeleted.is_empty() {
            self.carry_out(Vec::new());
        }
        let rest = rest(&self.connection);
        // Without rows nothing will have to be deleted.
        if let (Some(reserve), Ok(true)) = (&mut self.reserve, is_empty(&self.connection))
            && let Err(error) = reserve.spend()
        {
            warn(&format!("remove the reserve: {error}"));
        }
        if let Err((_, error)) = self.connection.close() {
            warn(&format!("close: {error}"));
        }
        rest
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
            let committed = self.store_and_delete(&rows, deletions);
            for (index, (_, answer)) in rows.into_iter().enumerate() {
                // Who does not wait any more has given the message back.
                let _answered = answer.send(match &committed {
                    Ok(ids) => Ok(ids[index]),
                    Err(error) => Err(error.context("store in the buffer")),
                });
            }
        }
        for (after, bytes_max, answer) in loads {
            let rows = self.load(after, bytes_max);
            let _answered = answer
                .send(rows.map_err(|error| Error::retry(format!("read the buffer: {error}"))));
        }
    }

    /// Stores rows and deletes others in one transaction. When that fails, the deletions are tried
    /// alone: on a full disk they are what makes room.
    fn store_and_delete<T>(
        &mut self,
        rows: &[(Vec<u8>, T)],
        deletions: Vec<i64>,
    ) -> Result<Vec<i64>, Error> {
        let has_room = self.keep_reserve(room_for(rows));
        let committed = has_room.and_then(|()| self.commit(rows, &deletions).map_err(failed));
        let error = match committed {
            Ok(ids) => {
                self.shrink_reserve();
                return Ok(ids);
            }
            Err(error) => error,
        };
        tracing::error!(
            component = "sqlite",
            path = "root.buffer",
            "the sqlite buffer cannot store: {error}"
        );
        if !deletions.is_empty() && self.commit(NO_ROWS, &deletions).is_err() {
            if let Err(error) = self.delete_from_reserve(&deletions) {
                warn(&format!(
                    "rows that were delivered cannot be removed: {error}"
                ));
                self.undeleted = deletions;
            }
        } else if let Err(error) = self.make_room() {
            warn(&format!("make room: {error}"));
        }
        Err(error)
    }

    /// Makes sure of the room in which rows are deleted later.
    fn keep_reserve(&mut self, bytes: u64) -> Result<(), Error> {
        let Some(reserve) = &mut self.reserve else {
            return Ok(());
        };
        let kept = reserve.ensure(bytes);
        kept.map_err(|error| Error::retry(format!("keep {bytes} bytes in reserve: {error}")))
    }

    /// Gives back what a large row has needed, once it has left the log.
    fn shrink_reserve(&mut self) {
        let is_large = |it: &&mut Reserve| it.bytes() > RESERVE_BYTES;
        let Some(reserve) = self.reserve.as_mut().filter(is_large) else {
            return;
        };
        let shrunk = checkpoint(&self.connection).map_err(failed).and_then(|()| {
            let shrunk = reserve.shrink(RESERVE_BYTES);
            shrunk.map_err(|error| Error::retry(error.to_string()))
        });
        if let Err(error) = shrunk {
            warn(&format!("give back the reserve: {error}"));
        }
    }

    /// Deletes rows in the room that is kept for it, and keeps it again.
    fn delete_from_reserve(&mut self, deletions: &[i64]) -> Result<(), Error> {
        if let Some(reserve) = &mut self.reserve {
            let spent = reserve.spend();
            spent.map_err(|error| Error::retry(format!("remove the reserve: {error}")))?;
        }
        checkpoint(&self.connection).map_err(failed)?;
        for some in deletions.chunks(DELETIONS_MAX) {
            self.commit(NO_ROWS, some).map_err(failed)?;
        }
        self.make_room()?;
        self.keep_reserve(RESERVE_BYTES)
    }

    /// Empties the log, and shortens the file of a database without rows.
    fn make_room(&self) -> Result<(), Error> {
        checkpoint(&self.connection).map_err(failed)?;
        if is_empty(&self.connection).map_err(failed)? {
            self.connection.execute_batch("VACUUM").map_err(failed)?;
            checkpoint(&self.connection).map_err(failed)?;
        }
        Ok(())
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
                content: content.into(),
            });
        }
        Ok(rows)
    }
}

/// What the log has at most when these rows are in it.
fn room_for<T>(rows: &[(Vec<u8>, T)]) -> u64 {
    let content: u64 = rows.iter().map(|(content, _)| content.len() as u64).sum();
    // Pages of the log are a little larger than those of the file, and not all of them are full.
    (LOG_BYTES + content + content / 8 + (256 << 10)).max(RESERVE_BYTES)
}

/// Moves all of the log into the file of the database.
fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT NOT EXISTS (SELECT 1 FROM millrace_buffer)",
        [],
        |row| row.get(0),
    )
}

/// How much is stored; only the beginning of each row is read.
fn rest(connection: &Connection) -> rusqlite::Result<Rest> {
    let mut select =
        connection.prepare("SELECT substr(content, 1, ?), length(content) FROM millrace_buffer")?;
    let mut found = select.query([HEAD_BYTES])?;
    let mut rest = Rest::default();
    while let Some(row) = found.next()? {
        let head: Vec<u8> = row.get(0)?;
        rest.messages += u64::from(count_in(&head).unwrap_or(0));
        rest.bytes += u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
    }
    Ok(rest)
}

fn failed(error: rusqlite::Error) -> Error {
    Error::retry(error.to_string())
}

fn warn(text: &str) {
    tracing::warn!(
        component = "sqlite",
        path = "root.buffer",
        "sqlite buffer: {text}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(folder: &tempfile::TempDir) -> Worker {
        let path = folder.path().join("b.db");
        Worker::new(open(path.to_str().unwrap()).unwrap()).unwrap()
    }

    fn rows(count: usize, bytes: usize) -> Vec<(Vec<u8>, ())> {
        vec![(vec![b'x'; bytes], ()); count]
    }

    fn count(worker: &Worker) -> i64 {
        let count =
            worker
                .connection
                .query_row("SELECT count(*) FROM millrace_buffer", [], |row| row.get(0));
        count.unwrap()
    }

    /// Lets the database file grow no further, as on a full disk.
    fn fill_up(worker: &Worker) {
        let pages: i64 = worker
            .connection
            .query_row("PRAGMA page_count", [], |row| row.get(0))
            .unwrap();
        worker
            .connection
            .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .unwrap();
    }

    #[test]
    fn where_nothing_can_be_stored_rows_are_deleted_all_the_same_and_then_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let mut worker = worker(&folder);
        let ids = worker
            .store_and_delete(&rows(10, 10_000), Vec::new())
            .unwrap();
        fill_up(&worker);
        let large = rows(1, 100_000);
        let error = worker
            .store_and_delete(&large, ids[..5].to_vec())
            .unwrap_err();
        assert!(error.text().contains("full"), "{error}");
        assert_eq!((count(&worker), worker.undeleted.len()), (5, 0));
        let error = worker
            .store_and_delete(&large, ids[5..].to_vec())
            .unwrap_err();
        assert!(error.text().contains("full"), "{error}");
        assert_eq!(count(&worker), 0);
        assert!(
            worker
                .store_and_delete(&rows(1, 50_000), Vec::new())
                .is_ok()
        );
    }

    #[test]
    fn rows_are_deleted_in_the_room_that_is_kept_for_it_and_the_file_is_shortened() {
        let folder = tempfile::tempdir().unwrap();
        let mut worker = worker(&folder);
        let kept = |worker: &Worker| worker.reserve.as_ref().unwrap().bytes();
        let length = |name| std::fs::metadata(folder.path().join(name)).unwrap().len();
        assert_eq!(kept(&worker), RESERVE_BYTES);
        let ids = worker
            .store_and_delete(&rows(1000, 1000), Vec::new())
            .unwrap();
        worker.delete_from_reserve(&ids[..900]).unwrap();
        assert_eq!((count(&worker), kept(&worker)), (100, RESERVE_BYTES));
        worker.delete_from_reserve(&ids[900..]).unwrap();
        assert_eq!((count(&worker), length("b.db-wal")), (0, 0));
        assert!(length("b.db") < 50_000);
        let next = worker.store_and_delete(&rows(1, 1), Vec::new()).unwrap();
        assert!(next[0] > ids[999], "numbers are not used again");
    }

    #[test]
    fn the_reserve_is_at_least_what_the_log_may_have() {
        let folder = tempfile::tempdir().unwrap();
        let mut worker = worker(&folder);
        let log = || {
            std::fs::metadata(folder.path().join("b.db-wal"))
                .unwrap()
                .len()
        };
        for bytes in [1, 3000, 5000, 500_000] {
            let some = rows((GROUP_BYTES / bytes).clamp(1, 1000), bytes);
            for _ in 0..3 {
                worker.store_and_delete(&some, Vec::new()).unwrap();
                assert!(log() <= room_for(&some), "{bytes}: {}", log());
                assert_eq!(room_for(&some), RESERVE_BYTES);
            }
        }
        let large = rows(1, 20 << 20);
        assert!(room_for(&large) > 20 << 20);
        worker.store_and_delete(&large, Vec::new()).unwrap();
        let kept = worker.reserve.as_ref().unwrap().bytes();
        assert_eq!((kept, log()), (RESERVE_BYTES, 0));
    }

    #[tokio::test]
    async fn a_store_that_is_closed_without_rows_leaves_no_reserve() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.db");
        let reserve = folder.path().join("b.db-reserve");
        let database = Database::open(path.to_str().unwrap()).unwrap();
        assert!(reserve.exists());
        database.close().await;
        assert!(!reserve.exists());
    }
}
