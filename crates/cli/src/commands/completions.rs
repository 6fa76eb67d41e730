//! `completions`: the script that completes commands in a shell.

use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, Resettable};
use clap_complete::Shell;
use millrace_node::registry;
use millrace_spec::ComponentKind;

use super::{list, print};
use crate::args;

/// Prints the script for a shell.
pub fn completions(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "millrace", &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if shell == Shell::Fish {
        // Its script offers options alone.
        for (subcommand, words) in [("list", list::kinds()), ("create", inputs())] {
            script += &format!(
                "complete -c millrace -n \"__fish_millrace_using_subcommand {subcommand}\" -f -a \"{}\"\n",
                words.join(" ")
            );
        }
    }
    print(&script)
}

/// The command line with the words that a shell can offer where any text is read.
fn command() -> clap::Command {
    let levels = |it: clap::Arg| it.value_parser(args::LOG_LEVELS);
    args::command()
        .mut_arg("log_level", levels)
        .mut_subcommand("run", |it| it.mut_arg("log_level", levels))
        .mut_subcommand("list", |it| {
            it.mut_arg("kinds", |it| {
                it.value_parser(PossibleValuesParser::new(list::kinds()))
            })
        })
        .mut_subcommand("create", |it| {
            it.mut_arg("expression", |it| {
                it.default_value(Resettable::Reset)
                    .value_parser(PossibleValuesParser::new(inputs()))
            })
        })
}

/// What the expression of `create` begins with.
fn inputs() -> Vec<&'static str> {
    let registry = registry();
    let inputs = registry
        .iter()
        .filter(|it| it.kind() == ComponentKind::Input);
    inputs.map(|it| it.name()).collect()
}
