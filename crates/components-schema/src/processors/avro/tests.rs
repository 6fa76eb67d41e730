use millrace_component::BuiltProcessor;
use millrace_component::conformance::{self, Workbench};
use millrace_message::{Message, MessageBatch, Value};

const SCHEMA: &str = r#"{"namespace":"foo","type":"record","name":"identity","fields":[
    {"name":"Name","type":"string"},
    {"name":"Address","type":["null",{"namespace":"my","type":"record","name":"address",
        "fields":[{"name":"City","type":"string"}]}],"default":null},
    {"name":"At","type":{"type":"long","logicalType":"timestamp-millis"},"default":0}]}"#;

fn build(fields: &str) -> Result<BuiltProcessor, String> {
    Workbench::new([crate::PROCESSORS]).processor(&format!("avro: {{ {fields} }}"))
}

fn processor(operator: &str, encoding: &str) -> BuiltProcessor {
    let fields = format!("operator: {operator}, encoding: {encoding}, schema: '{SCHEMA}'");
    build(&fields).unwrap_or_else(|error| panic!("{error}"))
}

async fn run(processor: &BuiltProcessor, message: Message) -> Message {
    let batches = processor.process(message.into()).await;
    batches.into_iter().flatten().next().expect("a message")
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_promises_of_a_processor() {
    for operator in ["to_json", "from_json"] {
        for encoding in ["textual", "binary", "single"] {
            conformance::processor(&processor(operator, encoding)).await;
        }
    }
}

const TEXT: &str =
    r#"{"Address":{"my.address":{"City":"x"}},"At":"1970-01-01T00:00:00.005Z","Name":"foo"}"#;

#[tokio::test]
async fn what_becomes_avro_comes_back_in_every_encoding() {
    for (encoding, avro) in [
        ("binary", &b"\x06foo\x02\x02x\x0a"[..]),
        ("single", b"\xc3\x01"),
        (
            "textual",
            br#"{"Address":{"my.address":{"City":"x"}},"At":5,"Name":"foo"}"#,
        ),
    ] {
        let json = r#"{"Name":"foo","Address":{"my.address":{"City":"x"}},"At":5,"more":1}"#;
        let there = run(&processor("from_json", encoding), Message::from(json)).await;
        assert!(there.fault().is_none(), "{encoding}: {:?}", there.fault());
        assert!(there.bytes().starts_with(avro), "{encoding}: {there:?}");
        // As bytes, as if it came from somewhere else.
        let there = Message::from_bytes(there.bytes().clone());
        let back = run(&processor("to_json", encoding), there).await;
        assert_eq!(std::str::from_utf8(back.bytes()), Ok(TEXT), "{encoding}");
        let again = run(&processor("from_json", encoding), back).await;
        assert!(again.bytes().starts_with(avro), "{encoding}: {again:?}");
    }
}

#[tokio::test]
async fn a_message_that_does_not_fit_is_flagged_and_not_changed() {
    for (operator, encoding, payload, expected) in [
        (
            "from_json",
            "binary",
            &b"{\"Name\":5}"[..],
            "`Name`: expected a string",
        ),
        ("from_json", "single", b"{", "the payload is no JSON"),
        (
            "to_json",
            "binary",
            b"\x06fo",
            "`Name`: the message ends too early",
        ),
        ("to_json", "single", b"\x06foo", "ten bytes"),
        (
            "to_json",
            "textual",
            b"{\"Name\":\"x\",\"y\":1}",
            "no field `y`",
        ),
    ] {
        let message = run(&processor(operator, encoding), Message::from_bytes(payload)).await;
        assert_eq!(&message.bytes()[..], payload);
        let fault = message.fault().expect("it is flagged").cause.to_string();
        assert!(fault.contains(expected), "{fault}");
    }
}

#[tokio::test]
async fn one_message_that_does_not_fit_leaves_the_others_alone() {
    let batch: MessageBatch = ["{\"Name\":\"a\"}", "no", "{\"Name\":\"b\"}"]
        .map(Message::from)
        .into_iter()
        .collect();
    let batch = processor("from_json", "binary")
        .process(batch)
        .await
        .remove(0);
    let faults: Vec<_> = batch.iter().map(|it| it.fault().is_some()).collect();
    assert_eq!(faults, [false, true, false]);
}

#[tokio::test]
async fn a_timestamp_of_a_mapping_is_a_timestamp() {
    let at: jiff::Zoned = "2020-01-01T00:00:00.005999+00:00[UTC]".parse().unwrap();
    let members = [("Name", Value::from("x")), ("At", Value::from(at))];
    let value = Value::Object(members.into_iter().collect());
    let message = run(
        &processor("from_json", "textual"),
        Message::from_value(value),
    )
    .await;
    let at = message.value().unwrap().get("At").unwrap().as_i64();
    assert_eq!(at, Some(1_577_836_800_005));
}

#[test]
fn a_schema_comes_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("schema.avsc");
    std::fs::write(&path, SCHEMA).unwrap();
    let fields = |path: &str| format!("operator: to_json, schema_path: 'file://{path}'");
    assert!(build(&fields(&path.display().to_string())).is_ok());
    let error = build(&fields("/nowhere/s.avsc")).err().unwrap();
    assert!(error.contains("/nowhere/s.avsc"), "{error}");
    std::fs::write(&path, "5").unwrap();
    let error = build(&fields(&path.display().to_string())).err().unwrap();
    assert!(error.contains("load the schema"), "{error}");
}

#[test]
fn a_schema_that_cannot_be_used_is_refused_with_the_remedy() {
    for (fields, complaint) in [
        ("", "`schema` or `schema_path`"),
        ("schema_path: 'http://h/s.avsc'", "save the schema"),
        ("schema_path: '/s.avsc'", "write `file:///s.avsc`"),
        ("schema: '{'", "no Avro schema"),
        ("schema: '\"x\"'", "the type `x` is not known"),
    ] {
        let error = build(&format!("operator: to_json, {fields}")).err();
        let error = error.unwrap_or_else(|| panic!("{fields} is built"));
        assert!(error.contains(complaint), "{fields}: {error}");
    }
}
