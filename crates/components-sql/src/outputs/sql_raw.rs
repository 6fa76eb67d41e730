//! The `sql_raw` output.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_component::{
    BatchPolicy, BuildContext, BuiltOutput, Descriptor, Interpolated, LeafOutput, Output,
    OutputConfig, OutputPart, Query, WriteError,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::{Duration, FieldKind, FieldType, Node, ReadContext, Spec, codes};

use crate::database::{Database, Statement};
use crate::fields::{ConnectionFields, PoolFields};
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
#[spec(check = Config::check)]
pub struct Config {
    #[spec(flatten)]
    connection: ConnectionFields,
    /// The statement.
    #[spec(example = "INSERT INTO my_table (id) VALUES (1)")]
    query: QueryText,
    /// Whether `query` may hold interpolations. Text from messages becomes part of the statement
    /// then: see to it that nobody can inject SQL.
    #[spec(default = false, advanced)]
    unsafe_dynamic_query: bool,
    /// A mapping that gives an array with one value for each placeholder.
    args_mapping: Option<Query>,
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

/// The text of `query`, and its interpolations when they are allowed.
#[derive(Clone, Debug)]
struct QueryText {
    text: Arc<str>,
    dynamic: Option<Interpolated>,
}

impl FieldType for QueryText {
    fn kind() -> FieldKind {
        FieldKind::String
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        Some(Self {
            text: String::read(node, cx)?.into(),
            dynamic: None,
        })
    }
}

impl Config {
    fn check(&mut self, node: &Node, cx: &mut ReadContext) {
        let Some(query) = node.get("query") else {
            return;
        };
        if self.unsafe_dynamic_query {
            self.query.dynamic = Interpolated::read(query, cx);
        } else if self.query.text.contains("${!") {
            let message = "query holds an interpolation, which is not evaluated";
            cx.warn(codes::BAD_BLOBLANG, query.span, message).help = Some(
                "give the value to a placeholder by `args_mapping`, or set `unsafe_dynamic_query`"
                    .to_owned(),
            );
        }
    }
}

impl OutputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<OutputPart, Error> {
        let output = SqlRaw {
            database: self.connection.database(&self.pool, cx)?,
            query: self.query.clone(),
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

struct SqlRaw {
    database: Database,
    query: QueryText,
    args_mapping: Option<Query>,
}

impl SqlRaw {
    fn statement(&self, batch: &MessageBatch, index: usize) -> Result<Statement, Error> {
        let mapping = self.args_mapping.as_ref();
        let arguments = mapping.map(|mapping| rows::arguments(mapping, batch, index));
        let sql = match &self.query.dynamic {
            None => Arc::clone(&self.query.text),
            Some(query) => {
                let text = query.resolve(batch, index);
                let text = text.map_err(|error| Error::rejected(format!("query: {error}")))?;
                Arc::from(&*text)
            }
        };
        Ok(Statement {
            sql,
            arguments: arguments.transpose()?,
        })
    }
}

#[async_trait]
impl Output for SqlRaw {
    async fn connect(&self) -> Result<(), Error> {
        self.database.connect().await
    }

    async fn write(&self, batch: &MessageBatch) -> Result<(), WriteError> {
        let statements = (0..batch.len()).map(|index| self.statement(batch, index));
        rows::write(&self.database, "execute `query`", statements.collect()).await
    }

    async fn lost(&self) {
        self.database.lost().await;
    }

    async fn close(&self) -> Result<(), Error> {
        self.database.close();
        Ok(())
    }
}
