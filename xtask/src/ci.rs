//! `cargo xtask ci`: everything that a change must pass, each step timed.

use anyhow::{Result, bail};

use crate::reference::REFERENCE;
use crate::step::{Steps, succeeds};
use crate::test::{self, cargo};
use crate::wire::WIRE;
use crate::{chaos, conformance, examples, interop, power_loss};

/// A check of the tree: its name and what it does. True when the tree is in order.
type Check = (&'static str, fn() -> Result<bool>);

/// Each rewrites one kind of generated file and fails when the committed one differed.
const GENERATED: &[Check] = &[
    ("reference pages are up to date", || REFERENCE.check()),
    ("the Kafka codec is up to date", || WIRE.check()),
];

/// Each lints and runs one kind of example.
const EXAMPLES: &[Check] = &[
    ("examples are linted", examples::lint),
    ("the importer of the examples runs", examples::import),
    ("the quickstart runs", examples::quickstart),
    ("nothing is lost over RabbitMQ", chaos::rabbitmq_once),
    (
        "nothing is lost when the broker is killed",
        chaos::broker_in_ci,
    ),
    ("nothing is lost when the power goes", power_loss::run_in_ci),
    (
        "foreign clients have what they were told",
        interop::run_in_ci,
    ),
];

/// Runs all steps; true when all have passed.
pub fn run(arguments: &[String]) -> Result<bool> {
    if let Some(extra) = arguments.first() {
        bail!("`ci` takes no arguments, found `{extra}`");
    }
    let mut steps = Steps::default();
    steps.run("format", || {
        succeeds(cargo().args(["fmt", "--all", "--check"]))
    });
    steps.run("lints", || {
        succeeds(cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]))
    });
    steps.run("the build without heavy clients", || {
        let package = ["clippy", "--package", "millrace", "--no-default-features"];
        succeeds(cargo().args(package).args(["--", "-D", "warnings"]))
    });
    for (name, check) in GENERATED.iter().chain(EXAMPLES) {
        steps.run(name, check);
    }
    steps.run("Bento's cases", conformance::check);
    let mut counts = None;
    steps.run("tests", || {
        let (passed, line) = test::run_and_count(&[])?;
        counts = Some(line);
        Ok(passed)
    });
    let passed = steps.report();
    if let Some(counts) = counts {
        println!("{counts}");
    }
    Ok(passed)
}
