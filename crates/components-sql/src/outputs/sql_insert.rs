//! The `sql_insert` output.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_component::{
    BatchPolicy, BuildContext, BuiltOutput, Descriptor, LeafOutput, Output, OutputConfig,
    OutputPart, Query, WriteError,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::{Duration, Node, ReadContext, Spec, codes};

use crate::database::{Database, Statement};
use crate::fields::{ConnectionFields, Driver, PoolFields};
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
#[spec(check = Config::check)]
pub struct Config {
    #[spec(flatten)]
    connection: ConnectionFields,
    /// The table.
    #[spec(example = "my_table")]
    table: String,
    /// The columns, in the order of the values.
    #[spec(example = ["id", "name"])]
    columns: Vec<String>,
    /// A mapping that gives an array with one value for each column.
    #[spec(example = "root = [ this.id, this.name ]")]
    args_mapping: Query,
    /// Text before `INSERT`, such as a `WITH` clause.
    #[spec(advanced)]
    prefix: Option<String>,
    /// Text after the values, such as `ON CONFLICT (name) DO NOTHING`.
    #[spec(advanced)]
    suffix: Option<String>,
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

impl Config {
    fn check(&mut self, node: &Node, cx: &mut ReadContext) {
        if self.columns.is_empty() {
            let span = node.get("columns").map_or(node.span, |it| it.span);
            cx.error(
                codes::INVALID_VALUE,
                span,
                "columns must name at least one column",
            );
        }
    }

    fn sql(&self) -> String {
        let placeholder = |index: usize| match self.connection.driver {
            Driver::Postgres => format!("${}", index + 1),
            _ => "?".to_owned(),
        };
        let placeholders: Vec<_> = (0..self.columns.len()).map(placeholder).collect();
        let insert = format!(
            "INSERT INTO {} ({}) VALUES ({})",
            self.table,
            self.columns.join(","),
            placeholders.join(",")
        );
        let parts = [self.prefix.clone(), Some(insert), self.suffix.clone()];
        let parts: Vec<_> = parts
            .into_iter()
            .flatten()
            .filter(|it| !it.is_empty())
            .collect();
        parts.join(" ")
    }
}

impl OutputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<OutputPart, Error> {
        let output = SqlInsert {
            database: self.connection.database(&self.pool, cx)?,
            what: format!("insert into `{}`", self.table),
            sql: self.sql().into(),
            columns: self.columns.len(),
            args_mapping: self.args_mapping.clone(),
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
    what: String,
    sql: Arc<str>,
    columns: usize,
    args_mapping: Query,
}

impl SqlInsert {
    fn statement(&self, batch: &MessageBatch, index: usize) -> Result<Statement, Error> {
        let arguments = rows::arguments(&self.args_mapping, batch, index)?;
        if arguments.len() != self.columns {
            return Err(Error::rejected(format!(
                "args_mapping: it gives {} values for {} columns",
                arguments.len(),
                self.columns
            )));
        }
        Ok(Statement {
            sql: Arc::clone(&self.sql),
            arguments: Some(arguments),
        })
    }
}

#[async_trait]
impl Output for SqlInsert {
    async fn connect(&self) -> Result<(), Error> {
        self.database.connect().await
    }

    async fn write(&self, batch: &MessageBatch) -> Result<(), WriteError> {
        let statements = (0..batch.len()).map(|index| self.statement(batch, index));
        rows::write(&self.database, &self.what, statements.collect()).await
    }

    async fn lost(&self) {
        self.database.lost().await;
    }

    async fn close(&self) -> Result<(), Error> {
        self.database.close();
        Ok(())
    }
}
