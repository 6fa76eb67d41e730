//! The `sql_raw` processor.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_component::{
    AsyncProcessor, Batches, BuildContext, BuiltProcessor, Descriptor, ProcessorConfig,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::{ByteSize, Spec};

use super::call::Callee;
use crate::fields::{ConnectionFields, PoolFields};
use crate::raw::RawFields;

/// Executes an SQL statement for each message and replaces the message by the rows that it returns: a
/// JSON array with an object for each row, which has a member for each column. With `exec_only` the
/// message goes on unchanged.
///
/// Placeholders and arguments are those of the output `sql_raw`. With `exec_only` the statements of a
/// batch are one transaction when they have arguments, and without `args_mapping` the text may hold
/// several statements; else it is one statement.
///
/// Numbers and booleans of the database become such. A date or a time becomes a timestamp (with MySQL
/// only with `parseTime=true` in the DSN), everything else a text: also decimal numbers, which keep
/// their digits, and JSON, which `parse_json` reads.
///
/// A statement that fails sets the error flag of its message, which goes on unchanged. The database
/// is connected to when the first message comes. After a lost connection the statement is executed
/// once more: it may have had an effect before.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "sql_raw", status = "stable", category = "Integration")]
pub struct Config {
    #[spec(flatten)]
    connection: ConnectionFields,
    #[spec(flatten)]
    raw: RawFields,
    /// Whether the rows are discarded and the message goes on unchanged.
    #[spec(default = false)]
    exec_only: bool,
    /// About the most bytes that the rows may take.
    #[spec(default = "64MiB", advanced)]
    max_result_size: ByteSize,
    #[spec(flatten)]
    pool: PoolFields,
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        let database = self.connection.database(&self.pool, cx)?;
        Ok(BuiltProcessor::Async(Arc::new(SqlRaw {
            database: Callee::new(database, cx.identity()),
            raw: self.raw.clone(),
            exec_only: self.exec_only,
            max: usize::try_from(self.max_result_size.0).unwrap_or(usize::MAX),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

/// What is done, for errors.
const WHAT: &str = "execute `query`";

struct SqlRaw {
    database: Callee,
    raw: RawFields,
    exec_only: bool,
    max: usize,
}

#[async_trait]
impl AsyncProcessor for SqlRaw {
    async fn process(&self, mut batch: MessageBatch) -> Batches {
        let statements = self.raw.statements(&batch);
        if self.exec_only {
            self.database.execute(WHAT, statements, &mut batch).await;
        } else {
            let calls = self.database.query(WHAT, statements, self.max, &mut batch);
            calls.await;
        }
        smallvec::smallvec![batch]
    }

    async fn close(&self) {
        self.database.close();
    }
}
