//! What `lint --strict` says about a config that runs: where it weakens the delivery of messages.

use std::sync::Arc;

use millrace_component::{BufferChild, Guarantee, Registry, made_by_templates};
use millrace_spec::{FieldType, Node, ReadContext, codes};

/// Fields whose value makes a component acknowledge before delivery, or keep less than it could.
const WEAKENING: &[(&str, &str, &str)] = &[
    (
        "auto_ack",
        "true",
        "messages are acknowledged when they are sent to this process: a crash loses them",
    ),
    (
        "persistent",
        "false",
        "messages in the queue are gone after a restart of the server",
    ),
    (
        "auto_replay_nacks",
        "false",
        "a message that fails is not sent again from here; it is lost where the source cannot send \
         it again",
    ),
];

/// Reports everything that weakens delivery.
pub(crate) fn check(tree: &Node, registry: &Arc<Registry>, cx: &mut ReadContext) {
    // Read apart: what else is wrong with the config has been reported.
    let mut apart = ReadContext::new(Arc::clone(cx.sources()));
    apart.set_extension(Arc::clone(registry));
    let buffer = tree
        .get("buffer")
        .and_then(|node| Some((node.span, BufferChild::read(node, &mut apart)?)));
    if let Some((span, buffer)) = buffer
        && buffer.config.guarantee() == Guarantee::OnArrival
    {
        let message = format!(
            "buffer {} acknowledges messages on arrival: a crash loses what it holds",
            buffer.name
        );
        cx.error(codes::WEAKER_GUARANTEE, span, message).help =
            Some("use buffer `sqlite`, which is on disk, or none".to_owned());
    }
    walk(tree, cx);
    for (template, made) in made_by_templates(cx) {
        cx.within_template(&template, |cx| walk(&made, cx));
    }
}

fn walk(node: &Node, cx: &mut ReadContext) {
    for item in node.as_sequence().into_iter().flatten() {
        walk(item, cx);
    }
    let Some(mapping) = node.as_mapping() else {
        return;
    };
    for entry in mapping.entries.iter() {
        let text = entry.value.text();
        let found = WEAKENING
            .iter()
            .find(|(field, value, _)| *entry.key == **field && text == Some(*value));
        if let Some((field, value, reason)) = found {
            let message = format!("{field} is {value}: {reason}");
            cx.error(codes::WEAKER_GUARANTEE, entry.value.span, message);
        }
        if &*entry.key == "drop_on" {
            dropping(&entry.value, cx);
        }
        walk(&entry.value, cx);
    }
}

/// Reports the conditions under which an output `drop_on` drops. A list of that name is one of status
/// codes.
fn dropping(drop_on: &Node, cx: &mut ReadContext) {
    for field in ["error", "error_patterns", "back_pressure"] {
        let Some(value) = drop_on.get(field) else {
            continue;
        };
        let is_set = value.as_sequence().is_some_and(|it| !it.is_empty())
            || value.text().is_some_and(|it| !matches!(it, "" | "false"));
        if is_set && !value.is_null() {
            let message = format!(
                "{field} of drop_on is set: messages that its child does not accept are dropped"
            );
            cx.error(codes::WEAKER_GUARANTEE, value.span, message).help = Some(
                "a `fallback` with a file keeps them; without either they go back to their source"
                    .to_owned(),
            );
        }
    }
}
