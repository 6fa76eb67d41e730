//! Functions about the message at hand: payload, metadata, error flag, place in the batch.

use millrace_message::{Fault, Message, Metadata, Object, Text, Value};

use crate::arguments::Call;
use crate::eval::{Cx, at, dot_path, metadata_object};
use crate::eval_error::EvalError;
use crate::outcome::{NULL, Outcome};
use crate::registry::{Category, Default, Example, Function, Parameter, Status};

const KEY: &[Parameter] =
    &[
        Parameter::string("key", "The metadata key; all metadata when it is empty.")
            .default(Default::String("")),
    ];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::value(
        "batch_index",
        "The place of the message in its batch, from 0.",
        |call| Ok(Value::I64(call.cx.index as i64)),
    )
    .category(Category::Message)
    .impure(),
    Function::value("batch_size", "How many messages the batch holds.", |call| {
        Ok(Value::I64(call.cx.frame.batch.len() as i64))
    })
    .category(Category::Message)
    .impure(),
    Function::value("content", "The raw payload as bytes.", |call| {
        call.cx.payload_bytes().map(Value::from)
    })
    .category(Category::Message)
    .impure()
    .examples(&[Example::new(
        "root.doc = content().string()",
        &[(r#"{"foo":"bar"}"#, r#"{"doc":"{\"foo\":\"bar\"}"}"#)],
    )]),
    Function::control(
        "json",
        "The payload as a value, or the field of it that a dot path names.",
        json,
    )
    .category(Category::Message)
    .impure()
    .parameters(&[
        Parameter::string("path", "The field; the whole payload when it is empty.")
            .default(Default::String("")),
    ])
    .examples(&[Example::new(
        r#"root.mapped = json("foo.bar")"#,
        &[(r#"{"foo":{"bar":"hello"}}"#, r#"{"mapped":"hello"}"#)],
    )]),
    Function::control(
        "metadata",
        "The metadata of the message as it came in: the value of a key, null when it is missing.",
        metadata,
    )
    .category(Category::Message)
    .impure()
    .parameters(KEY),
    Function::value(
        "meta",
        "As `metadata`, but values are turned into strings.",
        |call| Ok(texts(call.cx.metadata(), call.arguments.text(0)?)),
    )
    .category(Category::Deprecated)
    .status(Status::Deprecated)
    .impure()
    .parameters(KEY),
    Function::value(
        "root_meta",
        "The metadata as assigned so far by this mapping, values turned into strings.",
        |call| match call.cx.frame.metadata {
            Some(metadata) => Ok(texts(metadata, call.arguments.text(0)?)),
            None => Err(EvalError::new(
                "root metadata cannot be queried in this context",
            )),
        },
    )
    .category(Category::Deprecated)
    .status(Status::Deprecated)
    .impure()
    .parameters(KEY),
    Function::value(
        "errored",
        "Whether a processor failed on the message.",
        |call| Ok(Value::Bool(call.cx.message().fault().is_some())),
    )
    .category(Category::Message)
    .impure(),
    Function::value(
        "flow_id",
        "The id that a tracing host gives a message at its input; always null, because no part of this program gives one.",
        |_| Ok(Value::Null),
    )
    .category(Category::Message)
    .status(Status::Experimental)
    .impure()
    .examples(&[Example::new(
        "meta flow_id = flow_id()",
        &[("{}", "{}")],
    )]),
    Function::value(
        "error",
        "Why a processor failed on the message, or null.",
        |call| fault_text(call, |fault| Text::from(fault.cause.to_string())),
    )
    .category(Category::Message)
    .impure(),
    Function::value(
        "error_source_label",
        "The label of the processor that failed on the message, or null.",
        |call| fault_text(call, |fault| Text::from(fault.label.clone())),
    )
    .category(Category::Message)
    .impure(),
    Function::value(
        "error_source_path",
        "The path of the processor that failed on the message, such as `pipeline.processors.0`, or null.",
        // Bento has the root in logs and metrics alone.
        |call| {
            fault_text(call, |fault| {
                let path = &*fault.path;
                Text::from(path.strip_prefix("root.").unwrap_or(path))
            })
        },
    )
    .category(Category::Message)
    .impure(),
    Function::value(
        "error_source_type",
        "The type name of the processor that failed on the message, or null.",
        |call| fault_text(call, |fault| Text::from(fault.component.clone())),
    )
    .category(Category::Message)
    .impure(),
    Function::value(
        "tracing_span",
        "The span of the message as an object of propagation headers, or null.",
        |call| {
            let header = |parent| Object::from_iter([("traceparent", Value::from(parent))]);
            Ok(trace_parent(call.cx.message()).map(header).into())
        },
    )
    .category(Category::Message)
    .status(Status::Experimental)
    .impure(),
    Function::value(
        "tracing_id",
        "The trace id of the message; zeros when it has none.",
        |call| {
            let parent = trace_parent(call.cx.message());
            let id = parent.and_then(|parent| parent.split('-').nth(1));
            Ok(Value::from(
                id.unwrap_or("00000000000000000000000000000000"),
            ))
        },
    )
    .category(Category::Message)
    .status(Status::Experimental)
    .impure(),
];

fn json<'a>(cx: &Cx<'a>, call: &Call<'a>) -> Result<Outcome<'a>, EvalError> {
    let value = cx.payload()?;
    match &**call.arguments.text(0)? {
        "" => Ok(Outcome::Ref(value)),
        path => at(value, &dot_path(path)?),
    }
}

fn metadata<'a>(cx: &Cx<'a>, call: &Call<'a>) -> Result<Outcome<'a>, EvalError> {
    let metadata = cx.metadata();
    Ok(match &**call.arguments.text(0)? {
        "" => Outcome::Own(metadata_object(metadata)),
        key => Outcome::Ref(metadata.get(key).unwrap_or(&NULL)),
    })
}

/// Metadata the way the deprecated functions give it: as strings, an empty one as null.
fn texts(metadata: &Metadata, key: &str) -> Value {
    if key.is_empty() {
        let texts = metadata
            .iter()
            .map(|(key, value)| (key.clone(), value.to_text().into()));
        return texts.collect::<Object>().into();
    }
    match metadata.get(key).map(Value::to_text) {
        Some(text) if !text.is_empty() => Value::String(text),
        _ => Value::Null,
    }
}

fn fault_text(call: &Call<'_>, text: fn(&Fault) -> Text) -> Result<Value, EvalError> {
    Ok(call.cx.message().fault().map(|fault| text(fault)).into())
}

fn trace_parent(message: &Message) -> Option<&str> {
    message
        .context()
        .and_then(|context| context.trace_parent.as_deref())
}
