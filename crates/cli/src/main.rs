//! The `millrace` binary: arguments, exit codes, human output.

use std::process::ExitCode;

mod args;
mod commands;
mod variables;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match args::parse(std::env::args_os()) {
        Ok(args) => {
            variables::adopt(&args.env_files());
            commands::dispatch(args)
        }
        Err(error) => commands::answer(&error),
    }
}
