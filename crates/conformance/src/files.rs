//! The files of cases, one module for each.

use serde_json::Value as Json;

use crate::verdict::Verdict;

mod bloblang_examples;
mod bloblang_parse_ok;
mod bloblang_tests;
mod component_examples;
mod config_cases;
mod lint_clean_configs;
mod processor_tests;
mod scanner_tests;

/// A file of cases, and how one of its rows is run.
pub struct CaseFile {
    /// Its name in the folder.
    pub name: &'static str,
    /// Runs a row.
    pub run: fn(&Json) -> Verdict,
}

/// All of them, in the order in which they are run.
pub const ALL: &[CaseFile] = &[
    CaseFile {
        name: "bloblang_examples.jsonl",
        run: bloblang_examples::run,
    },
    CaseFile {
        name: "bloblang_tests.jsonl",
        run: bloblang_tests::run,
    },
    CaseFile {
        name: "bloblang_parse_ok.jsonl",
        run: bloblang_parse_ok::run,
    },
    CaseFile {
        name: "processor_tests.jsonl",
        run: processor_tests::run,
    },
    CaseFile {
        name: "component_examples.jsonl",
        run: component_examples::run,
    },
    CaseFile {
        name: "lint_clean_configs.jsonl",
        run: lint_clean_configs::run,
    },
    CaseFile {
        name: "config_cases.jsonl",
        run: config_cases::run,
    },
    CaseFile {
        name: "scanner_tests.jsonl",
        run: scanner_tests::run,
    },
];

/// The file of this name.
pub fn find(name: &str) -> Option<&'static CaseFile> {
    ALL.iter().find(|file| file.name == name)
}
