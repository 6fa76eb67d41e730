//! The `skip_bom` scanner.

use std::io::{Cursor, Read};
use std::sync::Arc;

use millrace_component::{
    BuildContext, Descriptor, Scanner, ScannerChild, ScannerConfig, ScannerFactory, SourceDetails,
};
use millrace_message::Error;
use millrace_spec::Spec;

/// Leaves out a byte order mark at the beginning of the stream, and reads the rest by another
/// scanner.
#[derive(Clone, Debug, Spec)]
#[spec(scanner = "skip_bom")]
pub struct Config {
    /// The scanner of the rest.
    #[spec(default = {"to_the_end": {}})]
    into: ScannerChild,
}

impl ScannerConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<Arc<dyn ScannerFactory>, Error> {
        Ok(Arc::new(Factory {
            into: cx.scanner(&self.into, "into")?,
        }))
    }
}

pub const COMPONENT: Descriptor = Descriptor::scanner::<Config>();

/// The marks of UTF-8, UTF-32 and UTF-16; the longer ones come before those they begin with.
const MARKS: [&[u8]; 5] = [
    b"\xef\xbb\xbf",
    b"\x00\x00\xfe\xff",
    b"\xff\xfe\x00\x00",
    b"\xfe\xff",
    b"\xff\xfe",
];
const LONGEST: u64 = 4;

struct Factory {
    into: Arc<dyn ScannerFactory>,
}

impl ScannerFactory for Factory {
    fn open(
        &self,
        mut stream: Box<dyn Read + Send>,
        details: &SourceDetails,
    ) -> Result<Box<dyn Scanner>, Error> {
        let mut head = Vec::new();
        stream
            .by_ref()
            .take(LONGEST)
            .read_to_end(&mut head)
            .map_err(|error| Error::retry(format!("read {}: {error}", details.name)))?;
        let mark = MARKS
            .into_iter()
            .find(|mark| head.starts_with(mark))
            .map_or(0, <[u8]>::len);
        head.drain(..mark);
        self.into
            .open(Box::new(Cursor::new(head).chain(stream)), details)
    }
}

#[cfg(test)]
mod contract {
    use millrace_component::conformance::{self, Workbench};

    #[test]
    fn it_keeps_the_promises_of_a_scanner() {
        let factory =
            Workbench::new([crate::SCANNERS]).scanner("skip_bom: { into: { lines: {} } }");
        conformance::scanner(&*factory, b"\xef\xbb\xbfone\ntwo", &["one", "two"]);
    }
}
