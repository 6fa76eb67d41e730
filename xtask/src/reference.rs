//! `cargo xtask reference`: the generated pages of `docs/reference`: components, the blocks of a
//! config, Bloblang, metrics, and the keys of a broker.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::generated::{self, Files, Generated};
use crate::step::succeeds;
use crate::test::cargo;

/// The pages there that are written by hand.
const BY_HAND: [&str; 2] = ["differences.md", "kafka-compatibility.md"];

/// The pages.
pub const REFERENCE: Generated = Generated {
    command: "reference",
    folder: "docs/reference",
    is_one: |path| !BY_HAND.iter().any(|name| path == Path::new(name)),
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
