//! The `sql_insert` processor.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_component::{
    AsyncProcessor, Batches, BuildContext, BuiltProcessor, Descriptor, ProcessorConfig,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::Spec;

use super::call::Callee;
use crate::fields::{ConnectionFields, PoolFields};
use crate::insert::{Insert, InsertFields};

/// Inserts a row into a table of an SQL database for each message, which goes on unchanged.
///
/// Values are bound as the output `sql_insert` binds them. The rows of a batch are one transaction.
/// When it fails because of the data, the rows are inserted one by one, and only the messages at
/// fault have their error flag set.
///
/// When a message goes on, the database has committed its row. The row is not taken back when the
/// message fails later, so a message that comes again is inserted again, as it is after a lost
/// connection: use a key and a `suffix` such as `ON CONFLICT (id) DO NOTHING` where a duplicate does
/// harm.
///
/// The database is connected to when the first message comes. While it cannot be reached, messages
/// have their error flag set.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "sql_insert", status = "stable", category = "Integration")]
pub struct Config {
    #[spec(flatten)]
    connection: ConnectionFields,
    #[spec(flatten)]
    insert: InsertFields,
    #[spec(flatten)]
    pool: PoolFields,
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        let database = self.connection.database(&self.pool, cx)?;
        Ok(BuiltProcessor::Async(Arc::new(SqlInsert {
            database: Callee::new(database, cx.identity()),
            insert: self.insert.insert(self.connection.driver),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct SqlInsert {
    database: Callee,
    insert: Insert,
}

#[async_trait]
impl AsyncProcessor for SqlInsert {
    async fn process(&self, mut batch: MessageBatch) -> Batches {
        let statements = self.insert.statements(&batch);
        let what = &self.insert.what;
        self.database.execute(what, statements, &mut batch).await;
        smallvec::smallvec![batch]
    }

    async fn close(&self) {
        self.database.close();
    }
}
