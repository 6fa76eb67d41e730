//! The `sql_insert` output.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_component::{
    BatchPolicy, BuildContext, BuiltOutput, Descriptor, LeafOutput, Output, OutputConfig,
    OutputPart, WriteError,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::{Duration, Spec};

use crate::database::Database;
use crate::fields::{ConnectionFields, PoolFields};
use crate::insert::{Insert, InsertFields};
use crate::rows;

/// Inserts a row into a table of an SQL database for each message.
///
/// The values of a row are what `args_mapping` gives for the message: an array with one value for
/// each of `columns`. A value is bound by the type of its column: a string of a JSON document
/// goes into a timestamp, numeric, UUID or JSON column, a number into a text column, and null into
/// any column that allows it. Objects and arrays are written as JSON, arrays also as PostgreSQL
/// arrays.
///
/// A write returns when the database has committed the rows: what is acknowledged is as durable as
/// the database makes a commit. The rows of a batch are one transaction. When it fails because of
/// the data, the rows are inserted one by one, and only the messages at fault fail. After a lost
/// connection, rows whose commit was not confirmed are inserted again: use a key and a `suffix`
/// such as `ON CONFLICT (id) DO NOTHING` where a duplicate does harm.
///
/// Names of tables and columns are used as they are written: quote them where the database demands
/// it.
#[derive(Clone, Debug, Spec)]
#[spec(output = "sql_insert", status = "stable", category = "Services")]
pub struct Config {
    #[spec(flatten)]
    connection: ConnectionFields,
    #[spec(flatten)]
    insert: InsertFields,
    /// How many batches are written at a time.
    #[spec(default = 64)]
    max_in_flight: usize,
    #[spec(flatten)]
    pool: PoolFields,
    /// How messages are collected into batches; the rows of a batch are one transaction.
    batching: BatchPolicy,
    /// How long a write waits for the connection before it fails; 0 for ever, unset for the
    /// default of the place where the output stands.
    #[spec(advanced)]
    connect_timeout: Option<Duration>,
}

impl OutputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<OutputPart, Error> {
        let output = SqlInsert {
            database: self.connection.database(&self.pool, cx)?,
            insert: self.insert.insert(self.connection.driver),
        };
        Ok(OutputPart::Leaf(LeafOutput {
            output: BuiltOutput::Async(Arc::new(output)),
            max_in_flight: self.max_in_flight.max(1),
            connect_timeout: self.connect_timeout.as_ref().map(Duration::get),
            batching: (!self.batching.is_noop()).then(|| self.batching.clone()),
        }))
    }
}

/// The component.
pub const COMPONENT: Descriptor = Descriptor::output::<Config>();

struct SqlInsert {
    database: Database,
    insert: Insert,
}

#[async_trait]
impl Output for SqlInsert {
    async fn connect(&self) -> Result<(), Error> {
        self.database.connect().await
    }

    async fn write(&self, batch: &MessageBatch) -> Result<(), WriteError> {
        let statements = self.insert.statements(batch);
        rows::write(&self.database, &self.insert.what, statements).await
    }

    async fn lost(&self) {
        self.database.lost().await;
    }

    async fn close(&self) -> Result<(), Error> {
        self.database.close();
        Ok(())
    }
}
