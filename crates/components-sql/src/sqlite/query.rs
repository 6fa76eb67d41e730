//! Rows of SQLite.

use jiff::civil::Time;
use jiff::fmt::temporal::Pieces;
use jiff::tz::{Offset, TimeZone};
use millrace_message::{Error, Text, Value};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::{bind, classify};
use crate::database::Statement;
use crate::result::{Rows, text_or_bytes};

/// What the declared type of a column says of its values, as Go's driver reads them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Declared {
    Boolean,
    Time,
    Other,
}

impl Declared {
    fn of(name: Option<&str>) -> Self {
        match name.map(str::to_ascii_uppercase).as_deref() {
            Some("BOOLEAN") => Self::Boolean,
            Some("DATE" | "DATETIME" | "TIMESTAMP") => Self::Time,
            _ => Self::Other,
        }
    }
}

/// Runs a statement and returns its rows.
pub(super) fn run(
    connection: &Connection,
    statement: &Statement,
    max: usize,
) -> Result<Value, Error> {
    let run = || {
        let mut prepared = connection.prepare_cached(&statement.sql)?;
        let arguments = statement.arguments.as_deref().unwrap_or_default();
        let columns: Vec<_> = prepared
            .columns()
            .map(|it| (Text::from(it.name()), Declared::of(it.decl_type())))
            .collect();
        if let Err(mismatch) = bind(&mut prepared, arguments)? {
            return Ok(Err(mismatch));
        }
        let mut rows = prepared.raw_query();
        let mut result = Rows::new(max);
        while let Some(row) = rows.next()? {
            let mut values = Vec::with_capacity(columns.len());
            for (index, (name, declared)) in columns.iter().enumerate() {
                values.push((name.clone(), value(row.get_ref(index)?, *declared)));
            }
            if let Err(too_many) = result.push(values) {
                return Ok(Err(too_many));
            }
        }
        Ok(Ok(result.into_value()))
    };
    run().unwrap_or_else(|error: rusqlite::Error| Err(classify(&error)))
}

fn value(found: ValueRef<'_>, declared: Declared) -> Value {
    match found {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(it) if declared == Declared::Boolean => Value::Bool(it != 0),
        ValueRef::Integer(it) => Value::I64(it),
        ValueRef::Real(it) => Value::F64(it),
        ValueRef::Text(bytes) => {
            let time = (declared == Declared::Time)
                .then(|| std::str::from_utf8(bytes).ok().and_then(time))
                .flatten();
            time.unwrap_or_else(|| text_or_bytes(bytes.to_vec()))
        }
        ValueRef::Blob(bytes) => text_or_bytes(bytes.to_vec()),
    }
}

/// A text as a time, in UTC unless it says otherwise.
fn time(text: &str) -> Option<Value> {
    let pieces = Pieces::parse(text).ok()?;
    let time = pieces.time().unwrap_or(Time::midnight());
    let zone = TimeZone::fixed(pieces.to_numeric_offset().unwrap_or(Offset::UTC));
    let at = pieces.date().to_datetime(time).to_zoned(zone).ok()?;
    Some(Value::from(at))
}
