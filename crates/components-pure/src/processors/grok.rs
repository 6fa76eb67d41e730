//! The `grok` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Processor, ProcessorConfig,
};
use millrace_message::{Error, Message, MessageBatch, Object, Value};
use millrace_spec::{Node, OrderedMap, ReadContext, Spec, codes};
use regex_automata::util::pool::Pool;

use expression::{Expression, Scratch};
use patterns::{Complaint, Patterns, Place};

use super::payload_text::PayloadText;

mod expression;
mod fields;
mod groups;
mod patterns;
mod steps;
#[cfg(test)]
mod tests;

/// Takes texts apart by Grok expressions: an object of the named parts becomes the message.
///
/// An expression is a regular expression (in RE2 syntax) in which `%{NAME}` stands for a pattern of
/// that name, `%{NAME:field}` also gives what it matched to the field, and `%{NAME:field:int}` gives
/// it as a number (`int` or `float`). A field with dots, such as `user.name`, is a member of an
/// object. Named groups such as `(?P<field>...)` are fields, too; the last part of several that have
/// the same name wins.
///
/// The expressions are tried in order, and the first that gives at least one value makes the
/// message; an expression whose part is not the number it should be has not matched. A message that
/// none matches goes on unchanged, with its error flag set.
///
/// The default patterns are, with those that they are made of, `COMBINEDAPACHELOG`,
/// `COMMONAPACHELOG`, `DATESTAMP` (and `_EVENTLOG`, `_OTHER`, `_RFC822`, `_RFC2822`), `HOSTPORT`,
/// `HTTPD_ERRORLOG`, `IPORHOST`, `LOGLEVEL`, `MAC`, `PATH`, `QUOTEDSTRING`, `SYSLOGBASE`,
/// `TIMESTAMP_ISO8601`, `TTY`, `URI`, `UUID`, `INT`, `NUMBER`, `BASE16NUM`, `POSINT`, `NONNEGINT`,
/// `WORD`, `NOTSPACE`, `SPACE`, `DATA`, `GREEDYDATA`.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "grok", category = "Parsing", check = check)]
pub struct Config {
    /// The expressions.
    #[spec(example = ["%{COMMONAPACHELOG}", "%{WORD:verb} %{NUMBER:took_ms:float}"])]
    expressions: Vec<String>,
    /// Further patterns by name; one that has the name of a default pattern is passed over.
    #[spec(default = {})]
    pattern_definitions: OrderedMap<String>,
    /// Files of further patterns, folders of them, or wildcard patterns of paths. A line is a name,
    /// a space and the pattern; lines that begin with `#` are comments. They win over
    /// `pattern_definitions`.
    #[spec(default = [])]
    pattern_paths: Vec<String>,
    /// Whether only parts with a name of their own become fields; else those of `%{NAME}` are
    /// fields `NAME`.
    #[spec(default = true, advanced)]
    named_captures_only: bool,
    /// Whether the default patterns can be used.
    #[spec(default = true, advanced)]
    use_default_patterns: bool,
    /// Whether parts that matched nothing are left out; else they are empty texts.
    #[spec(default = true, advanced)]
    remove_empty_values: bool,
}

/// Finds what `run` would refuse, unless that depends on files.
fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    let definitions = node.get("pattern_definitions").and_then(Node::as_mapping);
    for entry in definitions.iter().flat_map(|it| it.entries.iter()) {
        if config.use_default_patterns && patterns::is_default(&entry.key) {
            let name = &entry.key;
            cx.warn(
                codes::SHOULD_OMIT,
                entry.key_span,
                format!("`{name}` is a default pattern, which stands"),
            )
            .help = Some(
                "give the pattern another name, or set `use_default_patterns: false`".to_owned(),
            );
        }
    }
    if !config.pattern_paths.is_empty() {
        return;
    }
    if let Err(complaint) = config.compile(&[]) {
        let span = match &complaint.place {
            Place::Expression(index) => node
                .get("expressions")
                .and_then(Node::as_sequence)
                .and_then(|items| Some(items.get(*index)?.span)),
            Place::Pattern(name) => node
                .get_path(&["pattern_definitions", name])
                .map(|it| it.span),
        };
        cx.error(
            codes::INVALID_VALUE,
            span.unwrap_or(node.span),
            complaint.reason,
        )
        .help = complaint.help;
    }
}

impl Config {
    /// The expressions, with patterns of files beside those of the config.
    fn compile(&self, files: &[(String, String)]) -> Result<Vec<Expression>, Complaint> {
        let definitions = self.pattern_definitions.0.iter().chain(files);
        let mut patterns = Patterns::new(self.named_captures_only);
        if self.use_default_patterns {
            patterns.add_defaults();
        }
        patterns.add(definitions.map(|(name, pattern)| (name.as_str(), pattern.as_str())))?;
        let compile = |(index, text): (usize, &String)| {
            let place = Place::Expression(index);
            let expanded = patterns.expand(text, &place)?;
            Expression::new(expanded, self.remove_empty_values)
                .map_err(|reason| Complaint::new(place, reason))
        };
        self.expressions.iter().enumerate().map(compile).collect()
    }
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        let files = patterns::read_files(&self.pattern_paths)?;
        let expressions = self
            .compile(&files)
            .map_err(|complaint| Error::fatal(complaint.to_string()))?;
        let expressions: Arc<[Expression]> = expressions.into();
        let of = Arc::clone(&expressions);
        Ok(BuiltProcessor::Sync(Arc::new(Grok {
            expressions,
            scratch: Pool::new(Box::new(move || {
                of.iter().map(Expression::scratch).collect()
            })),
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

/// What makes the scratch space of a thread, one for each expression.
type MakeScratch = Box<
    dyn Fn() -> Vec<Scratch> + Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe,
>;

struct Grok {
    expressions: Arc<[Expression]>,
    scratch: Pool<Vec<Scratch>, MakeScratch>,
    identity: Arc<Identity>,
}

impl Grok {
    fn parse(&self, message: &Message, scratch: &mut [Scratch]) -> Option<Object> {
        let source = PayloadText::new(message.bytes());
        let mut expressions = self.expressions.iter().zip(scratch);
        expressions.find_map(|(expression, scratch)| expression.parse(&source, scratch))
    }
}

impl Processor for Grok {
    fn process(&self, batch: MessageBatch) -> Batches {
        self.process_run(smallvec::smallvec![batch])
    }

    fn process_run(&self, mut run: Batches) -> Batches {
        let mut scratch = self.scratch.get();
        for message in run.iter_mut().flat_map(|batch| batch.iter_mut()) {
            match self.parse(message, &mut scratch) {
                Some(object) => message.set_value(Value::Object(object)),
                None => {
                    let error = Error::rejected("no expression matches the payload");
                    message.set_fault(self.identity.fault(error));
                }
            }
        }
        run
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor =
            crate::testing::processor("grok: { expressions: [ '%{WORD:a} %{WORD:b}' ] }");
        millrace_component::conformance::processor(&processor).await;
    }
}
