//! `backup` of a broker that runs, and `restore` of what it has written.

use std::path::Path;
use std::process::ExitCode;

use millrace_diagnostics::printable_line;
use millrace_node::backup::{self, Restored, Taken};
use millrace_node::install_default_logs;
use millrace_spec::Literal;
use millrace_spec::render::emit;

use super::kafka::{Failure, number, object, run, text};
use super::log::integer;
use super::{complain, print};
use crate::args::backup::{BackupArgs, RestoreArgs};

/// Takes a backup.
pub fn backup(args: &BackupArgs) -> ExitCode {
    match backup::take(&args.data_dir, &args.target_dir) {
        Ok(taken) => tell(args.json, &told_of_taken(&taken), &json_of_taken(&taken)),
        Err(error) => {
            complain(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Restores one.
pub fn restore(args: RestoreArgs) -> ExitCode {
    // A broker works in it, which says what is wrong in its log.
    let logs = match install_default_logs("warn") {
        Ok(logs) => logs,
        Err(error) => {
            complain(&error);
            return ExitCode::FAILURE;
        }
    };
    let code = run(async move {
        let restored = backup::restore(&args.backup_dir, &args.data_dir).await;
        let restored = restored.map_err(|error| Failure::Failed(error.to_string()))?;
        let human = told_of_restored(&restored, &args);
        tell(args.json, &human, &json_of_restored(&restored));
        Ok(())
    });
    logs.flush();
    code
}

fn tell(is_json: bool, human: &str, json: &Literal) -> ExitCode {
    match is_json {
        true => print(&format!("{}\n", emit::json(json))),
        false => print(&format!("{human}\n")),
    }
}

fn told_of_taken(taken: &Taken) -> String {
    let Taken {
        partitions,
        linked_files,
        linked_bytes,
        copied_bytes,
        held,
    } = taken;
    format!(
        "{partitions} partitions: {linked_files} files with {linked_bytes} bytes linked, \
         {copied_bytes} bytes copied; transactions waited {:.1} ms",
        held.as_secs_f64() * 1000.0
    )
}

fn json_of_taken(taken: &Taken) -> Literal {
    let held_us = u64::try_from(taken.held.as_micros()).unwrap_or(u64::MAX);
    object([
        ("partitions", integer(taken.partitions as u64)),
        ("linked_files", integer(taken.linked_files)),
        ("linked_bytes", integer(taken.linked_bytes)),
        ("copied_bytes", integer(taken.copied_bytes)),
        ("held_us", integer(held_us)),
    ])
}

fn told_of_restored(restored: &Restored, args: &RestoreArgs) -> String {
    let Restored {
        cluster_id,
        node_id,
        partitions,
        batches,
        bytes,
        aborted,
        hanging,
    } = restored;
    let data = for_shell(&args.data_dir);
    let mut told = format!(
        "broker {node_id} of cluster {}: {partitions} partitions, {bytes} bytes, {batches} batches, \
         all sound; {aborted} open transactions aborted\nstart it with: millrace broker {node_id} \
         9092 --data {data}\nor with the settings that it had: millrace broker --config FILE --data \
         {data}",
        printable_line(cluster_id),
    );
    for partition in hanging {
        told += &format!(
            "\n{} has records of a transaction that no coordinator knows, as it had when the backup \
             was taken: readers of committed records wait before them",
            printable_line(partition)
        );
    }
    told
}

/// A path as a shell takes it, and a terminal.
fn for_shell(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "/._-".contains(it);
    match path.chars().all(is_plain) {
        true => path,
        false => format!("'{}'", printable_line(&path).replace('\'', r"'\''")),
    }
}

fn json_of_restored(restored: &Restored) -> Literal {
    let hanging = restored.hanging.iter().map(text);
    object([
        ("cluster_id", text(&restored.cluster_id)),
        ("node_id", number(restored.node_id)),
        ("partitions", integer(restored.partitions as u64)),
        ("batches", integer(restored.batches)),
        ("bytes", integer(restored.bytes)),
        ("aborted_transactions", integer(restored.aborted as u64)),
        ("hanging_partitions", Literal::List(hanging.collect())),
    ])
}
