//! The `jmespath` processor.

use std::sync::Arc;

use jmespath::ast::Ast;
use jmespath::{Context, Expression, Runtime, interpret};
use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Flow, Identity, Processor, ProcessorConfig,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::{FieldKind, FieldType, Node, ReadContext, Spec, codes};

use super::program::{Room, check_size, error, run_each};

mod steps;
mod variable;

/// Replaces each message by the result of a JMESPath query on it.
///
/// Bloblang does the same many times faster, in the processor `mapping`. A message that is no JSON, or
/// on which the query fails, goes on unchanged, with its error flag set. When a stream is given up at its
/// stop, a query that still runs is ended and its message goes back to its source. What a query makes
/// is not bounded otherwise: one that doubles its message with each step takes all memory in the end.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "jmespath", category = "Mapping")]
pub struct Config {
    /// The query.
    #[spec(example = "locations[?state == 'WA'].name | sort(@) | {Cities: join(', ', @)}")]
    query: Query,
}

/// How many steps a query may have: the interpreter takes stack for each that follows another.
const STEPS_MAX: usize = 500;

/// The most stack that the interpreter takes for a step below another, in bytes: a debug build takes
/// nearly ten thousand.
const STEP_STACK: usize = 12 << 10;

/// Refuses a query that the interpreter might need too much stack for.
fn check_steps(query: &str) -> Result<(), String> {
    let is_step = |byte: &u8| b".[{(|&!*<=>".contains(byte);
    if query.as_bytes().iter().filter(|byte| is_step(byte)).count() > STEPS_MAX {
        return Err(format!("it has more than {STEPS_MAX} steps"));
    }
    Ok(())
}

/// A query that was compiled when the config was read.
#[derive(Clone, Debug)]
struct Query(Arc<Expression<'static>>);

impl FieldType for Query {
    fn kind() -> FieldKind {
        FieldKind::String
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let text = String::read(node, cx)?;
        let compiled = check_size(&text)
            .and_then(|()| check_steps(&text))
            .map_err(|reason| (0, reason))
            .and_then(|()| {
                // The error's own text shows the whole query.
                jmespath::compile(&text).map_err(|error| (error.offset, error.reason.to_string()))
            });
        match compiled {
            Ok(query) => Some(Self(Arc::new(query))),
            Err((offset, reason)) => {
                let offset = offset.min(text.len());
                let message = format!("this is no JMESPath query: {reason}");
                cx.error(
                    codes::INVALID_VALUE,
                    node.span_of(offset..text.len()),
                    message,
                );
                None
            }
        }
    }
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        let query = &self.query.0;
        let (steps, depth) = steps::asking(query.as_ast());
        Ok(BuiltProcessor::Sync(Arc::new(Jmespath {
            text: query.as_str().into(),
            query: steps,
            stack: depth * STEP_STACK,
            runtime: steps::runtime(cx.flow().halt()),
            result_max: cx.flow().budget().limit(),
            identity: Arc::clone(cx.identity()),
            flow: cx.flow().clone(),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Jmespath {
    text: Box<str>,
    /// Asks at its steps whether the stream is given up.
    query: Ast,
    /// What it may take of a thread's stack, in bytes.
    stack: usize,
    runtime: Runtime,
    /// The largest result, in bytes.
    result_max: usize,
    identity: Arc<Identity>,
    flow: Flow,
}

impl Jmespath {
    fn search(&self, message: &mut Message) -> Result<(), Error> {
        let value = message.json()?;
        let data = Arc::new(variable::of_value(value, 0)?);
        let mut cx = Context::new(&self.text, &self.runtime);
        let run = || interpret(&data, &self.query, &mut cx);
        let found = stacker::maybe_grow(self.stack, self.stack, run)
            .map_err(|it| error(format_args!("query: {}", it.reason)))?;
        message.set_value(variable::into_value(
            &found,
            &mut Room::new(self.result_max),
        )?);
        Ok(())
    }
}

impl Processor for Jmespath {
    fn process(&self, batch: MessageBatch) -> Batches {
        self.process_run(smallvec::smallvec![batch])
    }

    fn process_run(&self, run: Batches) -> Batches {
        run_each(run, &self.flow, &self.identity, |message| {
            self.search(message)
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{batch, ends_when_given_up, processor, run, try_processor};

    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = processor("jmespath: { query: 'list[1]' }");
        millrace_component::conformance::processor(&processor).await;
    }

    #[test]
    fn the_result_of_the_query_becomes_the_message() {
        for (query, payload, expected) in [
            ("foo.bar", r#"{"foo":{"bar":{"baz":1}}}"#, r#"{"baz":1}"#),
            (
                "foo.bar",
                r#"{"foo":{"bar":["baz","qux"]}}"#,
                r#"["baz","qux"]"#,
            ),
            ("foo.bar", r#"{"foo":{"bar":"text"}}"#, r#""text""#),
            ("foo.bar", r#"{"foo":{"bar":0.123}}"#, "0.123"),
            ("foo.bar", r#"{"foo":5}"#, "null"),
            ("sum([foo.bar, `6`])", r#"{"foo":{"bar":123}}"#, "129"),
            (
                "{foo: merge(foo, {bar: 'baz'})}",
                r#"{"foo":{"o":{"c":"x"}}}"#,
                r#"{"foo":{"bar":"baz","o":{"c":"x"}}}"#,
            ),
            (
                "locations[?state == 'WA'].name | sort(@) | {Cities: join(', ', @)}",
                r#"{"locations":[{"name":"Seattle","state":"WA"},{"name":"New York","state":"NY"},{"name":"Bellevue","state":"WA"}]}"#,
                r#"{"Cities":"Bellevue, Seattle"}"#,
            ),
            (
                "@",
                r#"[9223372036854775807, 18446744073709551615, 1.0, 1e2, true]"#,
                "[9223372036854775807,18446744073709551615,1,100,true]",
            ),
        ] {
            let processor = processor(&format!("jmespath: {{ query: \"{query}\" }}"));
            assert_eq!(
                run(&processor, batch(&[payload])),
                [Ok(expected.to_owned())],
                "{query}"
            );
        }
    }

    #[test]
    fn a_message_that_the_query_fails_on_stays_and_says_why() {
        let processor = processor("jmespath: { query: 'sum(a)' }");
        let results = run(
            &processor,
            batch(&[r#"{"a":[1,2]}"#, r#"{"a":["x"]}"#, "no JSON"]),
        );
        assert_eq!(results[0].as_deref(), Ok("3"));
        assert!(
            results[1]
                .as_ref()
                .is_err_and(|it| it.starts_with("query:")),
            "{results:?}"
        );
        assert!(
            results[2].as_ref().is_err_and(|it| it.contains("no JSON")),
            "{results:?}"
        );
    }

    #[test]
    fn a_query_that_is_none_is_refused_where_it_is_wrong() {
        for (query, complaint) in [
            ("foo.[", "no JMESPath query"),
            ("nothing(@)", "no JMESPath query"),
            ("foo bar", "no JMESPath query"),
        ] {
            let processor = try_processor(&format!("jmespath: {{ query: \"{query}\" }}"));
            if query == "nothing(@)" {
                // Functions are looked up when they are called.
                let results = run(&processor.expect("it is a query"), batch(&["1"]));
                assert!(results[0].is_err());
                continue;
            }
            let error = processor
                .err()
                .unwrap_or_else(|| panic!("{query} is built"));
            assert!(error.contains(complaint), "{error}");
        }
        let deep = "[".repeat(100_000);
        let error = try_processor(&format!("jmespath: {{ query: \"{deep}\" }}")).err();
        assert!(error.is_some_and(|it| it.contains("nest deeper")));
        for step in ["[0]", ".a", " | a", " || a", "[]", ".*"] {
            let long = format!("a{}", step.repeat(50_000));
            let error = try_processor(&format!("jmespath: {{ query: \"{long}\" }}")).err();
            assert!(
                error.is_some_and(|it| it.contains("more than 500 steps")),
                "{step}"
            );
        }
    }

    #[test]
    fn a_query_that_is_as_long_as_queries_may_be_does_not_exhaust_the_stack() {
        for (step, count) in [
            ("[]", 400),
            ("[*]", 240),
            (".a", 400),
            (" | map(&@, @)", 120),
        ] {
            let long = format!("@{}", step.repeat(count));
            let processor = processor(&format!("jmespath: {{ query: \"{long}\" }}"));
            assert!(!run(&processor, batch(&["[1]"])).is_empty(), "{step}");
        }
    }

    #[test]
    fn what_has_no_end_ends_when_the_stream_is_given_up() {
        // A list of 65,536 elements, and as much work again for each of them.
        let many = format!("[@, @][]{}", " | [@, @][]".repeat(15));
        for query in [
            format!("{many} | map(&length({many}), @)"),
            format!("{many} | [*].length({many})"),
            format!("{many} | [?length({many}) == `1`]"),
            format!("{many} | sort_by(@, &to_string(length({many})))"),
        ] {
            ends_when_given_up(&format!("jmespath: {{ query: \"{query}\" }}"));
        }
    }

    #[test]
    fn a_document_that_nests_as_deep_as_documents_may_is_searched() {
        let deep = format!("{}1{}", "[".repeat(1000), "]".repeat(1000));
        let processor = processor("jmespath: { query: '@' }");
        assert_eq!(run(&processor, batch(&[&deep])), [Ok(deep.clone())]);
    }
}
