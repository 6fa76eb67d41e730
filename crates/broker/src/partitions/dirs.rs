//! The log directories, with the offsets that are stored beside the logs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use millrace_kafka_wire::{Str, Uuid};
use millrace_log::{DirProperties, LogDir, LogError, OffsetKind, Opening, TopicPartition};
use parking_lot::Mutex;

use super::partition::Partition;

/// A log directory of this broker.
pub struct Dir {
    /// As the metadata names it.
    pub id: Uuid,
    inner: LogDir,
    /// It was closed the last time.
    was_clean: bool,
    offsets: Mutex<Offsets>,
    failure: OnceLock<LogError>,
}

#[derive(Default)]
struct Offsets {
    starts: BTreeMap<TopicPartition, i64>,
    recovery_points: BTreeMap<TopicPartition, i64>,
    /// The recovery points that are on the medium.
    stored_points: BTreeMap<TopicPartition, i64>,
    first_dirty: BTreeMap<TopicPartition, i64>,
}

impl Dir {
    /// Reads what is stored. From now on a crash is one: the mark of a clean shutdown is taken away.
    ///
    /// # Errors
    /// The disk fails, or what is stored is damaged.
    pub fn new(id: Uuid, inner: LogDir) -> Result<Self, LogError> {
        let stored_points = inner.offsets(OffsetKind::RecoveryPoint)?;
        let offsets = Offsets {
            starts: inner.offsets(OffsetKind::LogStart)?,
            recovery_points: stored_points.clone(),
            stored_points,
            first_dirty: inner.offsets(OffsetKind::FirstDirty)?,
        };
        Ok(Self {
            id,
            was_clean: inner.take_clean_mark()?,
            inner,
            offsets: Mutex::new(offsets),
            failure: OnceLock::new(),
        })
    }

    /// Takes the directory offline when it is its device that has failed: nothing that lies there is
    /// served any more until the next start.
    pub fn fail(&self, error: &LogError) {
        if error.is_of_device() && self.failure.set(error.clone()).is_ok() {
            let dir = self.path().display();
            tracing::error!(%dir, %error, "the log directory is offline; replace its disk and start the broker again");
        }
    }

    /// Why the directory is offline, if it is.
    pub fn failure(&self) -> Option<&LogError> {
        self.failure.get()
    }

    pub fn path(&self) -> &Path {
        self.inner.path()
    }

    pub fn log_dir(&self) -> &LogDir {
        &self.inner
    }

    /// Whose it is to be.
    pub fn properties(&self, cluster_id: Str, node_id: i32) -> DirProperties {
        DirProperties {
            cluster_id,
            node_id,
            directory_id: self.id,
        }
    }

    /// What is known of a partition before its log is opened.
    pub fn opening(&self, partition: &TopicPartition, now: i64) -> Opening {
        let offsets = self.offsets.lock();
        let stored = |of: &BTreeMap<_, i64>| of.get(partition).copied().unwrap_or(0);
        Opening {
            start_offset: stored(&offsets.starts),
            recovery_point: stored(&offsets.recovery_points),
            first_dirty_offset: stored(&offsets.first_dirty),
            is_clean: self.was_clean,
            now,
        }
    }

    /// From where on a log is dirty, as it is stored.
    pub fn first_dirty(&self, partition: &Partition) -> i64 {
        let offsets = self.offsets.lock();
        let stored = offsets.first_dirty.get(&partition.name());
        stored.copied().unwrap_or(0)
    }

    /// Stores where a log starts, before anything below is deleted.
    ///
    /// # Durability
    /// It is on the medium on return.
    pub fn set_start(&self, partition: &Partition, offset: i64) -> Result<(), LogError> {
        let starts = &mut self.offsets.lock().starts;
        self.store(OffsetKind::LogStart, starts, partition.name(), offset)
    }

    /// Notes up to where a log is durable; [`Dir::store_recovery_points`] stores it.
    pub fn set_recovery_point(&self, partition: &Partition, offset: i64) {
        let mut offsets = self.offsets.lock();
        offsets.recovery_points.insert(partition.name(), offset);
    }

    /// Stores up to where the logs are durable, if that is news and the directory is not offline.
    ///
    /// # Durability
    /// It is on the medium on return.
    pub fn store_recovery_points(&self) -> Result<(), LogError> {
        if self.failure().is_some() {
            return Ok(());
        }
        let mut offsets = self.offsets.lock();
        let points = &offsets.recovery_points;
        if *points == offsets.stored_points {
            return Ok(());
        }
        self.inner
            .store_offsets(OffsetKind::RecoveryPoint, points)?;
        offsets.stored_points = offsets.recovery_points.clone();
        Ok(())
    }

    /// Up to where a crash would find a log durable.
    pub fn stored_recovery_point(&self, partition: &Partition) -> i64 {
        let offsets = self.offsets.lock();
        offsets
            .stored_points
            .get(&partition.name())
            .copied()
            .unwrap_or(0)
    }

    /// Stores from where on a log is dirty, after it was cleaned up to there.
    ///
    /// # Durability
    /// It is on the medium on return.
    pub fn set_first_dirty(&self, partition: &Partition, offset: i64) -> Result<(), LogError> {
        let first_dirty = &mut self.offsets.lock().first_dirty;
        self.store(
            OffsetKind::FirstDirty,
            first_dirty,
            partition.name(),
            offset,
        )
    }

    /// Stores the offset of a partition among those of a kind, if it is another one.
    fn store(
        &self,
        kind: OffsetKind,
        of_kind: &mut BTreeMap<TopicPartition, i64>,
        name: TopicPartition,
        offset: i64,
    ) -> Result<(), LogError> {
        let before = of_kind.insert(name.clone(), offset);
        if before == Some(offset) {
            return Ok(());
        }
        let stored = self.inner.store_offsets(kind, of_kind);
        if stored.is_err() {
            // What is not stored is not known: the next call stores it.
            match before {
                Some(before) => of_kind.insert(name, before),
                None => of_kind.remove(&name),
            };
        }
        stored
    }

    /// Removes a partition: first what is stored of it, so that a new one of its name begins at 0.
    pub fn remove(&self, partition: &Partition) -> Result<(), LogError> {
        self.forget(&partition.name())?;
        self.inner.remove_partition(&partition.name())
    }

    /// Forgets what is stored of a partition.
    pub fn forget(&self, name: &TopicPartition) -> Result<(), LogError> {
        let mut offsets = self.offsets.lock();
        if offsets.starts.remove(name).is_some() {
            (self.inner).store_offsets(OffsetKind::LogStart, &offsets.starts)?;
        }
        if offsets.recovery_points.remove(name).is_some() {
            (self.inner).store_offsets(OffsetKind::RecoveryPoint, &offsets.recovery_points)?;
            offsets.stored_points = offsets.recovery_points.clone();
        }
        if offsets.first_dirty.remove(name).is_some() {
            (self.inner).store_offsets(OffsetKind::FirstDirty, &offsets.first_dirty)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use millrace_log::Files;
    use millrace_log::files::sim::Simulated;

    use super::*;

    #[test]
    fn a_start_that_had_no_room_is_stored_by_the_next_call() {
        let disk = Simulated::new(1);
        let path = Path::new("/data");
        disk.create_dir(path).unwrap();
        let inner = LogDir::open(Arc::new(disk.clone()), path).unwrap();
        let dir = Dir::new(Uuid::default(), inner).unwrap();
        let name = TopicPartition {
            topic: "orders".into(),
            partition: 0,
        };
        let store = || {
            let starts = &mut dir.offsets.lock().starts;
            dir.store(OffsetKind::LogStart, starts, name.clone(), 5)
        };
        disk.set_room(Some(0));
        for _ in 0..2 {
            assert!(matches!(store(), Err(LogError::NoSpace { .. })));
        }
        disk.set_room(None);
        store().unwrap();
        let stored = dir.inner.offsets(OffsetKind::LogStart).unwrap();
        assert_eq!(stored, [(name.clone(), 5)].into());
    }
}
