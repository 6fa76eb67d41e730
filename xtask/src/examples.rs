//! The files of `examples/` and `bench/pipelines`, and the configs on the pages of the guide: each
//! is linted, and what runs without servers is run. The rest of `examples/cities` is run by
//! `cargo xtask chaos cities`.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::chaos;
use crate::step::succeeds;
use crate::test::{build_binary, cargo};

const FOLDERS: &[&str] = &["examples", "bench/pipelines"];

/// Pages whose blocks of YAML are linted too.
const PAGES: &[&str] = &[
    "README.md",
    "docs/guide/nothing-lost.md",
    "docs/guide/operating.md",
];

/// The variables that have no default in the examples; nothing is connected to.
const VARIABLES: &str = "examples/cities/servers.env";

/// Lints every file; true when none has a complaint.
pub fn lint() -> Result<bool> {
    let mut files = Vec::new();
    for folder in FOLDERS {
        collect(Path::new(folder), &mut files)?;
    }
    files.sort();
    files.extend(PAGES.iter().map(PathBuf::from));
    let mut command = Command::new(binary()?);
    command.args(["lint", "-e", VARIABLES]).args(&files);
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

/// Runs the quickstart twice by the command of the README, in a folder of its own; true when every
/// city has its answer, once.
pub fn quickstart() -> Result<bool> {
    let folder = std::env::temp_dir().join(format!("millrace-quickstart-{}", std::process::id()));
    fs::create_dir_all(&folder).context("make a folder for the quickstart")?;
    let answered = quickstart_in(&folder);
    fs::remove_dir_all(&folder).context("remove the folder of the quickstart")?;
    answered
}

fn quickstart_in(folder: &Path) -> Result<bool> {
    let out = folder.join("out.ndjson");
    let mut command = cargo();
    command
        .args(["run", "--release", "--", "run", "examples/quickstart.yaml"])
        .env("OUT", &out)
        .env("LOG", folder.join("log"));
    // The second run finds that all is done.
    if !succeeds(&mut command)? || !succeeds(&mut command)? {
        return Ok(false);
    }
    let cities = chaos::cities::read()?;
    let mut answered = HashSet::new();
    let answers = fs::read_to_string(&out).context("read the answers")?;
    let lines = answers.lines().count();
    if lines > cities.len() {
        bail!("{lines} answers for {} cities", cities.len());
    }
    for line in answers.lines() {
        let message: Value = serde_json::from_str(line).with_context(|| format!("`{line}`"))?;
        let has_answer = message["mayor"]
            .as_str()
            .is_some_and(|it| it.starts_with("Mayor "));
        if let Some(id) = message["id"]
            .as_str()
            .filter(|it| has_answer && cities.contains_key(*it))
        {
            answered.insert(id.to_owned());
        }
    }
    println!(
        "{} of {} cities have an answer",
        answered.len(),
        cities.len()
    );
    Ok(answered.len() == cities.len())
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
