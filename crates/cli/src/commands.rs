//! What each command does.

use std::process::ExitCode;

use crate::args::{self, Args, Command};

mod blobl;
mod completions;
mod config;
mod create;
mod echo;
mod lint;
mod list;
mod progress;
mod run;

/// Runs the command and says with which code to exit.
pub fn dispatch(args: Args) -> ExitCode {
    let Args {
        run: first,
        print_json,
        command,
    } = args;
    match command {
        None if print_json => echo::print_json(&first.config),
        None if config::is_named(&first.config) => run::run(&first, None),
        None => help(),
        Some(Command::Run { file, run }) => run::run(&run.behind(first), file),
        Some(Command::Lint {
            paths,
            config,
            rules,
        }) => lint::lint(&config.behind(first.config), &paths, rules),
        Some(Command::Create { expression, small }) => create::create(&expression, small),
        Some(Command::Blobl(args)) => blobl::blobl(&args),
        Some(Command::Completions { shell }) => completions::completions(shell),
        Some(Command::Echo { file, config }) => echo::echo(&config.behind(first.config), file),
        Some(Command::List { kinds, format }) => list::list(&kinds, &format),
    }
}

/// Says what could have been asked for; the arguments were too few.
fn help() -> ExitCode {
    complain(&args::command().render_long_help().to_string());
    ExitCode::from(2)
}

/// Prints to the standard output; a reader that went away ends the process quietly.
fn print(text: &str) -> ExitCode {
    use std::io::Write;
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Prints to the standard error, which nobody may be reading.
fn complain(text: &str) {
    use std::io::Write;
    let _unread = writeln!(std::io::stderr().lock(), "{text}");
}
