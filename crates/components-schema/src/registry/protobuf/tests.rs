use millrace_component::{BuiltProcessor, conformance};
use millrace_message::{Message, MessageBatch};

use crate::registry::testing::{Registry, build, framed, latest, run};

/// Two types, and others within the second one: the entry of the map is one of them.
const THINGS: &str = r#"
syntax = "proto3";
package things;
message Foo { float a = 1; string b = 2; }
message Bar {
  string b = 1;
  map<string, int32> counts = 2;
  message Inner { int64 n = 1; message Core { bool x = 1; } }
}
"#;

fn processor(registry: &Registry, which: &str, fields: &str) -> BuiltProcessor {
    let url = format!("http://{}", registry.address);
    build(&format!(
        "schema_registry_{which}: {{ url: '{url}', {fields} }}"
    ))
    .unwrap_or_else(|error| panic!("{error}"))
}

fn decoder(registry: &Registry) -> BuiltProcessor {
    processor(registry, "decode", "")
}

fn encoder(registry: &Registry) -> BuiltProcessor {
    processor(registry, "encode", "subject: things")
}

/// A schema by its number and as the latest one of the subject `things`.
fn serve(registry: &Registry, id: u32, schema: &str, references: &str) {
    for path in [format!("/schemas/ids/{id}"), latest("things")] {
        registry.schema(&path, id, "PROTOBUF", schema, references);
    }
}

fn reference(name: &str, subject: &str) -> String {
    format!(r#"{{"name":"{name}","subject":"{subject}","version":10}}"#)
}

fn text(payload: Result<Vec<u8>, String>) -> String {
    String::from_utf8(payload.unwrap_or_else(|error| panic!("{error}"))).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ways_keep_the_promises_of_a_processor() {
    let registry = Registry::start().await;
    serve(&registry, 1, THINGS, "");
    conformance::processor(&encoder(&registry)).await;
    conformance::processor(&decoder(&registry)).await;
}

#[tokio::test]
async fn the_first_type_that_fits_is_the_one_that_a_message_is_encoded_by() {
    let registry = Registry::start().await;
    serve(&registry, 258, THINGS, "");
    let (encoder, decoder) = (encoder(&registry), decoder(&registry));
    for _ in 0..2 {
        for (message, body) in [
            (r#"{"a":1,"b":"x"}"#, &b"\0\x0d\0\0\x80\x3f\x12\x01x"[..]),
            (
                r#"{"counts":{"k":5}}"#,
                b"\x02\x02\x12\x05\x0a\x01k\x10\x05",
            ),
            // It fits both.
            (r#"{"b":"x"}"#, b"\0\x12\x01x"),
            ("{}", b"\0"),
        ] {
            assert_eq!(run(&encoder, message).await, Ok(framed(258, body)));
            assert_eq!(text(run(&decoder, framed(258, body)).await), message);
        }
    }
    assert_eq!(registry.requests().len(), 2);
    let error = run(&encoder, r#"{"a":1,"c":"what"}"#).await.unwrap_err();
    for expected in [
        "things.Foo",
        "unknown field \"c\"",
        "things.Bar",
        "unknown field \"a\"",
    ] {
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn indexes_lead_to_a_type_within_another_one() {
    let registry = Registry::start().await;
    serve(&registry, 1, THINGS, "");
    let decoder = decoder(&registry);
    for (body, expected) in [
        // The short form and the long form of the first type.
        (&b"\0\x12\x01x"[..], r#"{"b":"x"}"#),
        (b"\x02\0\x12\x01x", r#"{"b":"x"}"#),
        (b"\x02\x02\x0a\x01x", r#"{"b":"x"}"#),
        (b"\x04\x02\0\x0a\x01k\x10\x05", r#"{"key":"k","value":5}"#),
        (b"\x04\x02\x02\x08\x05", r#"{"n":"5"}"#),
        (b"\x06\x02\x02\0\x08\x01", r#"{"x":true}"#),
        // An index in more bytes than it needs.
        (b"\x02\x82\0\x0a\x01x", r#"{"b":"x"}"#),
    ] {
        assert_eq!(text(run(&decoder, framed(1, body)).await), expected);
    }
}

#[tokio::test]
async fn indexes_that_lead_nowhere_are_refused_whatever_they_claim() {
    let registry = Registry::start().await;
    serve(&registry, 1, THINGS, "");
    registry.schema("/schemas/ids/2", 2, "PROTOBUF", "syntax = \"proto3\";", "");
    let decoder = decoder(&registry);
    let most = b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    let many = [&most[..], &[2, 2], &[0; 40]].concat();
    for (id, body, expected) in [
        (1, &b""[..], "ends within the indexes"),
        (1, b"\x04\x02", "ends within the indexes"),
        (1, b"\x80", "ends within the indexes"),
        (1, &[0xff; 11], "ends within the indexes"),
        (1, b"\x01", "has -1 indexes"),
        (
            1,
            b"\x02\x01",
            "no message type -1 in the schema, which has 2 of them",
        ),
        (1, b"\x02\x04", "no message type 2 in the schema"),
        (
            1,
            b"\x04\0\0",
            "no message type 0 in message `things.Foo`, which has 0",
        ),
        (
            1,
            b"\x04\x02\x04",
            "no message type 2 in message `things.Bar`, which has 2",
        ),
        (1, most, "ends within the indexes"),
        (
            1,
            &many,
            "no message type 0 in message `things.Bar.Inner.Core`",
        ),
        (1, b"\0\xff", "no message `things.Foo`"),
        (2, b"\0", "no message type 0 in the schema, which has 0"),
    ] {
        let error = run(&decoder, framed(id, body)).await.unwrap_err();
        assert!(error.contains(expected), "{body:?}: {error}");
    }
}

#[tokio::test]
async fn others_are_imported_by_the_names_of_the_references_and_fetched_by_their_subjects() {
    let registry = Registry::start().await;
    let names = [
        ("stuff.Ref0.proto", "stuff.Ref0.proto"),
        ("stuff/Ref1.proto", "stuff%2FRef1.proto"),
        ("stuff&Ref2.proto", "stuff&Ref2.proto"),
        ("stuff%Ref3.proto", "stuff%25Ref3.proto"),
        ("stuff?Ref4.proto", "stuff%3FRef4.proto"),
        ("stuff#Ref5.proto", "stuff%23Ref5.proto"),
        ("stuff+Ref6.proto", "stuff+Ref6.proto"),
        ("stuff Ref7.proto", "stuff%20Ref7.proto"),
        ("stuff\u{e4}Ref8.proto", "stuff%C3%A4Ref8.proto"),
    ];
    let mut imports = String::new();
    let mut fields = String::new();
    let mut expected = Vec::new();
    for (number, (name, escaped)) in names.iter().enumerate() {
        let schema = format!(
            "syntax = \"proto3\"; package ref{number}; message Msg {{ string value = 1; }}"
        );
        let path = format!("/subjects/{escaped}/versions/10");
        registry.schema(&path, 100, "PROTOBUF", &schema, "");
        imports += &format!("import \"{name}\";\n");
        fields += &format!("ref{number}.Msg f{number} = {};\n", number + 1);
        expected.push(format!(r#""f{number}":{{"value":"{number}"}}"#));
    }
    let schema = format!("syntax = \"proto3\";\n{imports}message Root {{\n{fields}}}");
    let references: Vec<_> = names
        .iter()
        .map(|(name, _)| reference(name, name))
        .collect();
    serve(&registry, 1, &schema, &references.join(","));
    let message = format!("{{{}}}", expected.join(","));
    let encoded = run(&encoder(&registry), &message).await.unwrap();
    assert_eq!(text(run(&decoder(&registry), encoded).await), message);
}

#[tokio::test]
async fn references_of_references_and_known_types_are_there() {
    let registry = Registry::start().await;
    let root = r#"syntax = "proto3"; import "a.proto"; import "google/protobuf/timestamp.proto";
        import "google/protobuf/any.proto";
        message Root { A a = 1; google.protobuf.Timestamp at = 2; google.protobuf.Any any = 3; }"#;
    let a = r#"syntax = "proto3"; import "b.proto"; message A { B b = 1; }"#;
    let b = r#"syntax = "proto3"; message B { optional int32 n = 1; }"#;
    serve(&registry, 1, root, &reference("a.proto", "subject-a"));
    let to_b = reference("b.proto", "subject-b");
    registry.schema("/subjects/subject-a/versions/10", 2, "PROTOBUF", a, &to_b);
    registry.schema("/subjects/subject-b/versions/10", 3, "PROTOBUF", b, "");
    let message = concat!(
        r#"{"a":{"b":{"n":0}},"any":{"@type":"type.googleapis.com/B","n":7},"#,
        r#""at":"2020-01-01T00:00:00Z"}"#
    );
    let encoded = run(&encoder(&registry), message).await.unwrap();
    assert_eq!(text(run(&decoder(&registry), encoded).await), message);
}

#[tokio::test]
async fn a_schema_that_cannot_be_used_says_why_and_where() {
    let registry = Registry::start().await;
    let cycle = r#"syntax = "proto3"; import "a.proto"; message Root { A a = 1; }"#;
    let a = r#"syntax = "proto3"; import "b.proto"; message A { }"#;
    let b = r#"syntax = "proto3"; import "a.proto"; message B { }"#;
    let (to_a, to_b) = (reference("a.proto", "a"), reference("b.proto", "b"));
    registry.schema("/schemas/ids/1", 1, "PROTOBUF", cycle, &to_a);
    registry.schema("/subjects/a/versions/10", 2, "PROTOBUF", a, &to_b);
    registry.schema("/subjects/b/versions/10", 3, "PROTOBUF", b, &to_a);
    registry.schema("/schemas/ids/4", 4, "PROTOBUF", cycle, "");
    registry.schema(
        "/schemas/ids/5",
        5,
        "PROTOBUF",
        cycle,
        &reference("a.proto", "c"),
    );
    registry.schema(
        "/schemas/ids/6",
        6,
        "PROTOBUF",
        cycle,
        &reference("a.proto", "d"),
    );
    registry.schema(
        "/subjects/d/versions/10",
        7,
        "PROTOBUF",
        "message A {\n!",
        "",
    );
    // Values of options nest, and so do messages.
    let option = format!(
        "import \"google/protobuf/descriptor.proto\";
         message O {{ optional O o = 1; }}
         extend google.protobuf.MessageOptions {{ optional O own = 50000; }}
         message M {{ option (own) = {{ {} }}; }}",
        "o { ".repeat(100_000)
    );
    registry.schema("/schemas/ids/8", 8, "PROTOBUF", &option, "");
    let messages = "message M { ".repeat(100_000);
    registry.schema("/schemas/ids/9", 9, "PROTOBUF", &messages, "");
    let long = format!(
        "message M {{ {} }}",
        "message N { ".repeat(50) + &"}".repeat(50)
    );
    registry.schema("/schemas/ids/10", 10, "PROTOBUF", &long, "");
    let decoder = decoder(&registry);
    for (id, expected) in [
        (1, "import cycle detected: a.proto -> b.proto -> a.proto"),
        (4, "a.proto"),
        (5, "version 10 of subject `c`: it is not found"),
        (6, "this is no Protobuf schema: a.proto:2:1"),
        (8, "schema:4: this nests deeper than 100 brackets"),
        (9, "schema:1: this nests deeper than 100 brackets"),
        (10, "schema:1:"),
    ] {
        let error = run(&decoder, framed(id, b"\0")).await.unwrap_err();
        assert!(error.contains(expected), "{id}: {error}");
    }
}

#[tokio::test]
async fn messages_that_nest_deep_are_refused_both_ways() {
    let registry = Registry::start().await;
    serve(
        &registry,
        1,
        "syntax = \"proto3\"; message R { R r = 1; }",
        "",
    );
    let mut body = Vec::new();
    for _ in 0..200 {
        let mut outer = vec![0x0a];
        prost::encoding::encode_varint(body.len() as u64, &mut outer);
        outer.extend_from_slice(&body);
        body = outer;
    }
    let framed = framed(1, [&[0][..], &body].concat());
    assert!(run(&decoder(&registry), framed).await.is_err());
    let deep = format!("{}{{}}{}", "{\"r\":".repeat(200), "}".repeat(200));
    let error = run(&encoder(&registry), deep).await.unwrap_err();
    assert!(error.contains("deeper than 100 levels"), "{error}");
}

#[tokio::test]
async fn one_message_that_does_not_fit_spoils_no_other() {
    let registry = Registry::start().await;
    serve(
        &registry,
        1,
        "syntax = \"proto3\"; message M { int32 n = 1; }",
        "",
    );
    let batch: MessageBatch = ["{\"n\":1}", "{\"n\":\"x\"}", "[", "{\"n\":2}"]
        .map(|it| Message::from_bytes(it.as_bytes().to_vec()))
        .into_iter()
        .collect();
    let batch = encoder(&registry).process(batch).await.remove(0);
    let payloads: Vec<_> = batch.iter().map(|it| it.bytes().to_vec()).collect();
    assert_eq!(payloads[0], framed(1, b"\0\x08\x01"));
    assert_eq!(payloads[3], framed(1, b"\0\x08\x02"));
    let causes = [1, 2].map(|at: usize| batch[at].fault().unwrap().cause.text().to_owned());
    assert!(
        causes[0].contains("invalid value for int32 field n"),
        "{causes:?}"
    );
    assert!(causes[1].contains("no JSON"), "{causes:?}");
}

#[tokio::test]
async fn a_schema_with_many_types_says_of_a_few_why_they_do_not_fit() {
    let registry = Registry::start().await;
    let types: String = (0..1_000)
        .map(|it| format!("message M{it} {{ int32 n = 1; }}\n"))
        .collect();
    serve(&registry, 1, &format!("syntax = \"proto3\";\n{types}"), "");
    let encoder = encoder(&registry);
    let error = run(&encoder, r#"{"x":1}"#).await.unwrap_err();
    assert!(error.contains("none of the 1000 types"), "{error}");
    assert!(error.len() < 2_000, "{}", error.len());
    registry.schema(
        &latest("none"),
        2,
        "PROTOBUF",
        "syntax = \"proto3\"; enum E { A = 0; }",
        "",
    );
    let encoder = processor(&registry, "encode", "subject: none");
    let error = run(&encoder, "{}").await.unwrap_err();
    assert!(error.contains("defines no message"), "{error}");
}
