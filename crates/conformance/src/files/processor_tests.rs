//! `processor_tests.jsonl`: a processor, batches that it gets, and what has to come out.

use std::path::Path;

use millrace_component::{Batches, BuiltProcessor, ProcessorChild};
use millrace_message::MessageBatch;
use serde_json::Value as Json;

use crate::messages;
use crate::rows::{self, in_folder, list, text};
use crate::verdict::{Failure, Pass, Verdict};
use crate::workbench::{Bench, Read};

mod expect;

/// The fields that rows have.
const FIELDS: [&str; 16] = [
    "id",
    "test",
    "name",
    "component",
    "config",
    "files",
    "resources",
    "resources_yaml",
    "needs",
    "steps",
    "construct_error",
    "partial",
    "note",
    "extraction_notes",
    "origin",
    "marks",
];

/// The rows of Bento's test of `file` hold fields that its linter refuses.
const NOT_LINTED: &str = "processor_file_test.go";

/// Builds the processor of a row and runs its steps.
pub fn run(row: &Json) -> Verdict {
    rows::only(row, &FIELDS)?;
    let folder = rows::folder()?;
    rows::write_files(row, folder.path())?;
    let resources = in_folder(row["resources_yaml"].as_str().unwrap_or(""), folder.path());
    let bench = Bench::of_row(&resources, &row["resources"])
        .map_err(|error| Failure::differs("resources", error))?;
    let is_linted = !text(row, "id")?.contains(NOT_LINTED);
    let subject = Subject {
        bench: &bench,
        folder: folder.path(),
        is_linted,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::misread(format!("start a runtime: {error}")))?;
    // Some processors start what they work with when they are built.
    let verdict = runtime.block_on(built(&subject, row));
    // What a row leaves behind must not hold up the next one.
    runtime.shutdown_background();
    verdict
}

async fn built(subject: &Subject<'_>, row: &Json) -> Verdict {
    let processor = match subject.build(text(row, "config")?) {
        Built::Processor(processor) => processor,
        Built::NotInThisBuild(errors) => return known(row, &errors),
        Built::Refused(_) if row.get("construct_error").is_some() => return Ok(Pass::Ran),
        Built::Refused(error) => return Err(Failure::differs("a processor", error)),
    };
    if row.get("construct_error").is_some() {
        return Err(Failure::differs(
            format!("no processor: {}", row["construct_error"]["text"]),
            "a processor",
        ));
    }
    steps(subject, processor, list(row, "steps")?).await
}

/// A processor that is known and not in this build passes when its fields lint clean.
fn known(row: &Json, errors: &[String]) -> Verdict {
    if errors.is_empty() || row.get("construct_error").is_some() {
        Ok(Pass::Linted)
    } else {
        Err(Failure::NotBuilt(errors.join("\n")))
    }
}

/// Where the processors of a row are built.
struct Subject<'r> {
    bench: &'r Bench,
    folder: &'r Path,
    is_linted: bool,
}

enum Built {
    Processor(BuiltProcessor),
    NotInThisBuild(Vec<String>),
    Refused(String),
}

impl Subject<'_> {
    fn build(&self, config: &str) -> Built {
        let config = in_folder(config, self.folder);
        let read: Read<ProcessorChild> = if self.is_linted {
            self.bench.read(&config)
        } else {
            self.bench.read_unlinted(&config)
        };
        if !read.is_built {
            return Built::NotInThisBuild(read.lines());
        }
        match &read.value {
            Some(child) if read.errors.is_empty() => match self.bench.build(child) {
                Ok(processor) => Built::Processor(processor),
                Err(error) => Built::Refused(error),
            },
            _ => Built::Refused(read.lines().join("\n")),
        }
    }
}

async fn steps(subject: &Subject<'_>, mut processor: BuiltProcessor, steps: &[Json]) -> Verdict {
    for (number, step) in steps.iter().enumerate() {
        rows::only(step, &["api", "config", "input", "expect"])?;
        if let Some(config) = step["config"].as_str() {
            processor = match subject.build(config) {
                Built::Processor(processor) => processor,
                Built::NotInThisBuild(errors) => return Err(Failure::NotBuilt(errors.join("\n"))),
                Built::Refused(error) => return Err(Failure::differs("a processor", error)),
            };
        }
        let input = list(step, "input")?;
        let batches = match &step["api"] {
            Json::Null => process(&processor, input, subject.folder).await?,
            Json::String(api) if api == "Process" => {
                let mut batches = Batches::new();
                for message in input {
                    let message = std::slice::from_ref(message);
                    batches.extend(process(&processor, message, subject.folder).await?);
                }
                batches
            }
            other => return Err(Failure::misread(format!("api {other} is not known"))),
        };
        for expected in list(step, "expect")? {
            expect::check(expected, &batches, subject.folder)
                .map_err(|failure| expect::in_step(failure, number, &batches))?;
        }
    }
    processor.close().await;
    Ok(Pass::Ran)
}

async fn process(
    processor: &BuiltProcessor,
    input: &[Json],
    folder: &Path,
) -> Result<Batches, Failure> {
    let mut batch = MessageBatch::new();
    for row in input {
        let row = in_row(row, folder);
        batch.push(messages::message(&row)?);
    }
    Ok(processor.process(batch).await)
}

/// A row with the folder in the place of `$TMP`, in every text of it.
fn in_row(row: &Json, folder: &Path) -> Json {
    match row {
        Json::String(text) => in_folder(text, folder).into(),
        Json::Array(items) => items.iter().map(|item| in_row(item, folder)).collect(),
        Json::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), in_row(value, folder)))
            .collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(config: &str, expect: Json) -> Json {
        json!({"id": "x_test.go:1", "config": config, "steps": [{
            "input": [{"content": "{\"a\":1}", "meta": {"m": "x"}}, {"content": "no"}],
            "expect": [expect],
        }]})
    }

    const CONFIG: &str = "mapping: |\n  root.b = this.a\n  meta n = 1";

    #[test]
    fn every_expectation_holds_or_fails() {
        for (right, wrong) in [
            (
                json!({"get": "content", "op": "==", "value": "{\"b\":1}"}),
                json!({"get": "content", "op": "==", "value": "{\"b\":2}"}),
            ),
            (
                json!({"get": "contents", "op": "==", "value": ["{\"b\":1}", "no"]}),
                json!({"get": "contents", "op": "==", "value": ["{\"b\":1}"]}),
            ),
            (
                json!({"get": "content", "op": "json==", "value": "{ \"b\": 1.0 }"}),
                json!({"get": "content", "op": "json==", "value": "{}"}),
            ),
            (
                json!({"get": "content", "op": "contains", "value": "b"}),
                json!({"get": "content", "op": "contains", "value": "c"}),
            ),
            (
                json!({"get": "content", "op": "!=", "value": ""}),
                json!({"get": "content", "op": "!=", "value": "{\"b\":1}"}),
            ),
            (
                json!({"get": "batch_count", "op": "==", "value": 1}),
                json!({"get": "batch_count", "op": "<", "value": 1}),
            ),
            (
                json!({"get": "batch_len", "batch": 0, "op": "==", "value": 2}),
                json!({"get": "batch_len", "batch": 1, "op": "==", "value": 2}),
            ),
            (
                json!({"get": "meta", "key": "n", "op": "==", "value": "1"}),
                json!({"get": "meta", "key": "n", "op": "==", "value": "2"}),
            ),
            (
                json!({"get": "meta_exists", "key": "m", "op": "==", "value": true}),
                json!({"get": "meta_exists", "key": "o", "op": "==", "value": true}),
            ),
            (
                json!({"get": "meta_all", "op": "==", "value": {"m": "x", "n": 1}}),
                json!({"get": "meta_all", "op": "==", "value": {"m": "x"}}),
            ),
            (
                json!({"get": "error", "index": 1, "op": "!=", "value": null}),
                json!({"get": "error", "index": 0, "op": "!=", "value": null}),
            ),
            (
                json!({"get": "process_error", "op": "==", "value": null}),
                json!({"get": "content", "index": 2, "op": "==", "value": "no"}),
            ),
            (
                json!({"get": "process_error", "op": "contains", "value": "in Bento's words"}),
                json!({"get": "error", "index": 0, "op": "text==", "value": "in Bento's words"}),
            ),
        ] {
            assert_eq!(run(&row(CONFIG, right.clone())), Ok(Pass::Ran), "{right}");
            let verdict = run(&row(CONFIG, wrong.clone()));
            assert!(
                matches!(verdict, Err(Failure::Differs { .. })),
                "{wrong}: {verdict:?}"
            );
        }
    }

    #[test]
    fn what_is_not_known_is_an_error() {
        for expect in [
            json!({"get": "colour", "op": "==", "value": 1}),
            json!({"get": "content", "op": "~", "value": "x"}),
            json!({"get": "content", "op": "==", "valeu": "x"}),
            json!({"get": "meta", "op": "==", "value": "x"}),
            json!({"get": "process_error", "op": "~", "value": "x"}),
        ] {
            let verdict = run(&row(CONFIG, expect.clone()));
            assert!(
                matches!(verdict, Err(Failure::Misread(_))),
                "{expect}: {verdict:?}"
            );
        }
        let mut unknown = row(
            CONFIG,
            json!({"get": "batch_count", "op": "==", "value": 1}),
        );
        unknown["steps"][0]["api"] = json!("Other");
        assert!(matches!(run(&unknown), Err(Failure::Misread(_))));
    }

    #[test]
    fn a_processor_that_must_not_be_built_is_not() {
        let mut row = row("mapping: root =", json!({}));
        row["construct_error"] = json!({"text": null});
        assert_eq!(run(&row), Ok(Pass::Ran));
        row["config"] = json!("mapping: root = 1");
        assert!(matches!(run(&row), Err(Failure::Differs { .. })));
    }

    #[test]
    fn rows_share_no_state() {
        let count = json!({"get": "content", "op": "==", "value": "1"});
        for _ in 0..2 {
            let verdict = run(&row("mapping: root = count(\"shared\")", count.clone()));
            assert_eq!(verdict, Ok(Pass::Ran));
        }
    }
}
