//! A small shell process that cleans up when this process cannot.
//!
//! It holds the reading end of a pipe. While this process lives it is told which process groups
//! run and which directories exist; when the pipe closes, however this process ended (a normal
//! exit, `kill -9`, Ctrl-C, an abort), it kills those groups and removes those directories.
//! A parent-death signal would not do: it fires when the *thread* that spawned the child ends, is
//! lost on a change of user, and is not inherited by grandchildren.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use anyhow::{Context, Result};

/// Reads `group ID`, `ungroup ID`, `dir PATH` and `undir PATH` lines until the end of the pipe.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
groups=' '
dirs='
'
without() { printf '%s' "${1%%"$2"*}$3${1#*"$2"}"; }
while read -r verb rest; do
  case $verb in
    group) groups="$groups$rest " ;;
    ungroup) groups=$(without "$groups" " $rest " ' '; echo .); groups=${groups%.} ;;
    dir) dirs="$dirs$rest
" ;;
    undir) dirs=$(without "$dirs" "
$rest
" "
"; echo .); dirs=${dirs%.} ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
printf '%s' "$dirs" | while read -r dir; do
  [ -z "$dir" ] || rm -rf -- "$dir" || { sleep 1; rm -rf -- "$dir"; }
done
"#;

static WATCHDOG: Mutex<Option<Child>> = Mutex::new(None);

/// Registers a process group to be killed when this process ends.
pub(crate) fn watch_group(id: u32) -> Result<()> {
    tell(&format!("group {id}\n"))
}

/// Forgets a process group that has ended.
pub(crate) fn forget_group(id: u32) -> Result<()> {
    tell(&format!("ungroup {id}\n"))
}

/// Registers a directory to be removed when this process ends.
pub(crate) fn watch_dir(path: &Path) -> Result<()> {
    tell(&format!("dir {}\n", path.display()))
}

/// Forgets a directory that is gone.
pub(crate) fn forget_dir(path: &Path) -> Result<()> {
    tell(&format!("undir {}\n", path.display()))
}

fn tell(line: &str) -> Result<()> {
    let mut slot = WATCHDOG
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if slot.is_none() {
        *slot = Some(start().context("start the watchdog of the test servers")?);
    }
    let pipe = slot.as_mut().and_then(|child| child.stdin.as_mut());
    pipe.context("the watchdog has no pipe")?
        .write_all(line.as_bytes())
        .context("tell the watchdog of the test servers")
}

fn start() -> Result<Child> {
    Ok(Command::new("/bin/sh")
        .args(["-c", SCRIPT])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C goes to the whole foreground group; the watchdog must outlive it.
        .process_group(0)
        .spawn()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll;

    /// Runs a watchdog of its own on `lines`, closes its pipe and waits for its end.
    fn run_watchdog(lines: &str) {
        let mut child = start().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(lines.as_bytes())
            .unwrap();
        child.wait().unwrap();
    }

    /// Ends with the test, whatever the test finds.
    struct Sleeper(Child);

    impl Sleeper {
        fn start() -> Self {
            Self(
                Command::new("sleep")
                    .arg("1000")
                    .process_group(0)
                    .spawn()
                    .unwrap(),
            )
        }

        fn ended(&mut self) -> bool {
            self.0.try_wait().unwrap().is_some()
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            self.0.kill().and_then(|()| self.0.wait()).unwrap();
        }
    }

    #[test]
    fn what_was_registered_dies_with_the_pipe_and_what_was_forgotten_lives() {
        let (mut doomed, mut spared) = (Sleeper::start(), Sleeper::start());
        let (gone, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        run_watchdog(&format!(
            "group {0}\ngroup {1}\ndir {2}\ndir {3}\nungroup {1}\nundir {3}\n",
            doomed.0.id(),
            spared.0.id(),
            gone.path().display(),
            kept.path().display(),
        ));
        poll::until("the registered group to die", poll::PATIENCE, || {
            doomed.ended().then_some(())
        })
        .unwrap();
        assert!(!spared.ended(), "the forgotten group was killed");
        assert!(!gone.path().exists() && kept.path().exists());
    }
}
