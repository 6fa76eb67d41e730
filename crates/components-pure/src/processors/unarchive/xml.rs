//! XML documents one after the other.

use bytes::Bytes;
use millrace_formats::xml::{Edge, read};
use millrace_message::Error;

use super::{Part, Parts, VALUE_COST};

/// A part for each document; what is between them is passed over.
pub(super) fn documents(payload: &Bytes, cast: bool, parts: &mut Parts) -> Result<(), Error> {
    let mut rest: &[u8] = payload;
    while let Some(start) = rest.iter().position(|byte| *byte == b'<') {
        rest = &rest[start..];
        let at = payload.len() - rest.len();
        let mut edge = Edge::default();
        let (document, behind) = match edge.find(rest) {
            Some(length) => rest.split_at(length),
            // A document that is cut; comments and the like are none.
            None if edge.has_begun() => (rest, &[][..]),
            None => break,
        };
        let value = read(document, cast)
            .map_err(|error| Error::rejected(format!("the XML document at byte {at}: {error}")))?;
        parts.push(Part::Value(value), VALUE_COST)?;
        rest = behind;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::{batch, processor};

    async fn documents(format: &str, payload: &'static str) -> Vec<String> {
        let unarchive = processor(&format!("unarchive: {{ format: '{format}' }}"));
        let batches = unarchive.process(batch(&[payload])).await;
        let messages = batches.iter().flat_map(|batch| batch.iter());
        let shown = messages.map(|message| match message.fault() {
            Some(fault) => format!("error: {}", fault.cause.text()),
            None => String::from_utf8_lossy(message.bytes()).into_owned(),
        });
        shown.collect()
    }

    #[tokio::test]
    async fn each_document_becomes_a_message_and_what_is_between_them_none() {
        let payload =
            "<?xml version=\"1.0\"?><a>1</a> text <!-- note --><b c=\"true\"/>\n<!-- end -->";
        for (format, expected) in [
            (
                "xml_documents_to_json",
                [r#"{"a":"1"}"#, r#"{"b":{"-c":"true"}}"#],
            ),
            (
                "xml_documents_to_json:cast",
                [r#"{"a":1}"#, r#"{"b":{"-c":true}}"#],
            ),
        ] {
            assert_eq!(documents(format, payload).await, expected, "{format}");
        }
    }

    #[tokio::test]
    async fn a_document_that_is_cut_flags_the_message_with_its_place() {
        let shown = documents("xml_documents_to_json", "<a>1</a><b>").await;
        let [shown] = &*shown else {
            panic!("{shown:?}");
        };
        let start = "error: unarchive: the XML document at byte 8: ";
        assert!(shown.starts_with(start), "{shown}");
    }
}
