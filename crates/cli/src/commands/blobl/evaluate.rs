//! Evaluates or formats a mapping of the playground, in a process of its own: what takes too long or too much
//! memory ends there.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use bytes::Bytes;
use millrace_bloblang::{Allowance, Environment, Mapped, Mapping, SyntaxError, line_and_column};
use millrace_message::{Message, Object, Value};
use rustix::process::{Resource, Rlimit, setrlimit};

use super::{PRETTY, compile, complain};
use crate::args::EvaluateArgs;

/// Seconds of processor time after which the system ends the process.
pub(super) const SECONDS_MAX: u64 = 2;
/// Bytes of memory after which it gets no more.
pub(super) const MEMORY_MAX: u64 = 512 << 20;
/// The longest question, in bytes.
pub(super) const BODY_MAX: usize = 4 << 20;
/// The longest result that is shown, in bytes.
const RESULT_MAX: usize = 4 << 20;

/// Answers the question on the standard input, on the standard output.
pub fn evaluate(args: &EvaluateArgs) -> ExitCode {
    match answer(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            complain(&reason);
            ExitCode::FAILURE
        }
    }
}

fn answer(args: &EvaluateArgs) -> Result<(), String> {
    for (resource, limit) in [
        (Resource::Cpu, SECONDS_MAX),
        (Resource::Data, MEMORY_MAX),
        (Resource::Core, 0),
    ] {
        let limit = Rlimit {
            current: Some(limit),
            maximum: Some(limit),
        };
        setrlimit(resource, limit).map_err(|error| format!("limit the evaluation: {error}"))?;
    }
    let mut question = Vec::new();
    let stdin = std::io::stdin().lock();
    let read = stdin.take(BODY_MAX as u64).read_to_end(&mut question);
    read.map_err(|error| format!("read the question: {error}"))?;
    let answer = if args.format {
        formatted(&mapping_of(question.into())?)
    } else {
        let (mapping, input) = texts(question.into())?;
        result(&mapping, &input, &environment(args))
    };
    let written = std::io::stdout().lock().write_all(&answer.to_json());
    written.map_err(|error| format!("write the answer: {error}"))
}

/// What a mapping of the playground can use.
fn environment(args: &EvaluateArgs) -> Environment {
    // What the mapping makes meets its own bound first, which can say where that is.
    let mut environment = Environment::new().with_allowance(Allowance {
        bytes: MEMORY_MAX / 4,
        ..Allowance::default()
    });
    if !args.trust_mappings {
        environment = environment.only_pure();
    }
    if let Some(directory) = &args.directory {
        environment = environment.with_directory(PathBuf::from(directory));
    }
    environment
}

/// The mapping and the input of a question.
///
/// # Errors
/// It is not JSON, or lacks one of them.
pub(super) fn texts(question: Bytes) -> Result<(String, String), String> {
    let question = parse(question)?;
    Ok((text(&question, "mapping")?, text(&question, "input")?))
}

/// The mapping of a question.
///
/// # Errors
/// As of [`texts`].
pub(super) fn mapping_of(question: Bytes) -> Result<String, String> {
    text(&parse(question)?, "mapping")
}

fn parse(question: Bytes) -> Result<Value, String> {
    Value::parse_json(question).map_err(|error| format!("no JSON: {error}"))
}

fn text(question: &Value, name: &str) -> Result<String, String> {
    let value = question.get(name);
    let text = value.as_deref().and_then(Value::as_str).map(str::to_owned);
    text.ok_or_else(|| format!("the text `{name}` is missing"))
}

/// The mapping in its canonical form, or unchanged with what is wrong with it.
fn formatted(mapping: &str) -> Value {
    let (formatted, errors) = match millrace_bloblang::format(mapping) {
        Ok(formatted) => (formatted, Vec::new()),
        Err(errors) => {
            let errors = errors.iter().map(|it| complaint(mapping, it)).collect();
            (mapping.to_owned(), errors)
        }
    };
    let members = [
        ("mapping", Value::from(formatted)),
        ("errors", Value::from(errors)),
    ];
    Value::Object(members.into_iter().collect())
}

/// What the mapping makes of the input: `result`, `parse_error` and `mapping_error` as Bento's
/// playground has them, and more.
fn result(mapping: &str, input: &str, environment: &Environment) -> Value {
    let mut answer = Answer::default();
    match Mapping::compile(mapping, environment) {
        Err(errors) => answer.refuse(mapping, &errors),
        Ok(compiled) => {
            let warnings = compiled.warnings().iter().map(|it| complaint(mapping, it));
            answer.warnings = warnings.collect();
            answer.run(&compiled, mapping, input);
        }
    }
    answer.into_value()
}

#[derive(Default)]
struct Answer {
    result: Option<String>,
    is_deleted: bool,
    metadata: Object,
    parse_error: Option<String>,
    mapping_error: Option<String>,
    errors: Vec<Value>,
    warnings: Vec<Value>,
}

impl Answer {
    fn refuse(&mut self, mapping: &str, errors: &[SyntaxError]) {
        self.errors = errors.iter().map(|it| complaint(mapping, it)).collect();
        let lines = errors.iter().map(|error| {
            let (line, column) = line_and_column(mapping, error.span.start as usize);
            format!("line {line} char {column}: {error}")
        });
        self.parse_error = Some(lines.collect::<Vec<_>>().join("\n"));
    }

    fn run(&mut self, compiled: &Mapping, mapping: &str, input: &str) {
        let mut message = Message::from(input);
        let mapped = match compiled.map(std::slice::from_ref(&message), 0) {
            Ok(mapped) => mapped,
            Err(error) => {
                let text = error.to_string();
                if let Some(line) = error.line().filter(|line| *line > 0) {
                    self.errors
                        .push(complaint(mapping, &in_line(mapping, line, &text)));
                }
                self.mapping_error = Some(text);
                return;
            }
        };
        self.is_deleted = matches!(mapped, Mapped::Deleted);
        if self.is_deleted || !mapped.apply_to(&mut message) {
            return;
        }
        let result = pretty(&message);
        if result.len() > RESULT_MAX {
            self.mapping_error = Some(format!("the result is longer than {RESULT_MAX} bytes"));
            return;
        }
        self.result = Some(String::from_utf8_lossy(&result).into_owned());
        let metadata = message.metadata.iter();
        self.metadata = metadata
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
    }

    fn into_value(self) -> Value {
        let members = [
            ("result", Value::from(self.result)),
            ("deleted", Value::Bool(self.is_deleted)),
            ("metadata", Value::Object(self.metadata)),
            ("parse_error", Value::from(self.parse_error)),
            ("mapping_error", Value::from(self.mapping_error)),
            ("errors", self.errors.into()),
            ("warnings", self.warnings.into()),
        ];
        Value::Object(members.into_iter().collect())
    }
}

/// The payload, over several lines when it is JSON.
fn pretty(message: &Message) -> Bytes {
    let printer = compile("pretty", PRETTY, &Environment::new());
    let printer = printer.expect("the mapping that prints is right");
    let structured = message
        .value()
        .is_ok_and(|it| it.as_object().is_some() || it.as_array().is_some());
    if structured && let Ok(mapped) = printer.map(std::slice::from_ref(message), 0) {
        let mut printed = message.clone();
        if mapped.apply_to(&mut printed) {
            return printed.bytes().clone();
        }
    }
    message.bytes().clone()
}

/// A failure as a complaint about the line that failed.
fn in_line(mapping: &str, line: usize, message: &str) -> SyntaxError {
    let text = mapping.split_inclusive('\n');
    let before: usize = text.clone().take(line - 1).map(str::len).sum();
    let line = text.clone().nth(line - 1).unwrap_or_default();
    let start = before + (line.len() - line.trim_start().len());
    let span = millrace_bloblang::ast::Span::new(start, before + line.trim_end().len());
    SyntaxError::new(span, message)
}

/// A complaint as the page shows it; a browser counts in UTF-16.
fn complaint(text: &str, error: &SyntaxError) -> Value {
    let (line, column) = line_and_column(text, error.span.start as usize);
    let place = |at: u32| {
        let before = &text[..text.floor_char_boundary(at as usize)];
        number(before.encode_utf16().count())
    };
    let members = [
        ("start", place(error.span.start)),
        ("end", place(error.span.end)),
        ("line", number(line)),
        ("column", number(column)),
        ("message", Value::from(&*error.message)),
        ("help", Value::from(error.help.clone())),
    ];
    Value::Object(members.into_iter().collect())
}

fn number(count: usize) -> Value {
    Value::U64(count as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(mapping: &str, input: &str) -> serde_json::Value {
        let environment = Environment::new().only_pure();
        let answer = result(mapping, input, &environment).to_json();
        serde_json::from_slice(&answer).expect("an answer is JSON")
    }

    #[test]
    fn a_result_is_printed_over_several_lines_beside_its_metadata() {
        let answer = answered("root.a = this.b\nmeta k = 5", "{\"b\":[1]}");
        assert_eq!(answer["result"], "{\n  \"a\": [\n    1\n  ]\n}");
        assert_eq!(answer["metadata"], serde_json::json!({"k": 5}));
        assert_eq!(
            answered("root = content().uppercase()", "no json")["result"],
            "NO JSON"
        );
        assert_eq!(answered("root = deleted()", "{}")["deleted"], true);
        assert_eq!(answered("root = this", "[]")["result"], "[]");
    }

    #[test]
    fn a_complaint_has_its_place_in_utf_16() {
        let answer = answered("root.a = \"☺😀\"\nroot.b = \"😀\" + nope(1)", "{}");
        let error = &answer["errors"][0];
        assert_eq!((&error["line"], &error["column"]), (&2.into(), &16.into()));
        let (start, end) = (error["start"].as_u64(), error["end"].as_u64());
        assert_eq!((start, end), (Some(31), Some(35)), "{answer}");
        assert!(
            answer["parse_error"]
                .as_str()
                .expect("a text")
                .starts_with("line 2 char 16: ")
        );
    }

    #[test]
    fn a_failure_names_its_line() {
        let answer = answered("root.a = 1\n\n  root.b = this.c.uppercase()  \n", "{}");
        let error = &answer["errors"][0];
        assert_eq!(
            (error["line"].as_u64(), error["start"].as_u64()),
            (Some(3), Some(14))
        );
        assert_eq!(error["end"], 41, "{answer}");
        assert!(
            answer["mapping_error"]
                .as_str()
                .expect("a text")
                .contains("line 3")
        );
    }

    #[test]
    fn what_reaches_outside_is_refused_by_name() {
        for (mapping, name) in [
            ("root = env(\"HOME\")", "`env` is not allowed here"),
            ("root = file(\"/etc/passwd\")", "`file` is not allowed here"),
            ("root = file_rel(\"x\")", "`file_rel` is not allowed here"),
            (
                "root = file_rel_json(\"x\")",
                "`file_rel_json` is not allowed here",
            ),
            ("import \"x.blobl\"", "imports are not allowed here"),
            ("from \"x.blobl\"", "imports are not allowed here"),
            (
                "let name = \"HOME\"\nroot = env($name)",
                "`env` is not allowed here",
            ),
        ] {
            let answer = answered(mapping, "{}");
            let told = answer["errors"][0]["message"].as_str().expect("an error");
            assert!(told.contains(name), "{mapping}: {answer}");
        }
    }
}
