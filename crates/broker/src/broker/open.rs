//! Taking the log directories: whose they are, and who uses them.

use std::io;
use std::path::Path;
use std::sync::Arc;

use millrace_kafka_wire::Str;
use millrace_log::{Files, LogDir, LogError, check_writable, new_id};

use super::{Random, StartError};
use crate::metadata::MetadataLog;
use crate::partitions::Dir;

/// The log directories of a broker.
pub(super) struct Dirs {
    pub cluster_id: Str,
    /// As the configuration names them.
    pub dirs: Vec<Arc<Dir>>,
    /// All of them were empty.
    pub is_new: bool,
}

/// Takes the directories. Those that are nobody's get ids, and the caller says whose they are once
/// there is a metadata log: a directory that has an owner and no metadata log has lost it.
///
/// # Errors
/// One cannot be used, is used by another process, or belongs to another broker or cluster.
pub(super) fn take(
    files: &Arc<dyn Files>,
    paths: &[impl AsRef<Path>],
    metadata_at: usize,
    node_id: i32,
    random: &Random,
) -> Result<Dirs, StartError> {
    let mut found = Vec::new();
    for path in paths {
        let dir = lock(files, path.as_ref())?;
        let properties = dir.properties()?;
        if let Some(it) = properties.as_ref().filter(|it| it.node_id != node_id) {
            return Err(StartError::OtherNode {
                dir: path.as_ref().to_owned(),
                found: it.node_id,
                expected: node_id,
            });
        }
        found.push((dir, properties));
    }
    let known = found
        .iter()
        .find_map(|(_, it)| Some(it.as_ref()?.cluster_id.clone()));
    let is_new = known.is_none();
    let id = || new_id(&mut *random.lock());
    let cluster_id = known.unwrap_or_else(|| id().to_string().into());
    if !is_new {
        check_metadata(&found[metadata_at].0)?;
    }
    let mut dirs = Vec::new();
    for (dir, properties) in found {
        if let Some(it) = properties.as_ref().filter(|it| it.cluster_id != cluster_id) {
            return Err(StartError::OtherCluster {
                dir: dir.path().to_owned(),
                found: it.cluster_id.clone(),
                expected: cluster_id,
            });
        }
        let directory_id = properties.map_or_else(id, |it| it.directory_id);
        dirs.push(Arc::new(Dir::new(directory_id, dir)?));
    }
    Ok(Dirs {
        cluster_id,
        dirs,
        is_new,
    })
}

fn lock(files: &Arc<dyn Files>, path: &Path) -> Result<LogDir, StartError> {
    check_writable(&**files, path).map_err(|error| StartError::Unwritable {
        dir: path.to_owned(),
        error,
    })?;
    LogDir::open(Arc::clone(files), path).map_err(|error| match error {
        LogError::Disk { error, .. } if error.kind() == io::ErrorKind::WouldBlock => {
            StartError::Locked {
                dir: path.to_owned(),
            }
        }
        error => StartError::Log(error),
    })
}

/// The metadata log was made before the directory had an owner.
fn check_metadata(dir: &LogDir) -> Result<(), StartError> {
    match dir.partitions()?.contains(&MetadataLog::partition()) {
        true => Ok(()),
        false => Err(StartError::NoMetadata {
            dir: dir.path().to_owned(),
        }),
    }
}
