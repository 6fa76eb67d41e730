use super::*;

fn json(text: &str) -> Value {
    Value::parse_json(Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

#[test]
fn a_value_takes_24_bytes() {
    assert_eq!(size_of::<Value>(), 24);
    assert_eq!(size_of::<Option<Value>>(), 24);
}
