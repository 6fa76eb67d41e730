//! The configs in the pages of the guide: each is linted, and the tests in them are run.
//!
//! A block of YAML whose first line is the name of a file as a comment is that file; the other blocks
//! of its page see it. Every block of YAML is a whole config, a definition of tests, or, as a file
//! below `templates/`, a template.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use millrace_testkit::pages::{self, Block};

/// The blocks of YAML of a page, each with the name of the file that it is.
fn files(page: &str) -> Vec<(String, String)> {
    let named = |Block { line, text }: Block| {
        let first = text.lines().next().and_then(|it| it.strip_prefix("# "));
        let name = first.filter(|it| it.ends_with(".yaml") && !it.contains(' '));
        let name = name.map_or_else(|| format!("line-{line}.yaml"), str::to_owned);
        (name, text)
    };
    let blocks = pages::blocks(page, &["yaml", "yml"]);
    blocks.into_iter().map(named).collect()
}

/// Runs a command of the product; what it printed when it was not content.
fn complaint(folder: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_millrace"))
        .args(args)
        .current_dir(folder)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let printed = text(&output.stdout) + &text(&output.stderr);
    (!output.status.success()).then(|| format!("{}\n{printed}", args.join(" ")))
}

/// What is wrong with the blocks of a page, and how many of them have tests.
fn check(page: &Path) -> (Vec<String>, usize) {
    let folder = tempfile::tempdir().unwrap();
    let files = files(&fs::read_to_string(page).unwrap());
    for (name, text) in &files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let is_template = |name: &str| name.starts_with("templates/");
    let templates = files.iter().any(|(name, _)| is_template(name));
    let given: &[&str] = if templates {
        &["-t", "./templates"]
    } else {
        &[]
    };
    let run = |args: &[&str]| complaint(folder.path(), &[given, args].concat());
    let mut complaints = Vec::new();
    if templates {
        complaints.extend(complaint(
            folder.path(),
            &["template", "lint", "./templates"],
        ));
    }
    let mut tested = 0;
    for (name, text) in &files {
        let is_definition = name.ends_with("_test.yaml");
        if !is_definition && !is_template(name) {
            complaints.extend(run(&["lint", "--skip-env-var-check", name]));
        }
        if text.lines().any(|line| line == "tests:") && !is_template(name) {
            complaints.extend(run(&["test", name]));
            tested += 1;
        }
    }
    (complaints, tested)
}

#[test]
fn every_config_of_the_guide_is_linted_and_its_tests_hold() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide");
    let entries = fs::read_dir(guide).unwrap();
    let mut pages: Vec<PathBuf> = entries.map(|it| it.unwrap().path()).collect();
    pages.sort();
    let (mut said, mut tested) = (String::new(), 0);
    for page in &pages {
        let (complaints, with_tests) = check(page);
        tested += with_tests;
        for complaint in complaints {
            said += &format!("{}: {complaint}\n", page.display());
        }
    }
    assert!(said.is_empty(), "{said}");
    assert!(
        pages.len() > 6 && tested > 3,
        "{} pages, {tested} tests",
        pages.len()
    );
}
