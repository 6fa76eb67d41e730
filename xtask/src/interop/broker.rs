//! The broker under test: a process that is killed and started again on its directory.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use millrace_testkit::millrace::Millrace;
use millrace_testkit::port::free_port;
use millrace_testkit::run_to_end;

use crate::broker::started;

const STOP: Duration = Duration::from_secs(30);

/// A broker on a port of its own.
pub struct Broker {
    binary: PathBuf,
    settings: PathBuf,
    /// Where its files are.
    pub data: PathBuf,
    port: u16,
    process: Millrace,
    pub kills: u32,
}

impl Broker {
    /// Starts a broker whose files are in `dir`, with small segments, so that there are several of
    /// them and indexes to look at.
    pub fn start(binary: &Path, dir: &Path) -> Result<Self> {
        let settings = "node.id=1\nnum.partitions=2\n\
                        log.segment.bytes=1048576\nlog.index.interval.bytes=256\n\
                        metadata.log.max.record.bytes.between.snapshots=1000\n";
        Self::start_with(binary, dir, settings, &[])
    }

    /// Starts a broker whose files are in `dir`, with more settings: lines of a properties file.
    ///
    /// `users` are those of SCRAM, each as `millrace broker format --add-scram` takes it.
    pub fn start_with(binary: &Path, dir: &Path, more: &str, users: &[&str]) -> Result<Self> {
        let port = free_port();
        let data = dir.join("data");
        let settings = dir.join("broker.properties");
        let listener = format!("PLAINTEXT://{}:{port}", Ipv4Addr::LOCALHOST);
        let text = format!(
            "listeners={listener}\nadvertised.listeners={listener}\nlog.dirs={}\n{more}",
            data.display()
        );
        fs::write(&settings, text).context("write the broker's settings")?;
        if !users.is_empty() {
            let mut format = Command::new(binary);
            format.args(["broker", "format", "--config"]).arg(&settings);
            format.args(users.iter().flat_map(|user| ["--add-scram", user]));
            run_to_end("millrace broker format", &mut format)?;
        }
        Ok(Self {
            process: launch(binary, &settings)?,
            binary: binary.to_owned(),
            settings,
            data,
            port,
            kills: 0,
        })
    }

    pub fn address(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }

    /// Kills the broker as `kill -9` does and starts it on what it has left.
    pub fn crash(&mut self) -> Result<()> {
        self.process.kill().context("kill the broker")?;
        self.kills += 1;
        self.process = launch(&self.binary, &self.settings).context("start the broker again")?;
        Ok(())
    }

    /// Stops the broker in order.
    pub fn stop(&mut self) -> Result<()> {
        let status = self.process.terminate(STOP)?;
        if !status.success() {
            let said = self.process.stderr_lines().join("\n");
            bail!("the broker ended with {status}:\n{said}");
        }
        Ok(())
    }
}

fn launch(binary: &Path, settings: &Path) -> Result<Millrace> {
    let mut command = Command::new(binary);
    command.args(["broker", "--config"]).arg(settings);
    started(&mut command)
}
