//! Finds the programs of the Debian packages that tests need.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// A program of a Debian package.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// File name of the program.
    pub name: &'static str,
    /// Debian package that brings it.
    pub package: &'static str,
    dirs: &'static [&'static str],
}

/// Directories that hold servers, whatever `PATH` says.
const DEFAULT_DIRS: &[&str] = &["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"];

macro_rules! programs {
    ($(#[$doc:meta])* $list:ident:
     $($constant:ident = $name:literal from $package:literal $(in $dir:literal)?;)*) => {
        $(
            #[doc = concat!("`", $name, "` of the package `", $package, "`.")]
            pub const $constant: Program = Program {
                name: $name,
                package: $package,
                dirs: &[$($dir)?],
            };
        )*
        $(#[$doc])*
        pub const $list: &[Program] = &[$($constant),*];
    };
}

programs! {
    /// Every program that some test starts.
    TESTS:
    // The script in /usr/sbin changes to the package's own user and data; this one does not.
    RABBITMQ_SERVER = "rabbitmq-server" from "rabbitmq-server" in "/usr/lib/rabbitmq/bin";
    EPMD = "epmd" from "rabbitmq-server";
    REDIS_SERVER = "redis-server" from "redis-server";
    MARIADBD = "mariadbd" from "mariadb-server";
    MARIADB_INSTALL_DB = "mariadb-install-db" from "mariadb-server";
    MARIADB = "mariadb" from "mariadb-server";
    POSTGRES = "postgres" from "postgresql" in "/usr/lib/postgresql/*/bin";
    INITDB = "initdb" from "postgresql" in "/usr/lib/postgresql/*/bin";
    PSQL = "psql" from "postgresql" in "/usr/lib/postgresql/*/bin";
    CHROMIUM = "chromium" from "chromium";
    PROMETHEUS = "prometheus" from "prometheus";
    PROMTOOL = "promtool" from "prometheus";
    PYTHON = "python3" from "python3-venv";
}

programs! {
    /// What `cargo xtask power-loss` records calls with.
    TRACERS:
    STRACE = "strace" from "strace";
}

programs! {
    /// The clients of the broker that `cargo xtask interop` starts, and what installs them.
    CLIENTS:
    KCAT = "kcat" from "kcat";
    JAVAC = "javac" from "default-jdk-headless";
    MAVEN = "mvn" from "maven";
    GO = "go" from "golang-go";
    NODE = "node" from "nodejs";
    NPM = "npm" from "npm";
}

impl Program {
    /// Where the program is.
    ///
    /// # Errors
    /// When it is not installed; the text names the package and the command that installs it.
    pub fn path(&self) -> Result<PathBuf> {
        if let Some(found) = self.find()? {
            return Ok(found);
        }
        bail!(
            "find `{}`: install the Debian package `{}` (`cargo xtask test` does it as root)",
            self.name,
            self.package
        )
    }

    /// Whether the program is installed.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn is_installed(&self) -> Result<bool> {
        Ok(self.find()?.is_some())
    }

    fn find(&self) -> Result<Option<PathBuf>> {
        let mut dirs = Vec::new();
        for pattern in self.dirs {
            dirs.extend(expand(pattern)?);
        }
        if dirs.is_empty() && self.dirs.is_empty() {
            dirs.extend(env::var_os("PATH").iter().flat_map(env::split_paths));
            dirs.extend(DEFAULT_DIRS.iter().map(PathBuf::from));
        }
        Ok(dirs
            .into_iter()
            .map(|dir| dir.join(self.name))
            .find(|path| path.is_file()))
    }
}

/// The packages of those of the programs that are not installed, each once.
///
/// # Errors
/// When a directory cannot be read.
pub fn missing_packages(programs: &[Program]) -> Result<Vec<&'static str>> {
    let mut packages = Vec::new();
    for program in programs {
        if !program.is_installed()? && !packages.contains(&program.package) {
            packages.push(program.package);
        }
    }
    Ok(packages)
}

/// Expands one `*` that stands for a version number; the highest version comes first.
fn expand(pattern: &str) -> Result<Vec<PathBuf>> {
    let Some((parent, rest)) = pattern.split_once("/*/") else {
        return Ok(vec![PathBuf::from(pattern)]);
    };
    if !Path::new(parent).is_dir() {
        return Ok(Vec::new());
    }
    let mut versions = Vec::new();
    for entry in fs::read_dir(parent).with_context(|| format!("read `{parent}`"))? {
        let path = entry?.path();
        let name = path.file_name().map(|it| it.to_string_lossy().into_owned());
        if let Some(version) = name.and_then(|it| it.parse::<u32>().ok()) {
            versions.push((version, path.join(rest)));
        }
    }
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    Ok(versions.into_iter().map(|(_, path)| path).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_reported_with_its_package() {
        let program = Program {
            name: "no-such-program",
            package: "some-package",
            dirs: &[],
        };
        let error = program.path().unwrap_err().to_string();
        assert!(
            error.contains("some-package") && error.contains("cargo xtask test"),
            "{error}"
        );
    }

    #[test]
    fn the_highest_version_comes_first() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["9", "15", "14", "common"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        let found = expand(&format!("{}/*/bin", dir.path().display())).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|it| it.strip_prefix(dir.path()).unwrap().to_str().unwrap())
            .collect();
        assert_eq!(found, ["15/bin", "14/bin", "9/bin"]);
    }
}
