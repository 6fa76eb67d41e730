//! The side of the commands.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{LONGEST_ANSWER, PATIENCE, address};

/// What a broker does before it answers takes no longer.
const LONGEST_WAIT: Duration = Duration::from_secs(180);

/// A connection to the broker that has a data directory.
pub struct Client {
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects to the broker of a data directory.
    ///
    /// # Errors
    /// None listens there.
    pub fn connect(dir: &Path) -> io::Result<Self> {
        let (address, _open) = address(dir)?;
        let stream = UnixStream::connect(address)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_read_timeout(Some(LONGEST_WAIT))?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// The connection breaks, the broker takes too long, or it refuses: then the text is its own.
    pub fn ask<T: DeserializeOwned>(&mut self, command: &str) -> Result<T, String> {
        let line = self.exchange(command).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                let seconds = LONGEST_WAIT.as_secs();
                format!("the broker has not answered `{command}` within {seconds} seconds")
            }
            _ => format!("the broker does not answer `{command}`: {error}"),
        })?;
        let strange = |error: serde_json::Error| format!("the broker answers strangely: {error}");
        let mut answer: Value = serde_json::from_slice(&line).map_err(strange)?;
        if let Some(reason) = answer.get("error").and_then(Value::as_str) {
            return Err(reason.to_owned());
        }
        serde_json::from_value(answer["ok"].take()).map_err(strange)
    }

    fn exchange(&mut self, command: &str) -> io::Result<Vec<u8>> {
        let line = format!("{}\n", json!({ "command": command }));
        self.stream.get_mut().write_all(line.as_bytes())?;
        let mut answer = Vec::new();
        (&mut self.stream)
            .take(LONGEST_ANSWER)
            .read_until(b'\n', &mut answer)?;
        match answer.last() {
            Some(b'\n') => Ok(answer),
            Some(_) => Err(io::Error::other("the answer is cut off, or too long")),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
