//! The lines of the standard input, within a bound.

use std::io::{self, BufRead, Read};

use bytes::Bytes;
use tokio::sync::mpsc;

/// How many lines are read ahead.
const AHEAD: usize = 1024;

/// Lines that a thread of their own reads: a read of a terminal waits for people.
pub struct Lines(mpsc::Receiver<io::Result<Bytes>>);

impl Lines {
    /// Reads lines of at most `largest` bytes; a longer one is an error.
    pub fn start(largest: usize) -> Self {
        let (sender, lines) = mpsc::channel(AHEAD);
        std::thread::spawn(move || {
            let mut input = io::stdin().lock();
            while let Some(line) = next_line(&mut input, largest).transpose() {
                let is_last = line.is_err();
                if sender.blocking_send(line).is_err() || is_last {
                    return;
                }
            }
        });
        Self(lines)
    }

    /// The next line without its break; `None` at the end. Cancel safe.
    pub async fn next(&mut self) -> io::Result<Option<Bytes>> {
        self.0.recv().await.transpose()
    }
}

fn next_line(input: &mut impl BufRead, largest: usize) -> io::Result<Option<Bytes>> {
    let mut line = Vec::new();
    // Two bytes more than the largest: its break.
    let most = (largest as u64).saturating_add(2);
    if input.take(most).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    match line.len() > largest {
        true => Err(io::Error::other(format!(
            "it is longer than the {largest} bytes that a record may have"
        ))),
        false => Ok(Some(line.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lose_their_breaks_and_the_last_needs_none() {
        let mut input = &b"one\r\n\ntwo"[..];
        let mut next = || next_line(&mut input, 100).unwrap();
        assert_eq!(next().as_deref(), Some(&b"one"[..]));
        assert_eq!(next().as_deref(), Some(&b""[..]));
        assert_eq!(next().as_deref(), Some(&b"two"[..]));
        assert_eq!(next(), None);
    }

    #[test]
    fn a_line_without_an_end_is_refused_within_the_bound() {
        let mut input = io::BufReader::new(io::repeat(b'x'));
        assert!(next_line(&mut input, 1000).is_err());
        let mut fits = &b"12345\r\n"[..];
        assert_eq!(next_line(&mut fits, 5).unwrap().unwrap(), "12345");
    }
}
