//! Backups of a broker that runs, and how they become a data directory again.
//!
//! The broker makes a [`cut`]: where each partition ends, such that every transaction is on all of
//! its partitions or undecided. [`take`] asks for it over the broker's [socket](crate::control) and
//! copies the files; it is another process, so that the broker does no more than the cut. [`restore`]
//! makes a data directory of the copy, in which nothing is undecided.
//!
//! # Files
//!
//! A backup is laid out as a data directory is, with `backup.json` ([`manifest`]) beside it. Segments
//! that do not grow any more are links to the broker's own files. Neither side may ever write to
//! them, so that a broker does not start on a backup: a restored copy shares nothing with it.

mod cut;
mod error;
mod hold;
mod link;
mod making;
mod manifest;
mod restore;
mod settle;
mod staging;
mod sync;
mod take;
#[cfg(test)]
mod tests;

pub use error::BackupError;
pub use restore::{Restored, restore};
pub use take::{Taken, take};

pub(crate) use cut::{Cut, Lease, cut};
pub(crate) use making::INCOMPLETE;
pub(crate) use manifest::MANIFEST;
pub(crate) use staging::{clear_given_up, remove_given_up};
