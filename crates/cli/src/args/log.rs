//! The arguments of `log`.

use std::path::PathBuf;

pub const AFTER_DUMP: &str = "\
A directory stands for its segments: that of a partition, or a data directory
with all its partitions. An index, an index of transactions and a snapshot of
producers are printed when they are named. With --json each line is an object,
whose `kind` says what it is. What is damaged is told with file and position,
the next sound batch behind it is found, and the exit code is 1.";

pub const AFTER_VERIFY: &str = "\
Reads every batch, index and snapshot, changes nothing, and says of each
partition whether it is sound, torn at its tail, which the broker cuts off when
it starts, or corrupt. The broker must not be running on the directory. The exit
code is 0 when all partitions are sound.";

pub const AFTER_REPAIR: &str = "\
Removes everything at the offset and behind it. Without --execute it is shown
what would go, and nothing is changed. The broker must not be running on the
directory; when it starts it checks what is left. `log verify` says where a
partition is damaged.";

/// What is done with the files of partitions.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum LogCommand {
    /// Print the batches and records in files of partitions
    #[command(after_help = AFTER_DUMP)]
    Dump {
        /// Files or directories
        #[arg(required = true, value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
        paths: Vec<PathBuf>,
        /// Print the records, too
        #[arg(long)]
        records: bool,
        /// Print JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Check the partitions of a data directory, or one partition
    #[command(after_help = AFTER_VERIFY)]
    Verify {
        /// A data directory or that of a partition
        #[arg(value_hint = clap::ValueHint::DirPath)]
        dir: PathBuf,
        /// Print JSON, for programs: an object in a line for each partition
        #[arg(long)]
        json: bool,
    },
    /// Cut a partition that the broker does not serve because it is damaged
    #[command(after_help = AFTER_REPAIR)]
    Repair {
        /// The directory of the partition
        #[arg(value_hint = clap::ValueHint::DirPath)]
        dir: PathBuf,
        /// Remove what has this offset or a later one
        #[arg(long, value_name = "OFFSET", value_parser = clap::value_parser!(i64).range(0..))]
        truncate_to: i64,
        /// Do it
        #[arg(long, conflicts_with = "dry_run")]
        execute: bool,
        /// Only show what would be done: the default
        #[arg(long)]
        dry_run: bool,
        /// Print JSON, for programs
        #[arg(long)]
        json: bool,
    },
}
