use millrace_component::BuiltProcessor;
use millrace_component::conformance;
use millrace_message::{Message, MessageBatch};

use crate::registry::testing::{Answer, Registry, build, framed, run, serve_references};

const SCHEMA: &str = r#"{"namespace":"foo","type":"record","name":"identity","fields":[
    {"name":"Name","type":"string"},
    {"name":"Address","type":["null",{"namespace":"my","type":"record","name":"address",
        "fields":[{"name":"City","type":["null","string"]}]}],"default":null},
    {"name":"At","type":{"type":"long","logicalType":"timestamp-micros"},"default":0}]}"#;
const BINARY: &[u8] = b"\x06foo\x02\x02\x02x\x0a";

fn decoder(registry: &Registry, fields: &str) -> BuiltProcessor {
    let url = format!("http://{}", registry.address);
    let yaml = format!("schema_registry_decode: {{ url: '{url}', {fields} }}");
    build(&yaml).unwrap_or_else(|error| panic!("{error}"))
}

fn text(payload: Result<Vec<u8>, String>) -> String {
    String::from_utf8(payload.unwrap_or_else(|error| panic!("{error}"))).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_promises_of_a_processor() {
    let registry = Registry::start().await;
    conformance::processor(&decoder(&registry, "")).await;
}

#[tokio::test]
async fn avro_becomes_json_in_either_form_and_its_schema_is_asked_for_once() {
    let registry = Registry::start().await;
    registry.avro(3, "foo", SCHEMA);
    let avro_json = r#"{"Address":{"my.address":{"City":{"string":"x"}}},"At":5,"Name":"foo"}"#;
    let raw = r#"{"Address":{"City":"x"},"At":5,"Name":"foo"}"#;
    for (fields, expected) in [("", avro_json), ("avro_raw_json: true", raw)] {
        let decoder = decoder(&registry, fields);
        for _ in 0..3 {
            assert_eq!(text(run(&decoder, framed(3, BINARY)).await), expected);
        }
    }
    assert_eq!(registry.requests().len(), 2);
    let request = registry.requests()[0].to_ascii_lowercase();
    assert!(
        request.starts_with("get /schemas/ids/3 http/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains("accept: application/vnd.schemaregistry.v1+json"),
        "{request}"
    );
}

#[tokio::test]
async fn messages_of_one_batch_may_have_several_schemas() {
    let registry = Registry::start().await;
    registry.avro(1, "a", r#""string""#);
    registry.avro(2, "b", r#""int""#);
    let batch: MessageBatch = [
        framed(1, b"\x02x"),
        framed(2, b"\x0a"),
        framed(9, b""),
        framed(1, b"\x02y"),
    ]
    .map(Message::from_bytes)
    .into_iter()
    .collect();
    let batch = decoder(&registry, "").process(batch).await.remove(0);
    let payloads: Vec<_> = batch.iter().map(|it| it.bytes().to_vec()).collect();
    assert_eq!(payloads, [&b"\"x\""[..], b"5", &framed(9, b""), b"\"y\""]);
    let faults: Vec<_> = batch.iter().map(|it| it.fault().is_some()).collect();
    assert_eq!(faults, [false, false, true, false]);
}

#[tokio::test]
async fn a_message_that_cannot_be_decoded_says_why() {
    let registry = Registry::start().await;
    registry.avro(3, "foo", SCHEMA);
    registry.schema("/schemas/ids/4", 4, "PROTOBUF", "message m {\n  !", "");
    registry.schema("/schemas/ids/5", 5, "XML", "<x/>", "");
    registry.schema(
        "/schemas/ids/6",
        6,
        "AVRO",
        r#"{"type":"record","name":"a.b-c.d","fields":[]}"#,
        "",
    );
    registry.answer(
        "/schemas/ids/7",
        Answer::Status(400, "", r#"{"message":"nope"}"#.to_owned()),
    );
    registry.answer("/schemas/ids/8", Answer::Status(200, "", "{".to_owned()));
    registry.answer("/schemas/ids/9", Answer::Status(200, "", "{}".to_owned()));
    let decoder = decoder(&registry, "");
    for (message, expected) in [
        (Vec::new(), "the message is empty"),
        (b"\x06\0\0\0\x03".to_vec(), "version number 6 not supported"),
        (b"\0\0\0".to_vec(), "shorter than the number"),
        (framed(3, b"\x06fo"), "`Name`: the message ends too early"),
        (framed(4, b""), "this is no Protobuf schema: schema:2:"),
        (framed(5, b""), "`XML` are not supported"),
        (framed(6, b""), "other characters than [A-Za-z0-9_]"),
        (
            framed(7, b""),
            "schema 7: the registry answers 400 Bad Request: nope",
        ),
        (framed(8, b""), "the answer is no JSON"),
        (framed(9, b""), "the answer has no `schema`"),
        (
            framed(10, b""),
            "schema 10: it is not found by the registry",
        ),
    ] {
        let error = run(&decoder, message).await.unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn namespaces_are_made_valid_when_asked_for() {
    let registry = Registry::start().await;
    let schema = r#"["null",{"namespace":"my.space-dodgy","type":"record","name":"a",
        "fields":[{"name":"x-y.f","type":"int"}]}]"#;
    registry.avro(6, "foo", schema);
    assert!(
        run(&decoder(&registry, ""), framed(6, b"\x02\x0a"))
            .await
            .is_err()
    );
    let decoder = decoder(&registry, "sanitize_namespace_names: true");
    let found = text(run(&decoder, framed(6, b"\x02\x0a")).await);
    assert_eq!(found, r#"{"my.spacedodgy.a":{"f":5}}"#);
}

#[tokio::test]
async fn json_is_checked_and_goes_on_as_it_is() {
    let registry = Registry::start().await;
    let schema = r#"{"type":"object","required":["name"]}"#;
    registry.schema("/schemas/ids/3", 3, "JSON", schema, "");
    let decoder = decoder(&registry, "");
    let message = r#"{ "name": "x" , "b":1}"#;
    assert_eq!(text(run(&decoder, framed(3, message)).await), message);
    for (message, expected) in [("{}", "does not conform to schema"), ("{", "is no JSON")] {
        let error = run(&decoder, framed(3, message)).await.unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn schemas_refer_to_others() {
    let registry = Registry::start().await;
    serve_references(&registry);
    for nested in [false, true] {
        let decoder = decoder(&registry, &format!("avro_nested_schemas: {nested}"));
        let found = text(run(&decoder, framed(1, b"\x02n\x02c\x02\x04CA")).await);
        let expected =
            r#"{"address":{"city":"c","state":{"com.example.State":{"code":"CA"}}},"name":"n"}"#;
        assert_eq!(found, expected);
        let found = text(run(&decoder, framed(4, b"\0\x04CA")).await);
        assert_eq!(found, r#"{"com.example.State":{"code":"CA"}}"#);
        assert_eq!(
            text(run(&decoder, framed(5, "{\"woof\":\"x\"}")).await),
            "{\"woof\":\"x\"}"
        );
        assert_eq!(
            text(run(&decoder, framed(5, "{\"moo\":\"x\"}")).await),
            "{\"moo\":\"x\"}"
        );
        assert!(run(&decoder, framed(5, "{\"woof\":5}")).await.is_err());
    }
}

#[tokio::test]
async fn references_in_a_circle_and_in_two_versions_are_refused() {
    let registry = Registry::start().await;
    let to = |name: &str, version| {
        format!(r#"{{"name":"{name}","subject":"{name}","version":{version}}}"#)
    };
    registry.schema("/schemas/ids/1", 1, "AVRO", "\"a\"", &to("a", 1));
    let (a, b) = (
        r#"{"type":"record","name":"a","fields":[{"name":"b","type":"b"}]}"#,
        r#"{"type":"record","name":"b","fields":[{"name":"a","type":"a"}]}"#,
    );
    registry.schema("/subjects/a/versions/1", 2, "AVRO", a, &to("b", 1));
    registry.schema("/subjects/b/versions/1", 3, "AVRO", b, &to("a", 1));
    registry.schema(
        "/schemas/ids/4",
        4,
        "AVRO",
        "\"a\"",
        &[to("b", 1), to("a", 2)].join(","),
    );
    registry.schema("/schemas/ids/5", 5, "AVRO", "\"c\"", &to("c", 1));
    let decoder = decoder(&registry, "");
    for (id, expected) in [
        (1, "the type `a` is not known"),
        (4, "in the versions 1 and 2"),
        (5, "subject `c`: it is not found"),
    ] {
        let error = run(&decoder, framed(id, b"")).await.unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_registry_that_was_away_is_asked_again() {
    let registry = Registry::start().await;
    let address = registry.address.to_string();
    let decoder = decoder(&registry, "");
    registry.avro(3, "foo", "\"int\"");
    registry.answer("/schemas/ids/4", Answer::Cut);
    assert_eq!(text(run(&decoder, framed(3, b"\x0a")).await), "5");
    let error = run(&decoder, framed(4, b"\x0a")).await.unwrap_err();
    assert!(error.contains(&address), "{error}");
    // Three attempts after the one that was answered.
    assert_eq!(registry.requests().len(), 4);
    registry.stop().await;
    assert_eq!(text(run(&decoder, framed(3, b"\x0c")).await), "6");
    assert!(run(&decoder, framed(5, b"\x0a")).await.is_err());
    let registry = Registry::start_at(&address).await;
    registry.avro(6, "bar", "\"long\"");
    assert_eq!(text(run(&decoder, framed(6, b"\x0a")).await), "5");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_never_comes_is_not_waited_for() {
    let registry = Registry::start().await;
    registry.answer("/schemas/ids/3", Answer::Hang);
    let error = run(&decoder(&registry, ""), framed(3, b"\x0a"))
        .await
        .unwrap_err();
    assert!(error.contains("does not answer within 5s"), "{error}");
}

#[tokio::test]
async fn redirects_are_followed_and_credentials_stay_with_their_host() {
    let registry = Registry::start().await;
    registry.avro(3, "foo", "\"int\"");
    let to_other_path = Answer::Status(307, "location: /schemas/ids/3\r\n", String::new());
    registry.answer("/schemas/ids/1", to_other_path);
    let to_itself = Answer::Status(302, "location: /schemas/ids/2\r\n", String::new());
    registry.answer("/schemas/ids/2", to_itself);
    let decoder = decoder(
        &registry,
        "basic_auth: { enabled: true, username: u, password: p }",
    );
    assert_eq!(text(run(&decoder, framed(1, b"\x0a")).await), "5");
    let requests = registry.requests();
    assert!(
        requests
            .iter()
            .all(|it| it.contains("authorization: Basic dTpw")),
        "{requests:?}"
    );
    let error = run(&decoder, framed(2, b"\x0a")).await.unwrap_err();
    assert!(error.contains("redirects more than 10 times"), "{error}");
}

#[tokio::test]
async fn the_path_and_the_user_of_the_url_are_part_of_every_request() {
    let registry = Registry::start().await;
    registry.schema("/v1/schemas/ids/3?q=1", 3, "", "\"int\"", "");
    let url = format!("http://u:p@{}/v1/?q=1", registry.address);
    let decoder = build(&format!("schema_registry_decode: {{ url: '{url}' }}"))
        .ok()
        .unwrap();
    assert_eq!(text(run(&decoder, framed(3, b"\x0a")).await), "5");
    assert!(registry.requests()[0].contains("authorization: Basic dTpw"));
}

#[tokio::test]
async fn hostile_schemas_and_answers_cost_what_they_are() {
    let registry = Registry::start().await;
    let deep = format!(
        "{}\"int\"{}",
        r#"{"type":"array","items":"#.repeat(3_000),
        "}".repeat(3_000)
    );
    registry.schema("/schemas/ids/1", 1, "AVRO", &deep, "");
    let endless = r#"{"type":"record","name":"r","fields":[{"name":"r","type":"r"}]}"#;
    registry.schema("/schemas/ids/2", 2, "AVRO", endless, "");
    registry.schema(
        "/schemas/ids/3",
        3,
        "AVRO",
        r#"{"type":"array","items":"null"}"#,
        "",
    );
    let large = "content-type: text/plain\r\n";
    registry.answer(
        "/schemas/ids/4",
        Answer::Status(200, large, " ".repeat(40 << 20)),
    );
    let claims = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    let decoder = decoder(&registry, "");
    for (id, body, expected) in [
        (1, &b""[..], "no JSON"),
        (2, b"", "nested deeper"),
        (3, &claims, "far more values"),
        (4, b"", "larger than"),
    ] {
        let error = run(&decoder, framed(id, body)).await.unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_url_that_is_none_is_refused() {
    for url in ["huh#%#@$u*not////::example.com", "ftp://host", "http://"] {
        let error = build(&format!("schema_registry_decode: {{ url: '{url}' }}"))
            .err()
            .unwrap();
        assert!(error.contains("url: "), "{error}");
    }
    assert!(build("schema_registry_decode: {}").is_err());
}
