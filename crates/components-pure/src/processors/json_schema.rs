//! The `json_schema` processor.

use std::sync::Arc;

use bytes::Bytes;
use millrace_bloblang::json_schema::Schema;
use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Processor, ProcessorConfig,
    read_file,
};
use millrace_message::{Error, Message, MessageBatch, Value};
use millrace_spec::{Node, ReadContext, Spec, codes};

/// The largest file of a schema, in bytes.
const FILE_MAX: usize = 64 << 20;

/// Checks messages against a JSON Schema.
///
/// No message is changed. One that does not fit, or is no JSON, goes on with its error flag set; the
/// error lists what does not fit, a line for each complaint.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "json_schema", category = "Mapping", check = check)]
pub struct Config {
    /// The schema as JSON; `$ref` points to parts of it, never elsewhere. Its `$schema` says whether it
    /// is of draft 4, 6 or 7, whose words count; without one those of all three do.
    #[spec(optional, sample = "{\"type\":\"object\"}")]
    schema: Option<String>,
    /// A file that holds the schema, as `file://` and its path; wins over `schema`.
    #[spec(optional, example = "file:///etc/schemas/person.json")]
    schema_path: Option<String>,
}

/// Finds what `run` would refuse, unless that depends on a file.
fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    let span = |field| node.field_span(field);
    match config.source() {
        Source::File(path) if path.starts_with("http://") => {
            let message = "schemas are not loaded from HTTP servers";
            cx.error(codes::NOT_SUPPORTED, span("schema_path"), message)
                .help = Some("save the schema, and name it by `file://` and its path".to_owned());
        }
        Source::File(path) if !path.starts_with("file://") => {
            cx.error(
                codes::INVALID_VALUE,
                span("schema_path"),
                "this is no URL of a file",
            )
            .help = Some(format!("write `file://{path}`"));
        }
        Source::File(_) => {}
        Source::Text(text) => {
            if let Err(reason) = parse(text.as_bytes().to_vec().into()) {
                let message = format!("this is no JSON Schema: {reason}");
                cx.error(codes::INVALID_VALUE, span("schema"), message);
            }
        }
        Source::None => {
            cx.error(codes::MISSING_FIELD, node.span, "there is no schema")
                .help = Some("give it in `schema` or `schema_path`".to_owned());
        }
    }
}

enum Source<'a> {
    File(&'a str),
    Text(&'a str),
    None,
}

impl Config {
    fn source(&self) -> Source<'_> {
        let given = |field: &'_ Option<String>| field.as_ref().is_some_and(|it| !it.is_empty());
        match (&self.schema_path, &self.schema) {
            (Some(path), _) if given(&self.schema_path) => Source::File(path),
            (_, Some(text)) if given(&self.schema) => Source::Text(text),
            _ => Source::None,
        }
    }

    fn load(&self) -> Result<Schema, Error> {
        let (name, source) = match self.source() {
            Source::Text(text) => (
                "the schema".to_owned(),
                Ok(Bytes::copy_from_slice(text.as_bytes())),
            ),
            Source::None => ("the schema".to_owned(), Err("none is given".to_owned())),
            Source::File(path) => {
                let path = path.strip_prefix("file://").unwrap_or(path);
                let read = read_file(path, FILE_MAX).map(Bytes::from);
                let read = read.map_err(|error| error.to_string());
                (format!("the schema `{path}`"), read)
            }
        };
        let schema = source.and_then(parse);
        schema.map_err(|reason| Error::fatal(reason).context(format_args!("load {name}")))
    }
}

fn parse(source: Bytes) -> Result<Schema, String> {
    let value = Value::parse_json(source).map_err(|error| error.to_string())?;
    Schema::new(&value)
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(BuiltProcessor::Sync(Arc::new(JsonSchema {
            schema: self.load()?,
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct JsonSchema {
    schema: Schema,
    identity: Arc<Identity>,
}

impl JsonSchema {
    fn check(&self, message: &Message) -> Result<(), Error> {
        let value = message.json()?;
        let complaints = self.schema.complaints(value);
        match complaints.is_empty() {
            true => Ok(()),
            false => Err(Error::rejected(complaints.join("\n"))),
        }
    }
}

impl Processor for JsonSchema {
    fn process(&self, batch: MessageBatch) -> Batches {
        self.identity
            .convert_each(batch, |message| self.check(message))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{batch, bench, processor};

    const SCHEMA: &str = r#"{"type":"object","properties":{"age":{"type":"integer","minimum":0}},"required":["age"]}"#;

    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = processor(&format!("json_schema: {{ schema: '{SCHEMA}' }}"));
        millrace_component::conformance::processor(&processor).await;
    }

    #[tokio::test]
    async fn what_does_not_fit_is_flagged_with_the_reason_and_not_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("schema.json");
        std::fs::write(&path, SCHEMA).expect("a file");
        for config in [
            format!("schema: '{SCHEMA}'"),
            format!(
                "schema_path: 'file://{}', schema: 'passed over'",
                path.display()
            ),
        ] {
            let processor = processor(&format!("json_schema: {{ {config} }}"));
            let payloads = [r#"{ "age": 5 }"#, r#"{"age":-1}"#, "{}", "no JSON"];
            let batches = processor.process(batch(&payloads)).await;
            for (message, payload) in batches[0].iter().zip(payloads) {
                assert_eq!(&message.bytes()[..], payload.as_bytes());
            }
            let fault = |index: usize| batches[0][index].fault().map(|it| it.cause.to_string());
            assert_eq!(fault(0), None);
            assert!(fault(1).is_some_and(|it| it.contains("age")));
            assert!(fault(2).is_some_and(|it| it.contains("age is required")));
            assert!(fault(3).is_some_and(|it| it.contains("no JSON")));
        }
    }

    #[test]
    fn a_schema_that_cannot_be_used_is_refused_with_the_remedy() {
        for (config, complaint) in [
            ("{}", "`schema` or `schema_path`"),
            ("{ schema_path: 'http://h/s.json' }", "save the schema"),
            ("{ schema_path: '/s.json' }", "write `file:///s.json`"),
            ("{ schema: '{' }", "no JSON Schema"),
            ("{ schema: '{\"type\":5}' }", "no JSON Schema"),
            (
                "{ schema_path: 'file:///nowhere/s.json' }",
                "/nowhere/s.json",
            ),
        ] {
            let error = bench().processor(&format!("json_schema: {config}")).err();
            let error = error.unwrap_or_else(|| panic!("{config} is built"));
            assert!(error.contains(complaint), "{config}: {error}");
        }
    }
}
