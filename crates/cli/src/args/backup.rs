//! The arguments of `backup` and `restore`.

use std::path::PathBuf;

pub const AFTER_BACKUP: &str = "\
The broker goes on meanwhile; only the ends of transactions wait, for
milliseconds, so that each transaction is in the backup as a whole or not at
all. Segments that do not grow any more are linked, so that they take no room:
change nothing in a backup, and copy it to another disk. When the backup is on
another file system, everything is copied. It is whole when the file INCOMPLETE
is gone from it. For a broker that does not run the directory is enough.";

pub const AFTER_RESTORE: &str = "\
Everything is copied and every batch is read. Transactions that were open are
aborted, so that nobody sees their records or waits for them. The backup stays
as it is and can be restored again. A directory in which this was interrupted
has a file INCOMPLETE, and no broker starts on it: remove it and begin anew.";

/// The arguments of `backup`.
#[derive(clap::Args, Clone, Debug)]
pub struct BackupArgs {
    /// A data directory of the broker
    #[arg(value_hint = clap::ValueHint::DirPath)]
    pub data_dir: PathBuf,
    /// Where the backup is made: a directory that is empty or does not exist
    #[arg(value_hint = clap::ValueHint::DirPath)]
    pub target_dir: PathBuf,
    /// Print JSON, for programs
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `restore`.
#[derive(clap::Args, Clone, Debug)]
pub struct RestoreArgs {
    /// What `backup` has written
    #[arg(value_hint = clap::ValueHint::DirPath)]
    pub backup_dir: PathBuf,
    /// The data directory that is made: it is empty or does not exist
    #[arg(value_hint = clap::ValueHint::DirPath)]
    pub data_dir: PathBuf,
    /// Print JSON, for programs
    #[arg(long)]
    pub json: bool,
}
