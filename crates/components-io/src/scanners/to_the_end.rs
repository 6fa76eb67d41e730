//! The `to_the_end` scanner.

use std::io::Read;
use std::sync::Arc;

use millrace_component::{
    BuildContext, Descriptor, Scanner, ScannerConfig, ScannerFactory, SourceDetails, read_whole,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::Spec;

/// Makes one message of the whole stream.
///
/// The stream is held in memory whole: `max_size` bounds it, and `memory_limit`. A larger one is
/// skipped with an error and counts as dropped, by the reason `unreadable`.
#[derive(Clone, Debug, Spec)]
#[spec(scanner = "to_the_end")]
pub struct Config {
    /// The most bytes that a stream may have.
    #[spec(default = "1GiB", advanced)]
    max_size: millrace_spec::ByteSize,
}

impl ScannerConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<Arc<dyn ScannerFactory>, Error> {
        Ok(Arc::new(Factory {
            max: cx.bound(self.max_size),
        }))
    }
}

pub const COMPONENT: Descriptor = Descriptor::scanner::<Config>();

struct Factory {
    max: usize,
}

impl ScannerFactory for Factory {
    fn open(
        &self,
        stream: Box<dyn Read + Send>,
        details: &SourceDetails,
    ) -> Result<Box<dyn Scanner>, Error> {
        Ok(Box::new(ToTheEnd {
            stream: Some(stream),
            max: self.max,
            name: details.name.clone(),
        }))
    }
}

struct ToTheEnd {
    stream: Option<Box<dyn Read + Send>>,
    max: usize,
    name: String,
}

impl Scanner for ToTheEnd {
    fn next(&mut self) -> Result<Option<MessageBatch>, Error> {
        let Some(stream) = self.stream.take() else {
            return Ok(None);
        };
        let content = read_whole(stream, self.max, 0)
            .map_err(|error| Error::retry(format!("read {}: {error}", self.name)))?;
        match content {
            Some(content) => Ok(Some(Message::from_bytes(content).into())),
            None => Err(Error::rejected(format!(
                "{} is larger than {} bytes, the smaller of `max_size` and `memory_limit`",
                self.name, self.max
            ))),
        }
    }
}

#[cfg(test)]
mod contract {
    use millrace_component::conformance::{self, Workbench};

    #[test]
    fn it_keeps_the_promises_of_a_scanner() {
        let factory = Workbench::new([crate::SCANNERS]).scanner("to_the_end: {}");
        conformance::scanner(&*factory, b"one\ntwo", &["one\ntwo"]);
    }
}
