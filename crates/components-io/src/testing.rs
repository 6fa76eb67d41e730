//! What the tests of scanners share.

use std::io::Read;

use millrace_component::{Scanner, ScannerFactory, SourceDetails};
use millrace_message::Error;

/// A scanner of a stream called `input`.
pub fn open(factory: &dyn ScannerFactory, stream: impl Read + Send + 'static) -> Box<dyn Scanner> {
    let details = SourceDetails {
        name: "input".to_owned(),
    };
    let opened = factory.open(Box::new(stream), &details);
    opened.expect("it opens nothing")
}

/// The messages of a scanner until its end or the first error.
pub fn until_error(scanner: &mut dyn Scanner) -> (Vec<String>, Option<Error>) {
    let mut messages = Vec::new();
    loop {
        match scanner.next() {
            Ok(Some(batch)) => messages.extend(
                batch
                    .iter()
                    .map(|it| String::from_utf8_lossy(it.bytes()).into_owned()),
            ),
            Ok(None) => return (messages, None),
            Err(error) => return (messages, Some(error)),
        }
    }
}

/// The messages that a stream called `input` is cut into, and the errors on the way to its end.
pub fn scan(
    factory: &dyn ScannerFactory,
    stream: impl Read + Send + 'static,
) -> (Vec<String>, Vec<Error>) {
    let mut scanner = open(factory, stream);
    let (mut messages, mut errors) = (Vec::new(), Vec::new());
    loop {
        let (more, error) = until_error(&mut *scanner);
        messages.extend(more);
        match error {
            Some(error) => errors.push(error),
            None => return (messages, errors),
        }
    }
}
