//! The broker's socket for commands on its own machine: `control.sock` in each of its data
//! directories.
//!
//! A line of JSON asks, a line answers:
//!
//! ```json
//! {"command": "backup"}
//! {"ok": {"cluster_id": "…", "partitions": […], …}}
//! {"command": "release"}
//! {"ok": null}
//! {"error": "the command `x` is not known: …"}
//! ```
//!
//! `backup` answers with a [cut](crate::backup), whose files stay until `release`, the end of the
//! connection, or [`LONGEST_LEASE`]. Whoever has taken the backup ends the connection: the broker then
//! removes what is left of the directory of links that the cut names. Only who may write to the socket is heard, which is the user
//! that runs the broker, and root.

mod client;
mod server;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use client::Client;
pub(crate) use server::ControlSocket;

/// Its name in a data directory.
const NAME: &str = "control.sock";
/// No request is longer, in bytes.
const LONGEST_REQUEST: u64 = 4 << 10;
/// No answer is longer, in bytes: a cut of a million partitions is shorter.
const LONGEST_ANSWER: u64 = 256 << 20;
/// Whoever connects asks, and reads its answer, within this time.
const PATIENCE: Duration = Duration::from_secs(30);
/// The files of a cut are kept so long at most.
const LONGEST_LEASE: Duration = Duration::from_secs(60);
/// An address of a socket has no more bytes.
const LONGEST_ADDRESS: usize = 107;

/// The address of the socket in a directory, and what must stay open while it is used: a long path
/// is named by its directory, which is open.
fn address(dir: &Path) -> std::io::Result<(PathBuf, Option<std::fs::File>)> {
    use std::os::fd::AsRawFd;
    use std::os::unix::ffi::OsStrExt;
    let path = dir.join(NAME);
    if path.as_os_str().as_bytes().len() <= LONGEST_ADDRESS {
        return Ok((path, None));
    }
    let open = std::fs::File::open(dir)?;
    let path = format!("/proc/self/fd/{}/{NAME}", open.as_raw_fd());
    Ok((path.into(), Some(open)))
}
