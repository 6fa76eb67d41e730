//! The `millrace` binary: arguments, exit codes, human output.

use std::process::ExitCode;

use clap::Parser;

mod args;
mod commands;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = args::Args::parse_from(args::with_own_flags(std::env::args_os()));
    commands::dispatch(args)
}
