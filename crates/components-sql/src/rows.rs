//! From messages to statements, and from failed statements to failed messages.

use millrace_component::{Query, WriteError};
use millrace_message::{Error, ErrorClass, Message, Value};

use crate::database::{Database, Statement};

/// What `args_mapping` gives for a message.
///
/// # Errors
/// `Rejected`: the mapping fails or gives something other than an array.
pub fn arguments(mapping: &Query, batch: &[Message], index: usize) -> Result<Vec<Value>, Error> {
    let value = mapping
        .value(batch, index)
        .map_err(|error| error.context("args_mapping"))?;
    let found = match &value {
        Some(Value::Array(array)) => {
            return Ok(array.iter().map(std::borrow::Cow::into_owned).collect());
        }
        Some(other) => other.kind().as_str(),
        None => "nothing",
    };
    Err(Error::rejected(format!(
        "args_mapping: it gives {found} instead of an array"
    )))
}

/// Executes one statement for each message; a message whose statement could not be made fails
/// alone.
///
/// # Errors
/// Which messages failed. `NotConnected` only when no message had an effect, because the engine
/// then writes all of them again.
pub async fn write(
    database: &Database,
    what: &str,
    statements: Vec<Result<Statement, Error>>,
) -> Result<(), WriteError> {
    let count = statements.len();
    let mut failed = Vec::new();
    let mut ready = Vec::with_capacity(count);
    let mut indices = Vec::with_capacity(count);
    for (index, statement) in statements.into_iter().enumerate() {
        match statement {
            Ok(statement) => {
                ready.push(statement);
                indices.push(index);
            }
            Err(error) => failed.push((index, error)),
        }
    }
    if !ready.is_empty()
        && let Err(errors) = database.execute(&ready).await
    {
        failed.extend(
            errors
                .into_iter()
                .map(|(at, error)| (indices[at], error.context(what))),
        );
    }
    report(failed, count)
}

fn report(mut failed: Vec<(usize, Error)>, count: usize) -> Result<(), WriteError> {
    if failed.is_empty() {
        return Ok(());
    }
    let is_lost = |error: &Error| error.class() == ErrorClass::NotConnected;
    if failed.len() == count && failed.iter().all(|(_, error)| is_lost(error)) {
        return Err(WriteError::all(failed.swap_remove(0).1));
    }
    failed.sort_by_key(|(index, _)| *index);
    for (_, error) in &mut failed {
        if is_lost(error) {
            *error = Error::retry(error.text());
        }
    }
    Err(WriteError::some(failed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_connection_is_reported_as_such_only_when_nothing_had_an_effect() {
        let lost = || Error::not_connected("gone");
        let all = report(vec![(0, lost()), (1, lost())], 2).unwrap_err();
        assert_eq!(all.error().class(), ErrorClass::NotConnected);
        let some = report(vec![(1, lost())], 2).unwrap_err();
        assert_eq!(some.error().class(), ErrorClass::Retry);
        let mixed = report(vec![(1, lost()), (0, Error::rejected("bad"))], 2).unwrap_err();
        assert_eq!(mixed.error().class(), ErrorClass::Rejected);
    }
}
