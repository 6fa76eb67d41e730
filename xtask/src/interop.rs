//! `cargo xtask interop`: real clients against a broker that is killed under them, and Kafka's own
//! reader of what it has left on the disk.

mod broker;
mod files;
mod install;
mod story;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use millrace_testkit::{programs, python};

use crate::packages;
use crate::test_counts::TestCounts;
use broker::Broker;

/// A client, and how its story is begun.
struct Client {
    name: &'static str,
    begin: fn(&Path) -> Result<Command>,
}

const CLIENTS: &[Client] = &[
    Client {
        name: "kcat",
        begin: |_| Ok(shell("kcat_story.sh")),
    },
    Client {
        name: "confluent-kafka",
        begin: |cache| python(cache, "confluent_kafka_story.py", "confluent-kafka==2.16.1"),
    },
    Client {
        name: "kafka-python",
        begin: |cache| python(cache, "kafka_python_story.py", "kafka-python==3.0.12"),
    },
    Client {
        name: "aiokafka",
        begin: |cache| python(cache, "aiokafka_story.py", "aiokafka[lz4]==0.14.0"),
    },
    Client {
        name: "java-clients",
        begin: |cache| {
            let mut java = install::java(&install::kafka(cache)?);
            java.arg(script("Story.java"));
            Ok(java)
        },
    },
    Client {
        name: "java-tools",
        begin: |cache| {
            let mut tools = shell("java_tools_story.sh");
            tools.env("CLASS_PATH", install::kafka(cache)?);
            Ok(tools)
        },
    },
];

/// The name under which what the broker has left is judged.
const FILES: &str = "files";

/// Runs the clients; true when all is well.
pub fn run(arguments: &[String]) -> Result<bool> {
    let (chosen, binary) = parse(arguments)?;
    let cache = python::cache()?;
    let dir = tempfile::tempdir().context("make a directory for the broker")?;
    let mut verdicts = Verdicts::default();
    // Each client says by itself what it lacks.
    let programs = [programs::CLIENTS, &[programs::PYTHON]].concat();
    if let Err(error) = packages::install(&programs) {
        eprintln!("error: {error:#}");
    }
    let mut broker = Broker::start(&binary, dir.path())?;
    for client in chosen {
        verdicts.add(client.name, || {
            let mut command = (client.begin)(&cache).context("install it")?;
            command.args([&broker.address(), client.name]);
            story::run(&mut command, &mut broker)?;
            Ok(String::new())
        });
    }
    verdicts.add(FILES, || {
        broker.stop()?;
        let files = files::check(&install::kafka(&cache)?, &broker.data)?;
        Ok(format!(" ({files}, after {} crashes)", broker.kills))
    });
    Ok(verdicts.report())
}

fn shell(name: &str) -> Command {
    let mut bash = Command::new("bash");
    bash.arg(script(name));
    bash
}

fn python(cache: &Path, name: &str, package: &str) -> Result<Command> {
    let environment = name.trim_end_matches("_story.py");
    let mut python = Command::new(python::environment(cache, environment, &[package])?);
    // Nothing is written beside the scripts.
    python.arg("-B").arg(script(name));
    Ok(python)
}

fn script(name: &str) -> PathBuf {
    Path::new(install::SCRIPTS).join(name)
}

/// One line for each client, in the order in which they ran.
#[derive(Default)]
struct Verdicts {
    lines: Vec<String>,
    counts: TestCounts,
}

impl Verdicts {
    fn add(&mut self, name: &str, judge: impl FnOnce() -> Result<String>) {
        println!("== {name}");
        let start = Instant::now();
        let verdict = judge();
        let seconds = start.elapsed().as_secs_f32();
        self.lines.push(match verdict {
            Ok(remark) => {
                self.counts.passed += 1;
                format!("{seconds:>6.1} s  {name}: ok{remark}")
            }
            Err(error) => {
                self.counts.failed += 1;
                format!("{seconds:>6.1} s  {name}: failed: {error:#}")
            }
        });
    }

    /// Prints all; true when none has failed.
    fn report(&self) -> bool {
        println!();
        for line in &self.lines {
            println!("{line}");
        }
        println!("{}", self.counts);
        self.counts.failed == 0
    }
}

fn parse(arguments: &[String]) -> Result<(Vec<&'static Client>, PathBuf)> {
    let (mut chosen, mut binary) = (Vec::new(), None);
    let mut rest = arguments.iter();
    while let Some(flag) = rest.next() {
        let value = rest.next();
        let value = value.with_context(|| format!("`{flag}` needs a value"))?;
        match flag.as_str() {
            "--only" => {
                for name in value.split(',') {
                    let found = CLIENTS.iter().find(|it| it.name == name);
                    let names: Vec<_> = CLIENTS.iter().map(|it| it.name).collect();
                    let help = || format!("`{name}` is no client: use {}", names.join(", "));
                    chosen.push(found.with_context(help)?);
                }
            }
            "--binary" => binary = Some(PathBuf::from(value)),
            other => bail!("`{other}` is no option of `cargo xtask interop`"),
        }
    }
    if chosen.is_empty() {
        chosen.extend(CLIENTS);
    }
    Ok((chosen, crate::test::binary(binary, &[])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_cannot_be_installed_is_a_failure() {
        let mut verdicts = Verdicts::default();
        verdicts.add("good", || Ok(String::new()));
        assert!(verdicts.report());
        verdicts.add("absent", || bail!("no such package"));
        assert!(!verdicts.report());
        assert!(verdicts.lines[1].ends_with("absent: failed: no such package"));
        assert_eq!((verdicts.counts.passed, verdicts.counts.failed), (1, 1));
    }

    #[test]
    fn every_script_is_there_and_an_unknown_client_is_refused() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for name in [
            "kcat_story.sh",
            "confluent_kafka_story.py",
            "kafka_python_story.py",
            "aiokafka_story.py",
            "Story.java",
            "java_tools_story.sh",
        ] {
            assert!(root.join(script(name)).is_file(), "{name}");
        }
        let words = ["--only", "kcat,nobody"].map(str::to_owned);
        assert!(parse(&words).is_err());
    }
}
