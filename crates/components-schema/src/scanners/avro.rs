//! The `avro` scanner.

use std::io::Read;
use std::sync::Arc;

use millrace_component::{
    BuildContext, Descriptor, Scanner, ScannerConfig, ScannerFactory, SourceDetails,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::{ByteSize, Spec};

use crate::avro::Form;
use crate::avro::container::Container;

/// Makes one message of each value of an Avro object container file, as JSON.
///
/// Values are written in Avro's JSON encoding: one of a union is an object whose only key is the
/// name of its type, as in `{"string": "a"}`, and null stays null; bytes are text whose characters
/// are the bytes. With `raw_json` values of unions stand alone. Points in time, dates and decimals
/// are the numbers and bytes that they are made of.
///
/// Blocks may be compressed as `deflate`, `snappy`, `zstandard` or `bzip2`. What is held is one
/// block, of `max_size` bytes at most. A file that is cut or damaged, or that has a larger block,
/// ends with an error after the values before it.
#[derive(Clone, Debug, Spec)]
#[spec(scanner = "avro")]
pub struct Config {
    /// Whether values of unions are written without the names of their types.
    #[spec(default = false, advanced)]
    raw_json: bool,
    /// The most bytes that a block may have, compressed or not.
    #[spec(default = "64MiB", advanced)]
    max_size: ByteSize,
}

impl ScannerConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<Arc<dyn ScannerFactory>, Error> {
        Ok(Arc::new(Factory {
            form: Form::json(self.raw_json),
            max: cx.bound(self.max_size),
            memory_max: cx.flow().budget().limit(),
        }))
    }
}

pub const COMPONENT: Descriptor = Descriptor::scanner::<Config>();

struct Factory {
    form: Form,
    max: usize,
    memory_max: usize,
}

impl ScannerFactory for Factory {
    fn open(
        &self,
        stream: Box<dyn Read + Send>,
        details: &SourceDetails,
    ) -> Result<Box<dyn Scanner>, Error> {
        Ok(Box::new(Values {
            container: Container::new(stream, self.form, self.max, self.memory_max),
            name: details.name.clone(),
            ended: false,
        }))
    }
}

struct Values {
    container: Container,
    name: String,
    ended: bool,
}

impl Scanner for Values {
    fn next(&mut self) -> Result<Option<MessageBatch>, Error> {
        if self.ended {
            return Ok(None);
        }
        match self.container.next() {
            // The payload is printed here: as bytes it counts against the memory limit.
            Ok(Some(value)) => Ok(Some(Message::from_bytes(value.to_json()).into())),
            Ok(None) => {
                self.ended = true;
                Ok(None)
            }
            Err(error) => {
                self.ended = true;
                Err(Error::retry(format!("read {} as Avro: {error}", self.name)))
            }
        }
    }

    fn is_ready(&self) -> bool {
        !self.ended && self.container.in_memory() > 0
    }
}

#[cfg(test)]
mod tests;
