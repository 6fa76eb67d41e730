//! `run`: a config from start to end.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use millrace_node::{RunError, Watcher, install_logs, without_secrets};
use millrace_spec::LintOptions;

use super::complain;
use super::config::{files_of, load_config, print_complaints};
use super::progress::Progress;
use crate::args::RunArgs;

/// Runs the config and reports what became of its messages.
pub fn run(args: &RunArgs, file: Option<PathBuf>) -> ExitCode {
    let watcher = args
        .watcher
        .then(|| Watcher::new(files_of(&args.config, file.clone())));
    let loaded = load_config(&args.config, file, LintOptions::default());
    print_complaints(&loaded);
    let Some(config) = loaded.config.as_ref().filter(|_| !loaded.has_errors()) else {
        return ExitCode::FAILURE;
    };
    let logs = match install_logs(&config.logger, args.log_level.as_deref()) {
        Ok(logs) => logs,
        Err(error) => {
            complain(&error);
            return ExitCode::FAILURE;
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("start the runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(async {
        let changes = watcher.map(Watcher::start);
        let mut progress = Progress::none();
        millrace_node::run(config, changes, |flow| progress.follow(flow)).await
    });
    let (report, reason) = match ended {
        Ok(report) => (Some(report), None),
        Err(RunError::Ended { report, reason }) => (Some(report), Some(reason)),
        Err(RunError::Listen(error)) => {
            let colour = std::io::stderr().is_terminal();
            let told = loaded.render_late(&["http", "address"], error.text(), colour);
            (None, Some(told.trim_end().to_owned()))
        }
        Err(error) => (None, Some(error.to_string())),
    };
    // Where a person watches, the summary is a table.
    let is_watched = std::io::stderr().is_terminal();
    let logs_to_file = !config.logger.file.path.is_empty();
    if let Some(report) = report.as_ref().filter(|_| !is_watched || logs_to_file) {
        report.log();
    }
    logs.flush();
    if let Some(reason) = &reason {
        complain(&without_secrets(reason));
    }
    if let Some(report) = report.filter(|_| is_watched) {
        complain(&report.to_string());
    }
    if reason.is_none() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
