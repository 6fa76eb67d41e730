//! What the tests of scanners share.

use std::io::Read;

use millrace_component::{ScannerFactory, SourceDetails};
use millrace_message::Error;

/// The messages that a stream called `input` is cut into, and the errors on the way to its end.
pub fn scan(
    factory: &dyn ScannerFactory,
    stream: impl Read + Send + 'static,
) -> (Vec<String>, Vec<Error>) {
    let details = SourceDetails {
        name: "input".to_owned(),
    };
    let opened = factory.open(Box::new(stream), &details);
    let mut scanner = opened.expect("it opens nothing");
    let (mut messages, mut errors) = (Vec::new(), Vec::new());
    loop {
        match scanner.next() {
            Ok(Some(batch)) => messages.extend(
                batch
                    .iter()
                    .map(|it| String::from_utf8_lossy(it.bytes()).into_owned()),
            ),
            Ok(None) => return (messages, errors),
            Err(error) => errors.push(error),
        }
    }
}
