//! The names of the files of a partition.

use std::path::{Path, PathBuf};

pub(crate) const LOG: &str = "log";
pub(crate) const INDEX: &str = "index";
pub(crate) const TIME_INDEX: &str = "timeindex";
pub(crate) const TXN_INDEX: &str = "txnindex";
pub(crate) const SNAPSHOT: &str = "snapshot";
/// Behind the name of a file that is to be unlinked.
pub(crate) const DELETED: &str = "deleted";
/// Behind the name of a file that a cleaner is writing.
pub(crate) const CLEANED: &str = "cleaned";
/// Behind the name of a file that is about to take the place of others.
pub(crate) const SWAP: &str = "swap";
/// Behind the name of a file that is being written.
pub(crate) const TEMPORARY: &str = "tmp";

/// The leader epochs of a partition, in its directory.
pub const EPOCHS: &str = "leader-epoch-checkpoint";
/// The id of the topic of a partition, in its directory.
pub const METADATA: &str = "partition.metadata";

// Beside the directories of partitions.
pub(crate) const PROPERTIES: &str = "meta.properties";
pub(crate) const LOCK: &str = ".lock";
pub(crate) const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";
pub(crate) const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
pub(crate) const LOG_STARTS: &str = "log-start-offset-checkpoint";
pub(crate) const FIRST_DIRTY: &str = "cleaner-offset-checkpoint";
pub(crate) const RESERVE: &str = ".reserve";
pub(crate) const PROBE: &str = ".writable";

/// `00000000000000000042.log`, for example.
pub(crate) fn file(dir: &Path, offset: i64, suffix: &str) -> PathBuf {
    dir.join(format!("{offset:020}.{suffix}"))
}

/// The name of a file with a mark behind it, such as [`DELETED`].
pub(crate) fn marked(path: &Path, mark: &str) -> PathBuf {
    let mut marked = path.as_os_str().to_owned();
    marked.push(".");
    marked.push(mark);
    marked.into()
}

/// Whether a name has a mark behind it.
pub(crate) fn has_mark(name: &str, mark: &str) -> bool {
    name.strip_suffix(mark).is_some_and(|it| it.ends_with('.'))
}

/// The offset and what stands behind it, if `name` begins with an offset.
pub(crate) fn parse(name: &str) -> Option<(i64, &str)> {
    let (digits, suffix) = name.split_once('.')?;
    let is_offset = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    match is_offset {
        true => Some((digits.parse().ok()?, suffix)),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_twenty_digits() {
        let path = file(Path::new("t-0"), 42, LOG);
        assert_eq!(path, Path::new("t-0/00000000000000000042.log"));
        let name = "00000000000000000042.log.deleted";
        assert_eq!(parse(name), Some((42, "log.deleted")));
        assert_eq!(parse("42.log"), None);
        assert_eq!(parse("99999999999999999999.log"), None);
        assert_eq!(parse("leader-epoch-checkpoint"), None);
    }
}
