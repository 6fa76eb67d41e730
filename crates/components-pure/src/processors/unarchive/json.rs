//! JSON documents one after the other.

use bytes::Bytes;
use millrace_message::{Error, Value};

use super::{Part, Parts, VALUE_COST};

/// The documents, in order; white space between them is not needed where they tell themselves
/// apart.
///
/// # Errors
/// One of them is not JSON, or there is no room for them.
pub(super) fn documents(payload: &Bytes, parts: &mut Parts) -> Result<(), Error> {
    let mut at = 0;
    loop {
        at += payload[at..]
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
        if at == payload.len() {
            return Ok(());
        }
        let end = at + document_size(&payload[at..]);
        let value = Value::parse_json(payload.slice(at..end)).map_err(|error| {
            Error::rejected(format!(
                "document {} at byte {at}: {error}",
                parts.list.len()
            ))
        })?;
        parts.push(Part::Value(value), VALUE_COST)?;
        at = end;
    }
}

/// Where the document that the text begins with ends, if it is one.
fn document_size(text: &[u8]) -> usize {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (index, byte) in text.iter().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            if in_string || depth > 0 {
                continue;
            }
            return index + 1;
        }
        match byte {
            b'"' if depth == 0 && index > 0 => return index,
            b'"' => in_string = true,
            b'{' | b'[' if depth == 0 && index > 0 => return index,
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth <= 1 => return index + 1,
            b'}' | b']' => depth -= 1,
            byte if depth == 0 && byte.is_ascii_whitespace() => return index,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let mut parts = Parts::new(usize::MAX);
        let read = documents(&Bytes::copy_from_slice(text.as_bytes()), &mut parts);
        let json = |part| match part {
            Part::Value(value) => String::from_utf8_lossy(&value.to_json()).into_owned(),
            _ => panic!("a document is a value"),
        };
        read.map_err(|error| error.to_string())?;
        Ok(parts.list.into_iter().map(json).collect())
    }

    #[test]
    fn documents_of_all_kinds_are_told_apart() {
        let text = " {\"a\":\"}\\\"{\"}{\"b\":[{}]}\n1 \"x\"\"y\"[2]true\tnull";
        let expected = [
            r#"{"a":"}\"{"}"#,
            r#"{"b":[{}]}"#,
            "1",
            r#""x""#,
            r#""y""#,
            "[2]",
            "true",
            "null",
        ];
        assert_eq!(read(text), Ok(expected.map(str::to_owned).to_vec()));
    }

    #[test]
    fn what_is_no_document_is_an_error_that_says_where() {
        let error = read("{} nope").expect_err("it is no JSON");
        assert!(error.contains("document 1 at byte 3"), "{error}");
        for text in ["{", "\"", "]", "{}}"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
