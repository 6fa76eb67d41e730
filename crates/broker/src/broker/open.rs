//! Taking the log directories: whose they are, and who uses them.

use std::io;
use std::path::Path;
use std::sync::Arc;

use millrace_kafka_wire::{Str, Uuid};
use millrace_log::{DirProperties, Files, LogDir, LogError, check_writable, new_id};

use super::{Random, StartError};
use crate::config::BrokerConfig;
use crate::metadata::{Image, MetadataLog, SnapshotRules};
use crate::partitions::Dir;

/// The log directories of a broker.
pub(super) struct Dirs {
    pub cluster_id: Str,
    /// As the configuration names them.
    pub dirs: Vec<Arc<Dir>>,
    /// All of them were empty.
    pub is_new: bool,
    /// Which of them has the metadata log.
    metadata_at: usize,
}

impl Dirs {
    /// Takes the directories. Those that are nobody's get ids; they have an owner ([`Dirs::own`])
    /// once there is a metadata log: a directory with an owner and without one has lost it.
    ///
    /// # Errors
    /// One cannot be used, is used by another process, or belongs to another broker or cluster.
    pub fn take(
        config: &BrokerConfig,
        files: &Arc<dyn Files>,
        random: &Random,
    ) -> Result<Self, StartError> {
        let mut paths = config.log_dirs.iter();
        let metadata_at = paths.position(|it| *it == config.metadata_log_dir);
        let metadata_at = metadata_at.ok_or_else(|| StartError::MetadataDir {
            dir: config.metadata_log_dir.clone(),
        })?;
        let mut found = Vec::new();
        for path in &config.log_dirs {
            found.push(take(files, path, config.node_id)?);
        }
        identify(found, metadata_at, random)
    }

    /// Opens the metadata log, and replays it.
    ///
    /// # Errors
    /// The disk fails, or the log is damaged.
    pub fn open_metadata(
        &self,
        files: &Arc<dyn Files>,
        rules: SnapshotRules,
        now: i64,
    ) -> Result<(MetadataLog, Image), StartError> {
        let dir = &self.dirs[self.metadata_at];
        let partition = MetadataLog::partition();
        let recovery_point = dir.opening(&partition, now).recovery_point;
        let path = dir.log_dir().partition_path(&partition);
        let opened = MetadataLog::open(Arc::clone(files), &path, recovery_point, rules, now);
        Ok(opened?)
    }

    /// The id of the directory that has the metadata log.
    pub fn metadata_dir(&self) -> Uuid {
        self.dirs[self.metadata_at].id
    }

    /// Writes into each directory whose it is.
    ///
    /// # Errors
    /// The disk fails.
    pub fn own(&self, node_id: i32) -> Result<(), StartError> {
        for dir in &self.dirs {
            let properties = dir.properties(self.cluster_id.clone(), node_id);
            dir.log_dir().set_properties(&properties)?;
        }
        Ok(())
    }
}

/// A directory, and whose it is.
type Found = (LogDir, Option<DirProperties>);

fn take(files: &Arc<dyn Files>, path: &Path, node_id: i32) -> Result<Found, StartError> {
    let dir = lock(files, path)?;
    let properties = dir.properties()?;
    match &properties {
        Some(it) if it.node_id != node_id => Err(StartError::OtherNode {
            dir: path.to_owned(),
            found: it.node_id,
            expected: node_id,
        }),
        _ => Ok((dir, properties)),
    }
}

/// Checks that all directories are of one cluster, and gives ids to those that have none.
fn identify(found: Vec<Found>, metadata_at: usize, random: &Random) -> Result<Dirs, StartError> {
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
        metadata_at,
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
