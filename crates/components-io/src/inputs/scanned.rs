//! Reads streams one after the other through a scanner: what `file` and `stdin` share.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use millrace_component::{
    Ack, BlockingInput, Identity, Incoming, Scanner, ScannerFactory, SourceDetails,
};
use millrace_message::{Error, ErrorClass, MessageBatch};
use tokio_util::sync::CancellationToken;

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
    finished: Vec<(PathBuf, Arc<Remainder>)>,
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
    to_delete: Option<(PathBuf, Arc<Remainder>)>,
}

/// How many messages of a file were not delivered, or not yet; those that could not be read count
/// too.
#[derive(Default)]
struct Remainder(AtomicUsize);

impl Remainder {
    fn add(&self, messages: usize) {
        self.0.fetch_add(messages, Ordering::AcqRel);
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    /// Hears what becomes of a batch.
    fn ack(self: &Arc<Self>, messages: usize) -> Ack {
        self.add(messages);
        let remainder = Arc::clone(self);
        Ack::Call(Box::new(move |outcomes| {
            let settled = outcomes.iter().filter(|it| it.error().is_none()).count();
            remainder.0.fetch_sub(settled, Ordering::AcqRel);
        }))
    }
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

    fn open_file(&self, path: PathBuf) -> Result<Current, Error> {
        let name = path.display().to_string();
        let open = || {
            let file = open_to_wait(&path)?;
            let modified = file.metadata()?.modified()?;
            Ok::<_, std::io::Error>((file, modified))
        };
        let (file, modified) =
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
            to_delete: self.delete_on_finish.then(|| (path, Arc::default())),
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
            Some((_, remainder)) => remainder.ack(batch.len()),
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
            return self.open_next();
        };
        for count in 0..max {
            if count > 0 && !current.scanner.is_ready() {
                break;
            }
            match current.scanner.next() {
                Ok(Some(batch)) => run.push(current.incoming(batch)),
                Ok(None) => {
                    let read = self.current.take();
                    self.finished.extend(read.and_then(|it| it.to_delete));
                    break;
                }
                // Nothing more is wanted, and nothing is wrong.
                Err(_) if self.stop.was_heard() => return Ok(()),
                Err(error) if error.class() == ErrorClass::Rejected => {
                    if let Some((_, remainder)) = &current.to_delete {
                        remainder.add(1);
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

    /// Deletes the files of which every message was delivered.
    fn close(&mut self) -> Result<(), Error> {
        let mut result = Ok(());
        for (path, remainder) in self.finished.drain(..) {
            let left = remainder.count();
            if left > 0 {
                self.identity.log_warning(format_args!(
                    "`{}` is not deleted: {left} of its messages were not delivered",
                    path.display()
                ));
                continue;
            }
            let deleted = std::fs::remove_file(&path);
            result = result.and(deleted.map_err(|error| {
                Error::fatal(format!(
                    "delete `{}` after reading: {error}",
                    path.display()
                ))
            }));
        }
        result
    }
}
