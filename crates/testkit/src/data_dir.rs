//! Temporary directories that are removed even when the test process is killed.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::watchdog;

/// A directory under the system's temporary directory, removed when dropped.
#[derive(Debug)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// Creates a directory whose name starts with `millrace-` and `name`. Other users may enter
    /// it: servers that refuse to run as root run as a user of their own.
    ///
    /// # Errors
    /// When the temporary directory cannot be written.
    pub fn new(name: &str) -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix(&format!("millrace-{name}-"))
            .tempdir();
        let dir = Self(dir.context("create a temporary directory")?.keep());
        watchdog::watch_dir(&dir.0)?;
        fs::set_permissions(&dir.0, fs::Permissions::from_mode(0o755))?;
        Ok(dir)
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Creates the directory `name` inside, owned by `account` if there is one.
    pub(crate) fn subdir(&self, name: &str, account: Option<Account>) -> Result<PathBuf> {
        let path = self.0.join(name);
        fs::create_dir(&path).with_context(|| format!("create `{}`", path.display()))?;
        if let Some(Account { uid, gid }) = account {
            chown(&path, Some(uid), Some(gid))
                .with_context(|| format!("give `{}` to user {uid}", path.display()))?;
        }
        Ok(path)
    }

    /// Writes the file `name` inside and returns its path.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, name: &str, content: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        fs::write(&path, content).with_context(|| format!("write `{}`", path.display()))?;
        Ok(path)
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        let removed = fs::remove_dir_all(&self.0).context("remove a temporary directory");
        crate::report(
            "clean up",
            removed.and_then(|()| watchdog::forget_dir(&self.0)),
        );
    }
}

/// User and group under which a server runs that refuses to be root.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Account {
    /// The account `name` when this process is root, otherwise `None`: the server then runs as
    /// the user that started the test.
    pub(crate) fn unless_unprivileged(name: &str) -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let passwd = fs::read_to_string("/etc/passwd").context("read `/etc/passwd`")?;
        let account = passwd.lines().find_map(|line| parse_passwd(line, name));
        account
            .map(Some)
            .with_context(|| format!("find user `{name}`: its Debian package creates it"))
    }
}

/// Makes `command` run in `dir`, which every account may enter, as `account` if there is one.
pub(crate) fn run_as(command: &mut Command, account: Option<Account>, dir: &DataDir) {
    command.current_dir(dir.path());
    if let Some(Account { uid, gid }) = account {
        command.uid(uid).gid(gid);
    }
}

fn parse_passwd(line: &str, name: &str) -> Option<Account> {
    let mut fields = line.split(':');
    if fields.next()? != name {
        return None;
    }
    let uid = fields.nth(1)?.parse().ok()?;
    Some(Account {
        uid,
        gid: fields.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_directory_is_gone_with_its_files() {
        let dir = DataDir::new("unit").unwrap();
        let file = dir.write("a", "b").unwrap();
        assert!(file.exists());
        drop(dir);
        assert!(!file.parent().unwrap().exists());
    }

    #[test]
    fn an_account_is_read_from_its_own_line() {
        let line = "mysql:x:102:105:MySQL Server,,,:/nonexistent:/bin/false";
        let account = parse_passwd(line, "mysql").unwrap();
        assert_eq!((account.uid, account.gid), (102, 105));
        assert!(parse_passwd(line, "my").is_none());
    }
}
