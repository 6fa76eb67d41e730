//! `cargo xtask test`: the whole suite beside real servers, with one line of counts at its end.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::servers;
use crate::test_counts::TestCounts;

/// The package that builds the binary `millrace`.
const BINARY_PACKAGE: &str = "millrace";

/// Runs the tests and prints their counts as the last line; true when all passed.
pub fn run(arguments: &[String]) -> Result<bool> {
    let (passed, counts) = run_and_count(arguments)?;
    println!("{counts}");
    Ok(passed)
}

/// Runs the tests; whether all passed, and how many.
pub fn run_and_count(arguments: &[String]) -> Result<(bool, TestCounts)> {
    let (kinds, arguments) = servers::split_kinds(arguments)?;
    let whole = !selects_packages(arguments);
    let binary = if whole { build_binary(&[])? } else { None };
    let servers = if kinds.is_empty() {
        None
    } else {
        Some(servers::start(&kinds)?)
    };

    let mut command = cargo();
    command.args(["test", "--no-fail-fast"]);
    if whole {
        command.arg("--workspace");
    }
    command
        .args(arguments)
        .envs(servers.iter().flat_map(|it| it.env()));
    if let Some(path) = binary {
        command.env("MILLRACE_BIN", path);
    }
    let (status, mut counts) = run_counted(&mut command, &mut std::io::stdout())?;
    drop(servers);

    if !status.success() && counts.failed == 0 {
        // It did not compile, or a test program died before it could count.
        eprintln!("cargo test ended with {status} and no failed test: see its messages above");
        counts.failed = 1;
    }
    Ok((status.success(), counts))
}

fn selects_packages(arguments: &[String]) -> bool {
    let of_cargo = arguments.iter().take_while(|it| *it != "--");
    of_cargo.into_iter().any(|it| {
        ["-p", "--package", "--manifest-path"].contains(&it.as_str())
            || it.starts_with("--package=")
            || (it.starts_with("-p") && !it.starts_with("--"))
    })
}

/// Runs `command`, shows its output on `screen` as it comes, and counts the results in it.
fn run_counted(command: &mut Command, screen: &mut impl Write) -> Result<(ExitStatus, TestCounts)> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .context("start cargo test")?;
    let output = child.stdout.take().context("cargo test has no output")?;
    let mut output = BufReader::new(output);
    let mut counts = TestCounts::default();
    let mut line = Vec::new();
    while output
        .read_until(b'\n', &mut line)
        .context("read from cargo test")?
        > 0
    {
        screen.write_all(&line)?;
        screen.flush()?;
        counts.add_line(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
    Ok((child.wait().context("wait for cargo test")?, counts))
}

/// The binary under test: the one that was given, else one of this tree, built with cargo's `options`.
pub fn binary(given: Option<PathBuf>, options: &[&str]) -> Result<PathBuf> {
    let path = match given {
        Some(path) => path,
        None => build_binary(options)?
            .context("this tree builds no binary `millrace`; give one with `--binary PATH`")?,
    };
    fs::canonicalize(&path).with_context(|| format!("find `{}`", path.display()))
}

/// Builds `millrace` with cargo's `options` and returns where it is; `None` while no package
/// builds it.
pub fn build_binary(options: &[&str]) -> Result<Option<PathBuf>> {
    let metadata = cargo()
        .args(["metadata", "--no-deps", "--format-version=1"])
        .stderr(Stdio::inherit())
        .output()
        .context("start cargo metadata")?;
    let metadata: Value = serde_json::from_slice(&metadata.stdout).context("read the metadata")?;
    let packages = metadata["packages"]
        .as_array()
        .context("the metadata has no packages")?;
    if !packages.iter().any(|it| it["name"] == BINARY_PACKAGE) {
        return Ok(None);
    }
    let build = cargo()
        .args(["build", "--package", BINARY_PACKAGE, "--bin", "millrace"])
        .arg("--message-format=json-render-diagnostics")
        .args(options)
        .stderr(Stdio::inherit())
        .output()
        .context("start cargo build")?;
    if !build.status.success() {
        bail!(
            "build the binary `millrace`: cargo ended with {}",
            build.status
        );
    }
    let messages = String::from_utf8_lossy(&build.stdout);
    let path = messages.lines().rev().find_map(executable);
    path.context("build the binary `millrace`: cargo names no executable")
        .map(Some)
}

fn executable(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    (message["target"]["name"] == "millrace").then_some(())?;
    message["executable"].as_str().map(PathBuf::from)
}

/// The cargo that runs this program.
pub fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(words: &[&str]) -> bool {
        selects_packages(&words.iter().map(|&it| it.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_chosen_package_is_seen_in_every_spelling() {
        assert!(selects(&["-p", "x"]) && selects(&["-px"]) && selects(&["--package=x"]));
        assert!(selects(&["--lib", "--package", "x"]));
        assert!(!selects(&["some_test"]) && !selects(&["--", "-p"]));
    }

    #[test]
    fn output_is_counted_and_the_exit_status_kept() {
        let mut command = Command::new("/bin/sh");
        command.args([
            "-c",
            "printf 'test result: FAILED. 1 passed; 2 failed; 3 ignored; 0 measured; 0 filtered out'; exit 101",
        ]);
        let mut screen = Vec::new();
        let (status, counts) = run_counted(&mut command, &mut screen).unwrap();
        assert!(screen.starts_with(b"test result: FAILED"));
        assert_eq!(status.code(), Some(101));
        assert_eq!(
            counts,
            TestCounts {
                passed: 1,
                failed: 2,
                skipped: 3
            }
        );
    }

    #[test]
    fn the_built_binary_is_found_in_the_messages_of_cargo() {
        let message = r#"{"reason":"compiler-artifact","target":{"name":"millrace"},"executable":"/t/millrace"}"#;
        assert_eq!(executable(message), Some(PathBuf::from("/t/millrace")));
        assert_eq!(
            executable(&message.replace("\"millrace\"", "\"other\"")),
            None
        );
        assert_eq!(executable("no json"), None);
    }
}
