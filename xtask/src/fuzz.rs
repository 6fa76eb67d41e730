//! `cargo xtask fuzz`: looks for inputs that break a promise, with libFuzzer.
//!
//! The coverage that libFuzzer steers by comes from stable options of the compiler, so no other
//! toolchain is needed; the fuzzer itself is C++, for which there has to be a `g++`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::step::succeeds;
use crate::test::cargo;

const PACKAGE: &str = "millrace-fuzz";
/// The targets of `fuzz/src/targets.rs` that are fuzzed when none is named.
const TARGETS: &[&str] = &[
    "syntax",
    "evaluator",
    "json",
    "decoders",
    "scanners",
    "awk",
    "jq",
    "wire",
];
/// What makes the compiler count coverage in the way that libFuzzer reads.
const FLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebug-assertions",
    "-Coverflow-checks",
    "-Ccodegen-units=4",
    "--cfg=fuzzing",
];

/// What to fuzz, and for how long.
struct Options {
    targets: Vec<String>,
    seconds: u64,
}

/// Fuzzes each of the targets; true when nothing was found.
pub fn run(arguments: &[String]) -> Result<bool> {
    let options = parse(arguments)?;
    let folder = folder();
    let binary = build(&folder)?;
    let mut passed = true;
    for target in &options.targets {
        println!("== fuzz {target}, {} s", options.seconds);
        let found_nothing = fuzz(&binary, &folder, target, options.seconds)?;
        if !found_nothing {
            println!(
                "{target}: a finding stands in {}; mended, it belongs into fuzz/corpus/{target}",
                artifacts(&folder, target).display()
            );
        }
        passed &= found_nothing;
    }
    Ok(passed)
}

fn parse(arguments: &[String]) -> Result<Options> {
    let mut options = Options {
        targets: Vec::new(),
        seconds: 600,
    };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seconds" => {
                let seconds = arguments.next().context("`--seconds` needs a number")?;
                options.seconds = seconds
                    .parse()
                    .with_context(|| format!("`--seconds {seconds}` is no number"))?;
            }
            option if option.starts_with('-') => bail!("`fuzz` has no option `{option}`"),
            target if TARGETS.contains(&target) || target == "canary" => {
                options.targets.push(target.to_owned());
            }
            other => bail!("`{other}` is no target; targets are {}", TARGETS.join(", ")),
        }
    }
    if options.targets.is_empty() {
        options.targets = TARGETS.iter().map(|it| (*it).to_owned()).collect();
    }
    Ok(options)
}

/// Where the instrumented build, the grown corpora and the findings are kept.
fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
    target.join("fuzz")
}

fn artifacts(folder: &Path, target: &str) -> PathBuf {
    folder.join("artifacts").join(target)
}

fn build(folder: &Path) -> Result<PathBuf> {
    let host = host()?;
    // With a target named, the flags are not those of build scripts and macros.
    let built = succeeds(
        cargo()
            .args(["build", "--release", "--package", PACKAGE])
            .args(["--features", "libfuzzer", "--bin", PACKAGE])
            .args(["--target", &host, "--target-dir"])
            .arg(folder)
            .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\x1f")),
    )?;
    if !built {
        bail!("the fuzzer does not build; its C++ part needs `g++`");
    }
    Ok(folder.join(host).join("release").join(PACKAGE))
}

/// The machine's own target triple.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output();
    let output = output.context("start rustc")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("`rustc -vV` names no host")
}

fn fuzz(binary: &Path, folder: &Path, target: &str, seconds: u64) -> Result<bool> {
    let grown = folder.join("corpus").join(target);
    let artifacts = artifacts(folder, target);
    for folder in [&grown, &artifacts] {
        fs::create_dir_all(folder).with_context(|| format!("create `{}`", folder.display()))?;
    }
    let seeds = Path::new("fuzz/corpus").join(target);
    succeeds(
        Command::new(binary)
            .env("MILLRACE_FUZZ_TARGET", target)
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .args(["-max_len=4096", "-timeout=20", "-rss_limit_mb=1024"])
            .args(["-print_final_stats=1", "-verbosity=0"])
            .arg(&grown)
            .args(seeds.is_dir().then_some(seeds)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_targets_are_fuzzed_unless_some_are_named() {
        let parsed = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|it| (*it).to_owned()).collect();
            parse(&arguments).map(|it| (it.targets.len(), it.seconds))
        };
        assert_eq!(parsed(&[]).unwrap(), (8, 600));
        assert_eq!(parsed(&["json", "--seconds", "3"]).unwrap(), (1, 3));
        assert!(parsed(&["jason"]).is_err());
        assert!(parsed(&["--seconds"]).is_err());
    }
}
