//! A command that runs and answers.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use millrace_component::Identity;
use millrace_message::Error;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::codec::Codec;
use crate::bounded_lines::BoundedLines;
use crate::process_group::{ProcessGroup, log_error, next_line};

/// How long an answer may come after a complaint or the end of the command, and an end after the end of
/// the output.
const GRACE: Duration = Duration::from_millis(250);
/// How much of what a command complains of is shown.
const SHOWN_MAX: usize = 16 * 1024;
/// Bytes read at a time.
const CHUNK: usize = 16 * 1024;

/// A command that can be started.
pub(super) struct Command {
    pub name: String,
    pub args: Vec<String>,
    pub codec: Codec,
    pub max: usize,
    pub identity: Arc<Identity>,
}

impl Command {
    /// # Errors
    /// As [`ProcessGroup::start`].
    pub fn start(&self) -> Result<Running, Error> {
        let mut process = ProcessGroup::start(&self.name, &self.args, true)?;
        let child = process.child();
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(Error::fatal("the command has no pipes"));
        };
        let complaints = Arc::<Complaints>::default();
        let lines = BoundedLines::new(stderr, self.max);
        let hearing = hear(lines, Arc::clone(&complaints), Arc::clone(&self.identity));
        Ok(Running {
            process,
            stdin,
            answers: Answers {
                pipe: stdout,
                codec: self.codec,
                max: self.max,
                held: BytesMut::new(),
                searched: 0,
                ended: false,
            },
            complaints,
            hearing: tokio::spawn(hearing),
            owes: false,
            is_usable: true,
        })
    }
}

/// A command that runs.
pub(super) struct Running {
    process: ProcessGroup,
    stdin: ChildStdin,
    answers: Answers,
    complaints: Arc<Complaints>,
    hearing: JoinHandle<()>,
    /// Whether it may still answer a message that has failed.
    owes: bool,
    /// Whether the next thing that it writes will be the answer to the next message.
    is_usable: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        // A process that left the group may hold the pipe open for ever.
        self.hearing.abort();
    }
}

/// What became of a message.
enum Answer {
    Given(Bytes),
    /// The command has closed its output.
    Ended,
}

impl Running {
    /// What its end was, when it has ended.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.process.ended()?;
        Some(format!("the command has ended: {status}"))
    }

    /// Whether it can be asked again.
    pub fn is_usable(&self) -> bool {
        self.is_usable
    }

    /// Kills it with everything it started.
    pub async fn kill(mut self) {
        // Whether it ended well is of no interest: it was killed.
        let _status = self.process.kill().await;
    }

    /// Sends a message and takes the answer.
    ///
    /// # Errors
    /// The command complains, ends, or gives something else than an answer.
    pub async fn exchange(&mut self, frame: &[u8]) -> Result<Bytes, Error> {
        if self.owes {
            self.answers.discard_late().await?;
            self.owes = false;
        }
        self.complaints.listen();
        let answer = self.ask(frame).await;
        if let Ok(Some(Answer::Ended)) = answer {
            // The output may close before the last words are read.
            let _silent = timeout(GRACE, self.complaints.heard()).await;
        }
        let complaint = self.complaints.ignore();
        match answer {
            Ok(Some(Answer::Given(answer))) if complaint.is_empty() => Ok(answer),
            Ok(Some(Answer::Given(_))) => Err(Error::rejected(complaint)),
            Ok(None) => {
                self.owes = true;
                Err(Error::rejected(complaint))
            }
            Ok(Some(Answer::Ended)) => {
                self.is_usable = false;
                Err(self.end(&complaint).await)
            }
            Err(error) => {
                self.is_usable = false;
                Err(error)
            }
        }
    }

    /// The answer, and nothing when there is only a complaint.
    async fn ask(&mut self, frame: &[u8]) -> Result<Option<Answer>, Error> {
        // Both at once, so that no pipe can fill up.
        let Self {
            process,
            stdin,
            answers,
            complaints,
            ..
        } = self;
        let written = async {
            match stdin.write_all(frame).await {
                // What it wrote before it ended may be an answer.
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
                written => written.map_err(|error| Error::retry(format!("write to it: {error}"))),
            }
        };
        let answered = async { tokio::try_join!(written, answers.next()) };
        tokio::pin!(answered);
        let otherwise = tokio::select! {
            answer = &mut answered => return answer.map(|((), answer)| Some(answer)),
            () = complaints.heard() => None,
            // What it has started may hold its output open.
            _status = process.wait() => Some(Answer::Ended),
        };
        match timeout(GRACE, answered).await {
            Ok(answer) => answer.map(|((), answer)| Some(answer)),
            Err(_) => Ok(otherwise),
        }
    }

    async fn end(&mut self, complaint: &str) -> Error {
        let status = match timeout(GRACE, self.process.wait()).await {
            Ok(status) => status,
            // It runs on without an output.
            Err(_) => self.process.kill().await,
        };
        let end = match status {
            Ok(status) => format!("it has ended without an answer: {status}"),
            Err(error) => format!("it has ended without an answer: {error}"),
        };
        Error::rejected(match complaint {
            "" => end,
            complaint => format!("{end}: {complaint}"),
        })
    }
}

/// The standard output as messages.
struct Answers {
    pipe: ChildStdout,
    codec: Codec,
    max: usize,
    held: BytesMut,
    searched: usize,
    ended: bool,
}

impl Answers {
    /// # Cancel safety
    /// A dropped future has lost nothing.
    async fn next(&mut self) -> Result<Answer, Error> {
        loop {
            let (held, searched) = (&mut self.held, &mut self.searched);
            if let Some(answer) = self.codec.decode(held, searched, self.max, self.ended)? {
                return Ok(Answer::Given(answer));
            }
            if self.ended {
                return Ok(Answer::Ended);
            }
            self.held.reserve(CHUNK);
            let read = self.pipe.read_buf(&mut self.held).await;
            self.ended = match read {
                Ok(read) => read == 0,
                Err(error) => return Err(Error::retry(format!("read its answer: {error}"))),
            };
        }
    }

    /// Passes over answers that are there before anything was asked.
    async fn discard_late(&mut self) -> Result<(), Error> {
        while let Ok(answer) = timeout(Duration::ZERO, self.next()).await {
            if matches!(answer?, Answer::Ended) {
                break;
            }
        }
        Ok(())
    }
}

/// What a command writes to its standard error.
#[derive(Default)]
struct Complaints {
    state: Mutex<Complaint>,
    arrived: Notify,
}

#[derive(Default)]
struct Complaint {
    /// Whether a message is under way, whose complaints these are.
    is_heard: bool,
    text: String,
}

impl Complaints {
    fn listen(&self) {
        self.state.lock().is_heard = true;
    }

    /// Ends the listening; what was heard.
    fn ignore(&self) -> String {
        std::mem::take(&mut *self.state.lock()).text
    }

    async fn heard(&self) {
        while self.state.lock().text.is_empty() {
            self.arrived.notified().await;
        }
    }

    /// Whether the line belongs to a message.
    fn add(&self, line: &str) -> bool {
        let mut state = self.state.lock();
        if !state.is_heard {
            return false;
        }
        let text = &mut state.text;
        if text.len() + line.len() < SHOWN_MAX {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(line);
        }
        if text.is_empty() {
            text.push_str("it writes to its standard error");
        }
        drop(state);
        self.arrived.notify_one();
        true
    }
}

async fn hear(
    mut lines: BoundedLines<ChildStderr>,
    complaints: Arc<Complaints>,
    identity: Arc<Identity>,
) {
    while let Some(line) = next_line(&mut lines).await {
        if !complaints.add(&line) {
            log_error(&identity, &line);
        }
    }
}
