//! The standard input line by line through a mapping, to the standard output in the same order.
//!
//! ```text
//! reader ─ chunks of lines (a bounded queue) ─→ threads that map ─ each in its turn ─→ output
//! ```
//!
//! Nobody waits for the reader: when the output fails, the process ends, whatever the input does.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use parking_lot::{Condvar, Mutex};

use crate::commands::complain;

/// Lines that a thread takes at a time, when they are ready.
const CHUNK_LINES: usize = 64;
/// Chunks that may wait for a thread.
const QUEUE_CAPACITY: usize = 4;
/// How much is read at a time, in bytes, and so the most that a chunk holds beside its first line.
const READ_BYTES: usize = 64 << 10;
/// The longest complaint about a line, in bytes, as in the logs of a run.
const COMPLAINT_BYTES_MAX: usize = 16 << 10;

/// How lines are read and mapped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// How many threads map.
    pub threads: usize,
    /// The longest line in bytes.
    pub line_bytes_max: usize,
    /// Whether somebody watches the output: then each line is shown as soon as it is mapped.
    pub is_watched: bool,
}

/// Lines that are mapped one after the other.
struct Chunk {
    /// Which one it is, from 0.
    number: u64,
    /// The number of its first line, from 1.
    first_line: u64,
    lines: Vec<Vec<u8>>,
    /// Whether the reader has to wait for what follows it.
    pauses: bool,
}

/// Maps every line of the input; true when nothing has failed.
///
/// What a line fails with is told, and the next ones go on. A line that is too long ends the input.
pub(super) fn map_lines(
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
    settings: Settings,
    map: impl Fn(Vec<u8>) -> Result<Vec<u8>, String> + Send + Sync + 'static,
) -> bool {
    let failed = Arc::new(AtomicBool::new(false));
    let (sender, chunks) = sync_channel(QUEUE_CAPACITY);
    let mut reader = Reader {
        input: BufReader::with_capacity(READ_BYTES, input),
        chunks: sender,
        line_bytes_max: settings.line_bytes_max,
        lines_max: if settings.is_watched { 1 } else { CHUNK_LINES },
        next_line: 1,
    };
    let (ended, ends) = channel();
    let read_ended = Ended(ended.clone());
    thread::spawn(move || {
        let result = reader.read();
        // The threads see the end of the queue, and are done with what is in it before this is told.
        drop(reader);
        read_ended.tell(result);
    });
    let chunks = Arc::new(Mutex::new(chunks));
    let output = Arc::new(Turns::new(output));
    let map = Arc::new(map);
    for _ in 0..settings.threads.max(1) {
        let (chunks, output, map) = (Arc::clone(&chunks), Arc::clone(&output), Arc::clone(&map));
        let (failed, ended) = (Arc::clone(&failed), Ended(ended.clone()));
        thread::spawn(move || {
            let result = work(&chunks, &output, &*map, &failed);
            ended.tell(result);
        });
    }
    drop((ended, chunks));
    // The first failure of the output is the end, for the reader may wait for ever.
    for end in ends {
        match end {
            Ok(()) => {}
            Err(End::Input(reason)) => {
                complain(&reason);
                failed.store(true, Ordering::Relaxed);
            }
            Err(End::Output(reason)) => {
                complain(&reason);
                return false;
            }
        }
    }
    !failed.load(Ordering::Relaxed)
}

/// Why a thread has ended before its time.
enum End {
    /// The input gives no more lines; those before are mapped and written.
    Input(String),
    /// Nothing more can be written.
    Output(String),
}

/// Tells how a thread has ended, also when it panics.
struct Ended(Sender<Result<(), End>>);

impl Ended {
    fn tell(&self, result: Result<(), End>) {
        // Nobody listens any more when the output has failed.
        let _unheard = self.0.send(result);
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        if thread::panicking() {
            self.tell(Err(End::Output("a thread has panicked".to_owned())));
        }
    }
}

struct Reader<R> {
    input: BufReader<R>,
    chunks: SyncSender<Chunk>,
    line_bytes_max: usize,
    lines_max: usize,
    next_line: u64,
}

impl<R: Read> Reader<R> {
    /// Reads until the input ends, or a line is too long: what follows it is not read.
    fn read(&mut self) -> Result<(), End> {
        for number in 0.. {
            let first_line = self.next_line;
            let mut lines = Vec::new();
            let end = loop {
                match self.line() {
                    Ok(Some(line)) => lines.push(line),
                    Ok(None) => break Some(Ok(())),
                    Err(end) => break Some(Err(end)),
                }
                if lines.len() >= self.lines_max || !self.is_ready() {
                    break None;
                }
            };
            let chunk = Chunk {
                number,
                first_line,
                lines,
                pauses: end.is_some() || !self.is_ready(),
            };
            let is_heard = self.chunks.send(chunk).is_ok();
            match end {
                Some(end) => return end,
                None if is_heard => {}
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// Whether a whole line can be had without waiting.
    fn is_ready(&self) -> bool {
        self.input.buffer().contains(&b'\n')
    }

    fn line(&mut self) -> Result<Option<Vec<u8>>, End> {
        let max = self.line_bytes_max;
        let mut line = Vec::new();
        // One byte more tells a line that is too long; two more are its end.
        let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(2);
        let read = self.input.by_ref().take(limit).read_until(b'\n', &mut line);
        let read = read.map_err(|error| End::Input(format!("read the standard input: {error}")))?;
        if read == 0 {
            return Ok(None);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
        }
        if line.len() > max {
            let number = self.next_line;
            let remedy = "raise `--max-token-length`";
            return Err(End::Input(format!(
                "line {number} is longer than {max} bytes; {remedy}"
            )));
        }
        self.next_line += 1;
        Ok(Some(line))
    }
}

/// Maps chunks until there are no more.
fn work<W: Write>(
    chunks: &Mutex<Receiver<Chunk>>,
    output: &Turns<W>,
    map: &impl Fn(Vec<u8>) -> Result<Vec<u8>, String>,
    failed: &AtomicBool,
) -> Result<(), End> {
    loop {
        let next = chunks.lock().recv();
        let Ok(chunk) = next else { return Ok(()) };
        let mut results = Vec::new();
        for (number, line) in (chunk.first_line..).zip(chunk.lines) {
            match map(line) {
                Ok(result) => {
                    results.extend_from_slice(&result);
                    results.push(b'\n');
                }
                Err(reason) => {
                    complain(&format!("line {number}: {}", cut(&reason)));
                    failed.store(true, Ordering::Relaxed);
                }
            }
        }
        let written = output.write(chunk.number, &results, chunk.pauses);
        written.map_err(|error| End::Output(format!("write the standard output: {error}")))?;
    }
}

/// An error may quote what it is about, which has no bound.
fn cut(reason: &str) -> String {
    if reason.len() <= COMPLAINT_BYTES_MAX {
        return reason.to_owned();
    }
    let kept = &reason[..reason.floor_char_boundary(COMPLAINT_BYTES_MAX)];
    format!("{kept}…")
}

/// An output to which chunks are written in the order of their numbers, whoever has them.
struct Turns<W: Write> {
    state: Mutex<Turn<W>>,
    moved: Condvar,
}

struct Turn<W: Write> {
    next: u64,
    output: BufWriter<W>,
}

impl<W: Write> Turns<W> {
    fn new(output: W) -> Self {
        let output = BufWriter::new(output);
        Self {
            state: Mutex::new(Turn { next: 0, output }),
            moved: Condvar::new(),
        }
    }

    fn write(&self, number: u64, results: &[u8], pauses: bool) -> io::Result<()> {
        let mut turn = self.state.lock();
        while turn.next != number {
            self.moved.wait(&mut turn);
        }
        turn.output.write_all(results)?;
        if pauses {
            turn.output.flush()?;
        }
        turn.next += 1;
        self.moved.notify_all();
        Ok(())
    }
}
