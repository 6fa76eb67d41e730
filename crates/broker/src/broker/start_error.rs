//! Why a broker does not start.

use std::fmt;
use std::io;
use std::path::PathBuf;

use millrace_kafka_wire::Str;
use millrace_log::LogError;

/// Why a broker does not start, and what to do.
#[derive(Debug)]
pub enum StartError {
    /// An address cannot be listened at.
    Listen {
        host: String,
        port: u16,
        error: io::Error,
    },
    /// The certificate of a listener cannot be used.
    Tls { listener: String, reason: String },
    /// A directory cannot be written to.
    Unwritable { dir: PathBuf, error: io::Error },
    /// The directory is to be formatted, and is.
    Formatted { dir: PathBuf },
    /// Another broker that runs has the directory.
    Locked { dir: PathBuf },
    /// The directory is that of another broker.
    OtherNode {
        dir: PathBuf,
        found: i32,
        expected: i32,
    },
    /// The directories are of different clusters.
    OtherCluster {
        dir: PathBuf,
        found: Str,
        expected: Str,
    },
    /// The directory was in use, and what says which topics there are is gone.
    NoMetadata { dir: PathBuf },
    /// The metadata log is to be in a directory of its own.
    MetadataDir { dir: PathBuf },
    /// The directory is a backup, which shares its files.
    Backup { dir: PathBuf },
    /// The directory was not copied to its end.
    Incomplete { dir: PathBuf },
    /// A log directory cannot be used.
    Log(LogError),
    /// The system gives no thread.
    Thread(io::Error),
    /// The metadata could not be written.
    Register(String),
}

impl From<LogError> for StartError {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl std::error::Error for StartError {}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { host, port, error } if error.kind() == io::ErrorKind::AddrInUse => {
                write!(
                    f,
                    "port {port} of {host} is in use; see who has it with `lsof -i :{port}`, and stop \
                     that or choose another port"
                )
            }
            Self::Listen { host, port, error } => write!(f, "listen at {host}:{port}: {error}"),
            Self::Tls { listener, reason } => {
                write!(f, "TLS of the listener `{listener}`: {reason}")
            }
            Self::Unwritable { dir, error } => {
                let dir = dir.display();
                write!(
                    f,
                    "the data directory {dir} cannot be written to: {error}; give it to the user that \
                     runs the broker (`chown`, `chmod 755 {dir}`), or name another"
                )
            }
            Self::Formatted { dir } => {
                let dir = dir.display();
                write!(
                    f,
                    "the data directory {dir} is formatted already; name an empty one, or leave it as \
                     it is with `--ignore-formatted`"
                )
            }
            Self::Locked { dir } => {
                let dir = dir.display();
                write!(
                    f,
                    "another process uses the data directory {dir}; stop it, or name another directory"
                )
            }
            Self::OtherNode {
                dir,
                found,
                expected,
            } => {
                let dir = dir.display();
                write!(
                    f,
                    "the data directory {dir} belongs to broker {found}, not to {expected}; start \
                     broker {found} on it, or name another directory"
                )
            }
            Self::OtherCluster {
                dir,
                found,
                expected,
            } => {
                let dir = dir.display();
                write!(
                    f,
                    "the data directory {dir} belongs to cluster {found}, the others to {expected}; \
                     name directories of one cluster"
                )
            }
            Self::NoMetadata { dir } => {
                let dir = dir.display();
                write!(
                    f,
                    "the data directory {dir} was in use and has no metadata log \
                     (`__cluster_metadata-0`), which says what topics there are; restore it from a \
                     backup, or name an empty directory"
                )
            }
            Self::MetadataDir { dir } => {
                let dir = dir.display();
                write!(
                    f,
                    "`metadata.log.dir` is {dir}, which is none of `log.dirs`; a directory of its own \
                     is not supported: name one of those, or leave the key out"
                )
            }
            Self::Backup { dir } => {
                let dir = dir.display();
                write!(
                    f,
                    "{dir} is a backup, which a broker would change: make a data directory of it with \
                     `millrace restore {dir} DATA_DIR`, and start the broker on that"
                )
            }
            Self::Incomplete { dir } => {
                let dir = dir.display();
                write!(
                    f,
                    "{dir} was not restored or copied to its end (there is a file `INCOMPLETE`): \
                     remove it, and run the command again"
                )
            }
            Self::Log(error) => write!(f, "{error}"),
            Self::Thread(error) => write!(f, "start a thread: {error}; see `ulimit -u`"),
            Self::Register(reason) => write!(f, "register with the cluster: {reason}"),
        }
    }
}
