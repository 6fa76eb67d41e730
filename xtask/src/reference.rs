//! `cargo xtask reference`: the generated pages of `docs/reference`: components, the blocks of a
//! config, Bloblang, and metrics.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::generated::{self, Files, Generated};
use crate::step::succeeds;
use crate::test::cargo;

/// The one page there that is written by hand.
const BY_HAND: &str = "differences.md";

/// The pages.
pub const REFERENCE: Generated = Generated {
    command: "reference",
    folder: "docs/reference",
    is_one: |path| path != Path::new(BY_HAND),
    make,
};

fn make() -> Result<Files> {
    let fresh = tempfile::tempdir().context("make a folder")?;
    let mut generator = cargo();
    generator
        .args([
            "run",
            "--quiet",
            "-p",
            "millrace-node",
            "--example",
            "reference",
            "--",
        ])
        .arg(fresh.path());
    if !succeeds(&mut generator)? {
        bail!("the pages cannot be generated");
    }
    generated::read(fresh.path())
}
