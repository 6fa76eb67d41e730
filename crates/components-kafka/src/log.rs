//! The log of this process as a cluster of one broker.

use std::sync::Arc;

use millrace_component::{BuildContext, LogClient};
use millrace_kafka_client::{InProcess, Settings};
use millrace_message::Error;
use millrace_spec::diagnostics::{Diagnostic, Span};
use millrace_spec::{Node, ReadContext, codes};
use tokio::io::DuplexStream;

/// How the log of this process is reached.
///
/// # Errors
/// The config has no block `log`.
pub fn settings(cx: &BuildContext) -> Result<Settings, Error> {
    let log: Arc<LogClient> = cx.service().ok_or_else(|| {
        Error::fatal("there is no log in this process: add the block `log: {}` to the config, and start it anew")
    })?;
    Ok(settings_over(cx, move || log.connect()))
}

/// How a log is reached over pipes that `connect` gives.
pub fn settings_over(
    cx: &BuildContext,
    connect: impl Fn() -> DuplexStream + Send + Sync + 'static,
) -> Settings {
    Settings {
        // The address is not looked at.
        bootstrap: vec!["in-process:1".to_owned()],
        client_id: cx.path().to_owned(),
        in_process: Some(InProcess::new(connect)),
        ..Settings::default()
    }
}

/// Every component of a config that uses the log of the process, by the place where it stands.
#[derive(Default)]
struct Uses(Vec<Span>);

/// Records a component that uses the log of the process; resources are left out: they may stand in a
/// file of their own, and are not built unless something names them.
pub fn add_use(component: &Node, cx: &mut ReadContext) {
    if cx.path().contains("_resources.") {
        return;
    }
    let uses = &mut cx.state::<Uses>().0;
    // A component may be read twice, such as by a check.
    if !uses.contains(&component.span) {
        uses.push(component.span);
    }
}

/// Complains of components that use the log of the process in a config that starts none. Call it
/// when the whole config has been read.
pub fn check_uses(has_log: bool, cx: &mut ReadContext) {
    let uses = std::mem::take(&mut cx.state::<Uses>().0);
    for span in uses.into_iter().filter(|_| !has_log) {
        let message = "there is no log in this process";
        let help = "add the block `log: {}` to the config: it starts one";
        cx.error(codes::MISSING_FIELD, span, message).help = Some(help.to_owned());
    }
}

/// The topics that a config writes to by its log: that of the buffer, and those of outputs.
#[derive(Default)]
struct Written {
    buffer: Option<Place>,
    outputs: Vec<Place>,
}

/// A topic, and where it is named.
type Place = (String, Span);

/// Records the topic that the buffer stores its batches in.
pub fn add_topic_of_buffer(topic: &str, span: Span, cx: &mut ReadContext) {
    cx.state::<Written>().buffer = Some((topic.to_owned(), span));
}

/// Records a topic that an output appends messages to.
pub fn add_topic_of_output(topic: &str, span: Span, cx: &mut ReadContext) {
    let output = (topic.to_owned(), span);
    let outputs = &mut cx.state::<Written>().outputs;
    // A component may be read twice, such as by a check.
    if !outputs.contains(&output) {
        outputs.push(output);
    }
}

/// Complains of outputs that append to the topic of the buffer, which takes each record for a batch
/// of its own form, and deletes those that were delivered. Call it when the whole config has been
/// read, its files of resources included.
pub fn check_written_topics(cx: &mut ReadContext) {
    let Written { buffer, outputs } = std::mem::take(cx.state::<Written>());
    let Some((topic, of_buffer)) = buffer else {
        return;
    };
    let place = cx.sources().locate(of_buffer);
    let place = place.map_or_else(String::new, |(file, at)| format!(" at {file}:{at}"));
    for (_, span) in outputs.into_iter().filter(|(name, _)| *name == topic) {
        let message =
            format!("topic `{topic}` is that of the buffer{place}, which reads nothing else");
        let complaint = Diagnostic::error(codes::CONFLICT, message)
            .at(span)
            .related(of_buffer, "the buffer stores its batches in this topic")
            .help("name another `topic` in the output, or in the buffer");
        cx.report(complaint);
    }
}

/// Complains of a list of topics that names none, or one that the log takes for none.
pub fn check_names(topics: &[String], node: &Node, cx: &mut ReadContext) {
    if topics.is_empty() {
        let message = "topics must name at least one";
        cx.error(codes::INVALID_VALUE, node.span, message);
    }
    let names = node.as_sequence().unwrap_or_default();
    for (topic, node) in topics.iter().zip(names) {
        check_name(topic, node, cx);
    }
}

/// Complains of the name of a topic that the log takes for none.
pub fn check_name(topic: &str, node: &Node, cx: &mut ReadContext) {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_name = !topic.is_empty() && topic.len() <= 249 && topic.bytes().all(is_allowed);
    let reason = match topic {
        "." | ".." | "__cluster_metadata" | "__consumer_offsets" | "__transaction_state" => {
            "is not for messages"
        }
        _ if !is_name => "is no name of a topic",
        _ => return,
    };
    let help = "use at most 249 letters, digits, `.`, `_` and `-`";
    cx.error(
        codes::INVALID_VALUE,
        node.span,
        format!("`{topic}` {reason}"),
    )
    .help = Some(help.to_owned());
}
