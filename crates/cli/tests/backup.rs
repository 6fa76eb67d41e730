//! `millrace backup` and `millrace restore` as their users run them.

#[path = "backup/copier.rs"]
mod copier;

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use copier::{Copiers, check};
use millrace_testkit::kafka::{Client, Transactional, batch, committed};
use millrace_testkit::millrace::{Millrace, command};
use millrace_testkit::poll::PATIENCE;
use serde_json::Value;

/// Starts broker 1 on a free port.
fn start(data: &Path) -> (Millrace, SocketAddr) {
    let mut command = command().expect("the binary is there");
    command.args(["broker", "1", "0", "--host", "127.0.0.1", "--data"]);
    let mut broker = Millrace::start(command.arg(data)).expect("the binary runs");
    let is_ready = |it: &Value| it["message"] == "the broker is ready";
    let ready = broker.wait_for_log("the broker", PATIENCE, is_ready);
    let ready = ready.expect("the broker says where it listens");
    let address = ready["address"].as_str().and_then(|it| it.parse().ok());
    (broker, address.expect("it is an address"))
}

fn run(name: &str, from: &Path, to: &Path) -> Output {
    let mut command = command().unwrap();
    command.arg(name).arg(from).arg(to).arg("--json");
    command.stdin(Stdio::null()).output().unwrap()
}

/// Runs `backup` or `restore`, which must do it, and returns what it says.
fn done(name: &str, from: &Path, to: &Path) -> Value {
    let output = run(name, from, to);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Runs `backup` or `restore`, which must refuse, and returns what it complains of.
fn refused(name: &str, from: &Path, to: &Path) -> String {
    let output = run(name, from, to);
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

/// Every file below a directory, with its bytes.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => dirs.push(entry.path()),
                false => drop(found.insert(entry.path(), fs::read(entry.path()).unwrap())),
            }
        }
    }
    found
}

/// Starts a broker on a restored copy and checks it.
fn check_restored(backup: &Path, data: &Path) -> usize {
    done("restore", backup, data);
    let (mut broker, address) = start(data);
    let copied = check(address);
    assert!(broker.terminate(PATIENCE).unwrap().success());
    copied.records
}

#[test]
fn each_of_twenty_backups_has_every_transaction_as_a_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let (mut broker, address) = start(&data);
    let copiers = Copiers::start(address);
    let mut linked = 0;
    let mut held = Vec::new();
    let backups: Vec<_> = (0..20)
        .map(|number| dir.path().join(format!("backup-{number}")))
        .collect();
    for backup in &backups {
        copiers.wait_for(15);
        let taken = done("backup", &data, backup);
        held.push(taken["held_us"].as_u64().unwrap());
        linked += taken["linked_bytes"].as_u64().unwrap();
        assert!(!backup.join("INCOMPLETE").exists());
    }
    copiers.stop();
    held.sort_unstable();
    println!("transactions waited, in microseconds: {held:?}");
    assert!(held[10] < 1_000_000, "half of the holds took longer: {held:?}");
    assert!(linked > 1 << 20, "sealed segments were to be linked");
    let mut before = 0;
    for (number, backup) in backups.iter().enumerate() {
        let restored = dir.path().join(format!("restored-{number}"));
        let records = check_restored(backup, &restored);
        assert!(records > before, "backup {number} is behind the one before");
        before = records;
        fs::remove_dir_all(&restored).unwrap();
    }
    check(address);
    assert!(broker.terminate(PATIENCE).unwrap().success());
}
