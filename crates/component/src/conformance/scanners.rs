//! What every scanner promises.

use std::io::{Error as IoError, ErrorKind, Read};

use crate::{Scanner, ScannerFactory, SourceDetails};

/// More steps than any stream of these tests may take.
const STEPS_MAX: usize = 100_000;

/// Checks a scanner by a stream and the messages that it is cut into.
///
/// The messages are the same however the bytes arrive; an interrupted read is tried again; the end
/// stays the end; a stream that breaks is an error, never an end; any bytes at all end somewhere.
///
/// # Panics
/// With the promise that is broken.
pub fn scanner(factory: &dyn ScannerFactory, stream: &[u8], messages: &[&str]) {
    for step in [1, 2, 7, 1 << 20] {
        let pieces = Pieces::new(stream, step);
        let (found, error) = scan(factory, pieces);
        assert_eq!(error, None, "{step} bytes at a time");
        assert_eq!(found, messages, "{step} bytes at a time");
    }
    a_broken_stream_is_an_error(factory, stream, messages);
    any_bytes_end_somewhere(factory, stream);
}

fn a_broken_stream_is_an_error(factory: &dyn ScannerFactory, stream: &[u8], messages: &[&str]) {
    for cut in [0, stream.len() / 2, stream.len()] {
        let mut pieces = Pieces::new(&stream[..cut], 7);
        pieces.breaks = true;
        let (found, error) = scan(factory, pieces);
        if cut == stream.len() && found == messages && error.is_none() {
            // A format that knows its end need not read beyond it.
            continue;
        }
        let error =
            error.unwrap_or_else(|| panic!("the stream breaks after {cut} bytes: {found:?}"));
        assert!(error.contains("the disk is gone"), "{error}");
        assert!(
            messages.iter().zip(&found).all(|(one, other)| one == other),
            "before the stream broke: {found:?}"
        );
    }
}

fn any_bytes_end_somewhere(factory: &dyn ScannerFactory, stream: &[u8]) {
    let damaged = stream.iter().map(|byte| byte ^ 0x55).collect::<Vec<_>>();
    let streams: [&[u8]; 6] = [
        b"",
        b"\0\xff\xfe\"\\{[",
        &[b'['; 5_000],
        &[b'"'; 5_001],
        &[0xff; 5_000],
        &damaged,
    ];
    for stream in streams {
        scan(factory, Pieces::new(stream, 13));
    }
}

/// The messages of a stream, and the error that ended it.
fn scan(factory: &dyn ScannerFactory, pieces: Pieces) -> (Vec<String>, Option<String>) {
    let details = SourceDetails {
        name: "the stream".to_owned(),
    };
    let mut messages = Vec::new();
    let mut scanner = match factory.open(Box::new(pieces), &details) {
        Ok(scanner) => scanner,
        Err(error) => return (messages, Some(error.to_string())),
    };
    let mut last_error = None;
    for _ in 0..STEPS_MAX {
        match scanner.next() {
            Ok(Some(batch)) => messages.extend(
                batch
                    .iter()
                    .map(|it| String::from_utf8_lossy(it.bytes()).into_owned()),
            ),
            Ok(None) => {
                the_end_stays(&mut *scanner);
                return (messages, last_error);
            }
            Err(error) => {
                let text = error.to_string();
                if last_error.as_ref() == Some(&text) {
                    return (messages, last_error);
                }
                last_error = Some(text);
            }
        }
    }
    panic!("the scanner does not end");
}

fn the_end_stays(scanner: &mut dyn Scanner) {
    for _ in 0..2 {
        assert!(!scanner.is_ready(), "there is nothing after the end");
        let next = scanner.next().expect("the end is no error");
        assert!(next.is_none(), "there is nothing after the end");
    }
}

/// A stream that hands out some bytes at a time, and is interrupted now and then.
struct Pieces {
    bytes: std::io::Cursor<Vec<u8>>,
    step: usize,
    reads: usize,
    /// Whether it ends with an error.
    breaks: bool,
}

impl Pieces {
    fn new(bytes: &[u8], step: usize) -> Self {
        Self {
            bytes: std::io::Cursor::new(bytes.to_vec()),
            step,
            reads: 0,
            breaks: false,
        }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.reads += 1;
        if self.reads % 5 == 2 {
            return Err(ErrorKind::Interrupted.into());
        }
        let count = self.step.min(buffer.len());
        match self.bytes.read(&mut buffer[..count])? {
            0 if self.breaks && count > 0 => Err(IoError::other("the disk is gone")),
            read => Ok(read),
        }
    }
}

#[cfg(test)]
mod tests {
    use millrace_message::{Error, Message, MessageBatch};

    use super::*;

    /// Takes what one read gives as a message, and an error as the end.
    struct Careless(Box<dyn Read + Send>);

    impl ScannerFactory for () {
        fn open(
            &self,
            stream: Box<dyn Read + Send>,
            _: &SourceDetails,
        ) -> Result<Box<dyn Scanner>, Error> {
            Ok(Box::new(Careless(stream)))
        }
    }

    impl Scanner for Careless {
        fn next(&mut self) -> Result<Option<MessageBatch>, Error> {
            let mut bytes = vec![0; 1 << 20];
            let read = loop {
                match self.0.read(&mut bytes) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    read => break read.unwrap_or(0),
                }
            };
            bytes.truncate(read);
            Ok((read > 0).then(|| Message::from_bytes(bytes).into()))
        }
    }

    #[test]
    #[should_panic(expected = "1 bytes at a time")]
    fn a_scanner_that_depends_on_how_bytes_arrive_is_found() {
        scanner(&(), b"ab", &["ab"]);
    }

    #[test]
    #[should_panic(expected = "the stream breaks after 0 bytes")]
    fn a_scanner_that_takes_an_error_for_the_end_is_found() {
        a_broken_stream_is_an_error(&(), b"ab", &["ab"]);
    }
}
