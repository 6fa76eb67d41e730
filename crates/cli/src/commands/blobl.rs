//! `blobl`: a mapping on each line of the standard input, and the tools for mappings below it.

use std::io::{BufRead, BufReader, BufWriter, IsTerminal, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use millrace_bloblang::{Environment, Mapping, SyntaxError};
use millrace_component::read_text_file;
use millrace_diagnostics::{Diagnostic, Diagnostics, Renderer, SourceMap, Span};
use millrace_message::Message;
use millrace_spec::codes;

use super::complain;
use crate::args::{BloblArgs, BloblCommand};

mod evaluate;
mod fmt;
mod server;

/// Lines that may wait for a thread.
const QUEUE_CAPACITY: usize = 64;

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
            complain(reason.trim_end());
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
    failed: AtomicBool,
}

impl Mapper {
    fn new(args: &BloblArgs) -> Result<Self, String> {
        let (name, text, directory) = match (&args.file, &args.mapping) {
            (Some(path), _) => {
                let name = path.display().to_string();
                let text = read_text_file(path, MAPPING_BYTES_MAX)
                    .map_err(|error| format!("read the mapping {name}: {error}"))?;
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
            failed: AtomicBool::new(false),
        })
    }

    fn run(&self, args: &BloblArgs) -> ExitCode {
        let output = Mutex::new(BufWriter::new(std::io::stdout()));
        let threads = args.threads.max(1);
        let (sender, lines) = sync_channel(QUEUE_CAPACITY);
        let lines = Mutex::new(lines);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| self.work(&lines, &output));
            }
            self.read(&sender, args.max_token_length);
            drop(sender);
        });
        let flushed = output.lock().map(|mut output| output.flush().is_ok());
        if !flushed.unwrap_or(false) || self.failed.load(Ordering::Relaxed) {
            return ExitCode::FAILURE;
        }
        ExitCode::SUCCESS
    }

    fn fail(&self, reason: &str) {
        complain(reason);
        self.failed.store(true, Ordering::Relaxed);
    }

    /// Reads lines until the input ends, or one is too long: what follows it is not read.
    fn read(&self, lines: &SyncSender<(u64, Vec<u8>)>, max: usize) {
        let mut input = BufReader::new(std::io::stdin());
        for number in 1.. {
            let mut line = Vec::new();
            // One byte more tells a line that is too long; two more are its end.
            let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(2);
            match input.by_ref().take(limit).read_until(b'\n', &mut line) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => return self.fail(&format!("read the standard input: {error}")),
            }
            if line.last() == Some(&b'\n') {
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
            }
            if line.len() > max {
                let remedy = "raise `--max-token-length`";
                return self.fail(&format!(
                    "line {number} is longer than {max} bytes; {remedy}"
                ));
            }
            if lines.send((number, line)).is_err() {
                return;
            }
        }
    }

    fn work(&self, lines: &Mutex<Receiver<(u64, Vec<u8>)>>, output: &Mutex<BufWriter<impl Write>>) {
        loop {
            let next = lines.lock().ok().and_then(|lines| lines.recv().ok());
            let Some((number, line)) = next else { return };
            match self.map(line) {
                Ok(mut result) => {
                    result.push(b'\n');
                    let Ok(mut output) = output.lock() else {
                        return;
                    };
                    // Without a reader there is nothing left to do; the flush at the end tells.
                    if output.write_all(&result).is_err() {
                        self.failed.store(true, Ordering::Relaxed);
                        return;
                    }
                }
                Err(reason) => self.fail(&format!("line {number}: {reason}")),
            }
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
