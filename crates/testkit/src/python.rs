//! Python with packages: environments outside the checkout that are kept for the next run.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{programs, run_to_end};

/// In an environment that is complete: what it has been made for.
const PACKAGES: &str = "millrace-packages";

/// The directory that is kept from run to run, below `XDG_CACHE_HOME` or `~/.cache`.
///
/// # Errors
/// When it cannot be made.
pub fn cache() -> Result<PathBuf> {
    let set = |name| env::var_os(name).map(PathBuf::from);
    let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let dir = base.unwrap_or_else(env::temp_dir).join("millrace-interop");
    fs::create_dir_all(&dir).with_context(|| format!("make `{}`", dir.display()))?;
    Ok(dir)
}

/// The Python of the environment `name` in the directory `cache`, which has these packages, such as
/// `kafka-python==3.0.12`, from the index that pip is configured with.
///
/// Processes that ask at the same time wait for each other.
///
/// # Errors
/// When Python or its module `venv` is not installed, or pip cannot install the packages; the text
/// has what they said.
pub fn environment<S: AsRef<str>>(cache: &Path, name: &str, packages: &[S]) -> Result<PathBuf> {
    let dir = cache.join(format!("python-{name}"));
    let lock = dir.with_extension("lock");
    let lock = File::create(&lock).with_context(|| format!("make `{}`", lock.display()))?;
    lock.lock().context("wait for another installation")?;
    let packages: Vec<&str> = packages.iter().map(AsRef::as_ref).collect();
    let (python, complete) = (dir.join("bin/python"), dir.join(PACKAGES));
    if fs::read_to_string(&complete).is_ok_and(|it| it == packages.join("\n")) {
        return Ok(python);
    }
    let mut venv = Command::new(programs::PYTHON.path()?);
    venv.args(["-m", "venv", "--clear"]).arg(&dir);
    run_to_end("python3", &mut venv)?;
    if !packages.is_empty() {
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet"]);
        pip.arg("--disable-pip-version-check").args(&packages);
        run_to_end("pip", &mut pip)?;
    }
    fs::write(&complete, packages.join("\n")).context("keep what is installed")?;
    Ok(python)
}

/// What a project depends on: the list `dependencies` of its `pyproject.toml`.
///
/// # Panics
/// There is no such list.
#[must_use]
pub fn dependencies(pyproject: &str) -> Vec<String> {
    let (_, list) = pyproject
        .split_once("\ndependencies = [")
        .expect("a project has `dependencies`");
    let (list, _) = list.split_once("\n]").expect("the list has an end");
    let lines = list.lines().map(|it| it.trim().trim_end_matches(','));
    let quoted = lines.filter_map(|it| it.strip_prefix('"')?.strip_suffix('"'));
    quoted.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dependencies_of_a_project_are_read() {
        let text = "[project]\ndependencies = [\n    \"a[b]==1\",\n    \"c\",\n]\nx = [\"d\"]\n";
        assert_eq!(dependencies(text), ["a[b]==1", "c"]);
    }

    #[test]
    fn an_environment_is_made_once_and_anew_when_it_is_to_have_something_else() {
        let cache = tempfile::tempdir().unwrap();
        let environment = |packages: &[&str]| environment(cache.path(), "test", packages);
        let python = environment(&[]).unwrap();
        let version = Command::new(&python).arg("--version").output().unwrap();
        assert!(version.status.success());
        let kept = cache.path().join("python-test/kept");
        fs::write(&kept, "").unwrap();
        assert_eq!(environment(&[]).unwrap(), python);
        assert!(kept.is_file());
        // Without a network, too: it is no name of a package.
        let error = environment(&["no package"]).unwrap_err().to_string();
        assert!(error.starts_with("pip ended with"), "{error}");
        assert!(!kept.exists());
    }
}
