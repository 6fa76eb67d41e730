//! What each command does.

use std::process::ExitCode;

use millrace_diagnostics::printable;

use crate::args::{self, Args, Command, TemplateCommand};

mod backup;
mod blobl;
mod broker;
mod cluster;
mod completions;
mod config;
mod consume;
mod create;
mod echo;
mod group;
mod kafka;
mod lint;
mod list;
mod log;
mod plan;
mod produce;
mod progress;
mod run;
mod template;
mod test;
mod topic;
mod user;

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
        Some(_) if print_json => {
            misuse("`--print-json` is a command of its own: `millrace -c FILE --print-json`")
        }
        Some(Command::Run { file, run }) => run::run(&run.behind(first), file),
        Some(Command::Lint {
            paths,
            config,
            rules,
        }) => lint::lint(&config.behind(first.config), &paths, rules),
        Some(Command::Test(args)) => test::test(&args, &first.config),
        Some(Command::Create {
            expression,
            small,
            templates,
        }) => {
            let templates = [first.config.templates, templates].concat();
            create::create(&expression, small, &templates)
        }
        Some(Command::Blobl(args)) => blobl::blobl(&args),
        Some(Command::Completions { shell }) => completions::completions(shell),
        Some(Command::Echo { file, config }) => echo::echo(&config.behind(first.config), file),
        Some(Command::List {
            kinds,
            format,
            templates,
        }) => {
            let templates = [first.config.templates, templates].concat();
            list::list(&kinds, &format, &templates)
        }
        Some(Command::Template(TemplateCommand::Lint { paths, templates })) => {
            let templates = [first.config.templates, templates].concat();
            template::lint(&paths, &templates)
        }
        Some(Command::Broker(args)) => broker::broker(&args),
        Some(Command::Topic(command)) => topic::topic(command),
        Some(Command::Group(command)) => group::group(command),
        Some(Command::Cluster(command)) => cluster::cluster(command),
        Some(Command::User(command)) => user::user(command),
        Some(Command::Produce(args)) => produce::produce(args),
        Some(Command::Consume(args)) => consume::consume(args),
        Some(Command::Log(command)) => log::log(command),
        Some(Command::Backup(args)) => backup::backup(&args),
        Some(Command::Restore(args)) => backup::restore(args),
        Some(Command::Plan(args)) => plan::plan(&args),
    }
}

/// The exit code of a command line that cannot be meant, as clap has it. What it names, as a file,
/// may still be missing or wrong: that is 1.
const USAGE: u8 = 2;

/// Says what could have been asked for; the arguments were too few.
fn help() -> ExitCode {
    complain(&args::command().render_long_help().to_string());
    ExitCode::from(USAGE)
}

/// Gives what was asked for, as `--help`, or says what is wrong with the arguments.
pub fn answer(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        error.exit();
    }
    complain(error.render().to_string().trim_end());
    ExitCode::from(USAGE)
}

/// Says what is wrong with the arguments, as clap does.
fn misuse(reason: &str) -> ExitCode {
    complain(&format!("error: {reason}"));
    ExitCode::from(USAGE)
}

/// Prints to the standard output; a reader that went away ends the process quietly.
fn print(text: &str) -> ExitCode {
    use std::io::Write;
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// A text that does not steer the terminal.
fn plain(text: &str) -> String {
    printable(text).into_owned()
}

/// Prints to the standard error, which nobody may be reading. What it quotes of others does not steer
/// the terminal.
fn complain(text: &str) {
    complain_styled(&printable(text));
}

/// As [`complain`], of a text of the renderer, which has colours of its own, or of one that is
/// [`plain`].
fn complain_styled(text: &str) {
    use std::io::Write;
    let _unread = writeln!(std::io::stderr().lock(), "{text}");
}
