//! The processes of a run: each pipeline of `examples/cities` as a child with its log in a file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use millrace_testkit::data_dir::DataDir;
use millrace_testkit::process::Process;
use millrace_testkit::{http, port};

use super::Options;
use super::plan::Event;

const PIPELINES: &str = "examples/cities";

/// What a process may take to start, and to end after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a call of the model that hangs takes, and how long a worker waits for one.
const HANG: &str = "5s";
const MODEL_TIMEOUT: &str = "1s";
/// A fifth of the calls fail.
const FAULT_PERCENT: &str = "20";
/// Makes the work last longer than all that goes wrong with it.
const MODEL_TIME: &str = "60ms";

/// How long the entries of a killed worker stay out of the Redis list: short for the run, and long
/// beside the pauses of a worker on a busy machine.
const LEASE: &str = "3s";

/// Messages that a consumer holds without acknowledging them.
pub const PREFETCH: u64 = 10;

/// Starts pipelines with one set of variables.
pub struct Cast<'a> {
    options: &'a Options,
    variables: Vec<(String, String)>,
    logs: PathBuf,
    /// Keeps the directory of the logs, unless they were asked for elsewhere.
    _dir: DataDir,
}

/// A started pipeline, with what is needed to start it again.
pub struct Role {
    name: String,
    config: &'static str,
    http_port: u16,
    process: Process,
}

impl<'a> Cast<'a> {
    /// A cast whose pipelines see `variables`.
    pub fn new(options: &'a Options, variables: &[(&str, String)]) -> Result<Self> {
        let dir = DataDir::new("chaos")?;
        let logs = options
            .logs
            .clone()
            .unwrap_or_else(|| dir.path().to_path_buf());
        let mut all: Vec<(String, String)> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        for (name, value) in [
            ("CITIES", crate::cities::FILE),
            ("PREFETCH", &PREFETCH.to_string()),
            ("LEASE", LEASE),
            ("MODEL_TIMEOUT", MODEL_TIMEOUT),
            ("MODEL_RETRIES", "1"),
            ("MODEL_HANG", HANG),
            ("MODEL_TIME", MODEL_TIME),
            ("MODEL_FAULTS", FAULT_PERCENT),
        ] {
            all.push((name.to_owned(), value.to_owned()));
        }
        Ok(Self {
            options,
            variables: all,
            logs,
            _dir: dir,
        })
    }

    /// Starts the model and tells the workers where it is.
    pub fn model(&mut self) -> Result<Role> {
        let address = format!("127.0.0.1:{}", port::free_port());
        self.variables
            .push(("MODEL_URL".into(), format!("http://{address}")));
        self.variables.push(("MODEL_ADDRESS".into(), address));
        self.start("model", "model.yaml")
    }

    /// Starts a pipeline and waits until its HTTP server answers.
    pub fn start(&self, name: &str, config: &'static str) -> Result<Role> {
        let http_port = port::free_port();
        let mut role = Role {
            name: name.to_owned(),
            config,
            http_port,
            process: self.spawn(name, config, http_port)?,
        };
        role.wait_ready()?;
        Ok(role)
    }

    /// Starts a pipeline that ends by itself. Returns it without waiting.
    pub fn start_finite(&self, name: &str, config: &'static str) -> Result<Role> {
        let http_port = port::free_port();
        let process = self.spawn(name, config, http_port)?;
        Ok(Role {
            name: name.to_owned(),
            config,
            http_port,
            process,
        })
    }

    /// Starts the workers, numbered from 0.
    pub fn workers(&self, config: &'static str) -> Result<Vec<Role>> {
        (0..self.options.workers)
            .map(|it| self.start(&format!("worker-{it}"), config))
            .collect()
    }

    /// Kills or terminates the worker of an event and starts it again. The caller deals with other
    /// events.
    pub fn strike(&self, event: Event, workers: &mut [Role]) -> Result<()> {
        let index = match event {
            Event::Kill(index) => {
                workers[index].process.kill()?;
                index
            }
            Event::Terminate(index) => {
                workers[index].end()?;
                index
            }
            Event::RestartBroker | Event::Cut => return Ok(()),
        };
        let Role {
            name,
            config,
            http_port,
            process,
        } = &mut workers[index];
        *process = self.spawn(name, config, *http_port)?;
        Ok(())
    }

    fn spawn(&self, name: &str, config: &str, http_port: u16) -> Result<Process> {
        let mut command = Command::new(&self.options.binary);
        command
            .arg("-c")
            .arg(Path::new(PIPELINES).join(config))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env("HTTP_ADDRESS", format!("127.0.0.1:{http_port}"));
        for variable in ["MILLRACE_CONFIG", "BENTO_CONFIG"] {
            command.env_remove(variable);
        }
        Process::spawn_logged(name, &mut command, &self.logs.join(format!("{name}.log")))
    }

    /// The lines of all logs that report an error, at most `most` of each: for a run that failed.
    pub fn errors(&self, most: usize) -> Result<String> {
        let mut text = String::new();
        for entry in fs::read_dir(&self.logs).context("read the logs")? {
            let path = entry?.path();
            let log = fs::read(&path).with_context(|| format!("read `{}`", path.display()))?;
            let log = String::from_utf8_lossy(&log);
            let errors: Vec<&str> = log
                .lines()
                .filter(|line| line.to_lowercase().contains("error"))
                .collect();
            for line in &errors[errors.len().saturating_sub(most)..] {
                text.push_str(&format!("{}: {line}\n", path.display()));
            }
        }
        Ok(text)
    }
}

impl Role {
    /// Waits for the end of a pipeline that ends by itself.
    pub fn finish(&mut self, within: Duration) -> Result<()> {
        let status = self.process.wait(within)?;
        if !status.success() {
            bail!("{} ended with {status}", self.name);
        }
        Ok(())
    }

    /// Ends the process with SIGTERM; it must end in order.
    pub fn end(&mut self) -> Result<()> {
        // One that is still starting would die of the signal before it listens to it.
        self.wait_ready()?;
        let status = self.process.terminate(PATIENCE)?;
        if !status.success() {
            bail!("{} ended with {status} after SIGTERM", self.name);
        }
        Ok(())
    }

    fn wait_ready(&mut self) -> Result<()> {
        let url = format!("http://127.0.0.1:{}/ping", self.http_port);
        self.process.wait_ready(PATIENCE, || {
            http::get(&url).is_ok_and(|it| it.status == 200)
        })
    }
}
