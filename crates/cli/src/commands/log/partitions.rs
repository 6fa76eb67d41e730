//! Which partitions a directory means.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use millrace_log::offline::{FileKind, kind_of};
use millrace_log::{Disk, Files, LogDir, LogError, TopicPartition};

use super::super::kafka::Failure;

/// The directory of a partition, and its name where that is one.
pub struct Partition {
    pub dir: PathBuf,
    pub name: Option<TopicPartition>,
}

impl Partition {
    /// How it is told of.
    pub fn title(&self) -> String {
        match &self.name {
            Some(name) => name.to_string(),
            None => self.dir.display().to_string(),
        }
    }
}

/// The data directory in which partitions lie.
pub struct Found {
    pub logs: PathBuf,
    pub partitions: Vec<Partition>,
}

/// The partition that a directory is, or those that lie in it.
///
/// # Errors
/// It is neither, or cannot be read.
pub fn partitions(dir: &Path) -> Result<Found, Failure> {
    let at = format!("read {}", dir.display());
    let refused = |error: io::Error| Failure::Failed(format!("{at}: {error}"));
    let dir = settled(dir).map_err(refused)?;
    let names = Disk.list(&dir).map_err(refused)?;
    let is_segment = |name: &String| matches!(kind_of(name), Some((FileKind::Segment, _)));
    if names.iter().any(is_segment) {
        let name = dir.file_name().and_then(|name| name.to_str());
        return Ok(Found {
            logs: dir.parent().unwrap_or(&dir).to_owned(),
            partitions: vec![Partition {
                name: name.and_then(TopicPartition::from_dir_name),
                dir,
            }],
        });
    }
    let mut partitions: Vec<_> = Disk
        .list_dirs(&dir)
        .map_err(refused)?
        .iter()
        .filter_map(|name| TopicPartition::from_dir_name(name))
        .collect();
    partitions.sort();
    if partitions.is_empty() {
        return Err(Failure::Failed(format!(
            "{} is no data directory and no partition: there is no directory such as `orders-0` in \
             it, and no segment such as `00000000000000000000.log`",
            dir.display()
        )));
    }
    let partitions = partitions.into_iter().map(|name| Partition {
        dir: dir.join(name.to_string()),
        name: Some(name),
    });
    Ok(Found {
        partitions: partitions.collect(),
        logs: dir,
    })
}

/// The path from the root. A link stays one: the broker that uses the partition has the directory in
/// which the link lies, not that which it leads to.
fn settled(dir: &Path) -> io::Result<PathBuf> {
    let goes_up = dir.components().any(|it| it == Component::ParentDir);
    match goes_up {
        true => dir.canonicalize(),
        false => std::path::absolute(dir),
    }
}

/// The one partition that a directory is, and the data directory in which it lies.
///
/// # Errors
/// It is none, or cannot be read.
pub fn partition(dir: &Path) -> Result<(PathBuf, TopicPartition), Failure> {
    let Found { logs, partitions } = partitions(dir)?;
    let own = partitions.into_iter().next();
    let own = own.filter(|it| settled(dir).is_ok_and(|dir| dir == it.dir));
    match own.and_then(|it| it.name) {
        Some(name) => Ok((logs, name)),
        None => Err(Failure::Failed(format!(
            "{} is not the directory of one partition: name one, such as `{}/orders-0`",
            dir.display(),
            logs.display()
        ))),
    }
}

/// Takes a data directory for this process, to look at it or to change it.
///
/// # Errors
/// A broker has it, or the system refuses.
pub fn hold(logs: &Path, to_change: bool) -> Result<LogDir, Failure> {
    let files: Arc<dyn Files> = Arc::new(Disk);
    let held = match to_change {
        true => LogDir::open(files, logs),
        false => LogDir::open_existing(files, logs),
    };
    held.map_err(|error| match error {
        LogError::Disk { error, .. } if error.kind() == io::ErrorKind::WouldBlock => {
            Failure::Failed(format!(
                "a broker is running on the data directory {}: stop it first",
                logs.display()
            ))
        }
        error => Failure::Failed(error.to_string()),
    })
}
