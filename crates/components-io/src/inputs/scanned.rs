//! Reads streams one after the other through a scanner: what `file` and `stdin` share.

mod delete;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use millrace_component::{
    Ack, BlockingInput, Identity, Incoming, Scanner, ScannerFactory, SourceDetails,
};
use millrace_message::{Error, ErrorClass, MessageBatch};
use tokio_util::sync::CancellationToken;

use self::delete::{ReadFile, ToDelete};
use super::source::{Source, Stop, open_to_wait};

/// A stream that waits to be read.
pub(super) enum Stream {
    /// A file, opened when its turn comes.
    File(PathBuf),
    /// One that is open already, with its name.
    Open(String, Source),
}

/// What is set on each message of a file.
#[derive(Clone)]
struct FileMetadata {
    path: String,
    modified_unix: i64,
    modified: String,
}

/// Reads streams in order, each through a scanner of its own.
pub(super) struct ScannedInput {
    streams: VecDeque<Stream>,
    scanner: Arc<dyn ScannerFactory>,
    current: Option<Current>,
    delete_on_finish: bool,
    finished: Vec<ReadFile>,
    identity: Arc<Identity>,
    /// Why a stream was left before its end: half of the data must not look like all of it.
    cut_off: Option<Error>,
    stop: Stop,
}

struct Current {
    scanner: Box<dyn Scanner>,
    /// Whether it cannot be read again.
    is_live: bool,
    metadata: Option<FileMetadata>,
    /// Of a file that is to be deleted.
    to_delete: Option<ToDelete>,
}

impl ScannedInput {
    pub(super) fn new(
        streams: impl IntoIterator<Item = Stream>,
        scanner: Arc<dyn ScannerFactory>,
        delete_on_finish: bool,
        identity: &Arc<Identity>,
    ) -> Self {
        Self {
            streams: streams.into_iter().collect(),
            scanner,
            current: None,
            delete_on_finish,
            finished: Vec::new(),
            identity: Arc::clone(identity),
            cut_off: None,
            stop: Stop::default(),
        }
    }

    /// Opens the next stream; at the end of the list it is the end of the input, which fails when
    /// one of them was not read to its end.
    fn open_next(&mut self) -> Result<(), Error> {
        let Some(stream) = self.streams.pop_front() else {
            return Err(match self.cut_off.take() {
                Some(error) => Error::fatal(format!("not all of the input was read: {error}")),
                None => Error::end_of_input(),
            });
        };
        let opened = match stream {
            Stream::Open(name, source) => Current {
                is_live: source.is_live(),
                scanner: self
                    .scanner
                    .open(source.heeding(&self.stop), &SourceDetails { name })?,
                metadata: None,
                to_delete: None,
            },
            Stream::File(path) => self.open_file(path)?,
        };
        self.current = Some(opened);
        Ok(())
    }

    /// The end of the current stream has come.
    fn finish_current(&mut self) -> Result<(), Error> {
        let to_delete = self.current.take().and_then(|it| it.to_delete);
        let read = to_delete.map(ToDelete::finish).transpose();
        let read = read.map_err(|error| Error::retry(format!("look at what was read: {error}")))?;
        self.finished.extend(read);
        Ok(())
    }

    fn open_file(&self, path: PathBuf) -> Result<Current, Error> {
        let name = path.display().to_string();
        let open = || {
            let file = open_to_wait(&path)?;
            let modified = file.metadata()?.modified()?;
            let to_delete = self
                .delete_on_finish
                .then(|| ToDelete::new(path.clone(), &file));
            Ok::<_, std::io::Error>((file, modified, to_delete.transpose()?))
        };
        let (file, modified, to_delete) =
            open().map_err(|error| Error::fatal(format!("open `{name}`: {error}")))?;
        let modified = jiff::Timestamp::try_from(modified).unwrap_or_default();
        let source = Source::File(file);
        let is_live = source.is_live();
        let stream = source.heeding(&self.stop);
        let details = SourceDetails { name: name.clone() };
        let scanner = self.scanner.open(stream, &details)?;
        Ok(Current {
            scanner,
            is_live,
            metadata: Some(FileMetadata {
                path: name,
                modified_unix: modified.as_second(),
                modified: modified.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            }),
            to_delete,
        })
    }
}

impl Current {
    /// A batch with what is known of its stream, which hears what becomes of it.
    fn incoming(&self, mut batch: MessageBatch) -> Incoming {
        if let Some(metadata) = &self.metadata {
            metadata.set_on(&mut batch);
        }
        let ack = match &self.to_delete {
            Some(it) => it.remainder.ack(batch.len()),
            None => Ack::None,
        };
        Incoming { batch, ack }
    }
}

impl FileMetadata {
    fn set_on(&self, batch: &mut MessageBatch) {
        for message in batch.iter_mut() {
            message.metadata.set("path", self.path.as_str());
            message.metadata.set("mod_time_unix", self.modified_unix);
            message.metadata.set("mod_time", self.modified.as_str());
        }
    }
}

impl BlockingInput for ScannedInput {
    fn hear_stop(&mut self, stop: &CancellationToken) {
        self.stop.set(stop);
    }

    /// The last one of the messages is completed, of which a part was taken.
    fn read_taken(&mut self, run: &mut Vec<Incoming>) -> bool {
        let Some(current) = self.current.as_mut().filter(|it| it.is_live) else {
            return false;
        };
        let before = self.stop.reads();
        match current.scanner.next() {
            Ok(Some(batch)) => {
                run.push(current.incoming(batch));
                self.stop.reads() == before
            }
            Ok(None) | Err(_) => false,
        }
    }

    fn read(&mut self, max: usize, run: &mut Vec<Incoming>) -> Result<(), Error> {
        let Some(current) = &mut self.current else {
            return self.open_next().inspect_err(|error| {
                if error.class() == ErrorClass::Retry {
                    // Its stream is not read.
                    self.cut_off = Some(error.clone());
                }
            });
        };
        for count in 0..max {
            if count > 0 && !current.scanner.is_ready() {
                break;
            }
            match current.scanner.next() {
                Ok(Some(batch)) => run.push(current.incoming(batch)),
                Ok(None) => {
                    self.finish_current()?;
                    break;
                }
                // Nothing more is wanted, and nothing is wrong.
                Err(_) if self.stop.was_heard() => return Ok(()),
                Err(error) if error.class() == ErrorClass::Rejected => {
                    if let Some(it) = &current.to_delete {
                        it.remainder.add(1);
                    }
                    return Err(error);
                }
                Err(error) => {
                    // What was not read to its end is not deleted.
                    self.current = None;
                    self.cut_off.get_or_insert_with(|| error.clone());
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Deletes the files of which everything was delivered.
    fn close(&mut self) -> Result<(), Error> {
        let mut result = Ok(());
        for read in self.finished.drain(..) {
            result = result.and(read.delete(&self.identity));
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use millrace_component::conformance::Workbench;
    use millrace_message::Outcome;

    use super::*;

    const OK: &str = "the folder can be used";

    fn input(streams: Vec<Stream>, scanner: Arc<dyn ScannerFactory>, delete: bool) -> ScannedInput {
        let identity = Arc::new(Identity::new("file", "root.input", ""));
        ScannedInput::new(streams, scanner, delete, &identity)
    }

    /// Delivers all and returns the error that ends the input.
    fn read_all(input: &mut ScannedInput, mut between: impl FnMut(usize)) -> Error {
        for count in 1.. {
            let mut run = Vec::new();
            if let Err(error) = input.read(1, &mut run)
                && error.class() != ErrorClass::Retry
            {
                return error;
            }
            for incoming in run {
                if let Ack::Call(ack) = incoming.ack {
                    ack(incoming.batch.iter().map(|_| Outcome::Delivered).collect());
                }
            }
            between(count);
        }
        unreachable!("the input has an end");
    }

    #[test]
    fn a_line_that_is_appended_while_the_next_file_is_read_is_not_deleted() {
        let folder = tempfile::tempdir().expect(OK);
        let paths = ["a.txt", "b.txt"].map(|it| folder.path().join(it));
        for path in &paths {
            std::fs::write(path, "one\ntwo\n").expect(OK);
        }
        let scanner = Workbench::new([crate::SCANNERS]).scanner("lines: {}");
        let streams = paths.iter().cloned().map(Stream::File).collect();
        let mut input = input(streams, scanner, true);
        let end = read_all(&mut input, |count| {
            // The first file has been read to its end.
            if count == 6 {
                let file = std::fs::File::options().append(true).open(&paths[0]);
                file.expect(OK).write_all(b"three\n").expect(OK);
            }
        });
        assert_eq!(end.class(), ErrorClass::EndOfInput);
        input.close().expect("what is to be deleted is there");
        assert_eq!(paths.map(|it| it.exists()), [true, false]);
    }

    /// Refuses every stream, as where its beginning cannot be read.
    struct Refusing;

    impl ScannerFactory for Refusing {
        fn open(
            &self,
            _: Box<dyn Read + Send>,
            _: &SourceDetails,
        ) -> Result<Box<dyn Scanner>, Error> {
            Err(Error::retry("no header"))
        }
    }

    #[test]
    fn an_input_whose_scanner_opens_no_stream_was_not_read() {
        let source = Source::Memory(b"a,b");
        let streams = vec![Stream::Open("one".to_owned(), source)];
        let end = read_all(&mut input(streams, Arc::new(Refusing), false), |_| {});
        assert_eq!(end.class(), ErrorClass::Fatal, "{end}");
        assert!(end.text().ends_with("no header"), "{end}");
    }
}
