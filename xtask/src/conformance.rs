//! `cargo xtask conformance`: Bento's cases beside this build.

use std::path::Path;

use anyhow::{Context, Result};

use crate::step::succeeds;
use crate::test::{build_binary, cargo};

/// Where the cases lie when they are there: no part of this repository.
const CASES: &str = "../shared/conformance/bento";

/// Which part of the rows of each file must pass in `ci`, in percent. It only ever grows.
const FLOOR: &str = "99";

/// Runs the cases of a directory; true when every file is above the floor.
pub fn run(arguments: &[String]) -> Result<bool> {
    let binary = build_binary(&[])?.context("no package builds the binary")?;
    let mut runner = cargo();
    runner
        .args(["run", "--quiet", "-p", "millrace-conformance", "--"])
        .args(arguments)
        .env("TZ", "UTC")
        .env("MILLRACE_BIN", binary);
    succeeds(&mut runner)
}

/// Runs the cases beside the checkout, where there are any.
pub fn check() -> Result<bool> {
    if !Path::new(CASES).is_dir() {
        println!("{CASES} is not there: nothing is compared");
        return Ok(true);
    }
    run(&[CASES.to_owned(), format!("--floor={FLOOR}")])
}
