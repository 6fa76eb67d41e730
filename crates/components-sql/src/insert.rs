//! A row for each message: what the output and the processor `sql_insert` share.

use std::sync::Arc;

use millrace_component::Query;
use millrace_message::{Error, MessageBatch};
use millrace_spec::{Node, ReadContext, Spec, codes};

use crate::database::Statement;
use crate::fields::Driver;
use crate::rows;

/// What is inserted where.
#[derive(Clone, Debug, Spec)]
#[spec(check = InsertFields::check)]
pub struct InsertFields {
    /// The table.
    #[spec(example = "my_table")]
    pub table: String,
    /// The columns, in the order of the values.
    #[spec(example = ["id", "name"])]
    pub columns: Vec<String>,
    /// A mapping that gives an array with one value for each column.
    #[spec(example = "root = [ this.id, this.name ]")]
    pub args_mapping: Query,
    /// Text before `INSERT`, such as a `WITH` clause.
    #[spec(advanced)]
    pub prefix: Option<String>,
    /// Text after the values, such as `ON CONFLICT (name) DO NOTHING`.
    #[spec(advanced)]
    pub suffix: Option<String>,
}

impl InsertFields {
    fn check(&mut self, node: &Node, cx: &mut ReadContext) {
        if self.columns.is_empty() {
            let span = node.field_span("columns");
            cx.error(
                codes::INVALID_VALUE,
                span,
                "columns must name at least one column",
            );
        }
    }

    /// The statement for a driver.
    pub fn insert(&self, driver: Driver) -> Insert {
        let places: Vec<_> = (0..self.columns.len()).map(|it| driver.place(it)).collect();
        let insert = format!(
            "INSERT INTO {} ({}) VALUES ({})",
            self.table,
            self.columns.join(","),
            places.join(",")
        );
        Insert {
            what: format!("insert into `{}`", self.table),
            sql: enclosed(self.prefix.as_deref(), insert, self.suffix.as_deref()).into(),
            columns: self.columns.len(),
            args_mapping: self.args_mapping.clone(),
        }
    }
}

/// A statement with what a user puts before and behind it.
pub fn enclosed(prefix: Option<&str>, statement: String, suffix: Option<&str>) -> String {
    let parts = [prefix, Some(&*statement), suffix];
    let parts = parts.into_iter().flatten().filter(|it| !it.is_empty());
    parts.collect::<Vec<_>>().join(" ")
}

/// A statement that inserts a row.
pub struct Insert {
    /// What is done, for errors.
    pub what: String,
    sql: Arc<str>,
    columns: usize,
    args_mapping: Query,
}

impl Insert {
    /// The statements for a batch; a message for which there is none has an error.
    pub fn statements(&self, batch: &MessageBatch) -> Vec<Result<Statement, Error>> {
        let statement = |index| self.statement(batch, index);
        (0..batch.len()).map(statement).collect()
    }

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
