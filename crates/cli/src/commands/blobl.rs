//! `blobl`: a mapping on each line of the standard input, and the tools for mappings below it.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use millrace_bloblang::{Environment, Mapping, SyntaxError};
use millrace_component::read_text_file;
use millrace_diagnostics::{Diagnostic, Diagnostics, Renderer, SourceMap, Span};
use millrace_message::Message;
use millrace_spec::codes;

use lines::{Settings, map_lines};

use super::{complain, complain_styled, plain};
use crate::args::{BloblArgs, BloblCommand};

mod evaluate;
mod fmt;
mod lines;
mod server;

/// How results are printed over several lines.
const PRETTY: &str = r#"root = this.format_json(indent: "  ", escape_html: false)"#;

/// Maps every line of the standard input, or does what a command below this one asks for.
pub fn blobl(args: &BloblArgs) -> ExitCode {
    match &args.command {
        Some(BloblCommand::Server(args)) => return server::server(args),
        Some(BloblCommand::Fmt(args)) => return fmt::fmt(args),
        Some(BloblCommand::Evaluate(args)) => return evaluate::evaluate(args),
        None => {}
    }
    match Mapper::new(args) {
        Ok(mapper) => mapper.run(args),
        Err(reason) => {
            complain_styled(reason.trim_end());
            ExitCode::FAILURE
        }
    }
}

/// The largest file of a mapping.
const MAPPING_BYTES_MAX: usize = 16 << 20;

struct Mapper {
    mapping: Mapping,
    pretty: Option<Mapping>,
    raw: bool,
}

impl Mapper {
    fn new(args: &BloblArgs) -> Result<Self, String> {
        let (name, text, directory) = match (&args.file, &args.mapping) {
            (Some(path), _) => {
                let name = path.display().to_string();
                let text = read_text_file(path, MAPPING_BYTES_MAX)
                    .map_err(|error| plain(&format!("read the mapping {name}: {error}")))?;
                (name, text, path.parent().map(Path::to_owned))
            }
            (None, mapping) => (
                "mapping".to_owned(),
                mapping.clone().unwrap_or_default(),
                None,
            ),
        };
        let directory = directory.unwrap_or_default();
        let environment = Environment::new().with_directory(directory);
        let pretty = args.pretty.then(|| compile("pretty", PRETTY, &environment));
        Ok(Self {
            mapping: compile(&name, &text, &environment)?,
            pretty: pretty.transpose()?,
            raw: args.raw,
        })
    }

    fn run(self, args: &BloblArgs) -> ExitCode {
        let settings = Settings {
            threads: args.threads,
            line_bytes_max: args.max_token_length,
            is_watched: std::io::stdout().is_terminal(),
        };
        let output = std::io::stdout();
        if map_lines(std::io::stdin(), output, settings, move |line| {
            self.map(line)
        }) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    fn map(&self, line: Vec<u8>) -> Result<Vec<u8>, String> {
        let mut message = if self.raw {
            Message::from_raw(line)
        } else {
            Message::from_bytes(line)
        };
        let mapped = self.mapping.map(std::slice::from_ref(&message), 0);
        if !mapped
            .map_err(|error| error.to_string())?
            .apply_to(&mut message)
        {
            return Ok(Vec::new());
        }
        if let Some(pretty) = self.pretty.as_ref().filter(|_| !self.raw)
            && message.value().is_ok()
        {
            let printed = pretty.map(std::slice::from_ref(&message), 0);
            let _kept = printed
                .map_err(|error| error.to_string())?
                .apply_to(&mut message);
        }
        Ok(message.bytes().to_vec())
    }
}

/// Compiles a mapping; what is wrong with it comes with its line and a caret.
fn compile(name: &str, text: &str, environment: &Environment) -> Result<Mapping, String> {
    Mapping::compile(text, environment).map_err(|errors| render(name, text, errors))
}

/// The errors of a mapping, each with its line and a caret.
fn render(name: &str, text: &str, errors: Vec<SyntaxError>) -> String {
    let sources = SourceMap::new();
    let source = sources.add(name, text);
    let mut diagnostics = Diagnostics::new();
    for error in errors {
        let span = Span::new(source, error.span.start as usize, error.span.end as usize);
        let mut diagnostic = Diagnostic::error(codes::BAD_BLOBLANG, error.message).at(span);
        diagnostic.help = error.help;
        diagnostics.push(diagnostic);
    }
    Renderer::new(&sources)
        .colour(std::io::stderr().is_terminal())
        .render_all(&diagnostics)
}
