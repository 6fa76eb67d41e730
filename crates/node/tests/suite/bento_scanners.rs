//! Bento's own scanner tests: a config, a stream, and the messages that it is cut into.

use std::io::{Cursor, Read};
use std::sync::Arc;

use millrace_component::conformance::Workbench;
use millrace_component::{Registry, SourceDetails};
use millrace_node::registry;
use millrace_spec::ComponentKind;
use millrace_testkit::cases;
use serde_json::Value as Json;

#[test]
fn built_scanners_pass_bentos_tests() {
    let registry = Arc::new(registry());
    let rows = cases::rows("scanner_tests.jsonl");
    let mut failed = Vec::new();
    for row in rows.iter().filter(|row| is_built(row, &registry)) {
        if let Err(reason) = run(row, &registry) {
            failed.push(format!("{} {}\n{reason}", row["id"], row["scanner_yaml"]));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

fn is_built(row: &Json, registry: &Registry) -> bool {
    let yaml = row["scanner_yaml"].as_str().unwrap_or_default();
    let name = yaml.trim().split(':').next().unwrap_or_default();
    registry.get(ComponentKind::Scanner, name).is_some()
}

fn run(row: &Json, registry: &Arc<Registry>) -> Result<(), String> {
    // Those in Base64 are archives of formats that scanners of their own test.
    let Some(input) = row["input"].as_str() else {
        return Ok(());
    };
    let bench = Workbench::of(Arc::clone(registry));
    let factory = bench.scanner(row["scanner_yaml"].as_str().unwrap_or_default());
    let details = SourceDetails {
        name: row["source_name"].as_str().unwrap_or_default().to_owned(),
    };
    let stream: Box<dyn Read + Send> = Box::new(Cursor::new(input.to_owned()));
    let mut scanner = factory
        .open(stream, &details)
        .map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    while let Some(batch) = scanner
        .next()
        .map_err(|error| format!("{error}: {found:?}"))?
    {
        for message in batch.iter() {
            found.push(String::from_utf8_lossy(message.bytes()).into_owned());
        }
    }
    let expected = row["expect"].as_array().cloned().unwrap_or_default();
    let expected: Vec<_> = expected.iter().filter_map(Json::as_str).collect();
    match found == expected {
        true => Ok(()),
        false => Err(format!("expected {expected:?}\nfound    {found:?}")),
    }
}
