//! `cargo xtask simulate`: the broker on a simulated machine, many histories with a release build;
//! and whether its oracle finds mistakes that are planted on purpose.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::test::cargo;

mod planted;

const PACKAGE: &str = "millrace-broker";
const TEST: &str = "simulation";
/// Of the histories that are run: a number of seeds from 0, or a range.
const SEEDS: &str = "MILLRACE_BROKER_SEEDS";

struct Options {
    seeds: Range<u64>,
    is_planted: bool,
    only: Option<String>,
}

/// Runs the histories; true when every promise was kept, or every mistake was found.
pub fn run(arguments: &[String]) -> Result<bool> {
    let options = parse(arguments)?;
    if options.is_planted {
        return planted::run(&options.seeds, options.only.as_deref());
    }
    let binary = build(Path::new("."), &target())?;
    println!("== histories {:?}", options.seeds);
    let status = histories(&binary, &options.seeds).status();
    Ok(status.context("start the simulator")?.success())
}

fn parse(arguments: &[String]) -> Result<Options> {
    let mut seeds = None;
    let mut only = None;
    let mut is_planted = false;
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .with_context(|| format!("`{argument}` needs a value"))
        };
        match argument.as_str() {
            "--seeds" => seeds = Some(range(value()?)?),
            "--planted" => is_planted = true,
            "--only" => only = Some(value()?.clone()),
            other => bail!("`simulate` has no option `{other}`"),
        }
    }
    let most = if is_planted { 10_000 } else { 100_000 };
    Ok(Options {
        seeds: seeds.unwrap_or(0..most),
        is_planted,
        only,
    })
}

fn range(text: &str) -> Result<Range<u64>> {
    let (first, end) = text.split_once("..").unwrap_or(("0", text));
    let number = |it: &str| {
        it.parse().with_context(|| {
            format!("`--seeds {text}` is no number of seeds, and no range such as 17..18")
        })
    };
    Ok(number(first)?..number(end)?)
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from)
}

/// Builds the simulator of a tree; where it is.
fn build(tree: &Path, target: &Path) -> Result<PathBuf> {
    let built = cargo()
        .args(["test", "--release", "--package", PACKAGE, "--test", TEST])
        .args(["--no-run", "--message-format", "json-render-diagnostics"])
        .arg("--target-dir")
        .arg(target)
        .current_dir(tree)
        .stderr(Stdio::inherit())
        .output()
        .context("start cargo")?;
    if !built.status.success() {
        bail!("the simulator does not build");
    }
    for line in built
        .stdout
        .split(|it| *it == b'\n')
        .filter(|it| !it.is_empty())
    {
        let message: serde_json::Value =
            serde_json::from_slice(line).context("read what cargo says")?;
        if message["target"]["name"] == TEST
            && let Some(path) = message["executable"].as_str()
        {
            return Ok(path.into());
        }
    }
    bail!("cargo does not say where the simulator is")
}

fn histories(binary: &Path, seeds: &Range<u64>) -> Command {
    let mut command = Command::new(binary);
    command
        .args(["what_clients_were_told", "--nocapture"])
        .env(SEEDS, format!("{}..{}", seeds.start, seeds.end));
    command
}
