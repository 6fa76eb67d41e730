//! `completions`: the script that completes commands in a shell.

use std::process::ExitCode;

use clap_complete::Shell;

use super::print;
use crate::args;

/// Prints the script for a shell.
pub fn completions(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "millrace", &mut script);
    print(&String::from_utf8_lossy(&script))
}
