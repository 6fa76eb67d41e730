//! `log`: the files of partitions, while no broker has them open.

mod batches;
mod dump;
mod partitions;
mod records;
mod repair;
mod verify;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use millrace_diagnostics::printable_line;
use millrace_spec::Literal;
use millrace_spec::render::emit;

use super::complain;
use super::kafka::{Failure, text};
use crate::args::log::LogCommand;

/// Does what is to be done with the files of partitions.
pub fn log(command: LogCommand) -> ExitCode {
    let ended = match command {
        LogCommand::Dump {
            paths,
            records,
            json,
        } => dump::dump(&paths, records, &mut Out::new(json)),
        LogCommand::Verify { dir, json } => verify::verify(&dir, &mut Out::new(json)),
        LogCommand::Repair {
            dir,
            truncate_to,
            execute,
            dry_run: _,
            json,
        } => repair::repair(&dir, truncate_to, execute, &mut Out::new(json)),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Told) => ExitCode::FAILURE,
        Err(Failure::Failed(reason) | Failure::Misuse(reason)) => {
            complain(&format!("error: {reason}"));
            ExitCode::FAILURE
        }
    }
}

/// The standard output, for people or for programs.
struct Out {
    stdout: io::BufWriter<io::Stdout>,
    is_json: bool,
}

impl Out {
    fn new(is_json: bool) -> Self {
        Self {
            stdout: io::BufWriter::new(io::stdout()),
            is_json,
        }
    }

    /// Prints a line for people, which does not steer their terminal, or an object for programs.
    ///
    /// # Errors
    /// Nobody reads it.
    fn line(
        &mut self,
        human: impl FnOnce() -> String,
        json: impl FnOnce() -> Literal,
    ) -> Result<(), Failure> {
        let line = match self.is_json {
            true => emit::json(&json()),
            false => printable_line(&human()).into_owned(),
        };
        writeln!(self.stdout, "{line}").map_err(|_| Failure::Told)
    }

    /// Prints a line for people, and nothing for programs.
    ///
    /// # Errors
    /// Nobody reads it.
    fn say(&mut self, line: &str) -> Result<(), Failure> {
        match self.is_json {
            true => Ok(()),
            false => self.line(|| line.to_owned(), || Literal::Null),
        }
    }

    /// Prints an object for programs, and nothing for people.
    ///
    /// # Errors
    /// Nobody reads it.
    fn put(&mut self, json: impl FnOnce() -> Literal) -> Result<(), Failure> {
        match self.is_json {
            true => self.line(String::new, json),
            false => Ok(()),
        }
    }

    /// Complains; what was printed before is seen before.
    fn complain(&mut self, reason: &str) -> Result<(), Failure> {
        self.finish()?;
        complain(&format!("error: {reason}"));
        Ok(())
    }

    /// # Errors
    /// Nobody reads it.
    fn finish(&mut self) -> Result<(), Failure> {
        self.stdout.flush().map_err(|_| Failure::Told)
    }
}

/// A position or a size in a file.
pub fn integer(value: u64) -> Literal {
    i64::try_from(value).map_or(Literal::UInt(value), Literal::Int)
}

fn path_text(path: &Path) -> Literal {
    text(path.display().to_string())
}
