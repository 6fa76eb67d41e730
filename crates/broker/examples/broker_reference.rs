//! Writes the reference page of a broker's keys into a folder. `cargo xtask reference` runs it.

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return Err(std::io::Error::other("usage: broker_reference FOLDER"));
    };
    let page = millrace_broker::config::reference_page();
    std::fs::write(folder.join("broker-config.md"), page)
}
