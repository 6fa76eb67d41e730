use std::collections::BTreeMap;
use std::sync::LazyLock;

use bytes::Bytes;
use millrace_message::Value;
use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{DynamicMessage, Value as Wire};

use super::{DEPTH_MAX, MessageType, ReadOptions, Schema, WriteOptions};

const ALL: &str = r#"
syntax = "proto3";
package all;
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

enum Colour { UNKNOWN = 0; RED = 1; BLUE = -2; }

message Scalars {
  double a_double = 1; float a_float = 2; int32 an_int32 = 3; int64 an_int64 = 4;
  uint32 a_uint32 = 5; uint64 a_uint64 = 6; sint32 a_sint32 = 7; sint64 a_sint64 = 8;
  fixed32 a_fixed32 = 9; fixed64 a_fixed64 = 10; sfixed32 a_sfixed32 = 11;
  sfixed64 a_sfixed64 = 12; bool a_bool = 13; string a_string = 14; bytes some_bytes = 15;
  Colour colour = 16;
  string renamed = 17 [json_name = "other"];
  optional int32 maybe = 18;
}

message Composite {
  repeated int32 numbers = 1;
  repeated Colour colours = 2;
  map<string, Scalars> by_name = 3;
  map<int64, string> by_number = 4;
  map<bool, bytes> by_truth = 5;
  oneof choice { string text = 6; int32 number = 7; Scalars scalars = 8; }
  Composite inner = 9;
  repeated Composite list = 10;
}

message Known {
  google.protobuf.Any any = 1;
  google.protobuf.Timestamp at = 2;
  google.protobuf.Duration took = 3;
  google.protobuf.Struct object = 4;
  google.protobuf.ListValue list = 5;
  google.protobuf.Value value = 6;
  google.protobuf.FieldMask mask = 7;
  google.protobuf.Empty empty = 8;
  google.protobuf.Int64Value big = 9;
  google.protobuf.StringValue text = 10;
  google.protobuf.NullValue null = 11;
  repeated google.protobuf.Value values = 12;
  google.protobuf.BoolValue truth = 13;
}
"#;

static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| compile(&[("all.proto", ALL)]).expect("it compiles"));

fn compile(files: &[(&str, &str)]) -> Result<Schema, String> {
    let text = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    let files: BTreeMap<String, String> = files.iter().map(text).collect();
    Schema::compile(files).map_err(|error| error.to_string())
}

fn message(name: &str) -> MessageType {
    SCHEMA.message(name).expect("it is defined")
}

fn json(text: &str) -> Value {
    Value::parse_json(Bytes::copy_from_slice(text.as_bytes())).expect("it is JSON")
}

fn write(message: &MessageType, text: &str) -> Result<Vec<u8>, String> {
    let written = message.write(&json(text), WriteOptions::default());
    written.map_err(|error| error.to_string())
}

fn read(message: &MessageType, bytes: Vec<u8>) -> Result<String, String> {
    let value = message.read(Bytes::from(bytes), ReadOptions::default(), usize::MAX);
    let json = |value: Value| String::from_utf8_lossy(&value.to_json()).into_owned();
    value.map(json).map_err(|error| error.to_string())
}

/// Writes a document as a message and reads that again.
fn there_and_back(name: &str, document: &str) -> String {
    let message = message(name);
    let bytes = write(&message, document).unwrap_or_else(|error| panic!("{document}: {error}"));
    read(&message, bytes).unwrap_or_else(|error| panic!("{document}: {error}"))
}

#[test]
fn every_type_has_its_form_in_json() {
    let document = concat!(
        r#"{"aBool":true,"aDouble":1.5,"aFixed32":4294967295,"aFixed64":"18446744073709551615","#,
        r#""aFloat":0.1,"aSfixed32":-1,"aSfixed64":"-9223372036854775808","aSint32":-7,"#,
        r#""aSint64":"-8","aString":"täxt","aUint32":5,"aUint64":"6","anInt32":-3,"#,
        r#""anInt64":"9007199254740993","colour":"RED","maybe":0,"other":"x","someBytes":"/+8="}"#,
    );
    assert_eq!(there_and_back("all.Scalars", document), document);
}

#[test]
fn numbers_may_be_texts_and_names_those_of_the_file() {
    for (document, expected) in [
        (
            r#"{"an_int64":12,"a_double":"1e3"}"#,
            r#"{"aDouble":1000,"anInt64":"12"}"#,
        ),
        (
            r#"{"an_int32":"7","a_uint32":1e2}"#,
            r#"{"aUint32":100,"anInt32":7}"#,
        ),
        (
            r#"{"aDouble":"NaN","aFloat":"-Infinity"}"#,
            r#"{"aDouble":"NaN","aFloat":"-Infinity"}"#,
        ),
        (r#"{"colour":-2}"#, r#"{"colour":"BLUE"}"#),
        (r#"{"colour":99}"#, r#"{"colour":99}"#),
        (r#"{"some_bytes":"_-8"}"#, r#"{"someBytes":"/+8="}"#),
        (r#"{"renamed":"x","aString":null}"#, r#"{"other":"x"}"#),
        ("{}", "{}"),
    ] {
        assert_eq!(there_and_back("all.Scalars", document), expected);
    }
}

#[test]
fn lists_maps_and_choices_keep_what_they_hold() {
    let document = concat!(
        r#"{"byName":{"":{},"a":{"aBool":true}},"byNumber":{"-5":"five"},"#,
        r#""byTruth":{"false":"","true":"AA=="},"colours":["RED","BLUE",7],"#,
        r#""inner":{"text":""},"list":[{},{"number":0}],"numbers":[1,0,-1],"scalars":{}}"#,
    );
    assert_eq!(there_and_back("all.Composite", document), document);
}

#[test]
fn well_known_types_have_forms_of_their_own() {
    let document = concat!(
        r#"{"any":{"@type":"type.example/all.Known","any":{"@type":"x/google.protobuf.Duration","#,
        r#""value":"-1.500s"},"big":"5"},"at":"2020-02-29T12:00:00.010Z","big":"0","empty":{},"#,
        r#""list":[1,"a",null,[true],{"b":{}}],"mask":"aField.inIt,other","null":null,"#,
        r#""object":{"a":[1.5,null],"b":{"c":"d"}},"text":"","took":"3s","truth":false,"#,
        r#""value":null,"values":[null,1,"x",[],{}]}"#,
    );
    // A null of the type `NullValue` is its default, which is not written.
    let expected = document.replace(r#""null":null,"#, "");
    assert_eq!(there_and_back("all.Known", document), expected);
    assert_eq!(
        there_and_back("all.Known", r#"{"any":{}}"#),
        r#"{"any":{}}"#
    );
}

#[test]
fn fields_that_are_not_set_are_there_when_they_are_asked_for() {
    let options = ReadOptions {
        use_proto_names: true,
        emit_unpopulated: true,
    };
    let value = message("all.Composite").read(Bytes::new(), options, usize::MAX);
    assert_eq!(
        value.expect("an empty message").to_json(),
        concat!(
            r#"{"by_name":{},"by_number":{},"by_truth":{},"colours":[],"inner":null,"#,
            r#""list":[],"numbers":[]}"#,
        )
    );
    let value = message("all.Scalars").read(Bytes::new(), options, usize::MAX);
    let value = value.expect("an empty message");
    for (name, expected) in [
        ("an_int64", r#""0""#),
        ("colour", r#""UNKNOWN""#),
        ("some_bytes", r#""""#),
        ("renamed", r#""""#),
    ] {
        assert_eq!(value.get(name).expect("it is there").to_json(), expected);
    }
    assert!(
        value.get("maybe").is_none(),
        "an optional field is a choice"
    );
}

#[test]
fn what_does_not_fit_is_an_error_that_names_the_place() {
    for (name, document, complaint) in [
        (
            "all.Scalars",
            r#"{"aString":5}"#,
            "invalid value for string field aString: 5",
        ),
        (
            "all.Scalars",
            r#"{"anInt32":1.5}"#,
            "invalid value for int32 field anInt32: 1.5",
        ),
        (
            "all.Scalars",
            r#"{"anInt32":2147483648}"#,
            "int32 field anInt32",
        ),
        ("all.Scalars", r#"{"aUint64":-1}"#, "uint64 field aUint64"),
        ("all.Scalars", r#"{"aFloat":1e39}"#, "float field aFloat"),
        (
            "all.Scalars",
            r#"{"aDouble":"1e999"}"#,
            "double field aDouble",
        ),
        ("all.Scalars", r#"{"aBool":"true"}"#, "bool field aBool"),
        (
            "all.Scalars",
            r#"{"someBytes":"?"}"#,
            "bytes field someBytes",
        ),
        (
            "all.Scalars",
            r#"{"colour":"GREEN"}"#,
            "enum field colour: \"GREEN\"",
        ),
        (
            "all.Scalars",
            r#"{"ageFoo":10}"#,
            "unknown field \"ageFoo\"",
        ),
        ("all.Scalars", r#"{"aBool":true,"a_bool":true}"#, "twice"),
        ("all.Scalars", "[]", "invalid value for message: []"),
        (
            "all.Composite",
            r#"{"numbers":[1,null]}"#,
            "int32 field numbers[1]: null",
        ),
        (
            "all.Composite",
            r#"{"numbers":{}}"#,
            "field numbers: expected an array",
        ),
        (
            "all.Composite",
            r#"{"byNumber":{"x":""}}"#,
            "int64 field byNumber: \"x\"",
        ),
        (
            "all.Composite",
            r#"{"byName":{"k":{"aBool":1}}}"#,
            "byName[\"k\"].aBool",
        ),
        (
            "all.Composite",
            r#"{"text":"a","number":1}"#,
            "oneof `choice`",
        ),
        (
            "all.Composite",
            r#"{"inner":{"inner":{"x":1}}}"#,
            "\"x\" in inner.inner",
        ),
        (
            "all.Known",
            r#"{"at":"yesterday"}"#,
            "field at: \"yesterday\"",
        ),
        ("all.Known", r#"{"took":5}"#, "field took: 5"),
        ("all.Known", r#"{"mask":"a_b"}"#, "field mask"),
        (
            "all.Known",
            r#"{"empty":{"a":1}}"#,
            "unknown field \"a\" in empty",
        ),
        ("all.Known", r#"{"any":{"x":1}}"#, "@type"),
        ("all.Known", r#"{"any":{"@type":"x/nope.It"}}"#, "nope.It"),
        (
            "all.Known",
            r#"{"any":{"@type":"google.protobuf.Empty"}}"#,
            "`value`",
        ),
    ] {
        let error = write(&message(name), document).expect_err(document);
        assert!(error.contains(complaint), "{document}: {error}");
    }
}

#[test]
fn unknown_members_are_passed_over_when_that_is_asked_for() {
    let message = message("all.Composite");
    let document = json(r#"{"nope":1,"colours":["RED","GREEN"],"inner":{"x":{}},"numbers":[1]}"#);
    let options = WriteOptions {
        discard_unknown: true,
    };
    let bytes = message.write(&document, options).expect("it fits");
    let expected = r#"{"colours":["RED"],"inner":{},"numbers":[1]}"#;
    assert_eq!(read(&message, bytes).as_deref(), Ok(expected));
}

#[test]
fn a_value_takes_no_more_memory_than_it_may() {
    const MAX: usize = 1 << 20;
    // A field with a length, of so many bytes.
    let field = |number: u8, content: &[u8]| {
        let mut field = vec![number << 3 | 2];
        prost::encoding::encode_varint(content.len() as u64, &mut field);
        field.extend_from_slice(content);
        field
    };
    let url = field(1, b"type.googleapis.com/all.Composite");
    let packed = field(1, &vec![7; 60 << 10]);
    // A group of a field that the type does not have, then what is counted.
    let unknown = [&[0xf3, 0x01, 0x08, 1, 0xf4, 0x01][..], &packed].concat();
    for (name, payload) in [
        ("all.Composite", packed.clone()),
        ("all.Composite", unknown),
        ("all.Composite", field(10, &[]).repeat(30 << 10)),
        ("all.Composite", [8, 1].repeat(30 << 10)),
        ("all.Composite", field(9, &field(9, &packed))),
        ("all.Composite", [0xf0, 1, 1].repeat(20 << 10)),
        ("all.Known", field(1, &[url, field(2, &packed)].concat())),
    ] {
        let read = |max| {
            let bytes = Bytes::from(payload.clone());
            message(name).read(bytes, ReadOptions::default(), max)
        };
        assert!(read(usize::MAX).is_ok(), "{name}");
        let error = read(MAX).expect_err("it is too large").to_string();
        let expected = format!("takes more than {MAX} bytes of memory, the `memory_limit`");
        assert!(error.contains(&expected), "{name}: {error}");
    }
}

#[test]
fn members_that_a_message_does_not_have_take_memory_too() {
    let options = ReadOptions {
        use_proto_names: false,
        emit_unpopulated: true,
    };
    let elements = Bytes::from([0x52, 0].repeat(1_000));
    let read = |max| message("all.Composite").read(elements.clone(), options, max);
    assert!(read(usize::MAX).is_ok());
    let error = read(300_000).expect_err("it is too large").to_string();
    assert!(error.contains("takes more than 300000 bytes"), "{error}");
}

#[test]
fn required_fields_have_to_be_there_both_ways() {
    let file = r#"
        syntax = "proto2";
        message Inner { required int32 id = 1; extensions 100 to 200; }
        message Outer {
          repeated Inner inner = 1;
          optional group Part = 2 { optional int32 a = 1; }
        }
        extend Inner { optional string note = 100; }
    "#;
    let schema = compile(&[("two.proto", file)]).expect("it compiles");
    let outer = schema.message("Outer").expect("it is defined");
    let error = write(&outer, r#"{"inner":[{"id":1},{}]}"#).expect_err("it has no id");
    assert!(
        error.contains("field inner[1]: the required field `Inner.id`"),
        "{error}"
    );
    let error = read(&outer, vec![0x0a, 0]).expect_err("it has no id");
    assert!(error.contains("Inner.id"), "{error}");
    let document = r#"{"inner":[{"[note]":"n","id":0}],"part":{"a":1}}"#;
    let bytes = write(&outer, document).expect("it fits");
    assert_eq!(read(&outer, bytes.clone()).as_deref(), Ok(document));
    let named = ReadOptions {
        use_proto_names: true,
        ..ReadOptions::default()
    };
    let value = outer
        .read(Bytes::from(bytes), named, usize::MAX)
        .expect("it is a message");
    assert!(
        value.get("Part").is_some(),
        "a group has the name of its type"
    );
}

/// A `Composite` in a `Composite`, so many levels deep.
fn nested(levels: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::new();
    for _ in 1..levels {
        let mut outer = vec![0x4a];
        prost::encoding::encode_varint(bytes.len() as u64, &mut outer);
        outer.append(&mut bytes);
        bytes = outer;
    }
    bytes
}

#[test]
fn messages_nest_as_deep_as_others_allow_and_no_deeper() {
    let message = message("all.Composite");
    let document = |levels: usize| {
        let inner = levels - 1;
        format!("{}{{}}{}", r#"{"inner":"#.repeat(inner), "}".repeat(inner))
    };
    let bytes = write(&message, &document(DEPTH_MAX)).expect("it fits");
    assert_eq!(bytes, nested(DEPTH_MAX));
    assert_eq!(read(&message, bytes), Ok(document(DEPTH_MAX)));
    assert!(write(&message, &document(DEPTH_MAX + 1)).is_err());
    for levels in [DEPTH_MAX + 2, 100_000] {
        assert!(read(&message, nested(levels)).is_err(), "{levels}");
    }
}

#[test]
fn what_an_any_holds_counts_as_nested() {
    let known = message("all.Known");
    let mut bytes: Vec<u8> = Vec::new();
    for _ in 0..DEPTH_MAX {
        let any = prost_types_any("x/all.Known", &bytes);
        bytes = vec![0x0a];
        prost::encoding::encode_varint(any.len() as u64, &mut bytes);
        bytes.extend(any);
    }
    let error = read(&known, bytes).expect_err("it is too deep");
    assert!(error.contains("deeper than 100 levels"), "{error}");
}

fn prost_types_any(url: &str, value: &[u8]) -> Vec<u8> {
    let descriptor = SCHEMA.pool().get_message_by_name("google.protobuf.Any");
    let mut any = DynamicMessage::new(descriptor.expect("it is imported"));
    any.set_field_by_number(1, Wire::String(url.to_owned()));
    any.set_field_by_number(2, Wire::Bytes(Bytes::copy_from_slice(value)));
    any.encode_to_vec()
}

#[test]
fn long_names_of_a_schema_make_no_more_text_than_the_message_allows_for() {
    let long = "x".repeat(1 << 20);
    let text = format!(
        "syntax = \"proto3\"; enum E {{ {long} = 0; }} message I {{ optional int32 {long} = 1; }} \
         message M {{ repeated E e = 1; repeated I i = 2; }}"
    );
    let schema = compile(&[("a.proto", &text)]).expect("it is a schema");
    let message = schema.message("M").expect("it is defined");
    let symbols = |count: u8| [vec![0x0a, count], vec![0; count.into()]].concat();
    let names = |count: usize| [0x12, 2, 8, 1].repeat(count);
    for (few, many) in [(symbols(10), symbols(20)), (names(10), names(20))] {
        assert!(read(&message, few).is_ok());
        let error = read(&message, many).expect_err("it is far more text");
        assert!(error.contains("far more text"), "{error}");
    }
}

#[test]
fn sizes_that_lie_are_errors() {
    let message = message("all.Composite");
    for bytes in [
        vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f],
        vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        vec![0x32, 0x02, 0xff, 0xfe],
        vec![0x4b],
        vec![0x07],
        vec![0x0d, 1, 2],
    ] {
        assert!(read(&message, bytes.clone()).is_err(), "{bytes:?}");
    }
}

#[test]
fn well_known_types_that_hold_what_json_has_no_form_for_are_errors() {
    let known = message("all.Known");
    let cases: [(&[u8], &str); 4] = [
        // A timestamp of the last second that 64 bits hold.
        (
            &[
                0x12, 0x0a, 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
            ],
            "years",
        ),
        // A value that holds nothing.
        (&[0x32, 0x00], "choices"),
        // A value that holds NaN.
        (&[0x32, 0x09, 0x11, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f], "number"),
        // A mask of the path `A`.
        (&[0x3a, 0x03, 0x0a, 0x01, b'A'], "camel case"),
    ];
    for (bytes, complaint) in cases {
        let error = read(&known, bytes.to_vec()).expect_err("it has no form");
        assert!(error.contains(complaint), "{error}");
    }
}

#[test]
fn a_well_known_name_with_other_fields_is_an_error_and_no_panic() {
    let file = r#"
        syntax = "proto3";
        package google.protobuf;
        message Timestamp { string text = 1; }
        message Value { string text = 1; }
        message Any { int32 a = 1; }
        message Both { Timestamp at = 1; Value value = 2; Any any = 3; }
    "#;
    let schema = compile(&[("mine.proto", file)]).expect("it compiles");
    let both = schema
        .message("google.protobuf.Both")
        .expect("it is defined");
    for document in [r#"{"at":"2020-01-01T00:00:00Z"}"#, r#"{"value":[1]}"#] {
        assert!(write(&both, document).is_err(), "{document}");
    }
    for bytes in [vec![0x0a, 0x00], vec![0x1a, 0x02, 0x08, 0x01]] {
        assert!(read(&both, bytes).is_err());
    }
}

#[test]
fn files_import_each_other_and_what_is_wrong_with_them_is_told() {
    let person = "syntax = \"proto3\"; package p; message Person { string name = 1; }";
    let house = "syntax = \"proto3\"; package p; import \"sub/person.proto\";\n\
                 message House { repeated Person people = 1; message Door {} }";
    let schema = compile(&[("house.proto", house), ("sub/person.proto", person)]);
    let schema = schema.expect("they compile");
    for name in ["p.House", "p.House.Door", "p.Person"] {
        assert!(schema.message(name).is_some(), "{name}");
    }
    assert!(schema.message("House").is_none());
    for (files, complaint) in [
        (vec![("house.proto", house)], "sub/person.proto"),
        (vec![("a.proto", "message {")], "a.proto"),
        (vec![("a.proto", person), ("b.proto", person)], "p.Person"),
    ] {
        let error = compile(&files).expect_err("it is no schema");
        assert!(error.contains(complaint), "{error}");
    }
}

/// Every number of the type `NullValue` is read as null, which is its default and is not written.
fn without_null(mut value: Value) -> Value {
    if let Value::Object(object) = &mut value
        && object
            .get("null")
            .is_some_and(|it| matches!(*it, Value::Null))
    {
        object.remove("null");
    }
    value
}

proptest! {
    #[test]
    fn no_bytes_panic_and_what_is_read_is_written_as_it_was(
        bytes in proptest::collection::vec(any::<u8>(), 0..64)
    ) {
        for name in ["all.Scalars", "all.Composite", "all.Known"] {
            let message = message(name);
            let read = |bytes: Vec<u8>| message.read(Bytes::from(bytes), ReadOptions::default(), usize::MAX);
            if let Ok(value) = read(bytes.clone()) {
                let again = message.write(&value, WriteOptions::default());
                let again = read(again.expect("what was read fits")).expect("it is a message");
                prop_assert_eq!(again.to_json(), without_null(value).to_json());
            }
        }
    }
}
