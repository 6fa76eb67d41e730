//! `blobl` between two programs: what it does when the one reads no more, or the other pauses.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

/// What a mapping is asked for while its input stays open.
fn start(args: &[&str], stdout: Stdio) -> Child {
    Command::new(env!("CARGO_BIN_EXE_millrace"))
        .arg("blobl")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Feeds the child until it reads no more, and gives what it told and its exit code.
fn fed_until_it_ends(mut child: Child) -> (String, Option<i32>) {
    let mut stdin = child.stdin.take().unwrap();
    let feeder = std::thread::spawn(
        move || {
            while stdin.write_all(b"{\"a\":\"some text\"}\n").is_ok() {}
        },
    );
    let mut told = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut told).unwrap();
    let code = child.wait().unwrap().code();
    feeder.join().unwrap();
    (told, code)
}

#[test]
fn the_end_of_the_reader_of_the_results_is_the_end_of_the_run() {
    for threads in ["1", "2"] {
        let mut child = start(&["-t", threads, "root = this.a"], Stdio::piped());
        let stdout = child.stdout.take().unwrap();
        child
            .stdin
            .as_mut()
            .unwrap()
            .write_all(b"{\"a\":1}\n")
            .unwrap();
        let mut first = String::new();
        BufReader::new(stdout).read_line(&mut first).unwrap();
        assert_eq!(first, "1\n");
        let (told, code) = fed_until_it_ends(child);
        assert!(told.contains("Broken pipe"), "{told}");
        assert_eq!((told.lines().count(), code), (1, Some(1)), "{told}");
    }
}

#[test]
fn a_disk_that_is_full_is_told_and_ends_the_run() {
    for threads in ["1", "2"] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let child = start(&["-t", threads, "root = this.a"], full.into());
        let (told, code) = fed_until_it_ends(child);
        assert!(told.contains("No space left"), "{told}");
        assert_eq!((told.lines().count(), code), (1, Some(1)), "{told}");
    }
}

#[test]
fn a_result_is_there_as_soon_as_the_input_pauses() {
    for threads in ["1", "3"] {
        let mut child = start(&["-t", threads, "root = this.n"], Stdio::piped());
        let mut stdin = child.stdin.take().unwrap();
        let mut results = BufReader::new(child.stdout.take().unwrap()).lines();
        for n in 0..20 {
            // Whole lines, and the beginning of one that is still to come.
            write!(stdin, "{{\"n\":{n}}}\n{{\"n\":{n}.5}}\n{{\"n\"").unwrap();
            for expected in [format!("{n}"), format!("{n}.5")] {
                assert_eq!(results.next().unwrap().unwrap(), expected);
            }
            stdin.write_all(b":\"more\"}\n").unwrap();
            assert_eq!(results.next().unwrap().unwrap(), "more");
        }
        drop(stdin);
        assert!(results.next().is_none() && child.wait().unwrap().success());
    }
}

#[test]
fn an_error_about_a_long_value_is_cut() {
    let child = start(
        &["--max-token-length", "10000000", "root = this.a.number()"],
        Stdio::null(),
    );
    let mut child = child;
    let mut stdin = child.stdin.take().unwrap();
    let line = format!("{{\"a\":\"{}\"}}\n", "x".repeat(1_000_000));
    stdin.write_all(line.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.starts_with("line 1: "), "{}", &told[..100]);
    assert!(told.len() < 20_000, "{} bytes", told.len());
    assert_eq!(output.status.code(), Some(1));
}
