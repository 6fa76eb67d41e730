//! Rows of MySQL and MariaDB.

use jiff::civil;
use jiff::tz::TimeZone;
use millrace_message::{Error, Text, Value};
use mysql_async::consts::ColumnType;
use mysql_async::prelude::Queryable;
use mysql_async::{Column, Conn, Params, Value as Sql};

use crate::result::{Rows, text_or_bytes};

/// Runs a statement and adds its rows; the inner error is that there are too many.
pub(super) async fn run(
    connection: &mut Conn,
    sql: &str,
    params: Params,
    rows: &mut Rows,
    parse_time: bool,
) -> mysql_async::Result<Result<(), Error>> {
    let mut found = connection.exec_iter(sql, params).await?;
    while let Some(row) = found.next().await? {
        let columns = row.columns();
        let values = row.unwrap().into_iter().zip(&*columns);
        let values = values.map(|(found, column)| {
            let name = Text::from(&*column.name_str());
            (name, value(found, column, parse_time))
        });
        if let Err(too_many) = rows.push(values) {
            return Ok(Err(too_many));
        }
    }
    Ok(Ok(()))
}

fn value(found: Sql, column: &Column, parse_time: bool) -> Value {
    match found {
        Sql::NULL => Value::Null,
        Sql::Int(it) => Value::I64(it),
        Sql::UInt(it) => Value::U64(it),
        Sql::Float(it) => Value::F64(shortest(it)),
        Sql::Double(it) => Value::F64(it),
        Sql::Bytes(bytes) => text_or_bytes(bytes),
        Sql::Date(year, month, day, hour, minute, second, micros) => {
            let time = [hour, minute, second];
            let is_date = column.column_type() == ColumnType::MYSQL_TYPE_DATE;
            let point = parse_time
                .then(|| point(year, [month, day], time, micros))
                .flatten();
            point.unwrap_or_else(|| {
                let mut text = format!("{year:04}-{month:02}-{day:02}");
                if !is_date {
                    text.push_str(&format!(" {hour:02}:{minute:02}:{second:02}"));
                    push_fraction(&mut text, micros, column.decimals());
                }
                Value::from(text)
            })
        }
        Sql::Time(is_negative, days, hours, minutes, seconds, micros) => {
            let sign = if is_negative { "-" } else { "" };
            let hours = u32::from(hours) + 24 * days;
            let mut text = format!("{sign}{hours:02}:{minutes:02}:{seconds:02}");
            push_fraction(&mut text, micros, column.decimals());
            Value::from(text)
        }
    }
}

/// The number with the fewest digits that stands for a float of half the size.
fn shortest(float: f32) -> f64 {
    float
        .to_string()
        .parse()
        .unwrap_or_else(|_| f64::from(float))
}

/// A point in time in UTC; the zero date is none.
fn point(year: u16, date: [u8; 2], time: [u8; 3], micros: u32) -> Option<Value> {
    let [month, day] = date.map(|it| i8::try_from(it).ok());
    let [hour, minute, second] = time.map(|it| i8::try_from(it).ok());
    let nanos = i32::try_from(micros).ok()?.checked_mul(1000)?;
    let year = i16::try_from(year).ok()?;
    let at = civil::DateTime::new(year, month?, day?, hour?, minute?, second?, nanos).ok()?;
    Some(Value::from(at.to_zoned(TimeZone::UTC).ok()?))
}

/// As many digits as the column has.
fn push_fraction(text: &mut String, micros: u32, decimals: u8) {
    let digits = usize::from(decimals).min(6);
    if digits > 0 {
        let all = format!("{micros:06}");
        text.push('.');
        text.push_str(&all[..digits]);
    }
}
