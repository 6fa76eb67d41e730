//! The alert rules of `deploy/prometheus`: those for pipelines, and those for a broker, which are the
//! operations guide's and all of its thresholds; by their unit tests, and by a real Prometheus beside
//! a broker in trouble.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use millrace_testkit::millrace::{Millrace, command, output};
use millrace_testkit::pages;
use millrace_testkit::poll::{self, PATIENCE};
use millrace_testkit::port::free_port;
use millrace_testkit::prometheus::{self, PrometheusServer};
use millrace_testkit::seeds;

const GUIDE: &str = "4-message-queue-operations-guide.md";
const RULES: &str = "millrace-broker.rules.yaml";
const OF_PIPELINES: &str = "millrace-pipelines.rules.yaml";

/// Prometheus notices what the broker shows every five seconds.
const TROUBLE: Duration = PATIENCE.saturating_mul(2);

fn shipped(name: &str) -> PathBuf {
    seeds::in_checkout("deploy/prometheus").join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(shipped(name)).unwrap()
}

fn rules() -> String {
    read(RULES)
}

#[test]
fn every_alert_on_a_broker_fires_when_it_must_and_only_then() {
    assert_tested(RULES, "millrace-broker.rules.test.yaml");
}

#[test]
fn every_alert_on_a_pipeline_fires_when_it_must_and_only_then() {
    assert_tested(OF_PIPELINES, "millrace-pipelines.rules.test.yaml");
}

fn assert_tested(rules: &str, tests: &str) {
    let rules = read(rules);
    prometheus::check("rules", &rules).unwrap();
    prometheus::test_rules(&shipped(tests)).unwrap();
    let cases = read(tests);
    let is_alert = |line: &&str| line.trim().starts_with("- alert: ");
    for alert in rules.lines().filter(is_alert) {
        let name = alert.trim().trim_start_matches("- alert: ");
        let fires = format!("- alertname: {name}\n");
        let is_quiet = format!("- {{ alertname: {name}, ");
        assert!(
            cases.contains(&fires) && cases.contains(&is_quiet),
            "{name}"
        );
    }
}

#[test]
fn the_alerts_on_pipelines_are_on_metrics_that_there_are() {
    let page = fs::read_to_string(seeds::in_checkout("docs/reference/metrics.md")).unwrap();
    let rules = read(OF_PIPELINES);
    let words = rules.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
    let is_metric =
        |it: &&str| it.starts_with("bento_") || it.ends_with("_total") || it.ends_with("_seconds");
    let metrics: Vec<&str> = words.filter(is_metric).collect();
    assert!(metrics.len() >= 6, "{metrics:?}");
    for metric in metrics {
        assert!(page.contains(&format!("`{metric}`")), "{metric}");
    }
}

#[test]
fn the_rules_of_the_guide_are_there_as_written_and_each_of_its_thresholds_has_one() {
    let Some(page) = seeds::text(GUIDE) else {
        return;
    };
    let blocks = pages::blocks(&page, &["yaml"]);
    let written = blocks.iter().find(|it| it.text.contains("- alert:"));
    let trimmed = |text: &str| -> String {
        let lines = text.lines().map(|it| format!("{}\n", it.trim_end()));
        lines.collect()
    };
    let (_, written) = written.unwrap().text.split_once('\n').unwrap();
    assert!(rules().contains(&trimmed(written)), "{written}");

    let thresholds: Vec<(String, String)> = page.lines().filter_map(threshold).collect();
    assert_eq!(thresholds.len(), 8, "{thresholds:?}");
    for (metric, bound) in thresholds {
        let rules = rules();
        let mut expressions = rules
            .lines()
            .filter_map(|it| it.trim().strip_prefix("expr: "));
        let is_of = |it: &str| {
            let it = it.strip_prefix("increase(").unwrap_or(it);
            let compared = it.strip_prefix(&metric)?.split_once(" > ")?.1;
            Some(compared == bound || (bound == "80" && compared.starts_with("0.8 * ")))
        };
        assert!(
            expressions.any(|it| is_of(it) == Some(true)),
            "{metric} > {bound}"
        );
    }
}

/// Metric and bound of a row such as `| metric | what it is | > 1000ms |`.
fn threshold(row: &str) -> Option<(String, String)> {
    let mut cells = row.strip_prefix("| `")?.split('|').map(str::trim);
    let metric = cells.next()?.trim_matches('`');
    let bound = cells.nth(1)?.strip_prefix("> ")?;
    let number: String = bound.chars().take_while(char::is_ascii_digit).collect();
    Some((metric.to_owned(), number))
}

#[test]
fn the_configuration_that_is_shipped_is_valid() {
    let config = fs::read_to_string(shipped("prometheus.yaml")).unwrap();
    let targets = ["localhost:4195", "localhost:4196", "localhost:9400"];
    assert!(targets.iter().all(|it| config.contains(it)), "{config}");
    let files = [(RULES, &*rules()), (OF_PIPELINES, &*read(OF_PIPELINES))];
    let prometheus = PrometheusServer::start(&config, &files).unwrap();
    let loaded = prometheus.api("/api/v1/rules").unwrap();
    let groups = loaded["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 4, "{loaded}");
}

/// A broker with two log directories, and a Prometheus that watches it with minutes as seconds.
struct Watched {
    dir: tempfile::TempDir,
    address: String,
    prometheus: PrometheusServer,
    _broker: Millrace,
}

impl Watched {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        let settings = format!(
            "node.id=1\nlisteners=PLAINTEXT://127.0.0.1:0\nlog.dirs={},{}\n\
             log.segment.bytes=1048576\ngroup.initial.rebalance.delay.ms=0\n",
            at("sound"),
            at("failing")
        );
        let file = dir.path().join("broker.properties");
        fs::write(&file, settings).unwrap();
        let http = format!("127.0.0.1:{}", free_port());
        let mut command = command().unwrap();
        command.args(["broker", "--http.address", &http, "--config"]);
        let mut broker = Millrace::start(command.arg(file)).unwrap();
        let is_ready = |it: &serde_json::Value| it["message"] == "the broker is ready";
        let ready = broker
            .wait_for_log("the broker", PATIENCE, is_ready)
            .unwrap();
        let config = format!(
            "global: {{ scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 250ms }}\n\
             rule_files: [ {RULES} ]\n\
             scrape_configs: [ {{ job_name: broker, static_configs: [ {{ targets: [ '{http}' ] }} ] }} ]\n"
        );
        let scaled: Vec<String> = rules().lines().map(minutes_as_seconds).collect();
        let scaled = scaled.join("\n");
        Self {
            address: ready["address"].as_str().unwrap().to_owned(),
            prometheus: PrometheusServer::start(&config, &[(RULES, &scaled)]).unwrap(),
            _broker: broker,
            dir,
        }
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = command().unwrap();
        command.env("MILLRACE_BOOTSTRAP_SERVERS", &self.address);
        command.args(args);
        command
    }

    /// Runs a command of millrace; whether it has done all.
    fn run(&self, args: &[&str], input: &str) -> bool {
        let output = output(&mut self.command(args), input.as_bytes()).unwrap();
        output.status.success()
    }

    fn consumer(&self) -> Millrace {
        let args = [
            "consume",
            "orders",
            "--group",
            "my-group",
            "--from-beginning",
        ];
        Millrace::start(&mut self.command(&args)).unwrap()
    }

    /// The names of the alerts that fire.
    fn firing(&self) -> Vec<String> {
        let alerts = self
            .prometheus
            .query("ALERTS{alertstate=\"firing\"}")
            .unwrap();
        let names = alerts.iter().map(|it| it.labels["alertname"].clone());
        names.collect()
    }

    fn wait_until_firing(&self, wanted: &[&str]) {
        let what = format!("the alerts {wanted:?}");
        poll::until(&what, TROUBLE, || (self.firing() == wanted).then_some(())).unwrap();
    }

    fn wait_for_lag(&self, wanted: f64) {
        // The query of the guide.
        let lag = "consumer_lag{group=\"my-group\"}";
        let samples = self
            .prometheus
            .wait_for(lag, PATIENCE, |it| it.value == wanted);
        assert_eq!(samples.unwrap().len(), 1);
    }
}

/// `for: 10m` lasts ten seconds.
fn minutes_as_seconds(line: &str) -> String {
    let minutes = line.trim_start().starts_with("for: ");
    let scaled = minutes.then(|| line.strip_suffix('m')).flatten();
    scaled.map_or_else(|| line.to_owned(), |it| format!("{it}s"))
}

/// Takes a directory away from below a broker.
fn fail(dir: &Path) {
    fs::rename(dir, dir.with_extension("gone")).unwrap();
    fs::write(dir, "no directory").unwrap();
}

#[test]
fn a_consumer_that_stops_and_a_directory_that_fails_raise_their_alerts_and_no_other() {
    let watched = Watched::start();
    assert!(watched.run(&["topic", "create", "orders"], ""));
    assert!(watched.run(&["topic", "create", "spread", "--partitions", "2"], ""));
    let nothing = watched
        .prometheus
        .wait_for("messages_in_total", PATIENCE, |it| it.value == 0.0);
    nothing.unwrap();
    let mut consumer = watched.consumer();
    assert!(watched.run(&["produce", "orders"], "1\n2\n3\n"));
    let has_read =
        |count: usize| move |it: &Millrace| (it.stdout_lines().len() == count).then_some(());
    consumer
        .wait_for("the records", PATIENCE, has_read(3))
        .unwrap();
    watched.wait_for_lag(0.0);
    let rate = "rate(messages_in_total[5m])";
    watched
        .prometheus
        .wait_for(rate, PATIENCE, |it| it.value > 0.0)
        .unwrap();

    // The consumer stops, which is told when it lasts.
    assert!(consumer.terminate(PATIENCE).unwrap().success());
    assert!(watched.run(&["produce", "orders"], &"late\n".repeat(10_001)));
    watched.wait_for_lag(10_001.0);
    watched.wait_until_firing(&["HighConsumerLag"]);
    let before = "count_over_time(ALERTS{alertstate=\"pending\"}[5m])";
    let before = watched.prometheus.query(before).unwrap();
    assert_eq!(before.len(), 1, "{before:?}");
    assert_eq!(before[0].labels["alertname"], "HighConsumerLag");

    // It comes back.
    let mut consumer = watched.consumer();
    consumer
        .wait_for("the records", PATIENCE, has_read(10_001))
        .unwrap();
    watched.wait_for_lag(0.0);
    watched.wait_until_firing(&[]);

    // What is in the directory that fails can be written to until the next segment begins.
    fail(&watched.dir.path().join("failing"));
    let line = format!("{}\n", "x".repeat(1000));
    assert!(!watched.run(&["produce", "spread", "--retries", "1"], &line.repeat(5000)));
    watched.wait_until_firing(&["OfflinePartitions"]);
    let replicas = watched.prometheus.query("under_replicated_partitions > 0");
    assert_eq!(replicas.unwrap(), []);
}
