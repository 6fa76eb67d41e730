use bytes::Bytes;
use millrace_message::MessageBatch;
use parquet::basic::{Compression, Encoding};
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::testing::{batch, processor, run, text, try_processor};

const SCHEMA: &str = "schema:
    - { name: id, type: INT64 }
    - { name: as, type: DOUBLE, repeated: true }
    - { name: b, type: BYTE_ARRAY }
    - { name: c, type: DOUBLE }
    - { name: d, type: BOOLEAN }
    - { name: e, type: INT64, optional: true }
    - { name: g, type: UTF8 }
    - name: nested_stuff
      optional: true
      fields:
        - { name: a_stuff, type: BYTE_ARRAY }
        - { name: b_stuff, type: INT16, optional: true }
    - { name: h, type: DECIMAL32, decimal_precision: 3, optional: true }
    - { name: i, type: DECIMAL64, decimal_precision: 10, decimal_scale: 2 }
    - { name: f, type: FLOAT }
    - name: tags
      type: LIST
      fields:
        - { name: element, type: UTF8, optional: true }
    - name: table
      type: LIST
      optional: true
      fields:
        - name: element
          type: LIST
          fields: [ { name: element, type: INT32 } ]
    - name: counts
      type: MAP
      fields:
        - { name: key, type: UTF8 }
        - name: value
          type: STRUCT
          fields: [ { name: n, type: INT8, repeated: true } ]
    - name: parts
      repeated: true
      fields:
        - { name: x, type: INT32, optional: true }
        - { name: ys, type: LIST, fields: [ { name: element, type: INT32 } ] }
";

const FULL: &str = r#"{"as":[0.1,0.2],"b":"bytes","c":0.5,"counts":{"k":{"n":[1,-2]},"l":{"n":[]}},"d":true,"e":6,"f":0.15,"g":"täxt","h":1,"i":12345,"id":3,"nested_stuff":{"a_stuff":"a","b_stuff":-7},"not_in_the_schema":{},"parts":[{"x":1,"ys":[1,2]},{"ys":[]},{"x":3,"ys":[3]}],"table":[[1,2],[],[3]],"tags":["x",null,"y"]}"#;
const FULL_AGAIN: &str = r#"{"as":[0.1,0.2],"b":"bytes","c":0.5,"counts":{"k":{"n":[1,-2]},"l":{"n":[]}},"d":true,"e":6,"f":0.15,"g":"täxt","h":1,"i":123.45,"id":3,"nested_stuff":{"a_stuff":"a","b_stuff":-7},"parts":[{"x":1,"ys":[1,2]},{"x":null,"ys":[]},{"x":3,"ys":[3]}],"table":[[1,2],[],[3]],"tags":["x",null,"y"]}"#;
const EMPTY_AGAIN: &str = r#"{"as":[],"b":"","c":0,"counts":{},"d":false,"e":null,"f":0,"g":"","h":null,"i":0,"id":0,"nested_stuff":null,"parts":[],"table":null,"tags":[]}"#;

/// The file that a schema makes of some messages.
fn encode(config: &str, messages: &[&str]) -> Result<Vec<u8>, String> {
    let processor = processor(&format!(
        "parquet_encode:\n  {}",
        config.replace('\n', "\n  ")
    ));
    let messages: Vec<&[u8]> = messages.iter().map(|it| it.as_bytes()).collect();
    let mut results = run(&processor, batch(&messages));
    let first = results.remove(0);
    assert!(first.is_err() || results.is_empty(), "one message of all");
    first
}

/// The rows of a file.
fn decode(config: &str, file: &[u8]) -> Vec<String> {
    let processor = processor(&format!("parquet_decode: {config}"));
    let rows = run(&processor, batch(&[file]));
    rows.iter().map(|row| text(row).to_owned()).collect()
}

const ARRAYS: &str = "{ use_parquet_list_format: false }";

#[test]
fn what_is_written_is_read_again_in_every_compression_and_encoding() {
    let encodings = ["DELTA_LENGTH_BYTE_ARRAY", "PLAIN", "RLE_DICTIONARY"];
    for compression in ["uncompressed", "snappy", "gzip", "brotli", "zstd", "lz4raw"] {
        for encoding in encodings {
            let config = format!(
                "{SCHEMA}default_compression: {compression}\ndefault_encoding: {encoding}\n"
            );
            let file = encode(&config, &[FULL, "{}", FULL]).expect("they fit");
            let rows = decode(ARRAYS, &file);
            assert_eq!(
                rows,
                [FULL_AGAIN, EMPTY_AGAIN, FULL_AGAIN],
                "{compression} {encoding}"
            );
        }
    }
}

#[test]
fn lists_are_read_as_the_groups_that_they_are_made_of_unless_told_otherwise() {
    let config = "schema:\n- { name: a, type: LIST, fields: [ { name: element, type: INT32 } ] }\n\
                  - { name: b, type: INT32, repeated: true }";
    let file = encode(config, &[r#"{"a":[1,2],"b":[3]}"#, "{}"]).expect("they fit");
    let expected = [
        r#"{"a":{"list":[{"element":1},{"element":2}]},"b":[3]}"#,
        r#"{"a":{"list":[]},"b":[]}"#,
    ];
    assert_eq!(decode("{}", &file), expected);
    assert_eq!(decode(ARRAYS, &file)[0], r#"{"a":[1,2],"b":[3]}"#);
}

#[test]
fn files_are_compressed_and_encoded_as_the_config_says() {
    let config = "schema:\n- { name: t, type: UTF8 }\n- { name: n, type: INT32 }\n";
    for (compression, written) in [
        ("uncompressed", Compression::UNCOMPRESSED),
        ("snappy", Compression::SNAPPY),
        ("lz4raw", Compression::LZ4_RAW),
    ] {
        for (encoding, of_text, of_number) in [
            (
                "DELTA_LENGTH_BYTE_ARRAY",
                Encoding::DELTA_LENGTH_BYTE_ARRAY,
                Encoding::PLAIN,
            ),
            ("PLAIN", Encoding::PLAIN, Encoding::PLAIN),
            (
                "RLE_DICTIONARY",
                Encoding::RLE_DICTIONARY,
                Encoding::RLE_DICTIONARY,
            ),
        ] {
            let config =
                format!("{config}default_compression: {compression}\ndefault_encoding: {encoding}");
            let file = encode(&config, &[r#"{"t":"a","n":1}"#]).expect("it fits");
            let reader = SerializedFileReader::new(Bytes::from(file)).expect("it is a file");
            let group = reader.metadata().row_group(0);
            for (column, encoding) in [(0, of_text), (1, of_number)] {
                let column = group.column(column);
                assert_eq!(column.compression(), written);
                let mut encodings = column.encodings();
                assert!(encodings.any(|it| it == encoding), "{config}");
            }
        }
    }
}

#[test]
fn numbers_are_cut_to_integers_and_checked_against_the_range() {
    let column = |kind: &str| format!("schema: [ {{ name: n, type: {kind} }} ]");
    for (kind, number, expected) in [
        ("INT8", "-128", r#"{"n":-128}"#),
        ("INT16", "32767.9", r#"{"n":32767}"#),
        ("INT32", "2147483647", r#"{"n":2147483647}"#),
        (
            "INT64",
            "-9223372036854775808",
            r#"{"n":-9223372036854775808}"#,
        ),
        ("INT64", "1e3", r#"{"n":1000}"#),
        ("DOUBLE", "12", r#"{"n":12}"#),
        ("FLOAT", "0.5", r#"{"n":0.5}"#),
    ] {
        let file = encode(&column(kind), &[&format!("{{\"n\":{number}}}")]).expect("it fits");
        assert_eq!(decode(ARRAYS, &file), [expected], "{kind}");
    }
    for (kind, number) in [
        ("INT8", "128"),
        ("INT16", "-32769"),
        ("INT32", "1e10"),
        ("INT64", "9223372036854775808"),
        ("INT64", "1e99"),
        ("FLOAT", "1e99"),
        ("FLOAT", "-3.5e38"),
    ] {
        let error = encode(&column(kind), &[&format!("{{\"n\":{number}}}")]);
        let error = error.expect_err("it is out of range");
        assert!(error.contains("out of the range"), "{kind}: {error}");
    }
}

#[test]
fn a_decimal_has_no_more_digits_than_its_column() {
    for kind in ["DECIMAL32", "DECIMAL64"] {
        let schema = format!(
            "schema: [ {{ name: n, type: {kind}, decimal_precision: 4, decimal_scale: 2 }} ]"
        );
        let file = encode(&schema, &[r#"{"n":-9999}"#]).expect("it fits");
        assert_eq!(decode(ARRAYS, &file), [r#"{"n":-99.99}"#]);
        let error = encode(&schema, &[r#"{"n":10000}"#]).expect_err("it has five digits");
        assert!(error.contains("`decimal_precision`, which is 4"), "{error}");
    }
}

#[test]
fn a_message_that_does_not_fit_fails_the_batch_with_its_place() {
    for (message, complaint) in [
        (
            r#"{"id":"x"}"#,
            "column `id`: expected a number, and this is \"x\"",
        ),
        (r#"{"d":1}"#, "column `d`: expected a boolean"),
        (r#"{"g":5}"#, "column `g`: expected a text"),
        (r#"{"as":5}"#, "column `as`: expected an array"),
        (r#"{"as":[1,"x"]}"#, "column `as.1`"),
        (
            r#"{"nested_stuff":[]}"#,
            "column `nested_stuff`: expected an object",
        ),
        (
            r#"{"counts":{"k":{"n":[300]}}}"#,
            "column `counts.k.n.0`: 300 is out",
        ),
        (
            r#"{"parts":[{},{"ys":[null,{}]}]}"#,
            "column `parts.1.ys.1`",
        ),
        ("[]", "a row is an object"),
        ("no JSON", "no JSON"),
    ] {
        let error = encode(SCHEMA, &["{}", message]).expect_err(message);
        assert!(error.contains("message 1 of the batch"), "{error}");
        assert!(error.contains(complaint), "{error}");
    }
}

#[test]
fn an_empty_batch_makes_no_file() {
    let processor = processor("parquet_encode: { schema: [ { name: id, type: INT64 } ] }");
    assert!(run(&processor, MessageBatch::new()).is_empty());
}

#[test]
fn a_schema_that_no_file_can_have_is_refused_with_the_remedy() {
    for (schema, complaint) in [
        ("[]", "no columns"),
        ("[ { name: '', type: INT64 } ]", "no name"),
        ("[ { name: a } ]", "neither a type nor fields"),
        ("[ { name: a, type: NOPE } ]", "NOPE"),
        (
            "[ { name: a, type: INT8 }, { name: a, type: INT8 } ]",
            "two columns `a`",
        ),
        (
            "[ { name: a, type: INT8, fields: [ { name: b, type: INT8 } ] } ]",
            "no fields",
        ),
        ("[ { name: a, type: STRUCT } ]", "STRUCT without fields"),
        ("[ { name: a, type: LIST } ]", "a LIST has one field"),
        (
            "[ { name: a, type: MAP, fields: [ { name: key, type: UTF8 } ] } ]",
            "two fields",
        ),
        (
            "[ { name: a, type: MAP, fields: [ { name: k, type: INT64 }, { name: v, type: INT8 } ] } ]",
            "required text",
        ),
        (
            "[ { name: a, type: INT8, repeated: true, optional: true } ]",
            "leave out `optional`",
        ),
        ("[ { name: a, type: DECIMAL32 } ]", "decimal_precision"),
        (
            "[ { name: a, type: DECIMAL32, decimal_precision: 10 } ]",
            "decimal_precision",
        ),
        (
            "[ { name: a, type: DECIMAL64, decimal_precision: 3, decimal_scale: 4 } ]",
            "decimal_scale",
        ),
        (
            "[ { name: o, fields: [ { name: i } ] } ]",
            "column `o`: column `i`",
        ),
    ] {
        let error = try_processor(&format!("parquet_encode: {{ schema: {schema} }}")).err();
        let error = error.unwrap_or_else(|| panic!("{schema} is built"));
        assert!(error.contains(complaint), "{schema}: {error}");
    }
}
