//! The codec beside goavro 2.12.0, whose results are in `goavro.jsonl`, and against hostile input.

use std::sync::LazyLock;

use bytes::Bytes;
use millrace_message::{Object, Value};
use proptest::prelude::*;

use super::*;

fn json(text: &str) -> Value {
    Value::parse_json(Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

fn printed(value: &Value) -> String {
    String::from_utf8(value.to_json().to_vec()).unwrap()
}

fn schema(json: &str) -> Schema {
    Schema::parse(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

fn decode<'a>(schema: &Schema, bytes: &'a [u8], form: Form) -> Result<(Value, &'a [u8])> {
    super::decode(schema, bytes, form, usize::MAX)
}

fn from_hex(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn written(schema: &Schema, value: &Value, form: Form) -> Result<String> {
    let mut out = Vec::new();
    encode(schema, value, form, &mut out)?;
    Ok(to_hex(&out))
}

/// The rows of `goavro.jsonl` that have a member.
fn rows(member: &'static str) -> Vec<(String, Object, Value)> {
    let lines = include_str!("goavro.jsonl").lines().map(json);
    let rows = lines.filter_map(|row| {
        let object = row.as_object()?.clone();
        let value = object.get(member)?.into_owned();
        let schema = object.get("schema").unwrap().to_json();
        Some((String::from_utf8(schema.to_vec()).unwrap(), object, value))
    });
    let rows: Vec<_> = rows.collect();
    assert!(rows.len() > 10, "{member}");
    rows
}

fn text(object: &Object, member: &str) -> Option<String> {
    object.get(member)?.as_str().map(str::to_owned)
}

#[test]
fn binary_values_are_what_goavro_makes_of_them_in_every_form() {
    for (member, form) in [
        ("native", Form::Native),
        ("avro_json", Form::AvroJson),
        ("plain_json", Form::PlainJson),
    ] {
        for (of, row, expected) in rows(member) {
            let binary = from_hex(&text(&row, "binary").unwrap());
            let decoded = decode(&schema(&of), &binary, form);
            let (value, rest) = decoded.unwrap_or_else(|error| panic!("{of}: {error}"));
            assert!(rest.is_empty(), "{of}");
            assert_eq!(json(&printed(&value)), expected, "{of} {row:?}");
        }
    }
}

#[test]
fn json_is_written_as_goavro_writes_it_and_refused_where_it_refuses_it() {
    for (member, form) in [
        ("from_avro_json", Form::AvroJson),
        ("from_plain_json", Form::PlainJson),
    ] {
        for (of, row, input) in rows(member) {
            let input = input.as_str().unwrap().to_owned();
            let found = written(&schema(&of), &json(&input), form);
            match text(&row, "binary") {
                Some(expected) => assert_eq!(found.as_ref(), Ok(&expected), "{of} {input}"),
                None => assert!(found.is_err(), "{of} {input}: {found:?}"),
            }
        }
    }
}

#[test]
fn schemas_that_goavro_refuses_are_refused() {
    for (of, _, _) in rows("refused") {
        assert!(Schema::parse(&of).is_err(), "{of}");
    }
}

#[test]
fn fingerprints_are_those_of_goavro() {
    for (of, _, expected) in rows("fingerprint") {
        let found = format!("{:016x}", schema(&of).fingerprints.written);
        assert_eq!(Some(found.as_str()), expected.as_str(), "{of}");
    }
}

#[test]
fn messages_with_the_fingerprint_of_the_specification_are_read_too() {
    let of = schema(
        r#"{"type":"record","name":"a","namespace":"x","fields":[{"name":"f","type":
            {"type":"record","name":"b","namespace":"y","fields":[]}}]}"#,
    );
    let fingerprints = of.fingerprints;
    assert_ne!(fingerprints.written, fingerprints.standard);
    for fingerprint in [fingerprints.written, fingerprints.standard] {
        let message = [&[0xc3, 1][..], &fingerprint.to_le_bytes(), b"rest"].concat();
        assert_eq!(of.strip_single_header(&message), Ok(&b"rest"[..]));
    }
    let other = [&[0xc3, 1][..], &[0; 8]].concat();
    let error = of.strip_single_header(&other).unwrap_err().to_string();
    assert!(error.contains("0000000000000000"), "{error}");
    assert!(of.strip_single_header(b"\xc3\x01").is_err());
    assert!(of.strip_single_header(b"0123456789").is_err());
}

#[test]
fn what_was_read_natively_is_written_back_byte_for_byte() {
    for (of, row, _) in rows("native") {
        // Times of day are nanoseconds when they are read, as in Bento, and numbers of the schema
        // when they are written.
        if of.contains("time-mi") {
            continue;
        }
        let schema = schema(&of);
        let (value, _) = decode(
            &schema,
            &from_hex(&text(&row, "binary").unwrap()),
            Form::Native,
        )
        .unwrap_or_else(|error| panic!("{of}: {error}"));
        let mut out = Vec::new();
        encode(&schema, &value, Form::Native, &mut out).unwrap();
        let (again, _) = decode(&schema, &out, Form::Native).unwrap();
        assert_eq!(again, value, "{of}");
    }
}

#[test]
fn errors_name_the_place_and_what_was_expected() {
    let of = r#"{"type":"record","name":"r","fields":[{"name":"list","type":{"type":"array",
        "items":{"type":"map","values":["null","int","string"]}}}]}"#;
    for (value, expected) in [
        (
            r#"{"list":[{},{"k":{"int":"x"}}]}"#,
            "`list[1][\"k\"].int`: expected an integer, found string `x`",
        ),
        (
            r#"{"list":[{"k":{"long":1}}]}"#,
            "no type `long`, but `null`, `int`, `string`",
        ),
        (
            r#"{"list":[{"k":5}]}"#,
            "expected an object with one of the types",
        ),
        (
            r#"{"list":5}"#,
            "`list`: expected an array, found number `5`",
        ),
        (r#"{}"#, "`list`: it is missing, and has no default"),
        (r#"{"list":[],"more":1}"#, "no field `more`"),
        ("5", "expected an object, found number"),
    ] {
        let error = written(&schema(of), &json(value), Form::AvroJson)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{value}: {error}");
    }
    let error = decode(&schema(of), &[2, 2, 2, b'k', 2], Form::Native)
        .unwrap_err()
        .to_string();
    assert_eq!(error, "`list[0][\"k\"]`: the message ends too early");
}

#[test]
fn bytes_are_the_characters_up_to_ff_in_json_and_utf_8_natively() {
    let of = schema(r#""bytes""#);
    let value = json(r#""\u00ffé""#);
    assert_eq!(written(&of, &value, Form::AvroJson).unwrap(), "04ffe9");
    assert_eq!(written(&of, &value, Form::Native).unwrap(), "08c3bfc3a9");
    let error = written(&of, &json(r#""€""#), Form::PlainJson)
        .unwrap_err()
        .to_string();
    assert!(error.contains("above U+00FF"), "{error}");
    let bytes = Value::from(vec![0xff, 0]);
    assert_eq!(written(&of, &bytes, Form::Native).unwrap(), "04ff00");
}

#[test]
fn numbers_are_taken_for_what_the_schema_says_when_nothing_is_lost() {
    for (of, value, expected) in [
        ("\"int\"", "5.0", Some("0a")),
        ("\"int\"", "5e0", Some("0a")),
        ("\"int\"", "5.5", None),
        (
            "\"long\"",
            "9223372036854775807",
            Some("feffffffffffffffff01"),
        ),
        ("\"long\"", "9223372036854775808", None),
        ("\"double\"", "9007199254740993", None),
        ("\"float\"", "3", Some("00004040")),
        (
            r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}"#,
            "0.33",
            Some("0221"),
        ),
        (
            r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}"#,
            "\"x\"",
            None,
        ),
    ] {
        let found = written(&schema(of), &json(value), Form::Native);
        assert_eq!(found.as_deref().ok(), expected, "{of} {value}: {found:?}");
    }
}

/// A reader that makes room for the precision would lose digits, or the message.
#[test]
fn decimals_of_more_digits_than_the_precision_are_refused_by_their_field() {
    let of = |kind: &str| {
        format!(
            r#"{{"type":"record","name":"r","fields":[{{"name":"price","type":{{{kind},
                "logicalType":"decimal","precision":4,"scale":2}}}}]}}"#
        )
    };
    for kind in [r#""type":"bytes""#, r#""type":"fixed","name":"f","size":8"#] {
        let of = schema(&of(kind));
        let priced = |price: &str| json(&format!(r#"{{"price":{price}}}"#));
        for price in ["99.99", "-99.99", "\"9999/100\"", "0", "12.349"] {
            let found = written(&of, &priced(price), Form::Native);
            assert!(found.is_ok(), "{price}: {found:?}");
        }
        for (price, digits) in [("100", 5), ("-100.00", 5), ("\"12345678/100\"", 8)] {
            let error = written(&of, &priced(price), Form::Native).unwrap_err();
            let expected = format!(
                "`price`: the decimal has {digits} digits, 2 of them behind the point, and the \
                 schema has a precision of 4"
            );
            assert!(error.to_string().starts_with(&expected), "{error}");
        }
    }
    let of = schema(&of(r#""type":"bytes""#));
    for form in [Form::AvroJson, Form::PlainJson] {
        assert!(written(&of, &json(r#"{"price":"\u0027\u000f"}"#), form).is_ok());
        let error = written(&of, &json(r#"{"price":"\u0027\u0010"}"#), form).unwrap_err();
        assert!(error.to_string().contains("5 digits"), "{error}");
    }
}

#[test]
fn a_default_of_more_digits_than_the_precision_does_not_keep_others_messages_from_being_read() {
    let of = r#"{"type":"record","name":"r","fields":[{"name":"a","type":{"type":"bytes",
        "logicalType":"decimal","precision":1},"default":"\u0064"}]}"#;
    let (value, _) = decode(&schema(of), &[2, 5], Form::Native).unwrap();
    assert_eq!(printed(&value), r#"{"a":"5"}"#);
}

#[test]
fn a_default_may_fit_any_type_of_a_union() {
    let of = schema(
        r#"{"type":"record","name":"r","fields":[{"name":"a","type":["string","null"],"default":null}]}"#,
    );
    assert_eq!(written(&of, &json("{}"), Form::PlainJson).unwrap(), "02");
}

const RECURSIVE: &str = r#"{"type":"record","name":"r","fields":[
    {"name":"next","type":["null","r",{"type":"record","name":"s","fields":[
        {"name":"next","type":["null","r","s"]}]}],"default":null}]}"#;

#[test]
fn a_time_of_day_in_nanoseconds_is_not_taken_for_one_in_the_unit_of_the_schema() {
    let millis = schema(r#"{"type":"int","logicalType":"time-millis"}"#);
    let micros = schema(r#"{"type":"long","logicalType":"time-micros"}"#);
    for (of, last) in [(&millis, 86_399_999_i64), (&micros, 86_399_999_999)] {
        assert!(written(of, &Value::I64(last), Form::Native).is_ok());
        for outside in [last + 1, -1] {
            let error = written(of, &Value::I64(outside), Form::Native).unwrap_err();
            assert!(error.to_string().contains("a time of day, 0 to"), "{error}");
        }
    }
    let (read, _) = decode(&micros, &[0x80, 0xe6, 0xa9, 0xdf, 0x1b], Form::Native).unwrap();
    assert!(written(&micros, &read, Form::Native).is_err(), "{read:?}");
}

#[test]
fn long_names_of_a_schema_make_no_more_text_than_the_message_allows_for() {
    let long = "x".repeat(1 << 20);
    let items = |of: &str| schema(&format!(r#"{{"type":"array","items":{of}}}"#));
    // A count, two bytes for each item at most, and the end.
    let zeros = |count: usize| {
        let items = std::iter::repeat_n(0, 2 * count + 1);
        [vec![count as u8 * 2], items.collect()].concat()
    };
    for of in [
        format!(r#"{{"type":"enum","name":"e","symbols":["{long}"]}}"#),
        format!(r#"{{"type":"record","name":"r","fields":[{{"name":"{long}","type":"int"}}]}}"#),
        format!(r#"[{{"type":"fixed","name":"{long}","size":1}}]"#),
    ] {
        let of = items(&of);
        assert!(decode(&of, &zeros(10), Form::AvroJson).is_ok());
        let error = decode(&of, &zeros(20), Form::AvroJson).unwrap_err();
        assert!(error.to_string().contains("far more text"), "{error}");
    }
}

#[test]
fn a_value_takes_no_more_memory_than_it_may() {
    const MAX: usize = 1 << 20;
    // As many items of some bytes as make a payload of 64 KiB.
    let items = |item: &[u8]| {
        let mut payload = vec![0x80, 0x80, 0x08];
        payload.extend(item.repeat((64 << 10) / item.len()));
        payload.push(0);
        payload
    };
    let of = |items: &str| schema(&format!(r#"{{"type":"array","items":{items}}}"#));
    for (items_of, item) in [
        (r#""boolean""#, &[1][..]),
        (r#"["null","int"]"#, &[2, 7]),
        (r#"{"type":"array","items":"null"}"#, &[0]),
        (r#"{"type":"map","values":"int"}"#, &[2, 0, 7, 0]),
        (
            r#"{"type":"record","name":"r","fields":[{"name":"f","type":"int"}]}"#,
            &[7],
        ),
    ] {
        let (of, payload) = (of(items_of), items(item));
        assert!(decode(&of, &payload, Form::Native).is_ok() || item.len() > 1);
        let error = super::decode(&of, &payload, Form::Native, MAX).unwrap_err();
        let expected = format!("takes more than {MAX} bytes of memory, the `memory_limit`");
        assert!(error.to_string().contains(&expected), "{items_of}: {error}");
    }
}

#[test]
fn lengths_and_counts_that_are_only_claimed_cost_nothing() {
    let huge = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    for of in [
        r#""bytes""#,
        r#""string""#,
        r#"{"type":"array","items":"null"}"#,
        r#"{"type":"array","items":{"type":"record","name":"e","fields":[]}}"#,
        r#"{"type":"array","items":"long"}"#,
        r#"{"type":"map","values":"null"}"#,
        r#"{"type":"fixed","name":"f","size":2000000000}"#,
        r#"{"type":"array","items":{"type":"array","items":"null"}}"#,
    ] {
        let error = decode(&schema(of), &huge, Form::Native)
            .unwrap_err()
            .to_string();
        let expected = ["ends too early", "far more values"];
        assert!(
            expected.iter().any(|it| error.contains(it)),
            "{of}: {error}"
        );
    }
    let mut nested = vec![2; 5_000];
    nested.push(0);
    let error = decode(&schema(RECURSIVE), &nested, Form::Native).unwrap_err();
    assert!(error.to_string().contains("nested deeper"), "{error}");
    assert!(error.to_string().len() < 700, "{error}");
}

#[test]
fn a_record_of_itself_ends_at_the_bound() {
    let endless = schema(r#"{"type":"record","name":"r","fields":[{"name":"r","type":"r"}]}"#);
    let error = decode(&endless, &[], Form::Native).unwrap_err();
    assert!(error.to_string().contains("nested deeper"), "{error}");
    let fields: Vec<_> = (0..5_000)
        .map(|i| format!(r#"{{"name":"f{i}","type":"null"}}"#))
        .collect();
    let of = format!(
        r#"{{"type":"record","name":"r","fields":[{{"name":"r","type":"r"}},{}]}}"#,
        fields.join(",")
    );
    let error = decode(&schema(&of), &[], Form::Native)
        .unwrap_err()
        .to_string();
    assert!(error.contains("more than 1048576 fields"), "{error}");
}

#[test]
fn types_of_unions_are_not_tried_for_ever() {
    let of = schema(RECURSIVE);
    let deep = |end: &str| format!("{}{end}{}", r#"{"next":"#.repeat(60), "}".repeat(60));
    assert!(written(&of, &json(&deep("null")), Form::PlainJson).is_ok());
    let error = written(&of, &json(&deep("5")), Form::PlainJson).unwrap_err();
    assert!(error.to_string().contains("too many types"), "{error}");
}

#[test]
fn defaults_that_grow_without_end_are_refused() {
    let endless = r#"{"type":"record","name":"r","fields":[{"name":"r","type":"r","default":{}}]}"#;
    let error = Schema::parse(endless).unwrap_err().to_string();
    assert!(error.contains("nested deeper"), "{error}");
    let mut doubling = r#"{"type":"record","name":"r0","fields":[{"name":"a","type":"string","default":"xxxxxxxx"}]}"#.to_owned();
    for level in 1..60 {
        doubling = format!(
            r#"{{"type":"record","name":"r{level}","fields":[{{"name":"a","type":{doubling},"default":{{}}}},{{"name":"b","type":"r{}","default":{{}}}}]}}"#,
            level - 1
        );
    }
    let error = Schema::parse(&doubling).unwrap_err().to_string();
    assert!(error.contains("too large"), "{error}");
}

#[test]
fn schemas_that_are_too_deep_or_too_large_are_refused() {
    let deep = format!(
        "{}\"int\"{}",
        r#"{"type":"array","items":"#.repeat(900),
        "}".repeat(900)
    );
    assert!(Schema::parse(&deep).is_ok());
    let deep = format!(
        "{}\"int\"{}",
        r#"{"type":"array","items":"#.repeat(5_000),
        "}".repeat(5_000)
    );
    assert!(Schema::parse(&deep).is_err());
    assert!(Schema::parse(&" ".repeat(SCHEMA_MAX + 1)).is_err());
    for (of, expected) in [
        (
            r#"{"type":"string","logicalType":"validated-string","pattern":"a"}"#,
            "validated-string",
        ),
        (r#"{"type":"record","name":"int","fields":[]}"#, "primitive"),
        (
            r#"{"type":"record","name":"x.y-z","fields":[]}"#,
            "[A-Za-z0-9_]",
        ),
    ] {
        let error = Schema::parse(of).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        static SCHEMAS: LazyLock<Vec<Schema>> =
            LazyLock::new(|| rows("native").iter().map(|(of, ..)| schema(of)).collect());
        for of in SCHEMAS.iter() {
            for form in [Form::Native, Form::AvroJson, Form::PlainJson] {
                if let Ok((value, _)) = decode(of, &bytes, form) {
                    printed(&value);
                }
            }
        }
    }

    #[test]
    fn any_text_is_a_schema_or_refused(text in r#"[\[\]{}:,"a-z]{0,60}"#) {
        let _result = Schema::parse(&text);
    }
}
