//! Where the rows of a buffer are kept.

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use millrace_message::Error;

/// A row as it is stored.
#[derive(Debug)]
pub struct Row {
    /// Rows are numbered, from 1 on, in the order in which they were stored.
    pub id: i64,
    /// A batch, encoded.
    pub content: Bytes,
}

/// What is in a store when it is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stock {
    /// The id of the last row; 0 without rows.
    pub last: i64,
    /// The bytes of all rows.
    pub bytes: u64,
}

/// What is in a store when it is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rest {
    /// The messages of all rows.
    pub messages: u64,
    /// The bytes of all rows.
    pub bytes: u64,
}

/// Where rows are kept. Rows are stored in the order of the calls.
#[async_trait]
pub trait Store: Send + 'static {
    /// Opens it: once, before anything else.
    ///
    /// # Errors
    /// It cannot be used.
    async fn open(&mut self) -> Result<Stock, Error>;

    /// Stores a row and returns its id, once it is on disk.
    ///
    /// # Errors
    /// It may not be stored.
    fn store(&self, content: Vec<u8>) -> BoxFuture<'static, Result<i64, Error>>;

    /// Deletes a row some time: after a crash it may still be there.
    fn delete(&self, id: i64);

    /// The rows after `after`, in order: at least one if there are some, and not many more than
    /// `bytes_max` bytes.
    ///
    /// # Errors
    /// They cannot be read.
    fn load(&self, after: i64, bytes_max: usize) -> BoxFuture<'static, Result<Vec<Row>, Error>>;

    /// A row that was loaded is no batch of messages. Whether that is accounted for, and the row done
    /// with, as where others than the buffer can write: else the store is damaged.
    fn pass_over(&self, _id: i64) -> bool {
        false
    }

    /// Carries out what was asked for, and closes; what is left in it, where that can be said.
    async fn close(self) -> Option<Rest>;
}
