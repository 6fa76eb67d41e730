//! The examples of the guide to the language: each is run, so that the page stays true.
//!
//! A block that begins with ```` ```blobl ```` is a mapping and below it comments: `In:` a message,
//! several in a row a batch, `Meta in:` its metadata, and for each of them `Out:` the content that
//! comes out, `(deleted)`, or `Error:` a part of the error; `Meta out:` may follow. A block whose first
//! line is the name of a file as a comment is that file, which later blocks import.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::path::Path;

use millrace_bloblang::{Environment, Mapping};
use millrace_message::{Message, Value};
use millrace_testkit::pages::{self, Block};

/// What a comment of an example says.
fn note(line: &str) -> Option<(&str, &str)> {
    let (label, text) = line.strip_prefix("# ")?.split_once(':')?;
    let is_note = ["In", "Out", "Error", "Meta in", "Meta out"].contains(&label);
    is_note.then(|| (label, text.trim()))
}

fn object(text: &str) -> Value {
    Value::parse_json(text.to_owned().into()).unwrap()
}

#[derive(Default)]
struct Example {
    metadata: Option<Value>,
    batch: Vec<Message>,
    /// How many of the messages have been looked at.
    seen: usize,
    last: Option<Message>,
}

impl Example {
    fn take(&mut self, mapping: &Mapping, label: &str, text: &str) {
        match label {
            "Meta in" => self.metadata = Some(object(text)),
            "In" => {
                if self.seen > 0 {
                    self.batch.clear();
                    self.seen = 0;
                }
                let mut message = Message::from_bytes(text.to_owned().into_bytes());
                let metadata = self.metadata.take();
                let metadata = metadata.as_ref().and_then(Value::as_object);
                for (key, value) in metadata.into_iter().flat_map(|it| it.entries()) {
                    message.metadata.set(key, value.into_owned());
                }
                self.batch.push(message);
            }
            "Meta out" => {
                let last = self.last.as_ref().expect("a message has come out");
                let metadata = last.metadata.iter();
                let metadata = metadata.map(|(key, value)| (key.clone(), value.clone()));
                assert_eq!(Value::Object(metadata.collect()), object(text));
            }
            _ => {
                let mut message = self.batch[self.seen].clone();
                let mapped = mapping.map(&self.batch, self.seen);
                self.seen += 1;
                if label == "Error" {
                    let error = mapped.expect_err("it fails").to_string();
                    assert!(error.contains(text), "{error}");
                    return;
                }
                let is_kept = mapped.unwrap().apply_to(&mut message);
                assert_eq!(is_kept, text != "(deleted)", "whether it is kept");
                if is_kept {
                    assert_eq!(String::from_utf8_lossy(message.bytes()), text);
                }
                self.last = Some(message);
            }
        }
    }
}

#[test]
fn every_example_of_the_guide_to_the_language_gives_what_it_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/bloblang.md");
    let page = std::fs::read_to_string(path).unwrap();
    let files = tempfile::tempdir().unwrap();
    let environment = Environment::new().with_directory(files.path());
    let mut results = 0;
    for Block { line, text: block } in pages::blocks(&page, &["blobl"]) {
        let first = block.lines().next().and_then(|it| it.strip_prefix("# "));
        if let Some(name) = first.filter(|it| it.ends_with(".blobl")) {
            std::fs::write(files.path().join(name), &block).unwrap();
            continue;
        }
        println!("the example in line {line}");
        let mapping = Mapping::compile(&block, &environment).unwrap();
        let notes: Vec<_> = block.lines().filter_map(note).collect();
        let mut example = Example::default();
        for (label, text) in &notes {
            example.take(&mapping, label, text);
        }
        let of_block = notes
            .iter()
            .filter(|(label, _)| matches!(*label, "Out" | "Error"));
        let of_block = of_block.count();
        assert!(of_block > 0, "the example in line {line} has no result");
        results += of_block;
    }
    assert!(results > 40, "{results} results");
}
