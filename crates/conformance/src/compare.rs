//! Values beside the JSON of a row.

use millrace_message::Value;
use serde_json::Value as Json;

/// A value of a row as one of ours.
///
/// # Panics
/// Never: what a row holds is JSON.
pub fn ours(value: &Json) -> Value {
    Value::parse_json(value.to_string().into()).expect("serde_json writes JSON")
}

/// One of our values as the rows write it: bytes stand as text.
pub fn theirs(value: &Value) -> Json {
    match value {
        Value::Bytes(_) => Json::String(value.to_text().to_string()),
        Value::Array(array) => array.iter().map(|element| theirs(&element)).collect(),
        Value::Object(object) => object
            .entries()
            .map(|(key, value)| (key.to_string(), theirs(&value)))
            .collect(),
        scalar => serde_json::from_slice(&scalar.to_json()).unwrap_or_default(),
    }
}

/// Whether two texts are the same JSON.
pub fn same_json_text(expected: &str, actual: &str) -> bool {
    match (serde_json::from_str(expected), serde_json::from_str(actual)) {
        (Ok(expected), Ok(actual)) => same(&expected, &actual, 0.0),
        _ => false,
    }
}

/// Whether two values are the same: `1` is `1.0`, and fractions may be off by `tolerance`.
pub fn same(expected: &Json, actual: &Json, tolerance: f64) -> bool {
    match (expected, actual) {
        (Json::Number(a), Json::Number(b)) => {
            let is_close = a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| {
                // Beyond 2^53 neighbours have the same float.
                (a == b && a.abs() < 9e15) || (tolerance > 0.0 && (a - b).abs() <= tolerance)
            });
            is_close || a == b || is_same_float(a, b)
        }
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b, tolerance))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| same(a, b, tolerance)))
        }
        _ => expected == actual,
    }
}

/// Whether one of two numbers is a float, and they are equal as floats.
fn is_same_float(a: &serde_json::Number, b: &serde_json::Number) -> bool {
    (a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_compared_by_value() {
        assert!(same(
            &json!({"a": [1, 2.5]}),
            &json!({"a": [1.0, 2.5]}),
            0.0
        ));
        assert!(!same(&json!(1), &json!(1.1), 0.0));
        assert!(same(&json!(1), &json!(1.1), 0.2));
        assert!(!same(
            &json!(9007199254740993_u64),
            &json!(9007199254740992_u64),
            0.0
        ));
        assert!(same(&json!(1e20), &json!(1e20), 0.0));
        assert!(!same(&json!({"a": 1}), &json!({"a": 1, "b": 2}), 0.0));
        assert!(!same(&json!("1"), &json!(1), 0.0));
    }

    #[test]
    fn bytes_stand_as_text() {
        let bytes = Value::Bytes(std::sync::Arc::new(b"abc".to_vec().into()));
        assert_eq!(theirs(&bytes), json!("abc"));
        assert_eq!(
            theirs(&ours(&json!({"a": [1, null, "x"]}))),
            json!({"a": [1, null, "x"]})
        );
    }
}
