//! The Debian packages that tests need: what is missing is installed, or named.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use millrace_testkit::programs::{self, Program};

/// Debian asks this script before a package starts its service; 101 means no.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs the packages of every program that tests start and that is not there.
///
/// # Errors
/// When this user may not install packages, or the installation fails; the text names them.
pub fn install_missing() -> Result<()> {
    install(programs::TESTS)
}

/// Installs the packages of those of the programs that are not there.
///
/// # Errors
/// As [`install_missing`].
pub fn install(programs: &[Program]) -> Result<()> {
    let missing = programs::missing_packages(programs)?;
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    let by_hand = format!("as root: `apt-get install --no-install-recommends {list}`");
    if !Path::new("/usr/bin/apt-get").is_file() {
        bail!("programs of the Debian packages {list} are needed, and this is no Debian");
    }
    if !is_root()? {
        bail!("the Debian packages {list} are needed; {by_hand}");
    }
    println!("installing {list}");
    let _no_services = NoServices::begin()?;
    apt_get(&["update", "--quiet"])?;
    let mut arguments = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    arguments.extend(&missing);
    apt_get(&arguments).with_context(|| format!("install {list}; try it by hand, {by_hand}"))?;
    match programs::missing_packages(programs)?.as_slice() {
        [] => Ok(()),
        still => bail!(
            "the packages {} are installed without their programs",
            still.join(" ")
        ),
    }
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    let status = command.status().context("start apt-get")?;
    if !status.success() {
        bail!("apt-get {} ended with {status}", arguments[0]);
    }
    Ok(())
}

fn is_root() -> Result<bool> {
    let output = Command::new("id").arg("-u").output().context("start id")?;
    Ok(output.stdout.trim_ascii() == b"0")
}

/// Keeps newly installed packages from starting their services, which tests do not use.
struct NoServices {
    created: bool,
}

impl NoServices {
    fn begin() -> Result<Self> {
        let file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o755)
            .open(POLICY);
        match file {
            Ok(mut file) => {
                file.write_all(b"#!/bin/sh\nexit 101\n")
                    .with_context(|| format!("write {POLICY}"))?;
                Ok(Self { created: true })
            }
            // The machine has a policy of its own.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(Self { created: false }),
            Err(error) => Err(error).with_context(|| format!("write {POLICY}")),
        }
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.created
            && let Err(error) = fs::remove_file(POLICY)
        {
            eprintln!(
                "remove {POLICY}: {error}; remove it by hand, it keeps services from starting"
            );
        }
    }
}
