//! How a value becomes the text of a PostgreSQL parameter of a given type.

use std::error::Error;

use bytes::BytesMut;
use millrace_message::Value;
use tokio_postgres::types::{Format, IsNull, Kind, ToSql, Type};

/// A value bound as an argument.
#[derive(Clone, Copy, Debug)]
pub struct Argument<'a>(pub &'a Value);

impl ToSql for Argument<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        if self.0.is_null() {
            return Ok(IsNull::Yes);
        }
        let mut text = Vec::new();
        write_text(self.0, ty, &mut text);
        out.extend_from_slice(&text);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.to_sql(ty, out)
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }
}

/// Appends the text form of a value that is not null.
fn write_text(value: &Value, ty: &Type, out: &mut Vec<u8>) {
    match (ty.kind(), value) {
        (Kind::Array(member), Value::Array(array)) => {
            out.push(b'{');
            for (index, element) in array.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_element(&element, ty, member, out);
            }
            out.push(b'}');
        }
        (Kind::Domain(base), value) => write_text(value, base, out),
        _ => write_scalar(value, ty, out),
    }
}

/// An element of an array literal: nested arrays in braces, everything else in quotes.
fn write_element(element: &Value, array: &Type, member: &Type, out: &mut Vec<u8>) {
    match element {
        Value::Null => out.extend_from_slice(b"NULL"),
        Value::Array(_) if !is_json(member) => write_text(element, array, out),
        _ => {
            let mut text = Vec::new();
            write_text(element, member, &mut text);
            out.push(b'"');
            for byte in text {
                if matches!(byte, b'"' | b'\\') {
                    out.push(b'\\');
                }
                out.push(byte);
            }
            out.push(b'"');
        }
    }
}

fn write_scalar(value: &Value, ty: &Type, out: &mut Vec<u8>) {
    match (value, ty) {
        (Value::String(_) | Value::Bytes(_), &Type::BYTEA) => write_bytea(value, out),
        (_, ty) if is_json(ty) && value.as_bytes().is_none() => value.write_json(out),
        (Value::Bool(true), ty) if is_number(ty) => out.push(b'1'),
        (Value::Bool(false), ty) if is_number(ty) => out.push(b'0'),
        (_, ty) if is_integer(ty) => match whole(value) {
            Some(integer) => out.extend_from_slice(integer.to_string().as_bytes()),
            None => value.write_text(out),
        },
        _ => value.write_text(out),
    }
}

/// Bytes as they are. Text in PostgreSQL's hexadecimal notation (`\x6869`) means those bytes, as
/// it does with Go's driver; any other text means its own bytes.
fn write_bytea(value: &Value, out: &mut Vec<u8>) {
    let bytes = value.as_bytes().unwrap_or_default();
    let digits = bytes.strip_prefix(b"\\x").filter(|digits| {
        digits.len().is_multiple_of(2) && digits.iter().all(u8::is_ascii_hexdigit)
    });
    if digits.is_some() && value.as_str().is_some() {
        out.extend_from_slice(bytes);
        return;
    }
    out.extend_from_slice(b"\\x");
    for byte in bytes {
        out.push(char::from_digit(u32::from(byte >> 4), 16).map_or(b'0', |it| it as u8));
        out.push(char::from_digit(u32::from(byte & 15), 16).map_or(b'0', |it| it as u8));
    }
}

/// The value of a float without a fraction, which an integer column takes: JSON knows one number.
fn whole(value: &Value) -> Option<i64> {
    let float = match value {
        Value::F64(float) => *float,
        Value::Number(number) if number.as_i64().is_none() => number.as_f64()?,
        _ => return None,
    };
    let exact = float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0;
    exact.then_some(float as i64)
}

fn is_json(ty: &Type) -> bool {
    matches!(*ty, Type::JSON | Type::JSONB)
}

fn is_integer(ty: &Type) -> bool {
    matches!(*ty, Type::INT2 | Type::INT4 | Type::INT8 | Type::OID)
}

fn is_number(ty: &Type) -> bool {
    is_integer(ty) || matches!(*ty, Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &'static str, ty: &Type) -> String {
        let value = Value::parse_json(bytes::Bytes::from_static(json.as_bytes())).unwrap();
        let mut out = Vec::new();
        write_text(&value, ty, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_value_is_written_by_the_type_of_its_parameter() {
        for (json, ty, expected) in [
            ("1.0", &Type::INT4, "1"),
            ("1e3", &Type::INT8, "1000"),
            ("1.5", &Type::INT4, "1.5"),
            ("9007199254740993", &Type::INT8, "9007199254740993"),
            ("true", &Type::BOOL, "true"),
            ("true", &Type::INT4, "1"),
            ("1", &Type::BOOL, "1"),
            (
                "12345678901234567890.5",
                &Type::NUMERIC,
                "12345678901234567890.5",
            ),
            ("7", &Type::TEXT, "7"),
            ("false", &Type::TEXT, "false"),
            (r#"{"b":1,"a":[2]}"#, &Type::TEXT, r#"{"a":[2],"b":1}"#),
            (r#"{"a":1}"#, &Type::JSONB, r#"{"a":1}"#),
            (r#""{\"a\":1}""#, &Type::JSONB, r#"{"a":1}"#),
            ("[1,2]", &Type::JSONB, "[1,2]"),
            (r#""hi""#, &Type::BYTEA, r"\x6869"),
            (r#""\\x6869""#, &Type::BYTEA, r"\x6869"),
            (r#""\\xyz""#, &Type::BYTEA, r"\x5c78797a"),
            (
                r#"["a","b\"c",null,"NULL"]"#,
                &Type::TEXT_ARRAY,
                r#"{"a","b\"c",NULL,"NULL"}"#,
            ),
            (
                "[[1,2],[3,4]]",
                &Type::INT4_ARRAY,
                r#"{{"1","2"},{"3","4"}}"#,
            ),
            (r#"[{"a":[1]}]"#, &Type::JSONB_ARRAY, r#"{"{\"a\":[1]}"}"#),
            (
                r#""2024-02-03T04:05:06Z""#,
                &Type::TIMESTAMPTZ,
                "2024-02-03T04:05:06Z",
            ),
        ] {
            assert_eq!(text(json, ty), expected, "{json} as {ty}");
        }
    }
}
