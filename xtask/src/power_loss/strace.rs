//! Reads what `strace` writes: the calls by which a program changes files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The calls that are recorded: each that changes a file, a name or what is durable of them.
pub const CALLS: &str = "open,creat,openat,openat2,write,writev,pwrite64,pwritev,pwritev2,ftruncate,truncate,fallocate,\
                         fsync,fdatasync,sync_file_range,rename,renameat,renameat2,unlink,unlinkat,\
                         mkdir,mkdirat,rmdir,link,linkat,copy_file_range,sendfile";

/// A call that has changed something.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// When it was begun and when it had ended, in seconds since 1970. In between it may be done.
    pub begun: f64,
    pub ended: f64,
    pub change: Change,
}

/// What a call has changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A file was made, or it was there, and perhaps was emptied.
    Opened {
        file: PathBuf,
        is_emptied: bool,
    },
    Written {
        file: PathBuf,
        at: u64,
        bytes: Vec<u8>,
    },
    Truncated(PathBuf, u64),
    FileSynced(PathBuf),
    DirSynced(PathBuf),
    Renamed(PathBuf, PathBuf),
    Unlinked(PathBuf),
    DirMade(PathBuf),
    DirRemoved(PathBuf),
}

/// Reads the files of all threads; what lies outside of `root` is left out. In the order of their ends.
///
/// # Errors
/// A line cannot be read, or is a call whose effect is not known.
pub fn read(folder: &Path, root: &Path) -> Result<Vec<Call>> {
    let mut calls = Vec::new();
    for entry in fs::read_dir(folder).context("list the traces")? {
        let path = entry?.path();
        let text = fs::read_to_string(&path).context("read a trace")?;
        for line in text.lines() {
            let call = parse(line, root);
            calls.extend(call.with_context(|| format!("{:.300}", line))?);
        }
    }
    calls.sort_by(|one, other| one.ended.total_cmp(&other.ended));
    Ok(calls)
}

/// A line is `TIME NAME(ARGUMENTS) = RESULT <SECONDS>`, with every string in hexadecimal digits.
fn parse(line: &str, root: &Path) -> Result<Option<Call>> {
    let (time, rest) = line.split_once(' ').context("there is no time")?;
    let begun: f64 = time.parse().context("the time is none")?;
    // Signals and the end of a thread.
    let Some((name, rest)) = rest
        .split_once('(')
        .filter(|_| !rest.starts_with(['+', '-']))
    else {
        return Ok(None);
    };
    // The process ended under it, when all was told.
    let is_cut_off = |end| rest.trim_end().ends_with(end);
    if ["<unfinished ...>", "= ?", "= ? <unavailable>"]
        .into_iter()
        .any(is_cut_off)
    {
        return Ok(None);
    }
    let (arguments, result) = rest.rsplit_once(") = ").context("it has no end")?;
    let (result, took) = result.rsplit_once(" <").context("it took no time")?;
    let took: f64 = took
        .trim_end_matches('>')
        .parse()
        .context("it took what?")?;
    if result.starts_with('-') || result.starts_with('?') {
        return Ok(None);
    }
    let change = change(name, arguments, result)?;
    let change = change.filter(|it| it.path().starts_with(root));
    if let Some(Change::Written { at: u64::MAX, .. }) = &change {
        bail!("`{name}` writes where its file stands, which is not recorded");
    }
    Ok(change.map(|change| Call {
        begun,
        ended: begun + took,
        change,
    }))
}

fn change(name: &str, arguments: &str, result: &str) -> Result<Option<Change>> {
    let text = |index: usize| {
        strings(arguments)
            .nth(index)
            .context("there is no such string")
    };
    let path = |index: usize| text(index).map(to_path);
    Ok(Some(match name {
        "open" | "openat" if arguments.contains("O_CREAT") => Change::Opened {
            file: path(0)?,
            is_emptied: arguments.contains("O_TRUNC"),
        },
        "open" | "openat" => return Ok(None),
        "write" | "writev" | "pwrite64" | "pwritev" | "pwritev2" => {
            let Some(file) = opened(arguments)? else {
                return Ok(None);
            };
            let written: usize = result.trim().parse().context("how much was written?")?;
            let mut bytes: Vec<u8> = strings(arguments).flatten().collect();
            bytes.truncate(written);
            let mut last = arguments.rsplit(", ");
            let at = match name {
                "write" | "writev" => u64::MAX,
                "pwritev2" => last
                    .nth(1)
                    .and_then(|it| it.parse().ok())
                    .context("where?")?,
                _ => last
                    .next()
                    .and_then(|it| it.parse().ok())
                    .context("where?")?,
            };
            Change::Written { file, at, bytes }
        }
        "ftruncate" => match opened(arguments)? {
            Some(file) => {
                let size = arguments.rsplit(", ").next().and_then(|it| it.parse().ok());
                Change::Truncated(file, size.context("to which size?")?)
            }
            None => return Ok(None),
        },
        "fsync" | "fdatasync" => match opened(arguments)? {
            // The only directories that are synced are synced by `fsync`.
            Some(dir) if name == "fsync" => Change::DirSynced(dir),
            Some(file) => Change::FileSynced(file),
            None => return Ok(None),
        },
        "rename" | "renameat" | "renameat2" => Change::Renamed(path(0)?, path(1)?),
        // A socket has no bytes, and is made by no call that is recorded.
        "unlink" if path(0)?.extension().is_some_and(|it| it == "sock") => return Ok(None),
        "unlink" => Change::Unlinked(path(0)?),
        "unlinkat" if arguments.contains("AT_REMOVEDIR") => Change::DirRemoved(path(0)?),
        "unlinkat" => Change::Unlinked(path(0)?),
        "mkdir" | "mkdirat" => Change::DirMade(path(0)?),
        "rmdir" => Change::DirRemoved(path(0)?),
        other => bail!("it is not known what `{other}` leaves on a disk"),
    }))
}

/// What the descriptor that comes first is of: `NUMBER<PATH>`; nothing when it has no name any more.
fn opened(arguments: &str) -> Result<Option<PathBuf>> {
    let (_, rest) = arguments.split_once('<').context("the file has no name")?;
    let (name, rest) = rest.split_once('>').context("the name has no end")?;
    Ok((!rest.starts_with("(deleted)")).then(|| to_path(unhex(name))))
}

/// The strings in quotes.
fn strings(arguments: &str) -> impl Iterator<Item = Vec<u8>> {
    arguments.split('"').skip(1).step_by(2).map(unhex)
}

/// `\x41\x42` as bytes.
fn unhex(digits: &str) -> Vec<u8> {
    let bytes = digits.split("\\x").skip(1);
    bytes
        .filter_map(|it| u8::from_str_radix(it, 16).ok())
        .collect()
}

fn to_path(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(&bytes).into_owned())
}

impl Change {
    fn path(&self) -> &Path {
        match self {
            Self::Opened { file: path, .. }
            | Self::Written { file: path, .. }
            | Self::Truncated(path, _)
            | Self::FileSynced(path)
            | Self::DirSynced(path)
            | Self::Renamed(path, _)
            | Self::Unlinked(path)
            | Self::DirMade(path)
            | Self::DirRemoved(path) => path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Change> {
        parse(line, Path::new("/d")).unwrap().map(|it| it.change)
    }

    #[test]
    fn calls_are_read_with_their_times() {
        let line = r#"12.5 pwritev(7<\x2f\x64\x2f\x61>, [{iov_base="\x01\x02", iov_len=2}, {iov_base="\x03", iov_len=1}], 2, 40) = 3 <0.250000>"#;
        let call = parse(line, Path::new("/d")).unwrap().unwrap();
        assert_eq!((call.begun, call.ended), (12.5, 12.75));
        let file = PathBuf::from("/d/a");
        let bytes = vec![1, 2, 3];
        assert_eq!(
            call.change,
            Change::Written {
                file: file.clone(),
                at: 40,
                bytes
            }
        );
        assert_eq!(
            read(r"1.0 fdatasync(7<\x2f\x64\x2f\x61>) = 0 <0.1>"),
            Some(Change::FileSynced(file.clone()))
        );
        assert_eq!(
            read(
                r#"1.0 renameat(AT_FDCWD<\x2f>, "\x2f\x64\x2f\x61", AT_FDCWD<\x2f>, "\x2f\x64\x2f\x62") = 0 <0.1>"#
            ),
            Some(Change::Renamed(file, "/d/b".into()))
        );
    }

    #[test]
    fn what_fails_what_is_elsewhere_and_what_is_deleted_changes_nothing() {
        for line in [
            r#"1.0 mkdir("\x2f\x64", 0777) = -1 EEXIST (File exists) <0.1>"#,
            r#"1.0 mkdir("\x2f\x65", 0777) = 0 <0.1>"#,
            r"1.0 ftruncate(7<\x2f\x64\x2f\x61>(deleted), 5) = 0 <0.1>",
            r#"1.0 writev(7<\x73\x6f\x63\x6b>, [{iov_base="\x01", iov_len=1}], 1) = 1 <0.1>"#,
            "1.0 ???( <unfinished ...>",
            "1.0 ???()                 = ?",
            r#"1.0 pwritev(7<\x2f\x64\x2f\x61>, [{iov_base="\x01", iov_len=1}], 1, 0) = ?"#,
            r#"1.0 writev(7<\x73\x6f>, [{iov_base="\x01", iov_len=1}], 1) = ? <unavailable>"#,
            r#"1.0 pwritev(7<\x2f\x64\x2f\x61>, [{iov_base="\x01" <unfinished ...>"#,
            "1.0 +++ exited with 0 +++",
            "1.0 --- SIGTERM {si_signo=SIGTERM} ---",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    fn a_call_whose_effect_is_not_known_is_refused() {
        let line = r#"1.0 linkat(AT_FDCWD<\x2f>, "\x2f\x64\x2f\x61", 0) = 0 <0.1>"#;
        assert!(parse(line, Path::new("/d")).is_err());
        let line = r#"1.0 write(7<\x2f\x64\x2f\x61>, "\x01", 1) = 1 <0.1>"#;
        assert!(parse(line, Path::new("/d")).is_err());
    }
}
