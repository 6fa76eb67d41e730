//! The `to_the_end` scanner.

use std::io::Read;
use std::sync::Arc;

use millrace_component::{
    BuildContext, Descriptor, Scanner, ScannerConfig, ScannerFactory, SourceDetails,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::Spec;

/// Makes one message of the whole stream.
///
/// The stream is held in memory whole: `max_size` bounds it.
#[derive(Clone, Debug, Spec)]
#[spec(scanner = "to_the_end")]
pub struct Config {
    /// The most bytes that a stream may have.
    #[spec(default = "1GiB", advanced)]
    max_size: millrace_spec::ByteSize,
}

impl ScannerConfig for Config {
    fn build(&self, _: &BuildContext) -> Result<Arc<dyn ScannerFactory>, Error> {
        Ok(Arc::new(Factory {
            max: self.max_size.0,
        }))
    }
}

pub const COMPONENT: Descriptor = Descriptor::scanner::<Config>();

struct Factory {
    max: u64,
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
    max: u64,
    name: String,
}

impl Scanner for ToTheEnd {
    fn next(&mut self) -> Result<Option<MessageBatch>, Error> {
        let Some(stream) = self.stream.take() else {
            return Ok(None);
        };
        let mut content = Vec::new();
        stream
            .take(self.max.saturating_add(1))
            .read_to_end(&mut content)
            .map_err(|error| Error::retry(format!("read {}: {error}", self.name)))?;
        if content.len() as u64 > self.max {
            return Err(Error::rejected(format!(
                "{} is larger than `max_size`, {} bytes",
                self.name, self.max
            )));
        }
        Ok(Some(Message::from_bytes(content).into()))
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
