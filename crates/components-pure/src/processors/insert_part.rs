//! The `insert_part` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Interpolated, Processor,
    ProcessorConfig,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::Spec;

use super::composite::one_or_none;

/// Puts a new message into a batch.
///
/// The new message has the metadata of the first one, which is acknowledged when both are. A
/// content that cannot be made sets the error flag of every message, and the batch goes on as it
/// is.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "insert_part", category = "Composition")]
pub struct Config {
    /// Where the new message stands; below 0 it counts from the end: -1 is behind the last one.
    #[spec(default = -1)]
    index: i64,
    /// Its payload; interpolations see the first message.
    #[spec(default = "")]
    content: Option<Interpolated>,
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(BuiltProcessor::Sync(Arc::new(InsertPart {
            index: self.index,
            content: self
                .content
                .clone()
                .unwrap_or_else(|| Interpolated::literal("")),
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct InsertPart {
    index: i64,
    content: Interpolated,
    identity: Arc<Identity>,
}

impl InsertPart {
    fn place(&self, messages: usize) -> usize {
        match usize::try_from(self.index) {
            Ok(index) => index.min(messages),
            Err(_) => (messages + 1).saturating_sub(self.index.unsigned_abs() as usize),
        }
    }

    fn new_message(&self, batch: &[Message]) -> Result<Option<Message>, Error> {
        let Some(first) = batch.first() else {
            return Ok(None);
        };
        let content = self.content.resolve_bytes(batch, 0)?.into_owned();
        let mut message = first.clone();
        message.set_bytes(content);
        Ok(Some(message))
    }
}

impl Processor for InsertPart {
    fn process(&self, mut batch: MessageBatch) -> Batches {
        let mut new = match self.new_message(&batch) {
            Ok(new) => new,
            Err(error) => {
                let fault = Arc::new(self.identity.fault(error.context("resolve `content`")));
                for message in batch.iter_mut() {
                    message.set_fault(Arc::clone(&fault));
                }
                None
            }
        };
        let place = self.place(batch.len());
        let mut result = MessageBatch::new();
        for (index, message) in batch.into_iter().enumerate() {
            if index == place {
                result.extend(new.take());
            }
            result.push(message);
        }
        result.extend(new);
        one_or_none(result)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{batch, processor};

    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = processor("insert_part: { content: new }");
        millrace_component::conformance::processor(&processor).await;
    }

    #[tokio::test]
    async fn the_new_message_stands_where_the_index_says() {
        for (index, expected) in [
            (0, ["2 of a", "a", "b"]),
            (1, ["a", "2 of a", "b"]),
            (2, ["a", "b", "2 of a"]),
            (100, ["a", "b", "2 of a"]),
            (-1, ["a", "b", "2 of a"]),
            (-2, ["a", "2 of a", "b"]),
            (-100, ["2 of a", "a", "b"]),
        ] {
            let insert = processor(&format!(
                "insert_part: {{ index: {index}, content: '${{! batch_size() }} of ${{! content() }}' }}"
            ));
            let mut messages = batch(&["a", "b"]);
            messages[0].metadata.set("key", "of the first");
            let batches = insert.process(messages).await;
            let payloads = batches[0]
                .iter()
                .map(|it| String::from_utf8_lossy(it.bytes()));
            assert_eq!(payloads.collect::<Vec<_>>(), expected, "{index}");
            let with_key = batches[0]
                .iter()
                .filter(|it| it.metadata.get("key").is_some());
            assert_eq!(with_key.count(), 2);
        }
    }

    #[tokio::test]
    async fn a_content_that_cannot_be_made_flags_the_batch_and_inserts_nothing() {
        let insert = processor("insert_part: { content: '${! json(\"a\").uppercase() }' }");
        let batches = insert.process(batch(&["{\"a\":1}", "b"])).await;
        assert_eq!(batches[0].len(), 2);
        assert!(batches[0].iter().all(|it| it.fault().is_some()));
    }
}
