//! The Python of the operations guide of the message queue, run by the package in `deploy/python`
//! as it stands there, but for the port 9092, whose place a free one takes.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use millrace_testkit::millrace::{Millrace, binary, command, output};
use millrace_testkit::pages;
use millrace_testkit::poll::{self, PATIENCE};
use millrace_testkit::port::free_port;
use millrace_testkit::{python, seeds};
use serde_json::Value;

const GUIDE: &str = "4-message-queue-operations-guide.md";
const PACKAGE: &str = "deploy/python";

/// Settings that keep a test short: no group waits for members that do not come.
const SETTINGS: &str = "group_initial_rebalance_delay_ms: 0\n";

/// A copy of the package, with the Python that has what it needs.
struct Package {
    dir: tempfile::TempDir,
    bin: PathBuf,
    port: u16,
}

impl Package {
    fn new(settings: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let source = seeds::in_checkout(PACKAGE);
        copy(&source, dir.path());
        let file = dir.path().join("config/broker.yaml");
        let text = fs::read_to_string(&file).unwrap() + settings;
        fs::write(file, text).unwrap();
        let project = fs::read_to_string(source.join("pyproject.toml")).unwrap();
        let packages = python::dependencies(&project);
        let python = python::environment(&python::cache().unwrap(), "millrace-client", &packages);
        let bin = python.unwrap().parent().unwrap().to_owned();
        let port = free_port();
        Self { dir, bin, port }
    }

    /// Lines of the guide, with the port of this test.
    fn lines(&self, text: &str) -> String {
        text.replace("9092", &self.port.to_string())
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .current_dir(self.dir.path())
            .env("PATH", format!("{}:{path}", self.bin.display()))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("MILLRACE_BIN", binary().unwrap())
            .env("BROKER_HOST", "127.0.0.1")
            .env(
                "MILLRACE_BOOTSTRAP_SERVERS",
                format!("localhost:{}", self.port),
            );
        command
    }

    /// Begins one line of a shell that goes on until it is stopped.
    fn start(&self, line: &str) -> Millrace {
        let mut bash = self.command("bash");
        Millrace::start(bash.args(["-c", &format!("exec {line}")])).unwrap()
    }

    /// Runs lines of a shell to their end, each of which must succeed.
    fn run(&self, lines: &str) {
        let output = self.command("bash").args(["-ec", lines]).output();
        succeeded(lines, &output.unwrap());
    }

    /// Begins the broker as the guide does; its data is that of this test.
    fn start_broker(&self, line: &str) -> Millrace {
        let mut broker = self.start(&format!("{line} --data data"));
        broker
            .wait_for_stderr("the broker is ready", PATIENCE)
            .unwrap();
        broker
    }

    fn broker(&self) -> Millrace {
        self.start_broker(&format!("python broker/broker.py 1 {}", self.port))
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(fs::copy(&path, target).unwrap()),
        }
    }
}

fn succeeded(what: &str, output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}\n{said}");
}

/// The block of a language that has this in it; there is one.
fn block(page: &str, language: &str, part: &str) -> String {
    let blocks = pages::blocks(page, &[language]);
    let mut found = blocks.into_iter().filter(|it| it.text.contains(part));
    let block = found
        .next()
        .unwrap_or_else(|| panic!("no block has {part}"));
    assert!(found.next().is_none(), "several blocks have {part}");
    block.text
}

#[test]
fn a_node_is_begun_written_to_read_by_a_group_and_its_metadata_are_kept() {
    let Some(page) = seeds::text(GUIDE) else {
        return;
    };
    let package = Package::new(&format!("{SETTINGS}num_partitions: 3\n"));
    let single = package.lines(&block(&page, "bash", "from client.producer import"));
    let (begin, send) = single.split_once("\n\n").unwrap();
    let begin = begin.lines().last().unwrap();
    assert_eq!(begin, format!("python broker/broker.py 1 {}", package.port));
    let mut broker = package.start_broker(begin);
    package.run(send);

    // Three terminals: each member of the group has one of the three partitions.
    let scaling = block(&page, "bash", "# Terminal 3");
    let terminals = scaling.lines().filter(|it| it.starts_with("python "));
    let mut consumers: Vec<Millrace> = terminals.map(|it| package.start(it)).collect();
    assert_eq!(consumers.len(), 3);
    let wanted: BTreeSet<String> = (0..3).map(|it| format!("test-topic-{it}:")).collect();
    poll::until("a partition for each consumer", PATIENCE, || {
        let last = |it: &Millrace| {
            let said = it.stderr_lines();
            let reading = said.iter().rfind(|it| it.starts_with("reading "))?;
            Some(reading.split(' ').nth(1)?.to_owned())
        };
        let has: BTreeSet<String> = consumers.iter().filter_map(last).collect();
        (has == wanted).then_some(())
    })
    .unwrap();
    let printed = || -> Vec<String> { consumers.iter().flat_map(Millrace::stdout_lines).collect() };
    poll::until("the record", PATIENCE, || {
        printed()
            .iter()
            .any(|it| it.ends_with(" test"))
            .then_some(())
    })
    .unwrap();
    assert_eq!(printed().len(), 1, "one of them has read it, once");
    for consumer in &mut consumers {
        let status = consumer.terminate(PATIENCE).unwrap();
        assert!(status.success(), "{:?}", consumer.stderr_lines());
    }

    package.run(&block(&page, "bash", "ClusterCoordinator"));
    let backup = fs::read(package.dir.path().join("metadata-backup.json")).unwrap();
    let backup: Value = serde_json::from_slice(&backup).unwrap();
    assert_eq!(backup["brokers"][0]["port"], package.port);
    let partitions = &backup["topics"]["test-topic"]["partitions"];
    assert_eq!(partitions.as_array().unwrap().len(), 3);
    // It is the file that `cluster import` reads.
    let mut import = command().unwrap();
    import.args(["cluster", "import", "--bootstrap-servers"]);
    import.arg(format!("127.0.0.1:{}", package.port));
    import.arg(package.dir.path().join("metadata-backup.json"));
    let imported = output(&mut import, b"").unwrap();
    let complaint = String::from_utf8_lossy(&imported.stderr);
    assert!(imported.status.success(), "{complaint}");

    // "Verify data integrity", after the broker has begun again on its data.
    assert!(broker.terminate(PATIENCE).unwrap().success());
    let _broker = package.broker();
    let verify = block(&page, "bash", "# 3. Verify data integrity");
    let verify = verify.lines().last().unwrap();
    let mut consumer = package.start(&format!("{verify} --group verify"));
    let read_again = |it: &Millrace| {
        it.stdout_lines()
            .iter()
            .any(|it| it.ends_with(" test"))
            .then_some(())
    };
    consumer
        .wait_for("the record", PATIENCE, read_again)
        .unwrap();
}

/// What a block needs around it: the names that it uses before, and a record that goes through the
/// client of its config behind.
const BEFORE: &str = "
import dataclasses
from client.consumer import Consumer, ConsumerConfig, OffsetResetPolicy
from client.producer import AckMode, Producer, ProducerConfig
config = producer = None
";
const AFTER: &str = "
if isinstance(config, ProducerConfig):
    producer = Producer(config)
    producer.start()
if producer is not None:
    producer.send('through', 'a record').get(60)
    producer.close()
else:
    first = OffsetResetPolicy.EARLIEST
    with Consumer(dataclasses.replace(config, auto_offset_reset=first)) as consumer:
        consumer.subscribe(['through'])
        print(next(iter(consumer)).value)
";

#[test]
fn every_block_of_python_runs_and_its_client_works() {
    let Some(page) = seeds::text(GUIDE) else {
        return;
    };
    let package = Package::new(SETTINGS);
    let _broker = package.broker();
    // These stand among the Python of the guide, and are for a shell.
    let of_a_shell = ["ping broker-host", "telnet broker-host 9092"];
    let (mut producers, mut consumers) = (0, 0);
    for block in pages::blocks(&page, &["python"]) {
        let lines = block.text.lines().filter(|it| !of_a_shell.contains(it));
        let lines = package.lines(&lines.collect::<Vec<_>>().join("\n"));
        let program = format!("{BEFORE}{lines}{AFTER}");
        let mut python = package.command("python");
        let output = python.args(["-c", &program]).output().unwrap();
        succeeded(&lines, &output);
        match lines.contains("ConsumerConfig(") {
            true => consumers += 1,
            false => producers += 1,
        }
        let is_read = output.stdout == b"b'a record'\n";
        assert_eq!(is_read, lines.contains("ConsumerConfig("), "{lines}");
    }
    assert_eq!((producers, consumers), (5, 3));
}

#[test]
fn a_second_and_a_third_broker_are_refused_with_the_reason() {
    let Some(page) = seeds::text(GUIDE) else {
        return;
    };
    let package = Package::new("");
    for broker in ["2 9093", "3 9094"] {
        let line = block(&page, "bash", &format!("python broker/broker.py {broker}"));
        let output = package.command("bash").args(["-ec", &line]).output();
        let output = output.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("replication is not built"), "{said}");
        let instead = format!("`millrace broker {broker}`");
        assert!(said.contains(&instead), "{said}");
    }
}

#[test]
fn the_broker_begins_with_the_settings_of_the_guide() {
    let Some(page) = seeds::text(GUIDE) else {
        return;
    };
    for part in ["# Reduce buffer sizes", "num_network_threads: 8"] {
        let package = Package::new(&block(&page, "yaml", part));
        let mut broker = package.broker();
        assert!(broker.terminate(PATIENCE).unwrap().success(), "{part}");
    }
}

#[test]
fn a_binary_that_is_not_there_is_told_with_the_remedy() {
    let package = Package::new("");
    let mut python = package.command("python");
    python.args(["broker/broker.py", "1", "9092"]);
    let output = python.env("MILLRACE_BIN", "/nowhere").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("`/nowhere` of MILLRACE_BIN") && said.contains("cargo build"),
        "{said}"
    );
}

#[test]
fn the_tests_of_the_package_pass() {
    let package = Package::new(SETTINGS);
    let _broker = package.broker();
    package.run("python -m unittest discover -s tests");
}
