//! The files of `examples/` and `bench/pipelines`: each is linted, and what runs without servers is
//! run. The rest of `examples/cities` is run by `cargo xtask chaos cities`.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::chaos;
use crate::step::succeeds;
use crate::test::build_binary;

const FOLDERS: &[&str] = &["examples", "bench/pipelines"];

/// The variables that have no default in the examples; nothing is connected to.
const VARIABLES: &[(&str, &str)] = &[("AMQP_URL", "amqp://localhost:5672/")];

/// Lints every file; true when none has a complaint.
pub fn lint() -> Result<bool> {
    let mut files = Vec::new();
    for folder in FOLDERS {
        collect(Path::new(folder), &mut files)?;
    }
    files.sort();
    let mut command = Command::new(binary()?);
    command
        .arg("lint")
        .args(&files)
        .envs(VARIABLES.iter().copied());
    println!("linting {} files", files.len());
    succeeds(&mut command)
}

/// Runs the importer of the cities and compares what it prints with the file; true when it is all
/// there.
pub fn import() -> Result<bool> {
    let output = Command::new(binary()?)
        .args(["run", "examples/cities/importer.yaml"])
        .env("CITIES", crate::cities::FILE)
        .env(
            "HTTP_ADDRESS",
            format!("127.0.0.1:{}", millrace_testkit::port::free_port()),
        )
        .output()
        .context("start the importer")?;
    if !output.status.success() {
        bail!(
            "{}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let cities = chaos::cities::read()?;
    let mut seen = HashSet::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: Value = serde_json::from_str(line).with_context(|| format!("`{line}`"))?;
        let id = message["id"].to_string();
        let city = cities
            .get(&id)
            .with_context(|| format!("`{line}` is none of the cities"))?;
        if message["name"] != city.name || message["note"] != city.note {
            bail!("`{line}` is not as it stands in the file: {city:?}");
        }
        seen.insert(id);
    }
    println!("{} of {} cities", seen.len(), cities.len());
    Ok(seen.len() == cities.len())
}

fn binary() -> Result<PathBuf> {
    build_binary(&[])?.context("this tree builds no binary `millrace`")
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("read `{}`", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|it| it == "yaml") {
            files.push(path);
        }
    }
    Ok(())
}
