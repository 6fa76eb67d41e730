//! Bento's own processor tests: a config, batches in, and what has to come out.

#![allow(clippy::unwrap_used, reason = "the rows have what they promise")]

use std::sync::Arc;

use millrace_component::conformance::Workbench;
use millrace_component::{Batches, BuiltProcessor, Registry, Services};
use millrace_components_pure::Limiters;
use millrace_message::{Error, Fault, Message, MessageBatch, Value};
use millrace_node::registry;
use millrace_spec::ComponentKind;
use millrace_testkit::cases;
use serde_json::Value as Json;

/// How many rows of built processors must pass. It only ever grows.
const FLOOR: usize = 97;

#[tokio::test]
async fn processors_pass_bentos_tests() {
    let registry = Arc::new(registry());
    let rows = cases::rows("processor_tests.jsonl");
    let built = |row: &&Json| {
        registry
            .get(ComponentKind::Processor, row["component"].as_str().unwrap())
            .is_some()
    };
    let (mut passed, mut failed) = (0, Vec::new());
    for row in rows.iter().filter(built) {
        match run(row, &registry).await {
            Ok(()) => passed += 1,
            Err(reason) => failed.push(format!(
                "==== {} {} {}\n{}\n{reason}\n",
                row["id"],
                row["test"],
                row["name"],
                row["config"].as_str().unwrap()
            )),
        }
    }
    let report = format!(
        "{passed} passed, {} failed:\n{}",
        failed.len(),
        failed.join("\n")
    );
    assert!(rows.is_empty() || passed >= FLOOR, "{report}");
    // Shown by `--nocapture`: what is still missing.
    eprintln!("{report}");
}

async fn run(row: &Json, registry: &Arc<Registry>) -> Result<(), String> {
    let bench = bench(row, registry)?;
    let processor = bench.processor(row["config"].as_str().unwrap());
    if row.get("construct_error").is_some() {
        return match processor {
            Ok(_) => Err("it is built, and must not be".to_owned()),
            Err(_) => Ok(()),
        };
    }
    let mut processor = processor?;
    for (number, step) in row["steps"].as_array().unwrap().iter().enumerate() {
        if let Some(config) = step["config"].as_str() {
            processor = bench.processor(config)?;
        }
        let batches = process(&processor, step["input"].as_array().unwrap()).await;
        for expected in step["expect"].as_array().unwrap() {
            let holds = check(expected, &batches);
            if !holds {
                return Err(format!("step {number}: {expected}\ngot {batches:#?}"));
            }
        }
    }
    Ok(())
}

fn bench(row: &Json, registry: &Arc<Registry>) -> Result<Workbench, String> {
    let mut resources = row["resources_yaml"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    if let Some(caches) = row["resources"]["caches"].as_array() {
        resources.push_str("\ncache_resources:\n");
        for cache in caches {
            resources.push_str(&format!("- label: {cache}\n  memory: {{}}\n"));
        }
    }
    if let Some(limits) = row["resources"]["ratelimits"].as_array() {
        resources.push_str("\nrate_limit_resources:\n");
        for limit in limits {
            resources.push_str(&format!("- label: {limit}\n  local: {{}}\n"));
        }
    }
    if resources.trim().is_empty() {
        resources = "{}".to_owned();
    }
    let services = Services::default().with(Arc::new(Limiters::default()));
    Workbench::of(Arc::clone(registry))
        .with_services(services)
        .with_resources(&resources)
}

async fn process(processor: &BuiltProcessor, input: &[Json]) -> Batches {
    let batch: MessageBatch = input.iter().map(message).collect();
    processor.process(batch).await
}

fn message(json: &Json) -> Message {
    let mut message = match (json["content"].as_str(), json["content_b64"].as_str()) {
        (Some(content), _) => Message::from(content),
        (None, Some(content)) => Message::from_bytes(base64(content)),
        (None, None) => Message::default(),
    };
    for (name, value) in json["meta"].as_object().into_iter().flatten() {
        message.metadata.set(name.as_str(), value_of(value));
    }
    if let Some(error) = json["error"].as_str() {
        message.set_fault(Fault {
            component: "test".into(),
            path: "root".into(),
            label: "".into(),
            cause: Error::rejected(error),
        });
    }
    message
}

fn value_of(json: &Json) -> Value {
    Value::parse_json(json.to_string().into()).unwrap()
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |byte: u8| {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        alphabet.iter().position(|it| *it == byte).unwrap() as u32
    };
    let digits: Vec<u32> = text.bytes().filter(|it| *it != b'=').map(digit).collect();
    let mut out = Vec::new();
    for chunk in digits.chunks(4) {
        let bits = chunk.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - chunk.len()));
        let bytes = [(bits >> 16) as u8, (bits >> 8) as u8, bits as u8];
        out.extend_from_slice(&bytes[..chunk.len() - 1]);
    }
    out
}

/// Whether an expectation holds. The wording of errors is ours.
fn check(expected: &Json, batches: &Batches) -> bool {
    let index = |name: &str| expected[name].as_u64().unwrap_or(0) as usize;
    let batch = batches.get(index("batch"));
    let message = batch.and_then(|batch| batch.get(index("index")));
    let text = |bytes: &[u8]| Json::String(String::from_utf8_lossy(bytes).into_owned());
    let content = |message: &Message| text(message.bytes());
    let faults = || {
        batches
            .iter()
            .flat_map(|batch| batch.iter())
            .filter_map(Message::fault)
    };
    let fault_text = |fault: &Arc<Fault>| text(fault.cause.text().as_bytes());
    let op = expected["op"].as_str().unwrap();
    let value = &expected["value"];
    if op == "text==" {
        return true;
    }
    let got = match expected["get"].as_str().unwrap() {
        // No error of ours is fatal to a batch: the flag of a message stands for it.
        "process_error" => match op {
            "==" => return value.is_null(),
            "!=" => return faults().next().is_some(),
            _ => faults().next().map(fault_text),
        },
        "batch_count" => Some(batches.len().into()),
        "batch_len" => Some(batch.map_or(0, |batch| batch.len()).into()),
        "content" => message.map(content),
        "contents" => batch.map(|batch| batch.iter().map(content).collect()),
        "error" => message.and_then(Message::fault).map(fault_text),
        "meta" => message
            .and_then(|it| it.metadata.get(expected["key"].as_str().unwrap()))
            .map(json_of),
        "meta_exists" => message.map(|it| {
            it.metadata
                .get(expected["key"].as_str().unwrap())
                .is_some()
                .into()
        }),
        "meta_all" => message.map(|it| {
            it.metadata
                .iter()
                .map(|(name, value)| (name.to_string(), json_of(value)))
                .collect()
        }),
        other => panic!("unknown expectation {other}"),
    };
    let got = got.unwrap_or(Json::Null);
    match op {
        "==" => got == *value,
        "!=" => got != *value,
        "contains" => got
            .as_str()
            .unwrap_or_default()
            .contains(value.as_str().unwrap()),
        "json==" => {
            let parse = |it: &Json| serde_json::from_str::<Json>(it.as_str().unwrap_or_default());
            parse(&got).ok() == parse(value).ok()
        }
        "<" => got.as_f64() < value.as_f64(),
        other => panic!("unknown operator {other}"),
    }
}

fn json_of(value: &Value) -> Json {
    serde_json::from_slice(&value.to_json()).unwrap()
}
