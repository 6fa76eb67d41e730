//! The `file` processor.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use millrace_component::{
    AsyncProcessor, Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Interpolated,
    ProcessorConfig, ScannerChild, ScannerFactory,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::{ByteSize, Node, ReadContext, Spec, codes};

mod operation;
mod status;

use operation::{Done, Operation};

/// Reads, writes, deletes, moves, renames or looks at a file for each message.
///
/// Except for `read`, the message goes on with its content. A file that cannot be read, written or
/// moved sets the error flag of the message, which goes on unchanged.
///
/// `read` and `stat` set metadata: `file_path`, `file_name`, `file_size` in bytes,
/// `file_mod_time_unix` in seconds, `file_mod_time` by RFC 3339 in UTC, `file_is_dir`, and
/// `file_mode` such as `-rw-r--r--`.
///
/// `read` makes a message of each message that `scanner` finds, with the metadata of the old one,
/// which is acknowledged when all of them are. A file in which the scanner finds nothing leaves the
/// content of the message as it is.
///
/// Only regular files are read: a pipe or a device may have no end.
///
/// `write` and `move` make the folders that are missing, and what they write appears whole or not at
/// all: it is written beside its place and moved there.
///
/// A `path` of a message may lead anywhere the process may read and write: let a mapping check it
/// when the messages come from somebody else.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "file", status = "experimental", category = "Local")]
#[spec(check = Config::check)]
pub struct Config {
    /// What is done.
    #[spec(example = "write")]
    operation: Kind,
    /// The file.
    #[spec(example = "/tmp/${! json(\"document.id\") }.txt")]
    path: Interpolated,
    /// Where `move` and `rename` move it.
    #[spec(optional, example = "/tmp/backup/${! json(\"document.id\") }.txt")]
    destination_path: Option<Interpolated>,
    /// How `read` makes messages of it, which needs it.
    #[spec(optional, advanced)]
    scanner: Option<ScannerChild>,
    /// The most bytes that `read` may make messages of, and that the file may have; never more than
    /// `memory_limit` allows for all messages together. Each message counts as 256 bytes beside its
    /// content.
    #[spec(default = "256MiB", advanced)]
    max_size: ByteSize,
}

/// What is done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
enum Kind {
    /// Replaces the message by what `scanner` finds in the file.
    Read,
    /// Writes the content of the message into the file, in the place of what was in it.
    Write,
    /// Deletes the file, or an empty folder.
    Delete,
    /// Moves the file to `destination_path`, copying it where that is on another file system.
    Move,
    /// As `move`, but fails where the file would have to be copied or a folder to be made.
    Rename,
    /// Sets the metadata.
    Stat,
}

impl Config {
    fn check(&mut self, node: &Node, cx: &mut ReadContext) {
        let is_empty = |text: &Interpolated| text.as_static().is_some_and(|it| it.is_empty());
        if is_empty(&self.path) {
            let span = node.field_span("path");
            cx.error(codes::INVALID_VALUE, span, "path must not be empty");
        }
        let destination = self.destination_path.as_ref();
        let missing = match self.operation {
            Kind::Move | Kind::Rename if destination.is_none_or(is_empty) => "destination_path",
            Kind::Read if self.scanner.is_none() => "scanner",
            _ => return,
        };
        let operation = self.operation.name();
        let message = format!("the operation `{operation}` needs the field {missing}");
        cx.error(codes::MISSING_FIELD, node.span, message);
    }
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        let scanner = self.scanner.as_ref();
        Ok(BuiltProcessor::Async(Arc::new(FileProcessor {
            config: self.clone(),
            scanner: scanner.map(|it| cx.scanner(it, "scanner")).transpose()?,
            max: cx.bound(self.max_size),
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct FileProcessor {
    config: Config,
    scanner: Option<Arc<dyn ScannerFactory>>,
    max: usize,
    identity: Arc<Identity>,
}

impl FileProcessor {
    /// What is to be done for a message.
    fn operation(&self, batch: &MessageBatch, index: usize) -> Result<Operation, Error> {
        let resolve = |field: &Interpolated, name: &str| {
            let path = field.resolve(batch, index);
            path.map(|path| operation::clean(&path))
                .map_err(|error| error.context(name))
        };
        let destination = || -> Result<PathBuf, Error> {
            let field = self.config.destination_path.as_ref();
            let field = field.ok_or_else(|| Error::fatal("there is no destination_path"))?;
            resolve(field, "destination_path")
        };
        let path = resolve(&self.config.path, "path")?;
        Ok(match self.config.operation {
            Kind::Read => {
                let scanner = self.scanner.clone();
                Operation::Read {
                    path,
                    scanner: scanner.ok_or_else(|| Error::fatal("there is no scanner"))?,
                    max: self.max,
                }
            }
            Kind::Write => Operation::Write {
                path,
                content: batch[index].bytes().clone(),
            },
            Kind::Delete => Operation::Delete { path },
            Kind::Move => Operation::Move {
                path,
                to: destination()?,
            },
            Kind::Rename => Operation::Rename {
                path,
                to: destination()?,
            },
            Kind::Stat => Operation::Stat { path },
        })
    }
}

/// Runs an operation where it may wait for the disk.
async fn on_disk(operation: Operation) -> Result<Done, Error> {
    let done = tokio::task::spawn_blocking(move || operation.run()).await;
    done.unwrap_or_else(|error| Err(Error::retry(format!("the file operation: {error}"))))
}

#[async_trait]
impl AsyncProcessor for FileProcessor {
    async fn process(&self, batch: MessageBatch) -> Batches {
        let mut results = Vec::with_capacity(batch.len());
        for index in 0..batch.len() {
            results.push(match self.operation(&batch, index) {
                Ok(operation) => on_disk(operation).await,
                Err(error) => Err(error),
            });
        }
        let mut out = MessageBatch::new();
        for (mut message, result) in batch.into_iter().zip(results) {
            match result {
                Ok(done) => finish(message, done, &mut out),
                Err(error) => {
                    message.set_fault(self.identity.fault(error));
                    out.push(message);
                }
            }
        }
        if out.is_empty() {
            return Batches::new();
        }
        smallvec::smallvec![out]
    }
}

/// Makes of a message what was found.
fn finish(mut message: Message, done: Done, out: &mut MessageBatch) {
    if let Some(status) = &done.status {
        status.set_on(&mut message.metadata);
    }
    let mut parts = done.parts.into_iter().peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_some() {
            let mut copy = message.clone();
            copy.set_bytes(part);
            out.push(copy);
        } else {
            message.set_bytes(part);
        }
    }
    out.push(message);
}

#[cfg(test)]
mod contract {
    use millrace_component::conformance::{self, Workbench};

    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let folder = tempfile::tempdir().expect("the folder can be used");
        let path = folder.path().display();
        std::fs::write(folder.path().join("a"), "one\ntwo").expect("the folder can be used");
        for fields in [
            format!("operation: read, path: {path}/a, scanner: {{ lines: {{}} }}"),
            format!("operation: write, path: {path}/b"),
        ] {
            let bench = Workbench::new([crate::PROCESSORS, crate::SCANNERS]);
            let processor = bench.processor(&format!("file: {{ {fields} }}"));
            let processor = processor.unwrap_or_else(|error| panic!("{error}"));
            conformance::processor(&processor).await;
        }
    }
}

#[cfg(test)]
mod tests;
