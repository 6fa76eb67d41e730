//! What the languages share: programs are bounded before they are compiled, and what they give is
//! bounded before it becomes a message.

use millrace_component::{Batches, Flow, Identity};
use millrace_message::{Error, Message};

/// The longest program, in bytes.
const LENGTH_MAX: usize = 1 << 18;
/// How deep brackets of a program may nest: the compilers take stack for each level.
const NESTING_MAX: usize = 200;
/// The longest text of an error of a program, in bytes: it may quote the message.
const ERROR_MAX: usize = 500;
/// How many messages there are between two questions whether the stream is given up.
const MESSAGES_UNASKED: usize = 64;
/// What a value takes beside its text, in bytes.
const VALUE_SIZE: usize = 24;

/// Refuses a program that a compiler might need too much stack for.
///
/// # Errors
/// It is too long, or its brackets nest too deep.
pub(super) fn check_size(program: &str) -> Result<(), String> {
    if program.len() > LENGTH_MAX {
        return Err(format!("the program is longer than {LENGTH_MAX} bytes"));
    }
    let mut depth = 0_usize;
    for byte in program.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > NESTING_MAX {
            return Err(format!("brackets nest deeper than {NESTING_MAX} levels"));
        }
    }
    Ok(())
}

/// Runs one level of a recursive walk: a thread's stack does not hold a thousand levels of every walk.
pub(super) fn nested<T>(level: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(128 * 1024, 1024 * 1024, level)
}

/// The error of a program, of which the text is cut when it quotes too much.
pub(super) fn error(what: impl std::fmt::Display) -> Error {
    let mut text = what.to_string();
    if text.len() > ERROR_MAX {
        let mut end = ERROR_MAX;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str("...");
    }
    Error::rejected(text)
}

/// Runs a program on each message of a run. One that it fails on goes on as it was left, with its error
/// flag set. When the stream is given up the program ends, and nothing comes of the run: its messages go
/// back to their source.
pub(super) fn run_each(
    mut run: Batches,
    flow: &Flow,
    identity: &Identity,
    mut program: impl FnMut(&mut Message) -> Result<(), Error>,
) -> Batches {
    let messages = run.iter_mut().flat_map(|batch| batch.iter_mut());
    for (index, message) in messages.enumerate() {
        let result = program(message);
        let is_asked = result.is_err() || index % MESSAGES_UNASKED == 0;
        if is_asked && flow.abort().is_cancelled() {
            return Batches::new();
        }
        if let Err(error) = result {
            message.set_fault(identity.fault(error));
        }
    }
    run
}

/// How many bytes the result of a program may still take.
pub(super) struct Room(usize);

impl Room {
    pub fn new(bytes: usize) -> Self {
        Self(bytes)
    }

    /// Takes the room of one value with so many bytes of text.
    ///
    /// # Errors
    /// There is no room left.
    pub fn take(&mut self, text: usize) -> Result<(), Error> {
        let left = self.0.checked_sub(text.saturating_add(VALUE_SIZE));
        self.0 = left.ok_or_else(|| {
            Error::rejected("the result is larger than `memory_limit` allows for all messages")
        })?;
        Ok(())
    }
}
