//! A database that processors call: connected to when the first message comes, and again after the
//! connection was lost.

use std::sync::Arc;

use millrace_component::Identity;
use millrace_message::{Error, ErrorClass, MessageBatch, Value};
use tokio::sync::OnceCell;

use crate::database::{Database, Statement};
use crate::rows;

/// A database with its init statements, which are executed before anything else.
pub struct Callee {
    database: Database,
    initialised: OnceCell<()>,
    identity: Arc<Identity>,
}

impl Callee {
    pub fn new(database: Database, identity: &Arc<Identity>) -> Self {
        Self {
            database,
            initialised: OnceCell::new(),
            identity: Arc::clone(identity),
        }
    }

    async fn ready(&self) -> Result<(), Error> {
        let connect = || self.database.connect();
        self.initialised.get_or_try_init(connect).await.copied()
    }

    /// Executes one statement for each message of a batch; a message whose statement fails is flagged.
    pub async fn execute(
        &self,
        what: &str,
        statements: Vec<Result<Statement, Error>>,
        batch: &mut MessageBatch,
    ) {
        if let Err(error) = self.ready().await {
            return self.flag_all(&error.context(what), batch);
        }
        let mut written = rows::write(&self.database, what, statements.clone()).await;
        if let Err(error) = &written
            && error.error().class() == ErrorClass::NotConnected
        {
            // Nothing had an effect that is known of; the other idle connections are lost, too.
            self.database.close();
            written = rows::write(&self.database, what, statements).await;
        }
        let Err(error) = written else { return };
        let outcomes = error.into_outcomes(batch.len());
        for (index, message) in batch.iter_mut().enumerate() {
            if let Some(error) = outcomes.get(index).error() {
                message.set_fault(self.identity.fault(error.clone()));
            }
        }
    }

    /// Executes one statement for each message of a batch and replaces the message by the rows; a
    /// message whose statement fails is flagged.
    pub async fn query(
        &self,
        what: &str,
        statements: Vec<Result<Statement, Error>>,
        max: usize,
        batch: &mut MessageBatch,
    ) {
        if let Err(error) = self.ready().await {
            return self.flag_all(&error.context(what), batch);
        }
        for (message, statement) in batch.iter_mut().zip(statements) {
            let rows = match statement {
                Ok(statement) => {
                    let rows = self.query_one(&statement, max).await;
                    rows.map_err(|error| error.context(what))
                }
                Err(error) => Err(error),
            };
            match rows {
                Ok(rows) => message.set_value(rows),
                Err(error) => message.set_fault(self.identity.fault(error)),
            }
        }
    }

    async fn query_one(&self, statement: &Statement, max: usize) -> Result<Value, Error> {
        let rows = self.database.query(statement, max).await;
        match rows {
            Err(error) if error.class() == ErrorClass::NotConnected => {
                self.database.close();
                self.database.query(statement, max).await
            }
            rows => rows,
        }
    }

    fn flag_all(&self, error: &Error, batch: &mut MessageBatch) {
        for message in batch.iter_mut() {
            message.set_fault(self.identity.fault(error.clone()));
        }
    }

    pub fn close(&self) {
        self.database.close();
    }
}
