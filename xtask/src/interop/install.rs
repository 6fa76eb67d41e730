//! Kafka's Java clients, by Maven, outside the checkout and kept for the next run.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use millrace_testkit::run_to_end;

/// Where the scripts are.
pub const SCRIPTS: &str = "tests/interop";

/// The jars that `tests/interop/pom.xml` names.
const KAFKA: &str = "kafka-4.3.1";

/// The class path of Kafka's clients and tools.
pub fn kafka(cache: &Path) -> Result<String> {
    let jars = cache.join(KAFKA);
    // Made whole by its renaming: an interrupted download is begun anew.
    if !jars.is_dir() {
        let coming = cache.join(format!("{KAFKA}.coming"));
        let mut maven = Command::new("mvn");
        maven.args(["--quiet", "--batch-mode", "--file"]);
        maven.arg(Path::new(SCRIPTS).join("pom.xml"));
        maven.arg("dependency:copy-dependencies");
        maven.arg(format!("-DoutputDirectory={}", coming.display()));
        run_to_end("Maven", &mut maven)?;
        fs::rename(&coming, &jars).context("keep the jars")?;
    }
    Ok(format!("{}/*", jars.display()))
}

/// `java` with a class path, quick to start.
pub fn java(class_path: &str) -> Command {
    let mut java = Command::new("java");
    java.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m"]);
    java.args(["-cp", class_path]);
    java
}
