//! The `tar` scanner.

use std::cell::{Cell, RefCell};
use std::io::{Error as IoError, ErrorKind, Read};
use std::sync::Arc;

use millrace_component::{
    BuildContext, Descriptor, Scanner, ScannerConfig, ScannerFactory, SourceDetails, read_whole,
};
use millrace_formats::archive::{shown_name, tar_error};
use millrace_message::{Error, ErrorClass, Message, MessageBatch};
use millrace_spec::{ByteSize, Spec};
use tar::{Archive, Entry};

/// Makes one message of each file of a tar archive.
///
/// The metadata `tar_name` holds the name of the file. Folders and links are messages without a
/// content. Archives of every dialect are read: old, ustar, GNU and pax.
///
/// A file larger than `max_size` is skipped with an error that names it and counts as dropped, by the
/// reason `unreadable`; the files after it are read. An archive that is cut or damaged ends with an
/// error after the files that were whole.
#[derive(Clone, Debug, Spec)]
#[spec(scanner = "tar")]
pub struct Config {
    /// The most bytes that a file may have.
    #[spec(default = "1GiB", advanced)]
    max_size: ByteSize,
}

impl ScannerConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<Arc<dyn ScannerFactory>, Error> {
        Ok(Arc::new(Factory {
            max: cx.bound(self.max_size),
        }))
    }
}

pub const COMPONENT: Descriptor = Descriptor::scanner::<Config>();

/// What an archive is made of.
const BLOCK: u64 = 512;
/// The most that the name of a file and what else is said of it may take.
const HEADERS_MAX: u64 = 1 << 20;

struct Factory {
    max: usize,
}

impl ScannerFactory for Factory {
    fn open(
        &self,
        stream: Box<dyn Read + Send>,
        details: &SourceDetails,
    ) -> Result<Box<dyn Scanner>, Error> {
        Ok(Box::new(Files {
            stream: Stream {
                stream: RefCell::new(stream),
                position: Cell::new(0),
                headers_left: Cell::new(0),
            },
            name: details.name.clone(),
            max: self.max,
            ended: false,
        }))
    }
}

/// The stream of an archive, read through a shared reference: whoever reads a file of it may say
/// how much.
struct Stream {
    stream: RefCell<Box<dyn Read + Send>>,
    position: Cell<u64>,
    /// How much of what precedes the content of a file may still come.
    headers_left: Cell<u64>,
}

impl Read for &Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = self.headers_left.get();
        if left == 0 {
            let text = format!("the headers of a file take more than {HEADERS_MAX} bytes");
            return Err(IoError::new(ErrorKind::InvalidData, text));
        }
        let wanted = buffer
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = loop {
            match self.stream.borrow_mut().read(&mut buffer[..wanted]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.position.set(self.position.get() + read as u64);
        if left != NO_HEADERS {
            self.headers_left.set(left - read as u64);
        }
        Ok(read)
    }
}

/// Stands for no bound: what is read is no header.
const NO_HEADERS: u64 = u64::MAX;

impl Stream {
    /// Passes over what fills up the last block of a file.
    fn skip_padding(&self) -> std::io::Result<()> {
        let position = self.position.get();
        let padding = position.next_multiple_of(BLOCK) - position;
        let skipped = std::io::copy(&mut self.take(padding), &mut std::io::sink())?;
        match skipped == padding {
            true => Ok(()),
            false => Err(cut()),
        }
    }
}

fn cut() -> IoError {
    IoError::new(ErrorKind::UnexpectedEof, "the archive is cut")
}

struct Files {
    stream: Stream,
    name: String,
    max: usize,
    ended: bool,
}

/// What stands in an archive.
enum Member {
    File(String, Vec<u8>),
    TooLarge(String),
    /// What is said of all the files to come.
    Remark,
}

impl Files {
    /// The next member. The archive is opened anew for each: nothing of it is held between them.
    fn next_member(&mut self) -> std::io::Result<Option<Member>> {
        self.stream.headers_left.set(HEADERS_MAX);
        let mut archive = Archive::new(&self.stream);
        let Some(entry) = archive.entries()?.next() else {
            return Ok(None);
        };
        let mut entry = entry?;
        self.stream.headers_left.set(NO_HEADERS);
        let member = read_member(&mut entry, self.max)?;
        self.stream.skip_padding()?;
        Ok(Some(member))
    }

    fn failed(&self, error: &IoError) -> Error {
        Error::retry(format!("read {} as a tar: {}", self.name, tar_error(error)))
    }

    fn next_file(&mut self) -> Result<Option<MessageBatch>, Error> {
        loop {
            let member = self.next_member().map_err(|error| self.failed(&error))?;
            return match member {
                None => Ok(None),
                Some(Member::Remark) => continue,
                Some(Member::File(name, content)) => {
                    let mut message = Message::from_bytes(content);
                    message.metadata.set("tar_name", name);
                    Ok(Some(message.into()))
                }
                Some(Member::TooLarge(name)) => Err(Error::rejected(format!(
                    "the file `{}` of {} is larger than {} bytes, the smaller of `max_size` \
                     and `memory_limit`; it is skipped",
                    shown_name(&name),
                    self.name,
                    self.max
                ))),
            };
        }
    }
}

fn read_member<R: Read>(entry: &mut Entry<'_, R>, max: usize) -> std::io::Result<Member> {
    let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
    let size = entry.size();
    if entry.header().entry_type().is_pax_global_extensions() {
        pass_over(entry, size)?;
        return Ok(Member::Remark);
    }
    let expected = usize::try_from(size).unwrap_or(usize::MAX);
    if expected > max {
        pass_over(entry, size)?;
        return Ok(Member::TooLarge(name));
    }
    match read_whole(entry, max, expected)? {
        Some(content) if content.len() == expected => Ok(Member::File(name, content)),
        _ => Err(cut()),
    }
}

/// Passes over the content of an entry, which has to be there.
fn pass_over<R: Read>(entry: &mut Entry<'_, R>, size: u64) -> std::io::Result<()> {
    match std::io::copy(entry, &mut std::io::sink())? == size {
        true => Ok(()),
        false => Err(cut()),
    }
}

impl Scanner for Files {
    fn next(&mut self) -> Result<Option<MessageBatch>, Error> {
        if self.ended {
            return Ok(None);
        }
        let next = self.next_file();
        self.ended = match &next {
            Ok(file) => file.is_none(),
            Err(error) => error.class() != ErrorClass::Rejected,
        };
        next
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use millrace_component::conformance::{self, Workbench};
    use tar::{Builder, EntryType, Header};

    use super::*;
    use crate::testing::{open, scan};

    fn scanner(yaml: &str) -> Arc<dyn ScannerFactory> {
        Workbench::new([crate::SCANNERS]).scanner(yaml)
    }

    fn header(kind: EntryType, size: usize) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size as u64);
        header.set_mode(0o600);
        header.set_cksum();
        header
    }

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = header(EntryType::Regular, content.len());
            let appended = builder.append_data(&mut header, name, content.as_bytes());
            appended.expect("memory takes it");
        }
        builder.into_inner().expect("memory takes it")
    }

    const FILES: [(&str, &str); 3] = [("a", "first"), ("b/c", ""), ("d", "third\n")];

    #[test]
    fn it_keeps_the_promises_of_a_scanner() {
        let factory = scanner("tar: {}");
        conformance::scanner(&*factory, &archive(&FILES), &["first", "", "third\n"]);
    }

    #[test]
    fn each_file_is_a_message_with_its_name() {
        let long = "long/".repeat(60) + "name";
        let mut files = FILES.to_vec();
        files.push((&long, "x"));
        let mut scanner = open(&*scanner("tar: {}"), Cursor::new(archive(&files)));
        for (name, content) in files {
            let batch = scanner.next().expect("it is whole").expect("a file");
            assert_eq!(&batch[0].bytes()[..], content.as_bytes());
            let found = batch[0].metadata.get("tar_name");
            assert_eq!(found.and_then(|it| it.as_str()), Some(name));
        }
        assert!(scanner.next().expect("it is whole").is_none());
    }

    #[test]
    fn folders_are_empty_messages_and_remarks_are_none() {
        let mut builder = Builder::new(Vec::new());
        let remark = b"11 path=ab\n";
        let global = header(EntryType::XGlobalHeader, remark.len());
        builder
            .append(&global, &remark[..])
            .expect("memory takes it");
        let mut folder = header(EntryType::Directory, 0);
        let appended = builder.append_data(&mut folder, "folder/", std::io::empty());
        appended.expect("memory takes it");
        let packed = builder.into_inner().expect("memory takes it");
        let (messages, errors) = scan(&*scanner("tar: {}"), Cursor::new(packed));
        assert_eq!((messages, errors.len()), (vec![String::new()], 0));
    }

    #[test]
    fn an_error_quotes_no_bytes_of_a_header() {
        let mut packed = archive(&[("hunter2", "content")]);
        packed[148..156].copy_from_slice(b"\x1bsecret ");
        let (_, errors) = scan(&*scanner("tar: {}"), Cursor::new(packed));
        let text = errors[0].text();
        for secret in ["hunter2", "secret", "\x1b"] {
            assert!(!text.contains(secret), "{text}");
        }
    }

    #[test]
    fn an_archive_that_is_cut_is_an_error_after_the_whole_files() {
        let whole = archive(&FILES);
        // In the first file, in its padding, in the header of the second one, in the last file.
        for (length, read) in [(514, 0), (700, 0), (1100, 1), (2050, 2)] {
            let cut = Cursor::new(whole[..length].to_vec());
            let (messages, errors) = scan(&*scanner("tar: {}"), cut);
            assert_eq!((messages.len(), errors.len()), (read, 1), "{length} bytes");
            assert_ne!(errors[0].class(), ErrorClass::Rejected);
        }
    }

    #[test]
    fn a_file_that_is_too_large_is_skipped_and_named() {
        let large = "x".repeat(5_000);
        let packed = archive(&[("a", "first"), ("large", &large), ("b", "last")]);
        let (messages, errors) = scan(&*scanner("tar: { max_size: 4096 }"), Cursor::new(packed));
        assert_eq!(messages, ["first", "last"]);
        assert_eq!(errors.len(), 1);
        assert!(errors[0].text().contains("`large`"), "{}", errors[0]);
        assert_eq!(errors[0].class(), ErrorClass::Rejected);
    }

    #[test]
    fn a_size_that_is_only_claimed_costs_nothing() {
        for kind in [
            EntryType::Regular,
            EntryType::GNULongName,
            EntryType::XHeader,
        ] {
            let header = header(kind, 1 << 32);
            let endless = Cursor::new(header.as_bytes().to_vec()).chain(std::io::repeat(b'x'));
            let stream = endless.take((1 << 20) + (1 << 16));
            let (messages, errors) = scan(&*scanner("tar: {}"), stream);
            assert_eq!((messages.len(), errors.len()), (0, 1), "{kind:?}");
        }
    }
}
