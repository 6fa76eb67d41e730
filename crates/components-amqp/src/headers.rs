//! Message headers: a table of the protocol as metadata, and metadata as such a table.

use jiff::tz::TimeZone;
use lapin::types::{AMQPValue, ByteArray, DecimalValue, FieldTable, ShortString};
use millrace_message::{Metadata, Text, Value};

/// How deep tables may lie in each other before the rest is left out.
const DEPTH_MAX: usize = 32;

/// Adds the entries of a table to the metadata, as text: `-` in names becomes `_`, a nested table
/// or list gives one entry for each of its values, with the name of the parent in front.
/// Empty values give none.
pub fn to_metadata(table: &FieldTable, metadata: &mut Metadata) {
    for (name, value) in table {
        add(name.as_str(), value, 0, metadata);
    }
}

fn add(name: &str, value: &AMQPValue, depth: usize, metadata: &mut Metadata) {
    let name = name.replace('-', "_");
    let text = match value {
        AMQPValue::FieldTable(table) if depth < DEPTH_MAX => {
            for (key, value) in table {
                add(&format!("{name}_{key}"), value, depth + 1, metadata);
            }
            return;
        }
        AMQPValue::FieldArray(items) if depth < DEPTH_MAX => {
            for (index, value) in items.as_slice().iter().enumerate() {
                add(&format!("{name}_{index}"), value, depth + 1, metadata);
            }
            return;
        }
        AMQPValue::LongString(bytes) => return set_bytes(&name, bytes.as_bytes(), metadata),
        AMQPValue::ByteArray(bytes) => return set_bytes(&name, bytes.as_slice(), metadata),
        scalar => scalar_text(scalar),
    };
    set(&name, text, metadata);
}

/// Sets an entry, unless the text is empty.
pub fn set(name: &str, text: String, metadata: &mut Metadata) {
    if !text.is_empty() {
        metadata.set(name, text);
    }
}

fn set_bytes(name: &str, bytes: &[u8], metadata: &mut Metadata) {
    match std::str::from_utf8(bytes) {
        Ok("") => {}
        Ok(text) => metadata.set(name, Text::from(text)),
        Err(_) => metadata.set(name, Value::from(bytes.to_vec())),
    }
}

fn scalar_text(value: &AMQPValue) -> String {
    match value {
        AMQPValue::Boolean(it) => it.to_string(),
        AMQPValue::ShortShortInt(it) => it.to_string(),
        AMQPValue::ShortShortUInt(it) => it.to_string(),
        AMQPValue::ShortInt(it) => it.to_string(),
        AMQPValue::ShortUInt(it) => it.to_string(),
        AMQPValue::LongInt(it) => it.to_string(),
        AMQPValue::LongUInt(it) => it.to_string(),
        AMQPValue::LongLongInt(it) => it.to_string(),
        AMQPValue::Float(it) => it.to_string(),
        AMQPValue::Double(it) => it.to_string(),
        AMQPValue::DecimalValue(it) => decimal(*it),
        AMQPValue::ShortString(it) => it.to_string(),
        AMQPValue::Timestamp(seconds) => timestamp(*seconds),
        _ => String::new(),
    }
}

fn decimal(decimal: DecimalValue) -> String {
    let scale = usize::from(decimal.scale);
    let digits = format!("{:0>width$}", decimal.value, width = scale + 1);
    match digits.split_at(digits.len() - scale) {
        (whole, "") => whole.to_owned(),
        (whole, fraction) => format!("{whole}.{fraction}"),
    }
}

fn timestamp(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok();
    let time = time.and_then(|it| jiff::Timestamp::from_second(it).ok());
    time.map_or_else(String::new, |it| it.to_string())
}

/// Why metadata cannot travel as a header.
#[derive(Debug, PartialEq, Eq)]
pub struct NameTooLong;

/// Adds an entry of the metadata to the headers of a message; `_` in its name becomes `-`.
///
/// # Errors
/// The name is longer than 255 bytes.
pub fn insert(name: &str, value: &Value, table: &mut FieldTable) -> Result<(), NameTooLong> {
    let name = ShortString::try_new(name.replace('_', "-")).map_err(|_| NameTooLong)?;
    table.insert(name, from_value(value, 0)?);
    Ok(())
}

fn from_value(value: &Value, depth: usize) -> Result<AMQPValue, NameTooLong> {
    Ok(match value {
        Value::Null => AMQPValue::Void,
        Value::Bool(it) => AMQPValue::Boolean(*it),
        Value::I64(it) => AMQPValue::LongLongInt(*it),
        Value::U64(it) => i64::try_from(*it)
            .map_or_else(|_| AMQPValue::Double(*it as f64), AMQPValue::LongLongInt),
        Value::F64(it) => AMQPValue::Double(*it),
        Value::Number(it) => match (it.as_i64(), it.as_f64()) {
            (Some(integer), _) => AMQPValue::LongLongInt(integer),
            (None, Some(float)) => AMQPValue::Double(float),
            (None, None) => AMQPValue::LongString(it.as_str().into()),
        },
        Value::String(text) => AMQPValue::LongString(text.as_str().into()),
        Value::Bytes(bytes) => AMQPValue::ByteArray(ByteArray::from(&bytes[..])),
        Value::Timestamp(time) => match u64::try_from(time.timestamp().as_second()) {
            Ok(seconds) => AMQPValue::Timestamp(seconds),
            // The protocol has no time before 1970.
            Err(_) => AMQPValue::LongString(
                time.with_time_zone(TimeZone::UTC)
                    .timestamp()
                    .to_string()
                    .into(),
            ),
        },
        container if depth >= DEPTH_MAX => {
            AMQPValue::LongString(container.to_json().to_vec().into())
        }
        Value::Array(items) => {
            let items = items.iter().map(|it| from_value(&it, depth + 1));
            AMQPValue::FieldArray(items.collect::<Result<Vec<_>, _>>()?.into())
        }
        Value::Object(object) => {
            let mut table = FieldTable::default();
            for (name, value) in object.entries() {
                let name = ShortString::try_new(name.as_str()).map_err(|_| NameTooLong)?;
                table.insert(name, from_value(&value, depth + 1)?);
            }
            AMQPValue::FieldTable(table)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(entries: Vec<(&str, AMQPValue)>) -> FieldTable {
        let mut table = FieldTable::default();
        for (name, value) in entries {
            table.insert(name.into(), value);
        }
        table
    }

    fn text_of(metadata: &Metadata, name: &str) -> Option<String> {
        metadata
            .get(name)
            .map(|it| it.to_text().as_str().to_owned())
    }

    #[test]
    fn nested_headers_carry_the_names_of_their_parents() {
        let inner = table(vec![("a-b", true.into())]);
        let list = vec![AMQPValue::LongInt(7), AMQPValue::Void];
        let headers = table(vec![
            ("x-death", AMQPValue::FieldTable(inner)),
            ("list", AMQPValue::FieldArray(list.into())),
            ("empty", AMQPValue::LongString("".into())),
        ]);
        let mut metadata = Metadata::default();
        to_metadata(&headers, &mut metadata);
        assert_eq!(text_of(&metadata, "x_death_a_b").as_deref(), Some("true"));
        assert_eq!(text_of(&metadata, "list_0").as_deref(), Some("7"));
        assert_eq!(metadata.len(), 2);
    }

    #[test]
    fn scalars_become_text_as_go_writes_them() {
        for (value, expected) in [
            (AMQPValue::Double(1e21), "1000000000000000000000"),
            (AMQPValue::Double(0.5), "0.5"),
            (
                AMQPValue::DecimalValue(DecimalValue { scale: 2, value: 5 }),
                "0.05",
            ),
            (
                AMQPValue::DecimalValue(DecimalValue { scale: 0, value: 5 }),
                "5",
            ),
            (AMQPValue::Timestamp(0), "1970-01-01T00:00:00Z"),
            (AMQPValue::Timestamp(u64::MAX), ""),
        ] {
            assert_eq!(scalar_text(&value), expected);
        }
    }

    #[test]
    fn a_table_without_end_is_cut_off() {
        let mut headers = table(vec![("k", true.into())]);
        for _ in 0..2 * DEPTH_MAX {
            headers = table(vec![("k", AMQPValue::FieldTable(headers))]);
        }
        let mut metadata = Metadata::default();
        to_metadata(&headers, &mut metadata);
        assert!(metadata.is_empty());
    }

    #[test]
    fn metadata_keeps_its_types_as_headers() {
        let value = Value::parse_json(r#"{"n":3,"f":0.5,"l":["x",null]}"#.into()).unwrap();
        let mut headers = FieldTable::default();
        insert("a_key", &value, &mut headers).unwrap();
        let Some(AMQPValue::FieldTable(object)) = headers.inner().get("a-key") else {
            panic!("no table: {headers:?}");
        };
        assert_eq!(object.inner().get("n"), Some(&AMQPValue::LongLongInt(3)));
        assert_eq!(object.inner().get("f"), Some(&AMQPValue::Double(0.5)));
        let list = vec![AMQPValue::LongString("x".into()), AMQPValue::Void];
        assert_eq!(
            object.inner().get("l"),
            Some(&AMQPValue::FieldArray(list.into()))
        );
    }

    #[test]
    fn a_name_over_255_bytes_is_refused() {
        let mut headers = FieldTable::default();
        let name = "x".repeat(256);
        assert_eq!(insert(&name, &Value::Null, &mut headers), Err(NameTooLong));
    }
}
