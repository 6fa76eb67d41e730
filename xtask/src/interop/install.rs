//! Kafka's Java clients, by Maven, outside the checkout and kept for the next run.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

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
        succeed(&mut maven)?;
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

fn succeed(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output();
    let output = output.with_context(|| format!("start `{program}`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let printed = String::from_utf8_lossy(&output.stdout);
        bail!("{command:?} ended with {}: {printed}{said}", output.status);
    }
    Ok(())
}
