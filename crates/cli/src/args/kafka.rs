//! The arguments of the commands that talk to a cluster.

mod values;

use std::path::PathBuf;

use millrace_kafka_client::{Acks, Compression, Hash};

pub use values::{Target, TopicArg};
use values::{acks, compression, hash, key_value, target, topic_partitions};

pub const AFTER_RESET: &str = "\
WHERE is `earliest`, `latest`, an offset, or a time such as 2026-01-31T12:00:00Z,
which means the first record of that time or later. Without --execute the new
offsets are shown and nothing is changed. The group must have no members.";

pub const AFTER_EXPORT: &str = "\
The topics of the brokers' own are left out. Records, the offsets of groups and
users are not in it: they are in the data directory of each broker.";

pub const AFTER_IMPORT: &str = "\
A topic gets as many partitions and replicas as it has in the file, and what is
set for it there. One that is there already is compared and never changed: the
exit code is 1 when it differs, or when a topic could not be made.";

pub const AFTER_PRODUCE: &str = "\
Each line of the standard input is a record, without its line break. The exit
code is 0 when all of them are delivered. Without a word the producer is
idempotent where its other settings allow it. The profiles are those of the
guide of the broker: high-throughput, low-latency and high-durability; what is said
beside one counts.";

pub const AFTER_CONSUME: &str = "\
Reads until it is stopped, until --max-messages were printed, or until nothing
came for --timeout. Without --group it begins at the end of each partition; with
it, where the group left off, and what was printed is committed. `raw` prints
values as lines; `json` an object for each record, in which bytes that are no
text stand in base64 as `key_base64` and `value_base64`.";

/// Which cluster.
#[derive(clap::Args, Clone, Debug)]
pub struct ClusterArgs {
    /// Brokers to begin with, each HOST:PORT, separated by commas
    #[arg(
        long,
        value_name = "SERVERS",
        env = "MILLRACE_BOOTSTRAP_SERVERS",
        default_value = "localhost:9092",
        hide_env_values = true
    )]
    pub bootstrap_servers: String,
    /// A file in the notation of Kafka's clients: `security.protocol`, `sasl.…`, `ssl.…`
    #[arg(long, value_name = "FILE", env = "MILLRACE_COMMAND_CONFIG")]
    pub command_config: Option<PathBuf>,
    /// How long an answer is waited for, in milliseconds
    #[arg(
        long,
        alias = "request_timeout_ms",
        value_name = "MS",
        default_value_t = 30_000
    )]
    pub request_timeout_ms: u64,
}

/// Which cluster, and for whom the answer is.
#[derive(clap::Args, Clone, Debug)]
pub struct AdminArgs {
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Print JSON, for programs
    #[arg(long)]
    pub json: bool,
}

/// What is done with topics.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum TopicCommand {
    /// Make a topic
    Create {
        name: String,
        /// How many partitions; as the broker has it by default
        #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
        partitions: Option<i32>,
        /// How many brokers hold each partition; as the broker has it by default
        #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(i16).range(1..))]
        replication_factor: Option<i16>,
        /// A setting, as in `--config retention.ms=3600000`
        #[arg(short, long, value_name = "KEY=VALUE", value_parser = key_value)]
        config: Vec<(String, String)>,
        /// A topic that is there already is no error
        #[arg(long)]
        if_not_exists: bool,
        /// Only check whether the topic could be made
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// List the topics
    List {
        /// Those of the cluster's own too
        #[arg(long)]
        internal: bool,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Show where the partitions of topics are, and what the topics set themselves
    Describe {
        /// The topics
        #[arg(required = true)]
        names: Vec<String>,
        /// Show every setting, also those of the broker
        #[arg(long)]
        all_configs: bool,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Add partitions to a topic, or change its settings
    #[command(group = clap::ArgGroup::new("what").required(true).multiple(true))]
    Alter {
        name: String,
        /// How many partitions the topic is to have
        #[arg(short, long, value_name = "N", group = "what", value_parser = clap::value_parser!(i32).range(1..))]
        partitions: Option<i32>,
        /// A setting, as in `--config retention.ms=3600000`
        #[arg(short, long, value_name = "KEY=VALUE", group = "what", value_parser = key_value)]
        config: Vec<(String, String)>,
        /// A setting that is to be the broker's again
        #[arg(long, value_name = "KEY", group = "what")]
        delete_config: Vec<String>,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Remove the oldest records of a partition
    DeleteRecords {
        name: String,
        /// The partition
        #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
        partition: i32,
        /// The offset of the first record that stays
        #[arg(short, long, value_name = "OFFSET", value_parser = clap::value_parser!(i64).range(0..))]
        before: i64,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Remove topics with all that they hold
    Delete {
        /// The topics
        #[arg(required = true)]
        names: Vec<String>,
        #[command(flatten)]
        admin: AdminArgs,
    },
}

/// What is done with groups.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum GroupCommand {
    /// List the groups
    List {
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Show how far groups have read, and who reads
    Describe {
        /// The groups
        #[arg(required = true)]
        groups: Vec<String>,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Remove groups that have no members
    Delete {
        /// The groups
        #[arg(required = true)]
        groups: Vec<String>,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Have a group read from another place on
    #[command(after_help = AFTER_RESET)]
    ResetOffsets {
        group: String,
        /// Where it is to read from
        #[arg(long, value_name = "WHERE", value_parser = target)]
        to: Target,
        /// Only this topic, or these partitions of it: `orders`, `orders:0,1`; all that the group
        /// has committed, without it
        #[arg(long, value_name = "TOPIC[:N,…]", value_parser = topic_partitions)]
        topic: Vec<TopicArg>,
        /// Do it
        #[arg(long, conflicts_with = "dry_run")]
        execute: bool,
        /// Only show what would be done: the default
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        admin: AdminArgs,
    },
}

/// What is done with the cluster.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum ClusterCommand {
    /// List the brokers
    Describe {
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Print the brokers, the topics and what is set for them as JSON, for a backup
    #[command(after_help = AFTER_EXPORT)]
    Export {
        /// Write it to this file
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        cluster: ClusterArgs,
    },
    /// Make the topics of an exported file that are not there
    #[command(after_help = AFTER_IMPORT)]
    Import {
        /// What `cluster export` has written
        file: PathBuf,
        /// Only show what would be done
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        admin: AdminArgs,
    },
}

/// What is done with users.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum UserCommand {
    /// Give a user a password, which is the first line of the standard input
    Set {
        name: String,
        /// How the user proves to know it
        #[arg(short, long, default_value = "SCRAM-SHA-256", value_parser = hash)]
        mechanism: Hash,
        /// How often it is hashed: who steals what the broker keeps needs so much longer
        #[arg(
            long,
            value_name = "N",
            default_value_t = 4096,
            value_parser = clap::value_parser!(i32).range(4096..=16384)
        )]
        iterations: i32,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// List the users
    List {
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Take the passwords of a user away
    Delete {
        name: String,
        /// Only the one of this mechanism
        #[arg(short, long, value_parser = hash)]
        mechanism: Option<Hash>,
        #[command(flatten)]
        admin: AdminArgs,
    },
}

/// The arguments of `produce`.
#[derive(clap::Args, Clone, Debug)]
pub struct ProduceArgs {
    /// The topic
    pub topic: String,
    /// What stands between the key and the value of a line
    #[arg(long, value_name = "TEXT")]
    pub key_separator: Option<String>,
    /// The partition; the key says, or records are spread, without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    pub partition: Option<i32>,
    /// Settings to begin with
    #[arg(long, value_parser = ["high-throughput", "low-latency", "high-durability"])]
    pub profile: Option<String>,
    /// Whose word counts: 0 nobody's, 1 or leader, all
    #[arg(long, value_parser = acks)]
    pub acks: Option<Acks>,
    /// The largest batch before it is compressed, in bytes
    #[arg(long, alias = "batch_size", value_name = "BYTES")]
    pub batch_size: Option<usize>,
    /// How long a batch waits for more records, in milliseconds
    #[arg(long, alias = "linger_ms", value_name = "MS")]
    pub linger_ms: Option<u64>,
    /// none, gzip, snappy, lz4 or zstd
    #[arg(long, alias = "compression_type", value_name = "CODEC", value_parser = compression)]
    pub compression_type: Option<Compression>,
    /// How many requests may be open at a broker
    #[arg(long, alias = "max_in_flight_requests", value_name = "N")]
    pub max_in_flight_requests: Option<usize>,
    /// Whether a batch that is sent again is recognised
    #[arg(long, alias = "enable_idempotence", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub enable_idempotence: Option<bool>,
    /// How often a batch is sent again
    #[arg(long, value_name = "N")]
    pub retries: Option<u32>,
    /// Print where each record is, as a line of JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// The arguments of `consume`.
#[derive(clap::Args, Clone, Debug)]
pub struct ConsumeArgs {
    /// The topic
    pub topic: String,
    /// Read as a member of this group, which shares the partitions
    #[arg(short, long)]
    pub group: Option<String>,
    /// Begin at the first record where there is no other place to begin
    #[arg(long)]
    pub from_beginning: bool,
    /// Only these partitions
    #[arg(long, value_name = "N", conflicts_with = "group", value_parser = clap::value_parser!(i32).range(0..))]
    pub partition: Vec<i32>,
    /// Begin there: `earliest`, `latest`, an offset, or a time such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "WHERE", conflicts_with_all = ["group", "from_beginning"], value_parser = target)]
    pub offset: Option<Target>,
    /// End behind so many records
    #[arg(short, long, value_name = "N")]
    pub max_messages: Option<usize>,
    /// End when nothing came for so long, in milliseconds
    #[arg(long, value_name = "MS")]
    pub timeout: Option<u64>,
    /// How records are printed
    #[arg(long, default_value = "raw", value_parser = ["raw", "json"])]
    pub format: String,
    /// The same as `--format json`
    #[arg(long)]
    pub json: bool,
    /// Settings to begin with
    #[arg(long, value_parser = ["high-throughput", "low-latency"])]
    pub profile: Option<String>,
    /// How many records are taken at once
    #[arg(long, alias = "max_poll_records", value_name = "N")]
    pub max_poll_records: Option<usize>,
    /// How many bytes a broker waits for
    #[arg(long, alias = "fetch_min_bytes", value_name = "BYTES")]
    pub fetch_min_bytes: Option<i32>,
    /// How many bytes a broker sends at most
    #[arg(long, alias = "fetch_max_bytes", value_name = "BYTES")]
    pub fetch_max_bytes: Option<i32>,
    /// How long a broker waits for them, in milliseconds
    #[arg(long, alias = "fetch_max_wait_ms", value_name = "MS")]
    pub fetch_max_wait_ms: Option<u64>,
    /// How many bytes of a partition are sent at once
    #[arg(long, alias = "max_partition_fetch_bytes", value_name = "BYTES")]
    pub max_partition_fetch_bytes: Option<i32>,
    /// Where a group begins that has no place: earliest, latest, none
    #[arg(long, alias = "auto_offset_reset", value_name = "WHERE", value_parser = ["earliest", "latest", "none"])]
    pub auto_offset_reset: Option<String>,
    /// Leave out what transactions wrote that were aborted, and wait for the end of others
    #[arg(long)]
    pub read_committed: bool,
    #[command(flatten)]
    pub cluster: ClusterArgs,
}
