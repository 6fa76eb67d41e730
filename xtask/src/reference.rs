//! `cargo xtask reference`: the generated pages of `docs/reference`: components, the blocks of a
//! config, Bloblang, metrics, and the keys of a broker.

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

/// The programs that write them: the crates and the names of their examples.
const GENERATORS: [(&str, &str); 2] = [
    ("millrace-node", "reference"),
    ("millrace-broker", "broker_reference"),
];

fn make() -> Result<Files> {
    let fresh = tempfile::tempdir().context("make a folder")?;
    for (package, example) in GENERATORS {
        let mut generator = cargo();
        generator
            .args(["run", "--quiet", "-p", package, "--example", example, "--"])
            .arg(fresh.path());
        if !succeeds(&mut generator)? {
            bail!("the pages of {package} cannot be generated");
        }
    }
    generated::read(fresh.path())
}
