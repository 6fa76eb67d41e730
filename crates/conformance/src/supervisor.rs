//! Runs the rows of a file in worker processes, a new one after each that a row has ended.

use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context, Result};
use millrace_testkit::poll::PATIENCE;
use millrace_testkit::process::Process;

use crate::environment;
use crate::files::CaseFile;
use crate::report::FileReport;
use crate::rows;
use crate::verdict::{Failure, Verdict};
use crate::worker;

/// How long a row may take. It only turns a hang into a failure.
const ROW_TIME_MAX: Duration = Duration::from_secs(40);

/// Runs all rows of a file.
///
/// # Errors
/// The file cannot be read, or no worker can be started.
pub fn run(file: &CaseFile, path: &Path) -> Result<FileReport> {
    let rows = rows::read(path)?;
    let folder = tempfile::tempdir().context("make a folder for files that rows name")?;
    let variables = environment::of_rows(&rows, folder.path())?;
    let mut report = FileReport::new(file.name);
    let mut next = 0;
    while next < rows.len() {
        let mut command = Command::new(std::env::current_exe().context("find this program")?);
        command
            .args(["--worker", file.name])
            .arg(path)
            .arg(next.to_string())
            .envs(&variables);
        for verdict in verdicts(&mut command, next..rows.len(), ROW_TIME_MAX)? {
            report.add(&rows[next], verdict);
            next += 1;
        }
    }
    Ok(report)
}

/// What a worker says of these rows, up to one that it does not survive; of the first at least.
fn verdicts(command: &mut Command, rows: Range<usize>, time_max: Duration) -> Result<Vec<Verdict>> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut process = Process::spawn("a worker", command)?;
    let output = process.streams().stdout.take();
    let heard = listen(output.context("the worker has no output")?);
    let mut verdicts = Vec::new();
    while verdicts.len() < rows.len() {
        let failure = match heard.recv_timeout(time_max) {
            Ok((row, verdict)) if row == rows.start + verdicts.len() => {
                verdicts.push(verdict);
                continue;
            }
            Ok((row, _)) => Failure::misread(format!("the worker has told of row {row} instead")),
            Err(RecvTimeoutError::Timeout) => {
                Failure::differs("an end", format!("none after {time_max:?}"))
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = process.wait(PATIENCE)?;
                Failure::differs("a verdict", format!("its process ended with {status}"))
            }
        };
        verdicts.push(Err(failure));
        break;
    }
    Ok(verdicts)
}

/// The verdicts in the output of a worker, as they come.
fn listen(output: std::process::ChildStdout) -> Receiver<(usize, Verdict)> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while matches!(output.read_until(b'\n', &mut line), Ok(1..)) {
            let told = worker::heard(&String::from_utf8_lossy(&line));
            line.clear();
            if told.is_some_and(|told| sender.send(told).is_err()) {
                return;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a shell says as a worker of three rows.
    fn said(script: &str) -> Vec<Verdict> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        verdicts(&mut command, 0..3, PATIENCE).expect("a shell starts")
    }

    fn line(row: usize) -> String {
        format!("printf '\\036verdict {{\"row\":{row},\"verdict\":{{\"is\":\"ran\"}}}}\\n';")
    }

    #[test]
    fn a_row_that_ends_its_process_fails_alone() {
        let heard = said(&format!("{}{}kill -9 $$", line(0), line(1)));
        assert_eq!(heard.len(), 3);
        assert!(heard[0].is_ok() && heard[1].is_ok());
        let Err(Failure::Differs { actual, .. }) = &heard[2] else {
            panic!("{heard:?}");
        };
        assert!(actual.contains("signal: 9"), "{actual}");
    }

    #[test]
    fn a_row_that_does_not_end_fails_alone() {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "sleep 1000"]);
        let heard = verdicts(&mut command, 0..3, Duration::ZERO).expect("a shell starts");
        assert_eq!(heard, [Err(Failure::differs("an end", "none after 0ns"))]);
    }

    #[test]
    fn a_worker_that_tells_of_another_row_is_not_believed() {
        let heard = said(&line(2));
        assert!(
            matches!(&heard[..], [Err(Failure::Misread(_))]),
            "{heard:?}"
        );
        let heard = said(&format!("{}{}{}", line(0), line(1), line(2)));
        assert_eq!(heard.iter().filter(|it| it.is_ok()).count(), 3);
    }
}
