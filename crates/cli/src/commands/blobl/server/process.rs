//! Evaluations, each in a process of its own.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use millrace_message::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::Semaphore;

use crate::commands::blobl::evaluate::{MEMORY_MAX, SECONDS_MAX};

/// How many evaluations run at a time.
const AT_A_TIME: usize = 4;
/// The longest answer, in bytes: the longest result with its metadata and its escapes.
const ANSWER_MAX: usize = 16 << 20;
/// How much of what an evaluation complains of is read.
const COMPLAINT_MAX: usize = 16 << 10;
/// How long one may take by the clock on the wall: where the processors are busy, it waits for them.
const PATIENCE: Duration = Duration::from_secs(10 * SECONDS_MAX);

/// Starts processes that evaluate.
pub(super) struct Evaluator {
    is_trusting: bool,
    directory: Option<PathBuf>,
    places: Semaphore,
}

impl Evaluator {
    /// With `is_trusting`, mappings may read files and variables; relative files are found from
    /// `directory`.
    pub(super) fn new(is_trusting: bool, directory: Option<&Path>) -> Self {
        let directory = directory.filter(|it| !it.as_os_str().is_empty());
        Self {
            is_trusting,
            directory: directory.map(Path::to_owned),
            places: Semaphore::new(AT_A_TIME),
        }
    }

    /// The answer to a question, both as JSON. A question whose page has gone on is given up when
    /// the future is dropped.
    pub(super) async fn evaluate(&self, question: &Bytes) -> Bytes {
        let answer = self.ask(question, &[]).await;
        answer.unwrap_or_else(|reason| refusal(&reason))
    }

    /// The mapping of a question in its canonical form, within the bounds of an evaluation.
    pub(super) async fn format(&self, question: &Bytes) -> Result<Bytes, String> {
        self.ask(question, &["--format"]).await
    }

    async fn ask(&self, question: &Bytes, flags: &[&str]) -> Result<Bytes, String> {
        let _place = self.places.acquire().await;
        let answer = tokio::time::timeout(PATIENCE, self.run(question, flags)).await;
        answer.unwrap_or_else(|_elapsed| Err(too_long()))
    }

    async fn run(&self, question: &Bytes, flags: &[&str]) -> Result<Bytes, String> {
        let program = std::env::current_exe();
        let program = program.map_err(|error| format!("find this program: {error}"))?;
        let mut command = Command::new(program);
        command.args(["blobl", "evaluate"]).args(flags);
        if self.is_trusting {
            command.arg("--trust-mappings");
        } else {
            command.env_clear();
            // The zone of the host is no secret, and times are shown in it.
            command.envs(std::env::var_os("TZ").map(|zone| ("TZ", zone)));
        }
        // Memory that the allocator sets aside at the start is out of reach of the limit, and leaves no
        // room below it for the stacks of deep recursion.
        command.env("MIMALLOC_ARENA_RESERVE", "0");
        if let Some(directory) = &self.directory {
            command.arg("--directory").arg(directory);
        }
        let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let spawned = streams.stderr(Stdio::piped()).kill_on_drop(true).spawn();
        let mut process = spawned.map_err(|error| format!("start the evaluation: {error}"))?;
        let mut stdin = process.stdin.take().expect("the standard input is a pipe");
        let question = question.clone();
        let write = async move {
            // A process that ends early reads no more; its end says why.
            let _unread = stdin.write_all(&question).await;
        };
        let stdout = process.stdout.take().expect("the output is a pipe");
        let stderr = process.stderr.take().expect("the standard error is a pipe");
        let (answer, complaint, ()) =
            tokio::join!(read(stdout, ANSWER_MAX), read(stderr, COMPLAINT_MAX), write);
        let answer = answer?;
        if answer.len() > ANSWER_MAX {
            // The process is killed with what drops it.
            return Err(format!("the answer is longer than {ANSWER_MAX} bytes"));
        }
        let status = process.wait().await;
        let status = status.map_err(|error| format!("wait for the evaluation: {error}"))?;
        if status.success() {
            return Ok(answer.into());
        }
        Err(reason(status, &complaint?))
    }
}

/// Reads a pipe to its end, or to a byte more than `max`; then it is closed.
async fn read(pipe: impl AsyncRead + Unpin, max: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = pipe.take(max as u64 + 1).read_to_end(&mut bytes).await;
    read.map_err(|error| format!("read what the evaluation says: {error}"))?;
    Ok(bytes)
}

/// Why an evaluation has ended without an answer.
fn reason(status: ExitStatus, stderr: &[u8]) -> String {
    /// Signals of Linux: the system ends a process that takes too long by one of these.
    const KILLED: i32 = 9;
    const OUT_OF_TIME: i32 = 24;
    /// What a process ends itself by that gets no memory.
    const ABORTED: i32 = 6;
    let told = String::from_utf8_lossy(stderr);
    match status.signal() {
        Some(KILLED | OUT_OF_TIME) => too_long(),
        Some(ABORTED) if told.contains("memory allocation") => {
            let megabytes = MEMORY_MAX >> 20;
            format!("the mapping takes more than {megabytes} MiB of memory on this input")
        }
        _ => format!("the evaluation ended with {status}: {}", told.trim_end()),
    }
}

fn too_long() -> String {
    format!("the mapping takes more than {SECONDS_MAX} seconds on this input")
}

/// An answer that says why there is none.
fn refusal(reason: &str) -> Bytes {
    let members = [
        ("result", Value::Null),
        ("deleted", Value::Bool(false)),
        ("parse_error", Value::Null),
        ("mapping_error", Value::from(reason)),
        ("errors", Value::from(Vec::<Value>::new())),
    ];
    Value::Object(members.into_iter().collect()).to_json()
}
