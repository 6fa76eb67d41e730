//! The `sql_select` processor.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_component::{
    AsyncProcessor, Batches, BuildContext, BuiltProcessor, Descriptor, ProcessorConfig, Query,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::{ByteSize, Node, ReadContext, Spec, codes};

use super::call::Callee;
use crate::database::Statement;
use crate::fields::{ConnectionFields, Driver, PoolFields};
use crate::insert::enclosed;
use crate::rows;

/// Runs a `SELECT` for each message and replaces the message by the rows: a JSON array with an object
/// for each row, which has a member for each column.
///
/// The placeholders of `where` are `?` for every driver, and take the values of the array that
/// `args_mapping` gives. `??` is a question mark. Values become what the processor `sql_raw` makes of
/// them.
///
/// A query that fails sets the error flag of its message, which goes on unchanged. The database is
/// connected to when the first message comes, and again after the connection was lost.
///
/// ```yaml
/// pipeline:
///   processors:
///     - branch:
///         processors:
///           - sql_select:
///               driver: postgres
///               dsn: postgres://user:password@localhost:5432/shop?sslmode=disable
///               table: customers
///               columns: [ name, city ]
///               where: id = ?
///               args_mapping: root = [ this.customer ]
///         result_map: root.customer = this.0
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(processor = "sql_select", status = "stable", category = "Integration")]
#[spec(check = Config::check)]
pub struct Config {
    #[spec(flatten)]
    connection: ConnectionFields,
    /// The table.
    #[spec(example = "my_table")]
    table: String,
    /// The columns.
    #[spec(example = ["*"])]
    columns: Vec<String>,
    /// The condition of the rows.
    #[spec(rename = "where", optional, example = "meow = ? and woof = ?")]
    condition: Option<String>,
    /// A mapping that gives an array with one value for each placeholder of `where`.
    #[spec(optional, example = "root = [ this.cat, this.dog ]")]
    args_mapping: Option<Query>,
    /// Text before `SELECT`.
    #[spec(advanced)]
    prefix: Option<String>,
    /// Text behind the condition, such as `ORDER BY id LIMIT 10`.
    #[spec(advanced)]
    suffix: Option<String>,
    /// About the most bytes that the rows may take.
    #[spec(default = "64MiB", advanced)]
    max_result_size: ByteSize,
    #[spec(flatten)]
    pool: PoolFields,
}

impl Config {
    fn check(&mut self, node: &Node, cx: &mut ReadContext) {
        if self.columns.is_empty() {
            let span = node.field_span("columns");
            let message = "columns must name at least one column";
            cx.error(codes::INVALID_VALUE, span, message).help =
                Some("`*` stands for all of them".to_owned());
        }
    }

    fn condition(&self) -> Option<&str> {
        self.condition.as_deref().filter(|it| !it.is_empty())
    }

    fn sql(&self) -> String {
        let mut select = format!("SELECT {} FROM {}", self.columns.join(", "), self.table);
        if let Some(condition) = self.condition() {
            select.push_str(" WHERE ");
            select.push_str(condition);
        }
        let sql = enclosed(self.prefix.as_deref(), select, self.suffix.as_deref());
        match self.connection.driver {
            Driver::Postgres => numbered(&sql),
            _ => sql,
        }
    }
}

/// A statement with the placeholders of PostgreSQL.
fn numbered(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 8);
    let mut rest = sql;
    let mut places = 0;
    while let Some((before, after)) = rest.split_once('?') {
        out.push_str(before);
        rest = match after.strip_prefix('?') {
            Some(after) => {
                out.push('?');
                after
            }
            None => {
                out.push_str(&Driver::Postgres.place(places));
                places += 1;
                after
            }
        };
    }
    out + rest
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        let database = self.connection.database(&self.pool, cx)?;
        // Without a condition there is nothing that the arguments could belong to.
        let condition = self.condition();
        Ok(BuiltProcessor::Async(Arc::new(SqlSelect {
            database: Callee::new(database, cx.identity()),
            what: format!("select from `{}`", self.table),
            sql: self.sql().into(),
            args_mapping: condition.and(self.args_mapping.clone()),
            max: usize::try_from(self.max_result_size.0).unwrap_or(usize::MAX),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct SqlSelect {
    database: Callee,
    what: String,
    sql: Arc<str>,
    args_mapping: Option<Query>,
    max: usize,
}

impl SqlSelect {
    fn statement(&self, batch: &MessageBatch, index: usize) -> Result<Statement, Error> {
        let mapping = self.args_mapping.as_ref();
        let arguments = mapping.map(|mapping| rows::arguments(mapping, batch, index));
        Ok(Statement {
            sql: Arc::clone(&self.sql),
            arguments: Some(arguments.transpose()?.unwrap_or_default()),
        })
    }
}

#[async_trait]
impl AsyncProcessor for SqlSelect {
    async fn process(&self, mut batch: MessageBatch) -> Batches {
        let statements = (0..batch.len()).map(|index| self.statement(&batch, index));
        let statements = statements.collect();
        let calls = self
            .database
            .query(&self.what, statements, self.max, &mut batch);
        calls.await;
        smallvec::smallvec![batch]
    }

    async fn close(&self) {
        self.database.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_numbered_for_postgres_and_a_doubled_one_is_a_question_mark() {
        assert_eq!(
            numbered("SELECT a FROM t WHERE a = ? AND b ?? 'x' OR c = ?"),
            "SELECT a FROM t WHERE a = $1 AND b ? 'x' OR c = $2"
        );
    }
}
