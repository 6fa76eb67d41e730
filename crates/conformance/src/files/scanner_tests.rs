//! `scanner_tests.jsonl`: a scanner, bytes, and the records that they are cut into.

use std::io::Cursor;

use millrace_component::{ScannerChild, SourceDetails};
use serde_json::Value as Json;

use crate::messages;
use crate::rows::{list, only, text};
use crate::verdict::{Failure, Pass, Verdict, equal};
use crate::workbench::{Bench, Read};

/// More records than any row has.
const RECORDS_MAX: usize = 100_000;

/// Cuts the bytes of a row.
pub fn run(row: &Json) -> Verdict {
    let fields = [
        "id",
        "test",
        "name",
        "kind",
        "scanner_yaml",
        "input",
        "input_b64",
        "source_name",
        "expect",
        "note",
        "files",
        "origin",
        "partial",
    ];
    only(row, &fields)?;
    let input = match (&row["input"], &row["input_b64"]) {
        (Json::String(text), Json::Null) => text.clone().into_bytes(),
        (Json::Null, Json::String(text)) => messages::bytes(text)?,
        _ => return Err(Failure::misread("the row has no one input")),
    };
    let bench = Bench::of_row("", &Json::Null).map_err(Failure::misread)?;
    let read: Read<ScannerChild> = bench.read(text(row, "scanner_yaml")?);
    let lines = read.lines().join("\n");
    if !read.is_built {
        return match read.errors.is_empty() {
            true => Ok(Pass::Linted),
            false => Err(Failure::NotBuilt(lines)),
        };
    }
    let Some(child) = read.value.filter(|_| read.errors.is_empty()) else {
        return Err(Failure::differs("a scanner", lines));
    };
    let details = SourceDetails {
        name: row["source_name"].as_str().unwrap_or_default().to_owned(),
    };
    match records(&bench, &child, input, &details) {
        Ok(records) => equal(&list(row, "expect")?.into(), &records.into()),
        Err(error) => Err(Failure::differs_json(&row["expect"], &error.into())),
    }
}

/// The records before the end; what cannot be read is skipped, as a reader of files does.
fn records(
    bench: &Bench,
    child: &ScannerChild,
    input: Vec<u8>,
    details: &SourceDetails,
) -> Result<Vec<String>, String> {
    let told = |error: millrace_message::Error| error.to_string();
    let factory = child
        .config
        .build(&bench.context(child.name))
        .map_err(told)?;
    let scanner = factory.open(Box::new(Cursor::new(input)), details);
    let mut scanner = scanner.map_err(told)?;
    let mut records = Vec::new();
    while records.len() < RECORDS_MAX {
        match scanner.next() {
            Ok(Some(batch)) => records.extend(batch.iter().map(messages::text)),
            Ok(None) => return Ok(records),
            Err(error) if error.class() == millrace_message::ErrorClass::Rejected => {}
            // What stood before the error was read, in Bento as here.
            Err(_) => return Ok(records),
        }
    }
    Err("the scanner does not end".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_tampered_row_fails() {
        let row = json!({"scanner_yaml": "lines: {}", "input": "a\nb", "expect": ["a", "b"]});
        assert_eq!(run(&row), Ok(Pass::Ran));
        for (field, value) in [
            ("expect", json!(["a", "c"])),
            ("expect", json!(["a"])),
            ("input", json!("a\nb\nc")),
            ("scanner_yaml", json!("lines: {custom_delimiter: 7}")),
            ("scanner_yaml", json!("liens: {}")),
        ] {
            let mut tampered = row.clone();
            tampered[field] = value;
            let verdict = run(&tampered);
            assert!(
                matches!(verdict, Err(Failure::Differs { .. })),
                "{tampered}: {verdict:?}"
            );
        }
        let mut unknown = row;
        unknown["inputs"] = json!([]);
        assert!(matches!(run(&unknown), Err(Failure::Misread(_))));
    }
}
