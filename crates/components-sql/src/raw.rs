//! A statement of the user for each message: what the output and the processor `sql_raw` share.

use std::sync::Arc;

use millrace_component::{Interpolated, Query};
use millrace_message::{Error, MessageBatch};
use millrace_spec::{FieldKind, FieldType, Node, ReadContext, Spec, codes};

use crate::database::Statement;
use crate::rows;

/// What is executed.
#[derive(Clone, Debug, Spec)]
#[spec(check = RawFields::check)]
pub struct RawFields {
    /// The statement.
    #[spec(example = "INSERT INTO my_table (id) VALUES (1)")]
    pub query: QueryText,
    /// Whether `query` may hold interpolations. Text from messages becomes part of the statement
    /// then: see to it that nobody can inject SQL.
    #[spec(default = false, advanced)]
    pub unsafe_dynamic_query: bool,
    /// A mapping that gives an array with one value for each placeholder.
    pub args_mapping: Option<Query>,
}

/// The text of `query`, and its interpolations when they are allowed.
#[derive(Clone, Debug)]
pub struct QueryText {
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

impl RawFields {
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

    /// The statements for a batch; a message for which there is none has an error.
    pub fn statements(&self, batch: &MessageBatch) -> Vec<Result<Statement, Error>> {
        let statement = |index| self.statement(batch, index);
        (0..batch.len()).map(statement).collect()
    }

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
