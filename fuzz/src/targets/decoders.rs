//! All decoders; the first byte says which one reads the rest.
//!
//! Asked: what a decoder gives is bounded, and what can be written is read back as it was.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use millrace_bloblang::Mapping;
use millrace_components_schema::avro::{self, Form};
use millrace_components_schema::protobuf::{MessageType, ReadOptions, Schema, WriteOptions};
use millrace_formats::compression::{Algorithm, compress, decompress};
use millrace_formats::parquet::{self, Lists};
use millrace_formats::{msgpack, xml, yaml};
use millrace_message::{Message, Value};

use super::environment;

/// The most bytes that a payload may unfold to.
const LIMIT: usize = 1 << 20;

const ALGORITHMS: &[&str] = &[
    "gzip", "pgzip", "zlib", "flate", "snappy", "lz4", "bzip2", "zstd",
];

/// A type with fields of every kind, as the message that is read.
const PROTO: &str = r#"
syntax = "proto3";
import "google/protobuf/any.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
enum Colour { NONE = 0; RED = 1; }
message All {
  double a = 1; float b = 2; int32 c = 3; sint64 d = 4; fixed32 e = 5; bool f = 6;
  string g = 7; bytes h = 8; Colour i = 9; repeated uint64 j = 10; map<string, All> k = 11;
  oneof l { string m = 12; All n = 13; }
  google.protobuf.Any o = 14; google.protobuf.Value p = 15;
  google.protobuf.Timestamp q = 16; google.protobuf.Int64Value r = 17;
}
"#;

static ALL: LazyLock<MessageType> = LazyLock::new(|| {
    let files = BTreeMap::from([("all.proto".to_owned(), PROTO.to_owned())]);
    let schema = Schema::compile(files).expect("it compiles");
    schema.message("All").expect("it is defined")
});

/// Decoders of the language, as mappings over the payload.
const MAPPINGS: &[&str] = &[
    "root = content().decode(\"base64\")",
    "root = content().decode(\"base64url\")",
    "root = content().decode(\"base64rawurl\")",
    "root = content().decode(\"hex\")",
    "root = content().decode(\"ascii85\")",
    "root = content().decode(\"z85\")",
    "root = content().string().parse_csv()",
    "root = content().string().parse_csv(parse_header_row: false, lazy_quotes: true)",
    "root = content().string().parse_url()",
    "root = content().string().parse_form_url_encoded()",
    "root = content().string().parse_duration()",
    "root = content().string().parse_duration_iso8601()",
    "root = content().string().parse_jwt_hs256(\"secret\")",
    "root = content().string().parse_json(use_number: true)",
    "root = content().string().ts_parse(\"2006-01-02T15:04:05Z07:00\")",
    "root = content().string().ts_strptime(\"%Y-%m-%d %H:%M:%S.%f %z\")",
    "root = content().string().ts_parse(content().string())",
    "root = content().string().ts_strptime(content().string())",
    "root = content().string().unescape_html()",
    "root = content().string().unescape_url_query()",
    "root = content().string().unquote()",
    "root = content().string().number()",
    "root = content().string().re_find_all_object(\"(?P<a>[a-z]+)|(?P<b>[0-9]+)\")",
    "root = content().string().re_match(content().string())",
    "root = {\"a\":[1,{\"b\":\"c\"}]}.json_path(content().string())",
    "root = {\"a\":[1,{\"b\":\"c\"}]}.json_schema(content().string())",
    "root = content().string().slug()",
    "root = content().string().format(1, \"two\", [3])",
    "root = {}.bloblang(content().string())",
];

pub(super) fn run(data: &[u8]) {
    let Some((selector, rest)) = data.split_first() else {
        return;
    };
    match usize::from(*selector) {
        0 => value_of(msgpack::read(rest, LIMIT).ok(), |it| {
            let written = msgpack::write(it).ok()?;
            msgpack::read(&written, usize::MAX).ok()
        }),
        1 => value_of(yaml::read(rest).ok(), |it| {
            yaml::read(yaml::write(it, usize::MAX).ok()?.as_bytes()).ok()
        }),
        2 | 3 => {
            // XML has no types: what is read is looked at, not compared.
            if let Ok(value) = xml::read(rest, *selector == 3) {
                let _written = xml::write(&value, None, usize::MAX);
            }
        }
        4..=11 => unfold(ALGORITHMS[usize::from(*selector) - 4], rest),
        12 => avro(rest),
        60 => protobuf(rest),
        61 => {
            // What takes more memory than the limit would be seen by the fuzzer.
            let _rows = parquet::read(rest, Lists::Groups, LIMIT);
        }
        other => map(MAPPINGS[other % MAPPINGS.len()], rest),
    }
}

/// A value that was read is written, and read again as it was.
fn value_of(read: Option<Value>, again: impl Fn(&Value) -> Option<Value>) {
    if let Some(value) = read
        && let Some(second) = again(&value)
    {
        assert_eq!(second.to_json(), value.to_json(), "it is read in two ways");
    }
}

/// A message that was read is written, and read again as it was.
fn protobuf(payload: &[u8]) {
    let read = |bytes: Vec<u8>| ALL.read(bytes.into(), ReadOptions::default(), LIMIT).ok();
    value_of(read(payload.to_vec()), |value| {
        let written = ALL.write(value, WriteOptions::default());
        read(written.expect("what was read is of the type"))
    });
}

/// A schema up to the first zero byte, and binary Avro behind it.
fn avro(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == 0);
    let (schema, binary) = data.split_at(end.unwrap_or(data.len()));
    let schema = std::str::from_utf8(schema).ok();
    let Some(schema) = schema.and_then(|it| avro::Schema::parse(it).ok()) else {
        return;
    };
    let binary = binary.get(1..).unwrap_or_default();
    for form in [Form::Native, Form::AvroJson, Form::PlainJson] {
        let Ok((value, _)) = avro::decode(&schema, binary, form, LIMIT) else {
            continue;
        };
        let printed = value.to_json();
        let mut written = Vec::new();
        // Which type of a union a value is, and what a time of day counts, is lost in some forms.
        if form == Form::AvroJson && avro::encode(&schema, &value, form, &mut written).is_ok() {
            let again = avro::decode(&schema, &written, form, usize::MAX);
            let (again, rest) = again.unwrap_or_else(|error| panic!("{error}"));
            assert!(rest.is_empty(), "more is written than is read");
            assert_eq!(again.to_json(), printed, "it is read in two ways");
        }
    }
}

fn unfold(algorithm: &str, payload: &[u8]) {
    let Some(algorithm) = Algorithm::named(algorithm) else {
        return;
    };
    if let Ok(unfolded) = decompress(algorithm, payload, LIMIT) {
        assert!(unfolded.len() <= LIMIT, "{} bytes", unfolded.len());
    }
    if algorithm.compresses()
        && let Ok(folded) = compress(algorithm, None, payload)
    {
        let unfolded = decompress(algorithm, &folded, LIMIT);
        assert!(
            unfolded.is_ok_and(|it| it == payload),
            "what was compressed is not what it was"
        );
    }
}

fn map(mapping: &str, payload: &[u8]) {
    let mapping = Mapping::compile(mapping, &environment())
        .unwrap_or_else(|errors| panic!("{mapping}: {errors:?}"));
    let batch = [Message::from_bytes(payload.to_vec())];
    if let Ok(mapped) = mapping.map(&batch, 0) {
        let mut message = batch[0].clone();
        if mapped.apply_to(&mut message) {
            let _printed = message.bytes().len();
        }
    }
}
