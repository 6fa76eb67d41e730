//! The clients: Python's in an environment of their own, Kafka's Java ones by Maven, both outside
//! the checkout and kept for the next run.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Where the scripts are.
pub const SCRIPTS: &str = "tests/interop";

/// The jars that `tests/interop/pom.xml` names.
const KAFKA: &str = "kafka-4.3.1";

/// The directory that is kept from run to run.
pub fn cache() -> Result<PathBuf> {
    let set = |name| env::var_os(name).map(PathBuf::from);
    let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let dir = base.unwrap_or_else(env::temp_dir).join("millrace-interop");
    fs::create_dir_all(&dir).with_context(|| format!("make `{}`", dir.display()))?;
    Ok(dir)
}

/// The Python of an environment that has the packages, such as `kafka-python==3.0.12`.
pub fn python(cache: &Path, packages: &[&str]) -> Result<PathBuf> {
    let environment = cache.join("python");
    let python = environment.join("bin/python");
    if !python.is_file() {
        succeed(
            Command::new("python3")
                .args(["-m", "venv"])
                .arg(&environment),
        )?;
    }
    let mut pip = Command::new(&python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]);
    succeed(pip.args(packages))?;
    Ok(python)
}

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
