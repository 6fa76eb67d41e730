//! What a backup or a restore leaves that fails, is refused, or is killed: nothing.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use millrace_testkit::kafka::{Client, batch};
use millrace_testkit::millrace::command;
use millrace_testkit::poll::{self, PATIENCE};
use serde_json::Value;

use super::traffic::fill;
use super::{connect, done, elsewhere, places, refused, start};

/// The directories of links in a data directory.
fn links(data: &Path) -> Vec<PathBuf> {
    let names = fs::read_dir(data).unwrap().map(|it| it.unwrap().path());
    names
        .filter(|it| {
            it.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with(".backup")
        })
        .collect()
}

fn wait_until_links_are_gone(data: &Path) {
    let is_gone = || links(data).is_empty().then_some(());
    poll::until("the end of the links", PATIENCE, is_gone).unwrap();
}

#[test]
fn a_backup_that_is_killed_leaves_no_links_in_the_data_directory() {
    let dir = tempfile::tempdir().unwrap();
    let (data, ..) = places(dir.path());
    let Some(elsewhere) = elsewhere(dir.path()) else {
        println!("skipped: there is no second file system to write to");
        return;
    };
    let (mut broker, address) = start(&data);
    let mut client = Client::connect(address);
    client.create_topic_with("orders", 1, &[("segment.bytes", "1048576")]);
    fill(&mut client, "orders", 16);
    let mut killed = 0;
    for number in 0..5 {
        let mut backup = command().unwrap();
        backup.arg("backup").arg(&data);
        backup.arg(elsewhere.path().join(format!("backup-{number}")));
        let mut backup = backup.stdout(Stdio::null()).spawn().unwrap();
        let has_begun =
            || (!links(&data).is_empty() || backup.try_wait().unwrap().is_some()).then_some(());
        poll::until("links", PATIENCE, has_begun).unwrap();
        backup.kill().unwrap();
        killed += usize::from(!backup.wait().unwrap().success());
        wait_until_links_are_gone(&data);
    }
    assert!(killed > 0, "none was killed on its way");
    assert!(broker.terminate(PATIENCE).unwrap().success());
}

#[test]
fn the_broker_removes_the_links_of_who_hangs_up_while_it_copies_and_those_that_it_finds() {
    let dir = tempfile::tempdir().unwrap();
    let (data, ..) = places(dir.path());
    let (mut broker, _) = start(&data);
    let mut other = connect(&data);
    let mut ask = |command: &str| -> Value {
        other
            .write_all(format!("{{\"command\":\"{command}\"}}\n").as_bytes())
            .unwrap();
        let mut answer = String::new();
        BufReader::new(&other).read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    };
    let staging = data.join(ask("backup")["ok"]["staging"].as_str().unwrap());
    fs::create_dir(&staging).unwrap();
    fs::hard_link(data.join("meta.properties"), staging.join("linked")).unwrap();
    assert_eq!(ask("release")["ok"], Value::Null);
    assert!(staging.join("linked").exists(), "it is still copied");
    drop(other);
    wait_until_links_are_gone(&data);

    assert!(broker.terminate(PATIENCE).unwrap().success());
    fs::create_dir(data.join(".backup.left")).unwrap();
    let (mut broker, _) = start(&data);
    wait_until_links_are_gone(&data);
    assert!(broker.terminate(PATIENCE).unwrap().success());
}

#[test]
fn a_backup_that_fails_leaves_neither_links_nor_a_part_of_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (data, backup, _) = places(dir.path());
    let elsewhere = elsewhere(dir.path());
    let (mut broker, address) = start(&data);
    let mut client = Client::connect(address);
    client.create_topic("orders", 1);
    assert_eq!(client.produce("orders", 0, batch(&[b"a"])).error_code, 0);
    let segment = data.join("orders-0/00000000000000000000.log");
    let mut bytes = fs::read(&segment).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let far = elsewhere.as_ref().map(|it| it.path().join("above/backup"));
    for target in [Some(backup), far].into_iter().flatten() {
        let said = refused("backup", &data, &target);
        assert!(said.contains("millrace log verify"), "{said}");
        assert!(!target.exists(), "{}", target.display());
        assert!(links(&data).is_empty());
    }
    let above = elsewhere.map(|it| it.path().join("above").exists());
    assert!(!above.unwrap_or(false));
    assert!(broker.terminate(PATIENCE).unwrap().success());
}

#[test]
fn a_restore_that_fails_or_is_refused_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (data, backup, restored) = places(dir.path());
    let (mut broker, address) = start(&data);
    let mut client = Client::connect(address);
    client.create_topic("orders", 1);
    assert_eq!(client.produce("orders", 0, batch(&[b"a"])).error_code, 0);
    done("backup", &data, &backup);
    assert!(broker.terminate(PATIENCE).unwrap().success());
    let complains = |to: &Path, part: &str| {
        let said = refused("restore", &backup, to);
        assert!(said.contains(part), "{said}");
    };
    let count = || fs::read_dir(dir.path()).unwrap().count();
    let before = count();

    symlink(&backup, dir.path().join("link")).unwrap();
    complains(&backup.join("in"), "it is within the backup");
    complains(
        &dir.path().join("nope/../link/in"),
        "it is within the backup",
    );
    fs::remove_file(dir.path().join("link")).unwrap();

    // Whatever would be waited for, or leads elsewhere, is named.
    for name in [
        "meta.properties",
        "orders-0",
        "orders-0/partition.metadata",
        "orders-0/00000000000000000000.log",
    ] {
        let (path, kept) = (backup.join(name), dir.path().join("kept"));
        fs::rename(&path, &kept).unwrap();
        make_pipe(&path);
        complains(&restored, name);
        complains(&restored, "neither a file nor a directory");
        fs::remove_file(&path).unwrap();
        symlink(&kept, &path).unwrap();
        complains(&restored, "neither a file nor a directory");
        fs::remove_file(&path).unwrap();
        fs::rename(&kept, &path).unwrap();
    }

    let segment = backup.join("orders-0/00000000000000000000.log");
    let sound = fs::read(&segment).unwrap();
    fs::write(&segment, &sound[..sound.len() - 1]).unwrap();
    complains(
        &dir.path().join("nope/../above/restored"),
        "restore another backup",
    );
    fs::write(&segment, &sound).unwrap();
    // One that was there stays.
    fs::create_dir(&restored).unwrap();
    let identity = backup.join("orders-0/partition.metadata");
    let own = fs::read(&identity).unwrap();
    fs::write(&identity, "version: 7").unwrap();
    complains(
        &restored,
        "orders-0/partition.metadata: it does not have the lines",
    );
    assert_eq!(fs::read_dir(&restored).unwrap().count(), 0);
    fs::write(&identity, own).unwrap();
    done("restore", &backup, &restored);
    assert_eq!(count(), before + 1);
}

fn make_pipe(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

#[test]
fn a_restored_broker_starts_by_the_line_that_is_printed() {
    let dir = tempfile::tempdir().unwrap();
    let (data, backup, _) = places(dir.path());
    let config = dir.path().join("broker.properties");
    let text = format!(
        "node.id=7\nlisteners=PLAINTEXT://127.0.0.1:0\nlog.dirs={}\n",
        data.display()
    );
    fs::write(&config, text).unwrap();
    let mut broker = command().unwrap();
    let mut broker =
        super::Millrace::start(broker.args(["broker", "--config"]).arg(&config)).unwrap();
    let is_ready = |it: &Value| it["message"] == "the broker is ready";
    broker
        .wait_for_log("the broker", PATIENCE, is_ready)
        .unwrap();
    done("backup", &data, &backup);
    assert!(broker.terminate(PATIENCE).unwrap().success());

    let mut restore = command().unwrap();
    restore
        .arg("restore")
        .arg(&backup)
        .arg(dir.path().join("it's here"));
    let said = String::from_utf8(restore.output().unwrap().stdout).unwrap();
    let line = said
        .lines()
        .find_map(|it| it.strip_prefix("start it with: millrace "));
    let line = line.unwrap().replace("9092", "0 --host 127.0.0.1");
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &format!("exec \"$0\" {line}")]);
    shell.arg(millrace_testkit::millrace::binary().unwrap());
    let mut broker = super::Millrace::start(&mut shell).unwrap();
    broker
        .wait_for_log("the broker", PATIENCE, is_ready)
        .unwrap();
    assert!(broker.terminate(PATIENCE).unwrap().success());

    // Where nothing is that belongs to it, another number needs a file.
    let mut other = command().unwrap();
    other
        .args(["broker", "7", "0", "--data"])
        .arg(dir.path().join("empty"));
    let said = String::from_utf8(other.output().unwrap().stderr).unwrap();
    assert!(said.contains("node.id=7"), "{said}");
}
