//! Keeping the files of segments while a backup links them.
//!
//! What removes or replaces files is retention, DeleteRecords, DeleteTopics, the end of a pass of
//! compaction, and a snapshot of the metadata. Each has a [`Removing`] meanwhile, which it takes before it tells a worker or the
//! metadata: neither of those ever waits for a backup.

use std::sync::Arc;

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// Many may remove at a time, or one may keep; who comes first is first.
#[derive(Default)]
pub(super) struct Keep(Arc<RwLock<()>>);

/// Files of segments stay as long as it is there.
pub struct Kept(#[expect(dead_code, reason = "it is held")] OwnedRwLockWriteGuard<()>);

/// Files of segments may go as long as it is there.
pub struct Removing(#[expect(dead_code, reason = "it is held")] OwnedRwLockReadGuard<()>);

impl Keep {
    pub async fn keep(&self) -> Kept {
        Kept(Arc::clone(&self.0).write_owned().await)
    }

    /// As [`Keep::removing`], if nobody keeps.
    pub fn try_removing(&self) -> Option<Removing> {
        Arc::clone(&self.0).try_read_owned().ok().map(Removing)
    }

    pub async fn removing(&self) -> Removing {
        Removing(Arc::clone(&self.0).read_owned().await)
    }
}
