//! Rows of PostgreSQL.

use std::pin::pin;

use futures::TryStreamExt;
use millrace_message::{Error, Text, Value};
use tokio_postgres::{Client, Statement as Prepared};

use super::argument::Argument;
use super::column::Column;
use super::{classify, matched};
use crate::result::Rows;

/// Runs a statement and returns its rows.
pub(super) async fn run(
    client: &Client,
    prepared: &Prepared,
    arguments: &[Argument<'_>],
    max: usize,
) -> Result<Value, Error> {
    let columns = prepared.columns();
    let names: Vec<_> = columns.iter().map(|it| Text::from(it.name())).collect();
    let found = client
        .query_raw(prepared, matched(prepared, arguments)?)
        .await
        .map_err(|error| classify(&error))?;
    let mut found = pin!(found);
    let mut rows = Rows::new(max);
    while let Some(row) = found.try_next().await.map_err(|error| classify(&error))? {
        let mut values = Vec::with_capacity(names.len());
        for (index, name) in names.iter().enumerate() {
            let Column(value) = row.try_get(index).map_err(|error| {
                let reason = std::error::Error::source(&error).map(ToString::to_string);
                let reason = reason.unwrap_or_else(|| error.to_string());
                Error::rejected(format!("column `{}`: {reason}", name.as_str()))
            })?;
            values.push((name.clone(), value));
        }
        rows.push(values)?;
    }
    Ok(rows.into_value())
}
