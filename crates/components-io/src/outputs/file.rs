//! The `file` output.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use millrace_component::{
    BlockingOutput, BuildContext, BuiltOutput, Descriptor, Interpolated, LeafOutput, OutputConfig,
    OutputPart, Reads, WriteError,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::Spec;

use super::codec::Codec;
use crate::whole_file;

/// How often is looked whether the open file is still the one at its path.
const LOOK: Duration = Duration::from_secs(1);

/// Writes messages to files on the local disk.
///
/// They are appended to a file that is there, so a second run goes on behind the first; with the codec
/// `all-bytes` each replaces it: it is written beside it and moved there, so that a reader sees the one
/// message or the other, and a failed write leaves the one before. A device or a named pipe is written
/// to, and so is a file whose folder takes no other one.
///
/// A message is acknowledged when the operating system has taken it; it is on disk when the
/// operating system writes it back. Missing folders are created. When a write fails, as on a
/// full disk, the file is cut back to its last whole message, and what was not written goes back
/// to its source. A fixed `path` where no file can ever be, such as one in a folder that may not be
/// written to, ends the run.
///
/// A file that does not end with the delimiter, as after `kill -9` in the middle of a write, gets one
/// before anything is appended: the torn message stands alone, and no other one becomes a part of it.
///
/// The file stays open. That another program has deleted it or moved it away, as one does that rotates
/// logs, is seen within a second: until then messages go into the old file, then into a new one.
#[derive(Clone, Debug, Spec)]
#[spec(output = "file", category = "Local")]
pub struct Config {
    /// The file, which may depend on the message.
    #[spec(example = "./messages.ndjson")]
    path: Interpolated,
    /// How messages are set apart: `lines`, `append`, `all-bytes` (each message replaces the
    /// file), or `delim:` and a delimiter.
    #[spec(default = "lines")]
    codec: Codec,
}

impl OutputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<OutputPart, Error> {
        if let Some(path) = self.path.as_static() {
            cx.flow().writes_to(&path, cx.path());
        }
        let output = FileOutput::new(self.path.clone(), self.codec.clone());
        Ok(OutputPart::Leaf(LeafOutput::serial(BuiltOutput::Blocking(
            Box::new(output),
        ))))
    }
}

pub const COMPONENT: Descriptor = Descriptor::output::<Config>();

struct FileOutput {
    path: Interpolated,
    codec: Codec,
    open: Option<Opened>,
    /// What is to be written in one step.
    text: Vec<u8>,
    ends: Vec<End>,
}

/// The file that is appended to.
struct Opened {
    path: String,
    file: File,
    /// When it was known last to be the one at its path.
    seen: Instant,
}

/// Where a message ends in the text of a step, and which one of the run it is.
struct End {
    at: usize,
    batch: usize,
    index: usize,
}

/// The messages of a run that were not written.
#[derive(Default)]
struct Failures(Vec<(usize, usize, Error)>);

impl FileOutput {
    fn new(path: Interpolated, codec: Codec) -> Self {
        Self {
            path,
            codec,
            open: None,
            text: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// The error of a path: with a fixed one, what does not pass by itself ends the output.
    fn unusable(&self, action: &str, path: &str, error: &std::io::Error) -> Error {
        let is_lasting = matches!(
            error.kind(),
            ErrorKind::NotFound
                | ErrorKind::AlreadyExists
                | ErrorKind::NotADirectory
                | ErrorKind::IsADirectory
                | ErrorKind::PermissionDenied
                | ErrorKind::ReadOnlyFilesystem
                | ErrorKind::InvalidFilename
                | ErrorKind::InvalidInput
        );
        let text = format!("{action} `{path}`: {error}");
        match is_lasting && self.path.as_static().is_some() {
            true => Error::fatal(text),
            false => Error::retry(text),
        }
    }

    /// The open file of this path.
    fn file(&mut self, path: &str) -> Result<&mut File, Error> {
        let open_here = self.open.as_mut().filter(|it| it.path == path);
        let reuse = open_here.is_some_and(Opened::is_there);
        if !reuse {
            let mut file =
                open(Path::new(path)).map_err(|error| self.unusable("open", path, &error))?;
            if let Codec::Delimited(delimiter) = &self.codec {
                end_torn_message(&mut file, Path::new(path), delimiter)
                    .map_err(|error| self.unusable("end the last message of", path, &error))?;
            }
            self.open = Some(Opened {
                path: path.to_owned(),
                file,
                seen: Instant::now(),
            });
        }
        match &mut self.open {
            Some(open) => Ok(&mut open.file),
            None => Err(Error::retry(format!("open `{path}`: it was closed"))),
        }
    }

    /// Writes what was gathered for a path in one step.
    fn flush(&mut self, path: &str, failures: &mut Failures) {
        if self.ends.is_empty() {
            return;
        }
        let text = std::mem::take(&mut self.text);
        let ends = std::mem::take(&mut self.ends);
        let (whole, error) = match self.codec {
            Codec::AllBytes => match self.replace(path, &text) {
                Ok(()) => (ends.len(), None),
                Err(error) => (0, Some(error)),
            },
            Codec::Delimited(_) | Codec::Append => self.append(path, &text, &ends),
        };
        if let Some(error) = error {
            let unwritten = ends[whole..].iter();
            let failed = unwritten.map(|end| (end.batch, end.index, error.clone()));
            failures.0.extend(failed);
        }
        (self.text, self.ends) = (text, ends);
        self.text.clear();
        self.ends.clear();
    }

    /// How many messages were written whole, and the error that stopped it.
    fn append(&mut self, path: &str, text: &[u8], ends: &[End]) -> (usize, Option<Error>) {
        let written = match self.file(path) {
            Ok(file) => match append_whole(file, text, ends) {
                Ok(()) => return (ends.len(), None),
                Err((whole, error)) => (whole, Error::retry(format!("write `{path}`: {error}"))),
            },
            Err(error) => (0, error),
        };
        // A part of a message may have stayed in it: it is looked at again when it is opened.
        self.open = None;
        (written.0, Some(written.1))
    }

    /// Replaces the content of the file by a message.
    fn replace(&mut self, path: &str, text: &[u8]) -> Result<(), Error> {
        let context = |error| self.unusable("write", path, &error);
        create_folder(Path::new(path)).map_err(context)?;
        whole_file::replace(Path::new(path), text).map_err(context)
    }
}

impl BlockingOutput for FileOutput {
    fn write(&mut self, run: &[MessageBatch], results: &mut Vec<Result<(), WriteError>>) {
        let fixed = self.path.as_static().map(Cow::into_owned);
        let mut failures = Failures::default();
        // Messages that follow each other to the same file are written in one step.
        let mut current = fixed.clone().unwrap_or_default();
        for (at, batch) in run.iter().enumerate() {
            for (index, message) in batch.iter().enumerate() {
                if fixed.is_none() {
                    match self.path.resolve(batch, index) {
                        Ok(path) if *path == *current => {}
                        Ok(path) => {
                            let path = path.into_owned();
                            self.flush(&current, &mut failures);
                            current = path;
                        }
                        Err(error) => {
                            failures.0.push((at, index, error.context("path")));
                            continue;
                        }
                    }
                }
                if self.codec == Codec::AllBytes {
                    self.flush(&current, &mut failures);
                }
                self.codec.encode(message, &mut self.text);
                self.ends.push(End {
                    at: self.text.len(),
                    batch: at,
                    index,
                });
            }
        }
        self.flush(&current, &mut failures);
        results.extend(failures.into_results(run));
    }

    fn reads(&self) -> Reads {
        match self.path.as_static() {
            Some(_) => Reads::Bytes,
            None => Reads::Anything,
        }
    }

    fn close(&mut self) -> Result<(), Error> {
        self.open = None;
        Ok(())
    }
}

impl Opened {
    /// Whether it is still the file at its path, as far as was looked lately.
    fn is_there(&mut self) -> bool {
        if self.seen.elapsed() < LOOK {
            return true;
        }
        self.seen = Instant::now();
        let identity = |it: std::fs::Metadata| (it.dev(), it.ino());
        let there = std::fs::metadata(&self.path).map(identity);
        let own = self.file.metadata().map(identity);
        matches!((there, own), (Ok(there), Ok(own)) if there == own)
    }
}

impl Failures {
    fn into_results(mut self, run: &[MessageBatch]) -> Vec<Result<(), WriteError>> {
        let mut results: Vec<_> = run.iter().map(|_| Ok(())).collect();
        self.0.sort_by_key(|(batch, index, _)| (*batch, *index));
        for same in self.0.chunk_by(|(a, ..), (b, ..)| a == b) {
            let (batch, _, first) = &same[0];
            results[*batch] = Err(match same.len() == run[*batch].len() {
                true => WriteError::all(first.clone()),
                false => {
                    let failed = same.iter().map(|(_, index, error)| (*index, error.clone()));
                    WriteError::some(failed.collect())
                }
            });
        }
        results
    }
}

fn create_folder(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => std::fs::create_dir_all(folder),
        _ => Ok(()),
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    create_folder(path)?;
    OpenOptions::new().create(true).append(true).open(path)
}

/// Writes a delimiter behind a last message without one, as a process leaves it that was killed
/// while it wrote: what is appended must not become a part of it.
fn end_torn_message(file: &mut File, path: &Path, delimiter: &[u8]) -> std::io::Result<()> {
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() == 0 {
        return Ok(());
    }
    let mut reader = match File::open(path) {
        // A file that may be written and not read is taken as it is.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(()),
        reader => reader?,
    };
    let tail = metadata.len().min(delimiter.len() as u64);
    reader.seek(SeekFrom::Start(metadata.len() - tail))?;
    let mut last = Vec::with_capacity(delimiter.len());
    reader.take(tail).read_to_end(&mut last)?;
    match last == delimiter {
        true => Ok(()),
        false => file.write_all(delimiter),
    }
}

/// Appends `text`, in which a message ends at each of `ends`. After an error the file is cut back
/// to the last whole message, as far as it can be; says how many of them are in it.
fn append_whole(file: &mut File, text: &[u8], ends: &[End]) -> Result<(), (usize, std::io::Error)> {
    let mut written = 0;
    while written < text.len() {
        match file.write(&text[written..]) {
            Ok(0) => {
                return Err(cut_back(file, written, ends, ErrorKind::WriteZero.into()));
            }
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(cut_back(file, written, ends, error)),
        }
    }
    Ok(())
}

fn cut_back(
    file: &mut File,
    written: usize,
    ends: &[End],
    error: std::io::Error,
) -> (usize, std::io::Error) {
    let whole = ends.partition_point(|end| end.at <= written);
    let keep = if whole == 0 { 0 } else { ends[whole - 1].at };
    let torn = (written - keep) as u64;
    if torn > 0 {
        let cut = file
            .seek(SeekFrom::End(0))
            .and_then(|end| file.set_len(end.saturating_sub(torn)));
        if let Err(cut) = cut {
            // A pipe or a device cannot be cut: a part of a message stays in it.
            return (
                whole,
                std::io::Error::other(format!("{error}; cut back: {cut}")),
            );
        }
    }
    (whole, error)
}

#[cfg(test)]
mod tests {
    use millrace_message::{ErrorClass, Message, Outcome};

    use super::*;

    /// Two messages of four bytes.
    fn ends() -> [End; 2] {
        [4, 8].map(|at| End {
            at,
            batch: 0,
            index: at / 4 - 1,
        })
    }

    #[test]
    fn a_full_disk_leaves_no_part_of_a_message() {
        // `/dev/full` refuses every write as a full disk does.
        let mut file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let (whole, error) = append_whole(&mut file, b"one\ntwo\n", &ends()).unwrap_err();
        assert_eq!(whole, 0);
        assert_eq!(error.kind(), ErrorKind::StorageFull);
    }

    #[test]
    fn a_torn_write_is_cut_back_to_the_last_whole_message() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mut file = open(&path).unwrap();
        file.write_all(b"old\none\ntw").unwrap();
        let full = || ErrorKind::StorageFull.into();
        let (whole, _) = cut_back(&mut file, 6, &ends(), full());
        assert_eq!(whole, 1);
        assert_eq!(std::fs::read(&path).unwrap(), b"old\none\n");
    }

    fn output(path: &Path, codec: Codec) -> FileOutput {
        FileOutput::new(Interpolated::literal(&path.display().to_string()), codec)
    }

    #[test]
    fn a_torn_message_at_the_end_of_the_file_is_ended_before_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        for (delimiter, before, after) in [
            ("\n", "one\ntw", "one\ntw\nnext\nlast\n"),
            ("\n", "one\n", "one\nnext\nlast\n"),
            ("\n", "", "next\nlast\n"),
            ("\r\n", "one\r\ntwo\r", "one\r\ntwo\r\r\nnext\r\nlast\r\n"),
            ("\r\n", "x", "x\r\nnext\r\nlast\r\n"),
        ] {
            std::fs::write(&path, before).unwrap();
            let mut output = output(&path, Codec::Delimited(delimiter.as_bytes().into()));
            let mut results = Vec::new();
            output.write(&[Message::from("next").into()], &mut results);
            output.write(&[Message::from("last").into()], &mut results);
            assert!(results.iter().all(Result::is_ok));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), after);
        }
        std::fs::write(&path, "one").unwrap();
        output(&path, Codec::Append).write(&[Message::from("next").into()], &mut Vec::new());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "onenext");
    }

    #[test]
    fn what_is_no_file_is_not_looked_at() {
        let mut output = output(Path::new("/dev/null"), Codec::Delimited(Box::from(*b"\n")));
        let mut results = Vec::new();
        output.write(&[Message::from("a").into()], &mut results);
        assert!(results[0].is_ok());
    }

    /// Who replaces a file by emptying it first has lost both messages when the disk is full.
    #[test]
    fn the_message_before_is_whole_until_the_next_one_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let mut output = output(&path, Codec::AllBytes);
        let mut results = Vec::new();
        output.write(&[Message::from("before").into()], &mut results);
        let mut reader = File::open(&path).unwrap();
        output.write(&[Message::from("after").into()], &mut results);
        assert!(results.iter().all(Result::is_ok));
        let mut seen = String::new();
        reader.read_to_string(&mut seen).unwrap();
        assert_eq!(seen, "before");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "after");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_fixed_path_where_no_file_can_be_ends_the_output() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let place = folder.path().display().to_string();
        for codec in [Codec::AllBytes, Codec::Delimited(Box::from(*b"\n"))] {
            for (path, class) in [
                (
                    Interpolated::literal(&format!("{place}/file/x")),
                    ErrorClass::Fatal,
                ),
                (Interpolated::literal(&place), ErrorClass::Fatal),
                (Interpolated::literal("/dev/full"), ErrorClass::Retry),
            ] {
                let mut output = FileOutput::new(path, codec.clone());
                let mut results = Vec::new();
                output.write(&[Message::from("a").into()], &mut results);
                let error = results.remove(0).unwrap_err();
                assert_eq!(error.error().class(), class, "{error:?}");
            }
        }
    }

    #[test]
    fn a_file_that_was_moved_or_deleted_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mut output = output(&path, Codec::Delimited(Box::from(*b"\n")));
        let mut write = |text: &str, is_long_after: bool| {
            if let Some(open) = output.open.as_mut().filter(|_| is_long_after) {
                open.seen -= LOOK;
            }
            let mut results = Vec::new();
            output.write(&[batch(&[text])], &mut results);
            assert!(results.iter().all(Result::is_ok), "{text}");
        };
        let content = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        write("one", false);
        std::fs::rename(&path, folder.path().join("old")).unwrap();
        write("two", false);
        write("three", true);
        assert_eq!(
            (content("old"), content("out")),
            ("one\ntwo\n".into(), "three\n".into())
        );
        std::fs::remove_file(&path).unwrap();
        write("four", true);
        write("five", true);
        assert_eq!(content("out"), "four\nfive\n");
    }

    fn batch(texts: &[&str]) -> MessageBatch {
        texts.iter().map(|text| Message::from(*text)).collect()
    }

    /// An output whose path is the field `to` of each message, in a folder.
    fn routed(folder: &Path, codec: Codec) -> FileOutput {
        let path = format!("{}/${{! this.to }}", folder.display());
        let path = Interpolated::compile(&path).unwrap();
        FileOutput::new(path, codec)
    }

    #[test]
    fn each_message_of_a_batch_goes_to_its_own_file() {
        for codec in [Codec::AllBytes, Codec::Delimited(Box::from(*b"\n"))] {
            let folder = tempfile::tempdir().unwrap();
            let mut output = routed(folder.path(), codec.clone());
            let run = [
                batch(&[r#"{"to":"a"}"#, r#"{"to":"b"}"#, r#"{"to":"a","x":1}"#]),
                batch(&[r#"{"to":"c"}"#]),
            ];
            let mut results = Vec::new();
            output.write(&run, &mut results);
            assert!(results.len() == 2 && results.iter().all(Result::is_ok));
            let content = |name| std::fs::read_to_string(folder.path().join(name)).unwrap();
            let expected = match codec {
                Codec::AllBytes => [r#"{"to":"a","x":1}"#, r#"{"to":"b"}"#, r#"{"to":"c"}"#],
                _ => [
                    "{\"to\":\"a\"}\n{\"to\":\"a\",\"x\":1}\n",
                    "{\"to\":\"b\"}\n",
                    "{\"to\":\"c\"}\n",
                ],
            };
            assert_eq!(["a", "b", "c"].map(content), expected);
        }
    }

    #[test]
    fn a_message_whose_file_can_not_be_written_fails_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("folder")).unwrap();
        let mut output = routed(folder.path(), Codec::Delimited(Box::from(*b"\n")));
        let run = [
            batch(&[
                r#"{"to":"a"}"#,
                r#"{"to":"folder"}"#,
                "no JSON",
                r#"{"to":"b"}"#,
            ]),
            batch(&[r#"{"to":"folder"}"#]),
            batch(&[r#"{"to":"b"}"#]),
        ];
        let mut results = Vec::new();
        output.write(&run, &mut results);
        let outcomes: Vec<Vec<bool>> = results
            .into_iter()
            .zip(&run)
            .map(|(result, batch)| match result {
                Ok(()) => vec![true; batch.len()],
                Err(error) => {
                    let outcomes = error.into_outcomes(batch.len()).into_each(batch.len());
                    outcomes
                        .iter()
                        .map(|outcome| matches!(outcome, Outcome::Delivered))
                        .collect()
                }
            })
            .collect();
        let expected = [vec![true, false, false, true], vec![false], vec![true]];
        assert_eq!(outcomes, expected);
        let b = std::fs::read_to_string(folder.path().join("b")).unwrap();
        assert_eq!(b.lines().count(), 2);
    }

    #[test]
    fn a_run_is_written_in_order_with_one_delimiter_for_each_message() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/out");
        let mut output = output(&path, Codec::Delimited(Box::from(*b"\n")));
        let run = [Message::from("a").into(), Message::from("b\n").into()];
        let mut results = Vec::new();
        output.write(&run, &mut results);
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(std::fs::read(&path).unwrap(), b"a\nb\n");
    }
}

#[cfg(test)]
mod contract {
    use millrace_component::conformance::{self, Workbench};

    #[tokio::test]
    async fn it_keeps_the_promises_of_an_output() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out");
        let yaml = format!("file: {{ path: '{}', codec: lines }}", path.display());
        let fresh = || Workbench::new([crate::OUTPUTS]).leaf_output(&yaml);
        let arrived = || {
            let text = std::fs::read_to_string(&path).expect("the file");
            text.lines().map(str::to_owned).collect()
        };
        conformance::output(fresh, arrived).await;
    }
}
