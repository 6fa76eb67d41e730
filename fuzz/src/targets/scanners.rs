//! Streams of bytes, cut into messages.
//!
//! The first byte chooses the scanner, the second how many bytes the stream gives at a time.
//! Asked: the messages do not depend on how the stream is cut, and a scanner ends. How much a
//! decoder gives before it sees that a compressed stream is damaged does depend on it: there the
//! messages of one way are the first ones of the other.

use std::io::Read;
use std::sync::Arc;

use millrace_component::conformance::Workbench;
use millrace_component::{ScannerFactory, SourceDetails};
use millrace_message::ErrorClass;

const SCANNERS: &[&str] = &[
    "lines: { max_buffer_size: 64 }",
    "lines: { custom_delimiter: ab, omit_empty: true }",
    "csv: {}",
    "csv: { parse_header_row: false, lazy_quotes: true, continue_on_error: true }",
    "json_documents: {}",
    "chunker: { size: 7 }",
    "to_the_end: {}",
    "skip_bom: { into: { lines: {} } }",
    "decompress: { algorithm: gzip, into: { lines: {} } }",
    "decompress: { algorithm: lz4, into: { chunker: { size: 1000 } } }",
    "decompress: { algorithm: bzip2, into: { chunker: { size: 1000 } } }",
    "avro: {}",
];

thread_local! {
    static FACTORIES: Vec<Arc<dyn ScannerFactory>> = {
        let bench = Workbench::new([
            millrace_components_io::SCANNERS,
            millrace_components_schema::SCANNERS,
        ]);
        SCANNERS.iter().map(|it| bench.scanner(it)).collect()
    };
}

pub(super) fn run(data: &[u8]) {
    let [choice, step, stream @ ..] = data else {
        return;
    };
    let choice = usize::from(*choice) % SCANNERS.len();
    let step = usize::from(*step).max(1);
    let (whole, pieces) = FACTORIES.with(|factories| {
        let factory = &factories[choice];
        (
            scan(&**factory, stream, usize::MAX),
            scan(&**factory, stream, step),
        )
    });
    let scanner = SCANNERS[choice];
    if scanner.starts_with("decompress") && !whole.is_whole && !pieces.is_whole {
        assert!(
            whole.is_beginning_of(&pieces) || pieces.is_beginning_of(&whole),
            "{scanner} depends on how it is cut: {whole:?} {pieces:?}"
        );
    } else {
        assert_eq!(whole, pieces, "{scanner} depends on how it is cut");
    }
}

/// What a scanner made of a stream: its messages and the places that it could not read.
#[derive(Debug, PartialEq)]
struct Scanned {
    messages: Vec<Vec<u8>>,
    unreadable: usize,
    is_whole: bool,
}

impl Scanned {
    /// Whether its messages are the first ones of another; the last of them may be cut.
    fn is_beginning_of(&self, other: &Scanned) -> bool {
        let Some((last, first)) = self.messages.split_last() else {
            return true;
        };
        other.messages.starts_with(first)
            && other
                .messages
                .get(first.len())
                .is_some_and(|message| message.starts_with(last))
    }
}

fn scan(factory: &dyn ScannerFactory, stream: &[u8], step: usize) -> Scanned {
    let mut scanned = Scanned {
        messages: Vec::new(),
        unreadable: 0,
        is_whole: true,
    };
    let stream = Pieces {
        rest: stream.to_vec(),
        step,
    };
    let Ok(mut scanner) = factory.open(Box::new(stream), &SourceDetails::default()) else {
        scanned.is_whole = false;
        return scanned;
    };
    // A gzip member of a few bytes unfolds to many lines: as many as this are looked at.
    for _ in 0..20_000 {
        match scanner.next() {
            Ok(Some(batch)) => {
                let payloads = batch.iter().map(|message| message.bytes().to_vec());
                scanned.messages.extend(payloads);
            }
            Ok(None) => return scanned,
            Err(error) if error.class() == ErrorClass::Rejected => scanned.unreadable += 1,
            Err(_) => {
                scanned.is_whole = false;
                return scanned;
            }
        }
    }
    // What comes behind those may be damaged.
    scanned.is_whole = false;
    scanned
}

/// A stream that gives at most `step` bytes at a time.
struct Pieces {
    rest: Vec<u8>,
    step: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.step.min(buffer.len()).min(self.rest.len());
        let piece: Vec<u8> = self.rest.drain(..count).collect();
        buffer[..count].copy_from_slice(&piece);
        Ok(count)
    }
}
