//! Prometheus: an instance that scrapes what a test runs, and queries against it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::data_dir::DataDir;
use crate::poll::PATIENCE;
use crate::process::Process;
use crate::{http, poll, port, programs};

/// A running `prometheus` with a port and a data directory of its own.
#[derive(Debug)]
pub struct PrometheusServer {
    port: u16,
    _process: Process,
    _dir: DataDir,
}

/// One series of an instant query.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Labels, `__name__` among them where the query keeps it.
    pub labels: BTreeMap<String, String>,
    /// The value; infinite and not-a-number values are what they are.
    pub value: f64,
}

impl PrometheusServer {
    /// Starts a server that scrapes `/metrics` of each target (`HOST:PORT`) every `interval`,
    /// at least 1 ms, as the job `millrace`.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn scraping(targets: &[&str], interval: Duration) -> Result<Self> {
        let mut config = format!(
            "global:\n  scrape_interval: {0}ms\n  scrape_timeout: {0}ms\n  \
             evaluation_interval: {0}ms\nscrape_configs:\n  - job_name: millrace\n    \
             static_configs:\n      - targets:\n",
            interval.as_millis()
        );
        for target in targets {
            writeln!(config, "          - {target}").expect("a String takes all");
        }
        Self::start(&config, &[])
    }

    /// Starts a server with the configuration `config` (YAML). `files` are written beside it
    /// first: rule files, for example.
    ///
    /// # Errors
    /// When Prometheus is not installed or refuses the configuration; the text has its log.
    pub fn start(config: &str, files: &[(&str, &str)]) -> Result<Self> {
        let dir = DataDir::new("prometheus")?;
        for (name, content) in files {
            dir.write(name, content)?;
        }
        let config = dir.write("prometheus.yml", config)?;
        let port = port::free_port();
        let mut command = Command::new(programs::PROMETHEUS.path()?);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                dir.path().join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .current_dir(dir.path());
        let log = dir.path().join("prometheus.log");
        let mut process = Process::spawn_logged("prometheus", &mut command, &log)?;
        let url = format!("http://127.0.0.1:{port}/-/ready");
        process.wait_ready(PATIENCE, || {
            http::get(&url).is_ok_and(|it| it.status == 200)
        })?;
        Ok(Self {
            port,
            _process: process,
            _dir: dir,
        })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Evaluates a PromQL expression now. A scalar is one sample without labels.
    ///
    /// # Errors
    /// When Prometheus refuses the expression.
    pub fn query(&self, expression: &str) -> Result<Vec<Sample>> {
        let path = format!("/api/v1/query?query={}", http::percent_encode(expression));
        let data = self
            .api(&path)
            .with_context(|| format!("query `{expression}`"))?;
        match data["resultType"].as_str() {
            Some("vector") => {
                let series = data["result"].as_array().context("the result is no list")?;
                series.iter().map(sample).collect()
            }
            Some("scalar") => {
                let value = number(&data["result"][1])?;
                Ok(vec![Sample {
                    labels: BTreeMap::new(),
                    value,
                }])
            }
            other => bail!("query `{expression}`: the result is of type {other:?}"),
        }
    }

    /// Waits until `expression` has at least one series and all of them satisfy `wanted`.
    ///
    /// # Errors
    /// When they do not within `within`; the text has the last result.
    pub fn wait_for(
        &self,
        expression: &str,
        within: Duration,
        wanted: impl Fn(&Sample) -> bool,
    ) -> Result<Vec<Sample>> {
        let mut last = None;
        poll::until(&format!("`{expression}`"), within, || {
            last = Some(self.query(expression));
            let samples = last.as_ref()?.as_ref().ok()?;
            (!samples.is_empty() && samples.iter().all(&wanted)).then(|| samples.clone())
        })
        .with_context(|| format!("the last result was {last:?}"))
    }

    /// `data` of an endpoint of the HTTP API, `/api/v1/alerts` for example.
    ///
    /// # Errors
    /// When the answer is not a success.
    pub fn api(&self, path: &str) -> Result<Value> {
        let answer = http::get(&format!("{}{path}", self.url()))?;
        let mut body: Value = serde_json::from_slice(&answer.body)?;
        if body["status"] != "success" {
            bail!("{}", body["error"]);
        }
        Ok(body["data"].take())
    }
}

/// Checks a rule file or a configuration with `promtool`: `what` is `rules` or `config`.
///
/// # Errors
/// What `promtool` complains about.
pub fn check(what: &str, yaml: &str) -> Result<()> {
    let dir = DataDir::new("promtool")?;
    let file = dir.write("checked.yml", yaml)?;
    let mut command = Command::new(programs::PROMTOOL.path()?);
    command.args(["check", what]).arg(file);
    crate::run_to_end("promtool", &mut command).map(drop)
}

/// Runs the unit tests of rules in `file`, which names the files of rules relative to itself.
///
/// # Errors
/// What `promtool` finds: an alert that is there and should not be, or the other way round.
pub fn test_rules(file: &Path) -> Result<()> {
    let mut command = Command::new(programs::PROMTOOL.path()?);
    command.args(["test", "rules"]).arg(file);
    crate::run_to_end("promtool", &mut command).map(drop)
}

fn sample(series: &Value) -> Result<Sample> {
    let labels = series["metric"]
        .as_object()
        .context("a series has no labels")?;
    let labels = labels
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect();
    Ok(Sample {
        labels,
        value: number(&series["value"][1])?,
    })
}

fn number(value: &Value) -> Result<f64> {
    let text = value.as_str().context("a value is no text")?;
    Ok(text.parse()?)
}
