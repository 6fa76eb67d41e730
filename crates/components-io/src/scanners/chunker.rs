//! The `chunker` scanner.

use std::io::Read;
use std::sync::Arc;

use millrace_component::{
    BuildContext, Descriptor, Scanner, ScannerConfig, ScannerFactory, SourceDetails,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::{ByteSize, Node, ReadContext, Spec, codes};

/// Cuts the stream into pieces of a fixed size; the last one may be smaller.
#[derive(Clone, Debug, Spec)]
#[spec(scanner = "chunker", check = check)]
pub struct Config {
    /// The bytes of each piece.
    #[spec(example = "64KiB")]
    size: ByteSize,
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    if config.size.0 == 0 {
        let span = node.field_span("size");
        cx.error(codes::INVALID_VALUE, span, "a piece has at least one byte");
    }
}

impl ScannerConfig for Config {
    fn build(&self, _: &BuildContext) -> Result<Arc<dyn ScannerFactory>, Error> {
        Ok(Arc::new(Factory { size: self.size.0 }))
    }
}

pub const COMPONENT: Descriptor = Descriptor::scanner::<Config>();

struct Factory {
    size: u64,
}

impl ScannerFactory for Factory {
    fn open(
        &self,
        stream: Box<dyn Read + Send>,
        details: &SourceDetails,
    ) -> Result<Box<dyn Scanner>, Error> {
        Ok(Box::new(Chunker {
            stream,
            size: self.size,
            name: details.name.clone(),
        }))
    }
}

struct Chunker {
    stream: Box<dyn Read + Send>,
    size: u64,
    name: String,
}

impl Scanner for Chunker {
    fn next(&mut self) -> Result<Option<MessageBatch>, Error> {
        let mut piece = Vec::new();
        self.stream
            .by_ref()
            .take(self.size)
            .read_to_end(&mut piece)
            .map_err(|error| Error::retry(format!("read {}: {error}", self.name)))?;
        Ok((!piece.is_empty()).then(|| Message::from_bytes(piece).into()))
    }
}

#[cfg(test)]
mod contract {
    use millrace_component::conformance::{self, Workbench};

    #[test]
    fn it_keeps_the_promises_of_a_scanner() {
        let factory = Workbench::new([crate::SCANNERS]).scanner("chunker: { size: 3 }");
        conformance::scanner(&*factory, b"abcdefgh", &["abc", "def", "gh"]);
    }
}
