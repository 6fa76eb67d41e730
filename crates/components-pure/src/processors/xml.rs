//! The `xml` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Processor, ProcessorConfig,
};
use millrace_formats::xml;
use millrace_message::{Error, MessageBatch};
use millrace_spec::{Node, ReadContext, Spec, codes};

/// Turns XML documents into JSON.
///
/// An element is a member of its parent: its text, or an object with its attributes (`-name`), its
/// elements, and its text as `#text`; elements of one name are an array. Comments, directives and
/// processing instructions are passed over. A message that is no XML goes on unchanged, with its
/// error flag set.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "xml", status = "beta", category = "Parsing", check = check)]
pub struct Config {
    /// What is done, which has to be said: `to_json`.
    #[spec(
        default = "",
        options("to_json" = "The document as an object of one member."),
        sample = "to_json"
    )]
    operator: String,
    /// Whether texts and attributes that are numbers or booleans become such.
    #[spec(default = false)]
    cast: bool,
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    if config.operator != "to_json" {
        let span = node.field_span("operator");
        let message = match config.operator.as_str() {
            "" => "the field `operator` says nothing".to_owned(),
            other => format!("the operator `{other}` is not known"),
        };
        cx.error(codes::INVALID_OPTION, span, message).help =
            Some("write `operator: to_json`".to_owned());
    }
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(BuiltProcessor::Sync(Arc::new(Xml {
            cast: self.cast,
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Xml {
    cast: bool,
    identity: Arc<Identity>,
}

impl Processor for Xml {
    fn process(&self, batch: MessageBatch) -> Batches {
        self.identity.convert_each(batch, |message| {
            let value = xml::read(message.bytes(), self.cast)
                .map_err(|error| Error::rejected(format!("the payload is no XML: {error}")))?;
            message.set_value(value);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{batch, bench, processor};

    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = processor("xml: { operator: to_json }");
        millrace_component::conformance::processor(&processor).await;
    }

    #[tokio::test]
    async fn a_document_becomes_an_object_and_texts_become_numbers_when_asked_for() {
        let document = r#"<a x="1"><b>2</b><b>two</b></a>"#;
        for (cast, expected) in [
            (false, r#"{"a":{"-x":"1","b":["2","two"]}}"#),
            (true, r#"{"a":{"-x":1,"b":[2,"two"]}}"#),
        ] {
            let xml = processor(&format!("xml: {{ operator: to_json, cast: {cast} }}"));
            let batches = xml.process(batch(&[document, "<a>"])).await;
            assert_eq!(&batches[0][0].bytes()[..], expected.as_bytes());
            assert_eq!(&batches[0][1].bytes()[..], b"<a>");
            assert!(batches[0][1].fault().is_some());
        }
    }

    #[test]
    fn an_operator_has_to_be_named() {
        for config in ["{}", "{ operator: from_json }"] {
            let error = bench().processor(&format!("xml: {config}")).err();
            assert!(error.is_some_and(|it| it.contains("to_json")));
        }
    }
}
