//! Bad input: one clear error that names the field or the message, no panic, nothing lost or wrongly
//! acknowledged, and bounded memory. Each test runs the binary.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

#[path = "bad_input/configs.rs"]
mod configs;
#[path = "bad_input/data.rs"]
mod data;
#[path = "bad_input/floods.rs"]
mod floods;
#[path = "bad_input/places.rs"]
mod places;
#[path = "bad_input/resources.rs"]
mod resources;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use millrace_testkit::millrace::{self, Millrace};
use millrace_testkit::poll::PATIENCE;

/// A folder with a config in it.
struct Setup {
    folder: tempfile::TempDir,
}

/// What a run that has ended said.
struct Said {
    code: Option<i32>,
    stdout: Vec<String>,
    stderr: String,
}

impl Setup {
    fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.yaml"), config).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn start(&self) -> Millrace {
        self.start_with(Stdio::null())
    }

    fn start_with(&self, stdin: Stdio) -> Millrace {
        let mut command = millrace::command().unwrap();
        command
            .args(["run", "config.yaml"])
            .current_dir(self.folder.path())
            .stdin(stdin);
        Millrace::start_with_stdin(&mut command).unwrap()
    }

    /// Runs to the end by itself.
    fn run(&self) -> Said {
        self.run_with(&[])
    }

    /// Runs with this on its standard input, to the end by itself.
    fn run_with(&self, input: &[u8]) -> Said {
        let path = self.write("stdin", input);
        end(self.start_with(std::fs::File::open(path).unwrap().into()))
    }
}

/// Waits for the end.
fn end(mut process: Millrace) -> Said {
    let status = process.wait(PATIENCE).unwrap();
    let said = Said {
        code: status.code(),
        stdout: process.stdout_lines(),
        stderr: process.stderr_lines().join("\n"),
    };
    assert!(!said.stderr.contains("panicked"), "{}", said.stderr);
    said
}

/// That the text was said.
#[track_caller]
fn contains(said: &str, part: &str) {
    assert!(said.contains(part), "`{part}` is not in: {said}");
}

/// Writes a line that is longer than any bound, between two good ones.
fn write_lines(to: &mut impl Write, bytes: usize) -> std::io::Result<()> {
    let chunk = vec![b'x'; 1 << 20];
    to.write_all(b"first\n")?;
    for _ in 0..bytes / chunk.len() {
        to.write_all(&chunk)?;
    }
    to.write_all(b"\nlast\n")
}

/// A config that reads lines and prints them, with these processors.
fn pipe(processors: &str) -> String {
    format!(
        "http: {{ enabled: false }}
input: {{ stdin: {{}} }}
pipeline: {{ threads: 1, processors: [ {processors} ] }}
output: {{ stdout: {{}} }}
"
    )
}

/// The folder of this test's files, for configs that need an absolute path.
fn shown(path: &Path) -> String {
    path.display().to_string()
}
