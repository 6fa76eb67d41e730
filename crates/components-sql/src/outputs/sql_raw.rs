//! The `sql_raw` output.

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
use crate::raw::RawFields;
use crate::rows;

/// Executes an SQL statement for each message.
///
/// The placeholders of the statement, `$1`, `$2`, … for PostgreSQL and `?` for MySQL and SQLite,
/// take the values of the array that `args_mapping` gives for the message. A value is bound by the
/// type of its placeholder: a string of a JSON document goes into a timestamp, numeric, UUID or
/// JSON column, a number into a text column, and null into any column that allows it. Without
/// `args_mapping` the text is sent as it is and may hold several statements.
///
/// A write returns when the database has committed: what is acknowledged is as durable as the
/// database makes a commit. The statements of a batch are one transaction when they have
/// arguments. When it fails because of the data, they are executed one by one, and only the
/// messages at fault fail. After a lost connection, statements whose commit was not confirmed are
/// executed again.
#[derive(Clone, Debug, Spec)]
#[spec(output = "sql_raw", status = "stable", category = "Services")]
pub struct Config {
    #[spec(flatten)]
    connection: ConnectionFields,
    #[spec(flatten)]
    raw: RawFields,
    /// How many batches are written at a time.
    #[spec(default = 64)]
    max_in_flight: usize,
    #[spec(flatten)]
    pool: PoolFields,
    /// How messages are collected into batches.
    batching: BatchPolicy,
    /// How long a write waits for the connection before it fails; 0 for ever, unset for the
    /// default of the place where the output stands.
    #[spec(advanced)]
    connect_timeout: Option<Duration>,
}

impl OutputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<OutputPart, Error> {
        let output = SqlRaw {
            database: self.connection.database(&self.pool, cx)?,
            raw: self.raw.clone(),
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

struct SqlRaw {
    database: Database,
    raw: RawFields,
}

#[async_trait]
impl Output for SqlRaw {
    async fn connect(&self) -> Result<(), Error> {
        self.database.connect().await
    }

    async fn write(&self, batch: &MessageBatch) -> Result<(), WriteError> {
        let statements = self.raw.statements(batch);
        rows::write(&self.database, "execute `query`", statements).await
    }

    async fn lost(&self) {
        self.database.lost().await;
    }

    async fn close(&self) -> Result<(), Error> {
        self.database.close();
        Ok(())
    }
}
