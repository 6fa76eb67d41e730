//! `run`: a config from start to end.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use millrace_diagnostics::Diagnostic;
use millrace_node::{
    Loaded, LogLevel, RunError, Watcher, install_logs, kill_commands, log_failure, without_secrets,
};
use millrace_spec::LintOptions;

use super::config::{files_of, load_config, print_complaints, sound_templates};
use super::progress::Progress;
use super::{complain, complain_styled, plain};
use crate::args::RunArgs;

/// Runs the config and reports what became of its messages.
pub fn run(args: &RunArgs, file: Option<PathBuf>) -> ExitCode {
    let watcher = args.watcher.then(|| {
        let files = files_of(&args.config, file.clone());
        Watcher::new(files, args.config.templates.clone())
    });
    let Some(templates) = sound_templates(&args.config.templates) else {
        return ExitCode::FAILURE;
    };
    let registry = templates.registry();
    let loaded = load_config(&args.config, file, LintOptions::default(), registry);
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
        let changes = watcher.map(|it| it.start(&loaded, &templates));
        let mut progress = Progress::none();
        millrace_node::run(config, changes, |flow| progress.follow(flow)).await
    });
    // A thread that still computes for a message holds the end up no longer, nor do its commands.
    runtime.shutdown_background();
    kill_commands();
    let is_watched = std::io::stderr().is_terminal();
    let (report, failure) = match ended {
        Ok(report) => (Some(report), None),
        Err(RunError::Ended { report, reason }) => (Some(report), Some(Failure::Text(reason))),
        Err(RunError::Listen(error)) => {
            let complaint = loaded.late(&["http", "address"], error.text());
            (None, Some(Failure::Complaint(complaint)))
        }
        Err(error) => (None, Some(Failure::Text(error.to_string()))),
    };
    // What was left out is told before the end is.
    logs.flush();
    // Where a person watches, the summary is a table, and the reason a text.
    let logs_to_file = !config.logger.file.path.is_empty();
    if !is_watched || logs_to_file {
        if let Some(report) = &report {
            report.log();
        }
        if let Some(failure) = &failure {
            log_failure(&failure.line(&loaded));
        }
    }
    if let Some(report) = report.filter(|_| is_watched) {
        complain(&report.to_string());
    }
    // Somebody has to hear why the exit code is 1.
    let is_logged = !is_watched && !logs_to_file && logs.level() != LogLevel::Off;
    if let Some(failure) = failure.as_ref().filter(|_| !is_logged) {
        complain_styled(&without_secrets(
            failure.text(&loaded, is_watched).trim_end(),
        ));
    }
    if failure.is_none() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Why a run has failed.
enum Failure {
    Text(String),
    /// One that has a place in the config.
    Complaint(Diagnostic),
}

impl Failure {
    fn line(&self, loaded: &Loaded) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Complaint(complaint) => loaded.line(complaint),
        }
    }

    fn text(&self, loaded: &Loaded, colour: bool) -> String {
        match self {
            Self::Text(text) => plain(&without_secrets(text)),
            Self::Complaint(complaint) => loaded.show(complaint, colour),
        }
    }
}
