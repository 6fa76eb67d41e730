//! What mappings, queries and interpolations give on Bento, row by row.
//!
//! Each test holds a floor: how many rows must pass. Raise it when more do; never lower it.

use std::fmt::Write as _;

use millrace_bloblang::{Environment, Interpolation, Mapped, Mapping, Outcome, Query};
use millrace_message::{Error, Fault, Message, Metadata, Value};
use serde_json::Value as Json;

use crate::rows::{rows, text};

const EXAMPLES_FLOOR: usize = 212;
const TESTS_FLOOR: usize = 795;

#[test]
fn the_documented_examples_give_what_bento_documents() {
    if in_environment("run::the_documented_examples_give_what_bento_documents") {
        check("bloblang_examples.jsonl", EXAMPLES_FLOOR, example);
    }
}

#[test]
fn the_table_tests_of_bento_pass() {
    if in_environment("run::the_table_tests_of_bento_pass") {
        check("bloblang_tests.jsonl", TESTS_FLOOR, table_test);
    }
}

/// Whether this process has the variables that some rows read. One that has not runs the test in
/// another process that has: a process does not change its own environment.
fn in_environment(test: &str) -> bool {
    const MARK: &str = "BENTO_TEST_BLOBLANG_FILE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let directory = tempfile::tempdir().expect("a directory for two files");
    let file = directory.path().join("file.json");
    let schema = directory.path().join("schema.json");
    std::fs::write(&file, r#"{"foo":"bar"}"#).expect("the file is written");
    std::fs::write(
        &schema,
        r#"{"type":"object","properties":{"foo":{"type":"string"}}}"#,
    )
    .expect("the schema is written");
    let program = std::env::current_exe().expect("the test has a path");
    let status = std::process::Command::new(program)
        .args([test, "--exact", "--nocapture"])
        .env("TZ", "UTC")
        .env(MARK, &file)
        .env("BENTO_TEST_BLOBLANG_SCHEMA_FILE", &schema)
        .env("BENTO_TEST_BLOBLANG_FUNCTION", "foobar")
        .status()
        .expect("the test runs once more");
    assert!(status.success(), "the rows fail");
    false
}

/// Runs every row, prints those that fail, and compares the number of others with the floor.
#[allow(clippy::print_stderr)]
fn check(file: &str, floor: usize, run: fn(&Json) -> Result<(), String>) {
    let rows = rows(file);
    let mut failures = String::new();
    let mut passed = 0;
    for row in &rows {
        match run(row) {
            Ok(()) => passed += 1,
            Err(why) => {
                let name = row["name"].as_str().unwrap_or_default();
                let _ = writeln!(failures, "{} {name}: {why}", text(row, "id"));
            }
        }
    }
    eprintln!(
        "{failures}{file}: {passed} of {} rows pass, the floor is {floor}",
        rows.len()
    );
    assert!(
        rows.is_empty() || passed >= floor,
        "{passed} rows pass, the floor is {floor}"
    );
}

fn example(row: &Json) -> Result<(), String> {
    let mapping = Mapping::compile(text(row, "mapping"), &environment())
        .map_err(|errors| complaints(&errors))?;
    let no_cases = Vec::new();
    for case in row["cases"].as_array().unwrap_or(&no_cases) {
        let mut message = Message::from_bytes(text(case, "input").to_owned().into_bytes());
        message.set_context(Some(std::sync::Arc::new(millrace_message::Context {
            trace_parent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
            ..Default::default()
        })));
        let mapped = mapping.map(std::slice::from_ref(&message), 0);
        match (case, mapped) {
            (case, Ok(Mapped::Deleted)) if case["deleted"] == true => {}
            (case, Err(_)) if case["error"].is_string() => {}
            (_, Err(error)) => return Err(format!("fails: {error}")),
            (_, Ok(mapped)) => {
                let _kept = mapped.apply_to(&mut message);
                let given = String::from_utf8_lossy(message.bytes()).into_owned();
                match case["output"].as_str() {
                    Some(expected) if same_text(expected, &given) => {}
                    Some(_) if row["marks"].to_string().contains("nondeterministic") => {}
                    expected => return Err(format!("gives {given} instead of {expected:?}")),
                }
            }
        }
    }
    Ok(())
}

fn environment() -> Environment {
    Environment::new()
}

fn complaints(errors: &[millrace_bloblang::SyntaxError]) -> String {
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    format!("does not compile: {}", texts.join("; "))
}

/// The batch that a row runs on, an empty message when it names none.
fn batch(row: &Json) -> Vec<Message> {
    let Some(messages) = row["batch"].as_array() else {
        return vec![Message::from_bytes("")];
    };
    let messages: Vec<Message> = messages.iter().map(message).collect();
    if messages.is_empty() {
        vec![Message::from_bytes("")]
    } else {
        messages
    }
}

fn message(row: &Json) -> Message {
    let content = row["content"].as_str().unwrap_or_default();
    let mut message = Message::from_bytes(content.to_owned().into_bytes());
    if let Some(metadata) = row["meta"].as_object() {
        for (key, value) in metadata {
            message.metadata.set(key.as_str(), ours(value));
        }
    }
    if let Some(error) = row["err"].as_str() {
        message.set_fault(Fault {
            component: "".into(),
            path: "".into(),
            label: "".into(),
            cause: Error::rejected(error),
        });
    }
    message
}

fn ours(value: &Json) -> Value {
    Value::parse_json(value.to_string().into()).expect("serde_json writes JSON")
}

/// A value as the rows write it: bytes stand as text.
fn theirs(value: &Value) -> Json {
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

/// Two JSON texts with numbers compared by value, or else equal texts.
fn same_text(expected: &str, given: &str) -> bool {
    expected == given
        || match (serde_json::from_str(expected), serde_json::from_str(given)) {
            (Ok(expected), Ok(given)) => same(&expected, &given, 0.0),
            _ => false,
        }
}

fn same(expected: &Json, given: &Json, tolerance: f64) -> bool {
    match (expected, given) {
        (Json::Number(a), Json::Number(b)) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => (a - b).abs() <= tolerance || a == b,
            _ => a == b,
        },
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b, tolerance))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| same(a, b, tolerance)))
        }
        _ => expected == given,
    }
}

/// What a row gave, in the terms of `expect`.
enum Given {
    Value(Value),
    Nothing,
    Deleted,
    Message(Message),
    Texts(Vec<Given>),
}

fn table_test(row: &Json) -> Result<(), String> {
    let kind = text(row, "kind");
    if matches!(kind, "token" | "query_prefix") {
        // Where an expression ends is the parser's matter.
        return Ok(());
    }
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    if let Some(files) = row["files"].as_object() {
        for (name, content) in files {
            let path = name.replace("$TMP", &directory.path().to_string_lossy());
            let content = content.as_str().unwrap_or_default();
            if let Some(parent) = std::path::Path::new(&path).parent() {
                std::fs::create_dir_all(parent).map_err(|error| error.to_string())?;
            }
            std::fs::write(&path, content).map_err(|error| error.to_string())?;
        }
    }
    let program = text(row, "program").replace("$TMP", &directory.path().to_string_lossy());
    let given = run(row, kind, &program);
    let expect = &row["expect"];
    match (expect["error"].as_str(), given) {
        (Some(_), Err(_)) => Ok(()),
        // Bento's callers turn a deleted root into this error; ours get no value.
        (Some("root was deleted"), Ok(Given::Deleted)) => Ok(()),
        (Some(error), Ok(_)) => Err(format!("`{program}` does not fail: {error}")),
        (None, Err(error)) => Err(format!("`{program}`: {error}")),
        (None, Ok(given)) => {
            agrees(expect, &given).map_err(|why| format!("`{program}`: {why}, not {expect}"))
        }
    }
}

fn run(row: &Json, kind: &str, program: &str) -> Result<Given, String> {
    let batch = batch(row);
    let index = row["index"].as_u64().unwrap_or(0) as usize;
    let this = row.get("this").map(ours);
    let environment = environment();
    let compile = || Mapping::compile(program, &environment).map_err(|errors| complaints(&errors));
    let text = |error: millrace_bloblang::EvalError| error.to_string();
    let bare = |value: Option<Value>| value.map_or(Given::Deleted, Given::Value);
    match kind {
        "query" => {
            let query =
                Query::compile(program, &environment).map_err(|errors| complaints(&errors))?;
            let outcome = match &this {
                Some(this) => query.evaluate_on(this, &batch, index),
                None => query.evaluate(&batch, index),
            };
            Ok(match outcome.map_err(text)? {
                Outcome::Nothing => Given::Nothing,
                Outcome::Deleted => Given::Deleted,
                outcome => Given::Value(outcome.into_value().unwrap_or_default()),
            })
        }
        "interpolation" => {
            let interpolation = Interpolation::compile(program, &environment)
                .map_err(|errors| complaints(&errors))?;
            let text = interpolation.resolve(&batch, index).map_err(text)?;
            Ok(Given::Value(Value::from(text.as_ref())))
        }
        "mapping" => match compile()?.map(&batch, index).map_err(text)? {
            Mapped::Deleted => Ok(Given::Deleted),
            mapped => {
                let mut message = batch[index].clone();
                let _kept = mapped.apply_to(&mut message);
                Ok(Given::Message(message))
            }
        },
        "mapping_value" => match this {
            Some(this) => compile()?.map_value(&this).map_err(text).map(bare),
            None if row["batch"].is_array() => {
                compile()?.query(&batch, index).map_err(text).map(bare)
            }
            None => compile()?.map_value(&Value::Null).map_err(text).map(bare),
        },
        "mapping_value_meta" => {
            let mut metadata = Metadata::default();
            compile()?
                .map_value_with_metadata(&this.unwrap_or_default(), &mut metadata)
                .map_err(text)
                .map(bare)
        }
        "mapping_overlay" => {
            let mut overlay = ours(&row["overlay"]);
            compile()?
                .map_onto_value(&this.unwrap_or_default(), &mut overlay)
                .map_err(text)
                .map(|kept| {
                    if kept {
                        Given::Value(overlay)
                    } else {
                        Given::Deleted
                    }
                })
        }
        "mapping_sequence" => {
            let mapping = compile()?;
            let inputs = row["inputs"].as_array().cloned().unwrap_or_default();
            let given = inputs
                .iter()
                .map(|input| mapping.map_value(&ours(input)).map_err(text).map(bare));
            Ok(Given::Texts(given.collect::<Result<_, _>>()?))
        }
        "predicate" => Ok(Given::Value(Value::Bool(
            compile()?.test(&batch, index).map_err(text)?,
        ))),
        other => Err(format!("unknown kind {other}")),
    }
}

fn agrees(expect: &Json, given: &Given) -> Result<(), String> {
    let tolerance = expect["tolerance"].as_f64().unwrap_or(0.0);
    let verdict = |same: bool, given: String| {
        if same {
            Ok(())
        } else {
            Err(format!("gives {given}"))
        }
    };
    if let Some(special) = expect["special"].as_str() {
        return match (special, given) {
            ("nothing", Given::Nothing) | ("deleted", Given::Deleted) => Ok(()),
            _ => Err("gives a value".to_owned()),
        };
    }
    if expect["deleted"] == true {
        return verdict(matches!(given, Given::Deleted), "a value".to_owned());
    }
    match given {
        Given::Message(message) => {
            let content = String::from_utf8_lossy(message.bytes()).into_owned();
            if let Some(expected) = expect["content"].as_str() {
                verdict(same_text(expected, &content), content.clone())?;
            }
            if let Some(expected) = expect.get("json") {
                let given: Json = serde_json::from_str(&content).unwrap_or_default();
                verdict(same(expected, &given, tolerance), content)?;
            }
            if let Some(expected) = expect["meta"].as_object() {
                let given = metadata(message);
                verdict(
                    same(&Json::Object(expected.clone()), &given, 0.0),
                    given.to_string(),
                )?;
            }
            Ok(())
        }
        Given::Value(value) => {
            let json = String::from_utf8_lossy(&value.to_json()).into_owned();
            if let Some(expected) = expect["string"].as_str() {
                let given = value.to_text();
                return verdict(expected == given.as_str(), given.to_string());
            }
            if let Some(expected) = expect["bool"].as_bool() {
                return verdict(value.as_bool() == Some(expected), json);
            }
            match expect.get("json") {
                Some(expected) => verdict(same(expected, &theirs(value), tolerance), json),
                None => Ok(()),
            }
        }
        Given::Nothing | Given::Deleted => {
            // A query that gives nothing renders as null.
            let is_null = expect["json"].is_null()
                && expect["string"].as_str().is_none_or(|text| text == "null");
            verdict(is_null, "no value".to_owned())
        }
        Given::Texts(given) => {
            let expected = expect["sequence"].as_array().cloned().unwrap_or_default();
            if expected.len() != given.len() {
                return Err("gives another number of results".to_owned());
            }
            expected
                .iter()
                .zip(given)
                .try_for_each(|(expected, given)| agrees(expected, given))
        }
    }
}

fn metadata(message: &Message) -> Json {
    message
        .metadata
        .iter()
        .map(|(key, value)| (key.to_string(), theirs(value)))
        .collect()
}
