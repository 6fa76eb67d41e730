//! The `template` processor.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use millrace_bloblang::Environment;
use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Flow, Identity, Mapping, Processor,
    ProcessorConfig,
};
use millrace_gotemplate::{
    Builder, Host, HostArgument, HostFunction, Limits, SyntaxError, Template, is_function, is_name,
};
use millrace_message::{Error, Message, MessageBatch, Metadata, Value};
use millrace_spec::{FieldKind, FieldType, Node, OrderedMap, ReadContext, Spec, codes};

use super::program::{error, run_each};

#[cfg(test)]
mod tests;

/// Renders each message with a template of Go.
///
/// The payload, which has to be JSON, is the dot of the template, and what the template prints becomes
/// the payload. The language is that of [Go's `text/template`](https://pkg.go.dev/text/template) with
/// the functions of [Sprig](https://masterminds.github.io/sprig/), and:
///
/// - `meta "key"`: the metadata value of a key, `<no value>` where there is none;
/// - the functions of `functions`, each a mapping that is given one argument as `this`.
///
/// Numbers of a payload are texts to most functions, as in Bento: `{{ eq .count 5 }}` is an error,
/// `{{ eq (int .count) 5 }}` is not; `add`, `mul` and their like take both.
///
/// A template that fails, or takes more than a hundred million steps, a minute or 256 MiB of memory,
/// leaves the message unchanged, with its error flag set. When a stream is given up at its stop, a
/// template that is still rendered is ended and its message goes back to its source. `getHostByName` and the functions that make
/// keys and certificates are refused when the config is read.
#[derive(Clone, Debug, Spec)]
#[spec(
    processor = "template",
    status = "experimental",
    category = "Mapping",
    check = check
)]
pub struct Config {
    /// The template, or with `from_file` the file that holds it.
    #[spec(
        default = "",
        example = "{{ .name }} - {{ meta \"source\" }}",
        example = "{{ range .items }}{{ .name }}: {{ .value }}{{ end }}"
    )]
    text: Text,
    /// Whether `text` is the path of a file, which is read when the stream is built.
    #[spec(default = false)]
    from_file: bool,
    /// Mappings that the template may call, by name.
    functions: Option<OrderedMap<Mapping>>,
    /// Further templates, which `{{ template "name" . }}` calls.
    sub_templates: Option<OrderedMap<SubTemplate>>,
}

/// A template that others call.
#[derive(Clone, Debug, Spec)]
struct SubTemplate {
    /// The template, or with `from_file` the file that holds it.
    text: String,
    /// Whether `text` is the path of a file.
    #[spec(default = false)]
    from_file: bool,
}

/// A text, and what the config was read with: `env` sees the variables that mappings see.
#[derive(Clone, Debug)]
struct Text {
    text: String,
    environment: Environment,
}

impl FieldType for Text {
    fn kind() -> FieldKind {
        FieldKind::String
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let environment = cx.extension::<Environment>();
        Some(Self {
            text: String::read(node, cx)?,
            environment: environment.as_deref().cloned().unwrap_or_default(),
        })
    }
}

/// The name of the template of `text`.
const MAIN: &str = "main";
/// The largest template, in bytes.
const SIZE_MAX: u64 = 1 << 20;
/// The function that is always there.
const META: &str = "meta";

/// Words of the language that are no functions.
const WORDS: [&str; 12] = [
    "-", "pipeline", "if", "end", "else", "range", "break", "continue", "template", "block",
    "define", "with",
];

/// Why there can be no function of this name.
fn refusal(name: &str) -> Option<String> {
    if WORDS.contains(&name) || is_function(name) {
        return Some(format!("the language has `{name}` already"));
    }
    (!is_name(name)).then(|| format!("`{name}` is no name: letters, digits and `_` make one"))
}

/// One of the texts that a template is made of.
struct Part<'c> {
    name: &'c str,
    text: &'c str,
    from_file: bool,
}

impl Config {
    /// The functions, of which the last is `meta`.
    fn host_functions(&self) -> Vec<HostFunction> {
        let named = self.functions.iter().flat_map(|it| &it.0);
        // `meta` wins over a mapping of that name, as in Bento.
        let mappings = named.map(|(name, _)| HostFunction {
            name: match &**name {
                META => "".into(),
                name => name.into(),
            },
            argument: HostArgument::Any,
        });
        mappings
            .chain([HostFunction {
                name: META.into(),
                argument: HostArgument::Text,
            }])
            .collect()
    }

    fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let main = Part {
            name: MAIN,
            text: &self.text.text,
            from_file: self.from_file,
        };
        let further = self.sub_templates.iter().flat_map(|it| &it.0);
        [main].into_iter().chain(further.map(|(name, it)| Part {
            name,
            text: &it.text,
            from_file: it.from_file,
        }))
    }
}

/// Where the text of a part stands in the config.
fn place<'n>(node: &'n Node, index: usize, name: &str) -> Option<&'n Node> {
    match index {
        0 => node.get("text"),
        _ => node.get("sub_templates")?.get(name)?.get("text"),
    }
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    let functions = node.get("functions").and_then(Node::as_mapping);
    for entry in functions.iter().flat_map(|it| it.entries.iter()) {
        if let Some(reason) = refusal(&entry.key) {
            let message = format!("this can be no function of the template: {reason}");
            cx.error(codes::INVALID_VALUE, entry.key_span, message);
        } else if *entry.key == *META {
            let message = "this is never called: `meta` gives metadata";
            cx.warn(codes::CONFLICT, entry.key_span, message);
        }
    }
    let functions = config.host_functions();
    let mut builder = Builder::new(&functions);
    let mut places = Vec::new();
    for (index, part) in config.parts().enumerate() {
        if part.from_file {
            continue;
        }
        let place = place(node, index, part.name).unwrap_or(node);
        match builder.add(part.name, part.text) {
            Ok(()) => places.push(place),
            Err(error) => complain(&error, part.text, place, cx),
        }
    }
    // What a file defines is not known here.
    if places.len() < config.parts().count() {
        return;
    }
    for (number, name, at) in builder.undefined() {
        if let Some(place) = places.get(number) {
            let message = format!("template {name:?} is not defined: an error when it is reached");
            cx.warn(codes::INVALID_VALUE, place.span_of(at), message);
        }
    }
}

fn complain(error: &SyntaxError, text: &str, place: &Node, cx: &mut ReadContext) {
    let start = error.at.start.min(text.len());
    let span = place.span_of(start..error.at.end.clamp(start, text.len()));
    let message = format!("this is no template: {error}");
    cx.error(codes::INVALID_VALUE, span, message).help = error.help.clone();
}

/// The text of a file.
fn read(path: &str) -> Result<String, Error> {
    let wrong = |reason: String| Error::fatal(format!("read the template `{path}`: {reason}"));
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(SIZE_MAX + 1).read_to_string(&mut text))
        .map_err(|error| wrong(error.to_string()))?;
    match text.len() as u64 > SIZE_MAX {
        true => Err(wrong(format!("it is larger than {SIZE_MAX} bytes"))),
        false => Ok(text),
    }
}

/// A mistake in a file, at its line.
fn mistake(path: &str, text: &str, error: &SyntaxError) -> Error {
    let before = text.get(..error.at.start).unwrap_or(text);
    let line = 1 + before.matches('\n').count();
    let help = error
        .help
        .as_ref()
        .map_or(String::new(), |it| format!(" ({it})"));
    Error::fatal(format!("{path}:{line}: this is no template: {error}{help}"))
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        let functions = self.host_functions();
        let mut builder = Builder::new(&functions);
        for part in self.parts() {
            if part.from_file {
                let text = read(part.text)?;
                let added = builder.add(part.name, &text);
                added.map_err(|error| mistake(part.text, &text, &error))?;
            } else {
                let added = builder.add(part.name, part.text);
                added.map_err(|error| mistake(part.name, part.text, &error))?;
            }
        }
        let limits = Limits::default();
        let mappings = self.functions.iter().flat_map(|it| &it.0);
        Ok(BuiltProcessor::Sync(Arc::new(Renderer {
            template: builder.build(),
            mappings: mappings.map(|(_, mapping)| mapping.clone()).collect(),
            environment: self.text.environment.clone(),
            limits: Limits {
                bytes: limits.bytes.min(cx.flow().budget().limit()),
                halt: cx.flow().halt(),
                ..limits
            },
            identity: Arc::clone(cx.identity()),
            flow: cx.flow().clone(),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Renderer {
    template: Template,
    mappings: Vec<Mapping>,
    environment: Environment,
    limits: Limits,
    identity: Arc<Identity>,
    flow: Flow,
}

impl Renderer {
    fn render(&self, message: &Message) -> Result<Vec<u8>, Error> {
        let mut lent = Lent {
            metadata: &message.metadata,
            mappings: &self.mappings,
            environment: &self.environment,
        };
        self.template
            .render(message.json()?, self.limits.clone(), &mut lent)
            .map_err(error)
    }
}

impl Processor for Renderer {
    fn process(&self, batch: MessageBatch) -> Batches {
        self.process_run(smallvec::smallvec![batch])
    }

    fn process_run(&self, run: Batches) -> Batches {
        run_each(run, &self.flow, &self.identity, |message| {
            message.set_bytes(self.render(message)?);
            Ok(())
        })
    }
}

/// What templates are lent for one message.
struct Lent<'m> {
    metadata: &'m Metadata,
    mappings: &'m [Mapping],
    environment: &'m Environment,
}

impl Host for Lent<'_> {
    fn call(&mut self, function: usize, argument: Value) -> Result<Value, String> {
        match self.mappings.get(function) {
            Some(mapping) => match mapping.map_value(&argument) {
                Ok(Some(value)) => Ok(value),
                Ok(None) => Err("root was deleted".to_owned()),
                Err(error) => Err(error.text().to_owned()),
            },
            None => {
                let key = argument.as_str().unwrap_or_default();
                Ok(self.metadata.get(key).cloned().unwrap_or_default())
            }
        }
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.environment.variable(name)
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor("template: { text: '{{ toJson . }}' }");
        millrace_component::conformance::processor(&processor).await;
    }
}
