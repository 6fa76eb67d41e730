//! The bytes of a stream that a scanner holds while it looks for the end of a message.

use std::io::{ErrorKind, Read};

use bytes::{Buf, Bytes, BytesMut};
use millrace_message::Error;

/// Bytes read from the stream at a time.
const CHUNK: usize = 64 * 1024;

/// A stream with what was read of it and not handed out.
pub(super) struct Window {
    stream: Box<dyn Read + Send>,
    /// What the stream is called in errors.
    pub name: String,
    pub held: BytesMut,
    /// Where `held` begins in the stream.
    pub offset: u64,
    /// Whether the stream has no more bytes than those held.
    pub ended: bool,
}

impl Window {
    pub fn new(stream: Box<dyn Read + Send>, name: &str) -> Self {
        Self {
            stream,
            name: name.to_owned(),
            held: BytesMut::new(),
            offset: 0,
            ended: false,
        }
    }

    /// Reads more behind what is held.
    pub fn fill(&mut self) -> Result<(), Error> {
        let begin = self.held.len();
        self.held.resize(begin + CHUNK, 0);
        let read = loop {
            match self.stream.read(&mut self.held[begin..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.held
            .truncate(begin + read.as_ref().map_or(0, |read| *read));
        let read = read.map_err(|error| Error::retry(format!("read {}: {error}", self.name)))?;
        self.ended = read == 0;
        Ok(())
    }

    /// Passes over bytes held.
    pub fn skip(&mut self, length: usize) {
        self.held.advance(length);
        self.offset += length as u64;
    }

    /// Takes bytes held.
    pub fn take(&mut self, length: usize) -> Bytes {
        self.offset += length as u64;
        self.held.split_to(length).freeze()
    }

    /// Ends the stream here: nothing behind this place is read.
    pub fn leave(&mut self) {
        self.held.clear();
        self.ended = true;
        self.stream = Box::new(std::io::empty());
    }
}
