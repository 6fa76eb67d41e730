//! The `awk` processor.

use std::sync::Arc;

use millrace_awk::{Limits, Machine, Program};
use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Flow, Identity, Processor, ProcessorConfig,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::{FieldKind, FieldType, Node, ReadContext, Spec, codes};

use functions::{FUNCTIONS, Work};
use variables::Variables;

use super::program::{check_size, error, run_each};

mod functions;
mod json;
#[cfg(test)]
mod tests;
mod times;
mod variables;

/// Runs an AWK program on each message.
///
/// What the program prints, without its last line break, becomes the payload; one that prints nothing
/// leaves the payload as it is. The language is POSIX AWK: strings are bytes, regular expressions have
/// Go's syntax, loops over the keys of an array go up.
///
/// Comma- and tab-separated values are read and written as by GoAWK: `INPUTMODE` and `OUTPUTMODE`, set
/// in `BEGIN`, are `csv` or `tsv`, behind which may stand `separator=|`, and for the input `comment=#`
/// and `header`. Quoted fields may hold separators and line breaks. With a header `@"name"` is the field
/// of that name, and `FIELDS` has the names by their numbers:
///
/// ```yaml
/// pipeline:
///   processors:
///     - awk:
///         codec: text
///         program: |
///           BEGIN { INPUTMODE = "csv header"; OUTPUTMODE = "tsv" }
///           @"country" == "NZ" { print @"name", @"city" }
/// ```
///
/// Programs work with the message by these functions, which they may define anew; arguments at the end
/// may be left out:
///
/// - `json_get(path)`: the value at a [dot path](https://warpstreamlabs.github.io/bento/docs/configuration/field_paths), `null` where there is none;
/// - `json_set(path, value)`, `json_set_int`, `json_set_float`, `json_set_bool`: set a string, an
///   integer, a float or a boolean;
/// - `json_append(path, value)`, `json_append_int`, `json_append_float`, `json_append_bool`: append to
///   an array, which is made of what was there before if need be;
/// - `json_delete(path)`, `json_length(path)` of a string or an array, and `json_type(path)`: `string`,
///   `float`, `bool`, `array`, `object`, `null`, `undefined`;
/// - `create_json_object(key, value, ...)` and `create_json_array(value, ...)`: JSON of strings;
/// - `metadata_get(key)` and `metadata_set(key, value)`;
/// - `timestamp_unix(date, layout)` and `timestamp_unix_nano(date, layout)`: the seconds or nanoseconds
///   since 1970 of a date, whose layout is found out when it is left out, or of now;
/// - `timestamp_format(unix, layout)` and `timestamp_format_nano(unix_nano, layout)`: the text of a
///   time, RFC 3339 when no layout is given; layouts are written as in Go: `2006-01-02T15:04:05Z07:00`;
/// - `base64_encode(text)` and `base64_decode(text)`;
/// - `print_log(text, level)`: a log line of the level `TRACE`, `DEBUG`, `INFO`, `WARN` or `ERROR`.
///
/// `system`, pipes, redirections and `getline < file` are refused when the config is read: a program
/// works on its message alone. A program that fails, exits with another status than 0, or takes more
/// than a billion steps, a minute or 256 MiB of memory leaves the message unchanged, with its error
/// flag set. When a stream is given up at its stop, a program that still runs is ended and its message
/// goes back to its source.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "awk", category = "Mapping")]
pub struct Config {
    /// What the program reads, and which variables it finds.
    codec: Codec,
    /// The program.
    #[spec(example = "{ json_set_int(\"sum\", json_get(\"a\") + json_get(\"b\")) }")]
    program: Source,
}

/// How the message is put into the program.
#[derive(Clone, Copy, Debug, PartialEq, Spec)]
enum Codec {
    /// One record of a blank: for programs that use functions alone.
    #[spec(rename = "none")]
    Nothing,
    /// The payload as text, and variables with the metadata; in their names, what is no letter, digit
    /// or `_` is a `_`.
    #[spec(rename = "text")]
    Text,
    /// One record of a blank, and variables with the metadata and with each value of the payload:
    /// `{"a":{"b":1}}` sets `a_b`.
    #[spec(rename = "json")]
    Json,
}

/// A program that was compiled when the config was read.
#[derive(Clone, Debug)]
struct Source(Program);

impl FieldType for Source {
    fn kind() -> FieldKind {
        FieldKind::String
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let text = String::read(node, cx)?;
        let compiled = check_size(&text)
            .map_err(|reason| (0, reason))
            .and_then(|()| {
                Program::compile(&text, FUNCTIONS).map_err(|error| (error.at, error.message))
            });
        match compiled {
            Ok(program) => Some(Self(program)),
            Err((at, reason)) => {
                let at = at.min(text.len());
                let line = text[at..].find('\n').map_or(text.len(), |it| at + it);
                let message = format!("this is no AWK program: {reason}");
                cx.error(codes::INVALID_VALUE, node.span_of(at..line), message);
                None
            }
        }
    }
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        let limits = Limits::default();
        let program = self.program.0.clone();
        let environment = match program.uses("ENVIRON") {
            true => std::env::vars_os()
                .map(|(name, value)| [name, value].map(|it| it.to_string_lossy().into_owned()))
                .collect(),
            false => Vec::new(),
        };
        Ok(BuiltProcessor::Sync(Arc::new(Awk {
            codec: self.codec,
            limits: Limits {
                bytes: limits.bytes.min(cx.flow().budget().limit()),
                halt: cx.flow().halt(),
                ..limits
            },
            program,
            environment,
            identity: Arc::clone(cx.identity()),
            flow: cx.flow().clone(),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Awk {
    codec: Codec,
    program: Program,
    limits: Limits,
    /// What `ENVIRON` holds, for programs that use it.
    environment: Vec<[String; 2]>,
    identity: Arc<Identity>,
    flow: Flow,
}

impl Awk {
    fn run(&self, machine: &mut Machine, message: &mut Message) -> Result<(), Error> {
        let variables = Variables::of(message, self.codec, &self.program)?;
        let environment: Vec<(&str, &[u8])> = self
            .environment
            .iter()
            .map(|[name, value]| (name.as_str(), value.as_bytes()))
            .collect();
        let input = match self.codec {
            Codec::Text => message.bytes().clone(),
            Codec::Nothing | Codec::Json => b" ".as_slice().into(),
        };
        let mut work = Work::new(message.detached(), &self.identity);
        let outcome = machine
            .run(&input, &variables.list(), &environment, &mut work)
            .map_err(error)?;
        if outcome.status != 0 {
            let status = outcome.status;
            return Err(error(format_args!(
                "non-fatal execution error: awk interpreter returned non-zero exit code: {status}"
            )));
        }
        let mut output = outcome.output;
        if !output.is_empty() {
            if output.last() == Some(&b'\n') {
                output.pop();
            }
            message.set_bytes(output);
        } else if let Some(value) = work.new_value() {
            message.set_value(value);
        }
        message.metadata = work.metadata();
        Ok(())
    }
}

impl Processor for Awk {
    fn process(&self, batch: MessageBatch) -> Batches {
        self.process_run(smallvec::smallvec![batch])
    }

    fn process_run(&self, run: Batches) -> Batches {
        // What it has compiled serves all messages of the run.
        let mut machine = Machine::new(&self.program, self.limits.clone()).map_err(error);
        run_each(
            run,
            &self.flow,
            &self.identity,
            |message| match &mut machine {
                Ok(machine) => self.run(machine, message),
                Err(error) => Err(error.clone()),
            },
        )
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor(
            "awk: { codec: none, program: '{ json_set(\"list\", json_get(\"list\")) }' }",
        );
        millrace_component::conformance::processor(&processor).await;
    }
}
