//! The `msgpack` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Processor, ProcessorConfig,
};
use millrace_formats::{FormatError, msgpack};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::Spec;

/// Turns MessagePack into JSON, or JSON into MessagePack.
///
/// A message that is not what it should be goes on unchanged, with its error flag set.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "msgpack", status = "beta", category = "Parsing")]
pub struct Config {
    /// What is done.
    operator: Operator,
}

/// The direction.
#[derive(Clone, Copy, Debug, Spec)]
enum Operator {
    /// The payload, which is JSON, becomes MessagePack.
    FromJson,
    /// The payload, which is MessagePack, becomes JSON.
    ToJson,
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(BuiltProcessor::Sync(Arc::new(Msgpack {
            operator: self.operator,
            memory: cx.flow().budget().limit(),
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Msgpack {
    operator: Operator,
    /// The most bytes that a value takes.
    memory: usize,
    identity: Arc<Identity>,
}

impl Msgpack {
    fn convert(&self, message: &mut Message) -> Result<(), Error> {
        match self.operator {
            Operator::FromJson => {
                let value = message.json()?;
                let bytes = msgpack::write(value);
                message.set_bytes(bytes.map_err(|error| Error::rejected(error.to_string()))?);
            }
            Operator::ToJson => {
                let value = msgpack::read(message.bytes(), self.memory);
                message.set_value(value.map_err(|error| unreadable(&error))?);
            }
        }
        Ok(())
    }
}

fn unreadable(error: &FormatError) -> Error {
    Error::rejected(match error.is_without_room() {
        true => error.to_string(),
        false => format!("the payload is no MessagePack: {error}"),
    })
}

impl Processor for Msgpack {
    fn process(&self, batch: MessageBatch) -> Batches {
        self.identity
            .convert_each(batch, |message| self.convert(message))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{batch, processor};

    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        for operator in ["from_json", "to_json"] {
            let processor = processor(&format!("msgpack: {{ operator: {operator} }}"));
            millrace_component::conformance::processor(&processor).await;
        }
    }

    #[tokio::test]
    async fn json_becomes_messagepack_and_comes_back() {
        let json = r#"{"a":[1,-257,18446744073709551615,1.5,null,true],"b":"text"}"#;
        let (there, back) = (
            processor("msgpack: { operator: from_json }"),
            processor("msgpack: { operator: to_json }"),
        );
        let packed = there.process(batch(&[json, "{\"cut\""])).await.remove(0);
        assert_eq!(packed[0].bytes()[..4], [0x82, 0xa1, b'a', 0x96]);
        assert_eq!(&packed[1].bytes()[..], b"{\"cut\"");
        assert!(packed[1].fault().is_some());
        let json_again = back.process(packed).await.remove(0);
        assert_eq!(&json_again[0].bytes()[..], json.as_bytes());
    }
}
