//! The clients, and how the story of each is begun.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use millrace_testkit::programs::{self, Program};
use millrace_testkit::python;

use super::install;

/// A client, and how its story is begun.
pub struct Client {
    pub name: &'static str,
    /// What its story needs of Debian.
    pub programs: &'static [Program],
    /// Installs it below the directory that is kept; the command lacks the address and the name.
    pub begin: fn(&Path) -> Result<Command>,
}

/// What Kafka's own clients and tools, and its reader of files, need of Debian.
pub const JAVA: &[Program] = &[programs::JAVAC, programs::MAVEN];

pub const CLIENTS: &[Client] = &[
    Client {
        name: "kcat",
        programs: &[programs::KCAT],
        begin: |_| Ok(shell("kcat_story.sh")),
    },
    Client {
        name: "confluent-kafka",
        programs: &[programs::PYTHON],
        begin: |cache| python(cache, "confluent_kafka_story.py", "confluent-kafka==2.16.1"),
    },
    Client {
        name: "kafka-python",
        programs: &[programs::PYTHON],
        begin: |cache| python(cache, "kafka_python_story.py", "kafka-python==3.0.12"),
    },
    Client {
        name: "aiokafka",
        programs: &[programs::PYTHON],
        begin: |cache| python(cache, "aiokafka_story.py", "aiokafka[lz4]==0.14.0"),
    },
    Client {
        name: "franz-go",
        programs: &[programs::GO],
        begin: |cache| Ok(Command::new(install::go_story(cache)?)),
    },
    Client {
        name: "platformatic-kafka",
        programs: &[programs::NODE, programs::NPM],
        begin: install::node_story,
    },
    Client {
        name: "java-clients",
        programs: JAVA,
        begin: |cache| {
            let mut java = install::java(&install::kafka(cache)?);
            java.arg(script("Story.java"));
            Ok(java)
        },
    },
    Client {
        name: "java-tools",
        programs: JAVA,
        begin: |cache| {
            let mut tools = shell("java_tools_story.sh");
            tools.env("CLASS_PATH", install::kafka(cache)?);
            Ok(tools)
        },
    },
];

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_is_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for name in [
            "kcat_story.sh",
            "confluent_kafka_story.py",
            "kafka_python_story.py",
            "aiokafka_story.py",
            "go/story.go",
            "node/story.mjs",
            "Story.java",
            "java_tools_story.sh",
        ] {
            assert!(root.join(script(name)).is_file(), "{name}");
        }
    }
}
