//! A value of a column, from the binary form in which PostgreSQL sends it.
//!
//! What Go's driver makes of it: numbers, booleans and points in time are such, everything else is
//! the text that PostgreSQL writes for it.

use std::error::Error;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use millrace_message::Value;
use tokio_postgres::types::{FromSql, Kind, Type};

use crate::result::text_or_bytes;

mod numeric;

/// The value of a column.
pub struct Column(pub Value);

type Failed = Box<dyn Error + Sync + Send>;

impl<'a> FromSql<'a> for Column {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Failed> {
        value(ty, raw).map(Self)
    }

    fn from_sql_null(_: &Type) -> Result<Self, Failed> {
        Ok(Self(Value::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn value(ty: &Type, raw: &[u8]) -> Result<Value, Failed> {
    Ok(match *ty {
        Type::BOOL => Value::Bool(bool::from_sql(ty, raw)?),
        Type::INT2 => Value::I64(i16::from_sql(ty, raw)?.into()),
        Type::INT4 => Value::I64(i32::from_sql(ty, raw)?.into()),
        Type::INT8 => Value::I64(i64::from_sql(ty, raw)?),
        Type::FLOAT4 => Value::F64(text(ty, raw)?.parse()?),
        Type::FLOAT8 => Value::F64(f64::from_sql(ty, raw)?),
        Type::BYTEA => text_or_bytes(raw.to_vec()),
        Type::DATE | Type::TIMESTAMP | Type::TIMESTAMPTZ | Type::TIME => match point(ty, raw)? {
            Some(at) => Value::from(at.to_zoned(TimeZone::UTC)?),
            None => Value::from(text(ty, raw)?),
        },
        _ => Value::from(text(ty, raw)?),
    })
}

/// What PostgreSQL counts days and microseconds from.
const EPOCH: Date = jiff::civil::date(2000, 1, 1);

/// A date or time; `None` for the infinite ones.
fn point(ty: &Type, raw: &[u8]) -> Result<Option<DateTime>, Failed> {
    let begin = EPOCH.to_datetime(Time::midnight());
    Ok(match *ty {
        Type::DATE => match i32::from_be_bytes(raw.try_into()?) {
            i32::MIN | i32::MAX => None,
            days => Some(begin.checked_add(SignedDuration::from_hours(24 * i64::from(days)))?),
        },
        Type::TIME => {
            let year_zero = jiff::civil::date(0, 1, 1).to_datetime(Time::midnight());
            let micros = i64::from_be_bytes(raw.try_into()?);
            Some(year_zero.checked_add(SignedDuration::from_micros(micros))?)
        }
        _ => match i64::from_be_bytes(raw.try_into()?) {
            i64::MIN | i64::MAX => None,
            micros => Some(begin.checked_add(SignedDuration::from_micros(micros))?),
        },
    })
}

/// The text that PostgreSQL writes for a value.
fn text(ty: &Type, raw: &[u8]) -> Result<String, Failed> {
    match ty.kind() {
        Kind::Array(member) => return array(member, raw),
        Kind::Domain(base) => return text(base, raw),
        Kind::Enum(_) => return utf8(raw),
        _ => {}
    }
    Ok(match *ty {
        Type::BOOL => match bool::from_sql(ty, raw)? {
            true => "t".to_owned(),
            false => "f".to_owned(),
        },
        Type::INT2 => i16::from_sql(ty, raw)?.to_string(),
        Type::INT4 => i32::from_sql(ty, raw)?.to_string(),
        Type::INT8 => i64::from_sql(ty, raw)?.to_string(),
        Type::OID => u32::from_sql(ty, raw)?.to_string(),
        Type::FLOAT4 => f32::from_sql(ty, raw)?.to_string(),
        Type::FLOAT8 => f64::from_sql(ty, raw)?.to_string(),
        Type::NUMERIC => numeric::text(raw)?,
        Type::BYTEA => {
            let digits = raw.iter().map(|byte| format!("{byte:02x}"));
            format!("\\x{}", digits.collect::<String>())
        }
        Type::UUID => uuid(raw)?,
        Type::JSONB => match raw.split_first() {
            Some((1, text)) => utf8(text)?,
            _ => return Err("its form is not known".into()),
        },
        Type::DATE | Type::TIMESTAMP | Type::TIMESTAMPTZ | Type::TIME => time_text(ty, raw)?,
        _ if is_text(ty) => utf8(raw)?,
        _ => {
            return Err(format!(
                "values of the type `{ty}` cannot be read: let the query make a text of them, as \
                 by `::text`"
            )
            .into());
        }
    })
}

/// Whether the binary form is the text.
fn is_text(ty: &Type) -> bool {
    let known = matches!(
        *ty,
        Type::TEXT
            | Type::VARCHAR
            | Type::BPCHAR
            | Type::NAME
            | Type::CHAR
            | Type::UNKNOWN
            | Type::JSON
            | Type::XML
            | Type::VOID
            | Type::REFCURSOR
    );
    known || matches!(ty.name(), "citext")
}

fn utf8(raw: &[u8]) -> Result<String, Failed> {
    Ok(std::str::from_utf8(raw)?.to_owned())
}

fn uuid(raw: &[u8]) -> Result<String, Failed> {
    let raw: [u8; 16] = raw.try_into()?;
    let mut text = String::with_capacity(36);
    for (index, byte) in raw.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    Ok(text)
}

fn time_text(ty: &Type, raw: &[u8]) -> Result<String, Failed> {
    let Some(at) = point(ty, raw)? else {
        return Ok(match raw.first() {
            Some(0x7f) => "infinity".to_owned(),
            _ => "-infinity".to_owned(),
        });
    };
    Ok(match *ty {
        Type::DATE => at.strftime("%Y-%m-%d").to_string(),
        Type::TIME => at.strftime("%H:%M:%S%.f").to_string(),
        Type::TIMESTAMP => at.strftime("%Y-%m-%d %H:%M:%S%.f").to_string(),
        _ => {
            let at: Timestamp = at.to_zoned(TimeZone::UTC)?.timestamp();
            at.strftime("%Y-%m-%d %H:%M:%S%.f+00").to_string()
        }
    })
}

/// No array of PostgreSQL has more.
const DIMENSIONS_MAX: usize = 6;

/// An array in braces.
fn array(member: &Type, raw: &[u8]) -> Result<String, Failed> {
    let mut reader = Reader(raw);
    let dimensions = usize::try_from(reader.number()?)?;
    if dimensions > DIMENSIONS_MAX {
        return Err("it has more dimensions than there are".into());
    }
    let (_has_null, _member) = (reader.number()?, reader.number()?);
    let mut lengths = Vec::new();
    let mut bounds = String::new();
    let mut has_bounds = false;
    for _ in 0..dimensions {
        let (length, first) = (usize::try_from(reader.number()?)?, reader.number()?);
        let last = i64::from(first) + i64::try_from(length)? - 1;
        bounds.push_str(&format!("[{first}:{last}]"));
        has_bounds |= first != 1;
        lengths.push(length);
    }
    if lengths.is_empty() || lengths.contains(&0) {
        return Ok("{}".to_owned());
    }
    // Each element takes at least its length.
    let count = lengths
        .iter()
        .try_fold(1_usize, |all, it| all.checked_mul(*it));
    if count.is_none_or(|count| count > reader.0.len() / 4) {
        return Err("it is cut".into());
    }
    let mut text = if has_bounds {
        bounds + "="
    } else {
        String::new()
    };
    elements(member, &lengths, &mut reader, &mut text)?;
    Ok(text)
}

fn elements(
    member: &Type,
    lengths: &[usize],
    reader: &mut Reader<'_>,
    out: &mut String,
) -> Result<(), Failed> {
    let Some((length, inner)) = lengths.split_first() else {
        return element(member, reader, out);
    };
    out.push('{');
    for index in 0..*length {
        if index > 0 {
            out.push(',');
        }
        elements(member, inner, reader, out)?;
    }
    out.push('}');
    Ok(())
}

fn element(member: &Type, reader: &mut Reader<'_>, out: &mut String) -> Result<(), Failed> {
    let length = reader.number()?;
    if length < 0 {
        out.push_str("NULL");
        return Ok(());
    }
    let text = text(member, reader.take(usize::try_from(length)?)?)?;
    let is_plain = |it: char| !it.is_ascii_whitespace() && !"{},\"\\".contains(it);
    if !text.is_empty() && !text.eq_ignore_ascii_case("null") && text.chars().all(is_plain) {
        out.push_str(&text);
        return Ok(());
    }
    out.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out.push('"');
    Ok(())
}

/// What is left of a value.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Failed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or("it is cut")?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<i32, Failed> {
        Ok(i32::from_be_bytes(self.take(4)?.try_into()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_cut_or_of_another_kind_are_errors() {
        for ty in [
            Type::BOOL,
            Type::INT8,
            Type::NUMERIC,
            Type::UUID,
            Type::JSONB,
            Type::TIMESTAMPTZ,
            Type::TEXT_ARRAY,
            Type::INTERVAL,
        ] {
            assert!(value(&ty, b"\xff\xff\xff").is_err(), "{ty}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60)) {
            for ty in [Type::NUMERIC, Type::TEXT_ARRAY, Type::INT4_ARRAY, Type::DATE, Type::TIME, Type::TIMESTAMP] {
                let _value = value(&ty, &bytes);
            }
        }
    }
}
