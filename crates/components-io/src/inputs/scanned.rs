//! Reads streams one after the other through a scanner: what `file` and `stdin` share.

use std::collections::VecDeque;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use millrace_component::{BlockingInput, Incoming, Scanner, ScannerFactory, SourceDetails};
use millrace_message::{Error, ErrorClass, MessageBatch};

/// A stream that waits to be read.
pub(super) enum Stream {
    /// A file, opened when its turn comes.
    File(PathBuf),
    /// The standard input.
    Stdin,
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
    finished: Vec<PathBuf>,
}

struct Current {
    scanner: Box<dyn Scanner>,
    metadata: Option<FileMetadata>,
    path: Option<PathBuf>,
}

impl ScannedInput {
    pub(super) fn new(
        streams: impl IntoIterator<Item = Stream>,
        scanner: Arc<dyn ScannerFactory>,
        delete_on_finish: bool,
    ) -> Self {
        Self {
            streams: streams.into_iter().collect(),
            scanner,
            current: None,
            delete_on_finish,
            finished: Vec::new(),
        }
    }

    /// Opens the next stream; at the end of the list it is the end of the input.
    fn open_next(&mut self) -> Result<(), Error> {
        let stream = self.streams.pop_front().ok_or_else(Error::end_of_input)?;
        let opened = match stream {
            Stream::Stdin => {
                let details = SourceDetails {
                    name: "the standard input".to_owned(),
                };
                Current {
                    scanner: self.scanner.open(Box::new(std::io::stdin()), &details)?,
                    metadata: None,
                    path: None,
                }
            }
            Stream::File(path) => self.open_file(path)?,
        };
        self.current = Some(opened);
        Ok(())
    }

    fn open_file(&self, path: PathBuf) -> Result<Current, Error> {
        let name = path.display().to_string();
        let open = || {
            let file = std::fs::File::open(&path)?;
            let modified = file.metadata()?.modified()?;
            Ok::<_, std::io::Error>((file, modified))
        };
        let (file, modified) =
            open().map_err(|error| Error::fatal(format!("open `{name}`: {error}")))?;
        let modified = jiff::Timestamp::try_from(modified).unwrap_or_default();
        let stream: Box<dyn Read + Send> = Box::new(file);
        let scanner = self
            .scanner
            .open(stream, &SourceDetails { name: name.clone() })?;
        Ok(Current {
            scanner,
            metadata: Some(FileMetadata {
                path: name,
                modified_unix: modified.as_second(),
                modified: modified.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            }),
            path: Some(path),
        })
    }

    fn finish_current(&mut self) {
        if let Some(Current {
            path: Some(path), ..
        }) = self.current.take()
            && self.delete_on_finish
        {
            self.finished.push(path);
        }
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
    fn read(&mut self, max: usize, run: &mut Vec<Incoming>) -> Result<(), Error> {
        let Some(current) = &mut self.current else {
            return self.open_next();
        };
        for count in 0..max {
            if count > 0 && !current.scanner.is_ready() {
                break;
            }
            match current.scanner.next() {
                Ok(Some(mut batch)) => {
                    if let Some(metadata) = &current.metadata {
                        metadata.set_on(&mut batch);
                    }
                    run.push(Incoming::unacknowledged(batch));
                }
                Ok(None) => {
                    self.finish_current();
                    break;
                }
                Err(error) if error.class() == ErrorClass::Rejected => return Err(error),
                Err(error) => {
                    // What was not read to its end is not deleted.
                    self.current = None;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), Error> {
        for path in self.finished.drain(..) {
            std::fs::remove_file(&path).map_err(|error| {
                Error::fatal(format!(
                    "delete `{}` after reading: {error}",
                    path.display()
                ))
            })?;
        }
        Ok(())
    }
}
