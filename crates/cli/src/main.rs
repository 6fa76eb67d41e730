//! The `millrace` binary: arguments, exit codes, human output.

use std::process::ExitCode;

mod args;
mod commands;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match args::parse(std::env::args_os()) {
        Ok(args) => commands::dispatch(args),
        // Also for `--help` and `--version`, with the code that clap gives each.
        Err(error) => error.exit(),
    }
}
