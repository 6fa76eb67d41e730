//! Clients that are no package of Debian or Python: by the client of their registry, outside the
//! checkout and kept for the next run.

use std::fs;
use std::path::{Path, PathBuf};
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
    java.args(JAVA_OPTIONS);
    java.args(["-cp", class_path]);
    java
}

/// Of a Java that is quick to start.
pub const JAVA_OPTIONS: &[&str] = &["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m"];

/// The program of `tests/interop/go`, built anew when it has changed.
pub fn go_story(cache: &Path) -> Result<PathBuf> {
    let program = cache.join("franz-go-story");
    let mut go = Command::new("go");
    go.args(["build", "-o"]).arg(&program).arg(".");
    run_to_end("go", go.current_dir(Path::new(SCRIPTS).join("go")))?;
    Ok(program)
}

/// Runs the script of `tests/interop/node` beside the packages that it names.
pub fn node_story(cache: &Path) -> Result<Command> {
    const LOCK: &str = "package-lock.json";
    let from = Path::new(SCRIPTS).join("node");
    let dir = cache.join("node");
    fs::create_dir_all(&dir).context("make a directory for the packages")?;
    for name in ["package.json", LOCK, "story.mjs"] {
        fs::copy(from.join(name), dir.join(name)).with_context(|| format!("copy `{name}`"))?;
    }
    let wanted = fs::read(from.join(LOCK)).context("read the lock")?;
    let installed = dir.join("installed");
    if !fs::read(&installed).is_ok_and(|it| it == wanted) {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        run_to_end("npm", npm.current_dir(&dir))?;
        fs::write(installed, wanted).context("keep what is installed")?;
    }
    let mut node = Command::new("node");
    node.arg(dir.join("story.mjs"));
    Ok(node)
}
