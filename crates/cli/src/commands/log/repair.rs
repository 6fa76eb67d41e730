//! `log repair`: cuts a partition where its operator says so.

use std::path::Path;

use millrace_log::Disk;
use millrace_log::offline::CutPlan;
use millrace_spec::Literal;

use super::super::kafka::{Ended, Failure, number, object, or_null, text};
use super::partitions::{hold, partition};
use super::{Out, integer, path_text};

/// The log of the cluster's metadata.
const METADATA: &str = "__cluster_metadata";

/// Shows what a cut would do, and does it when it is meant.
pub fn repair(dir: &Path, offset: i64, is_meant: bool, out: &mut Out) -> Ended {
    let (logs, partition) = partition(dir)?;
    let held = hold(&logs, is_meant)?;
    let plan = CutPlan::new(&Disk, &held, &partition, offset);
    let plan = plan.map_err(|refused| Failure::Failed(format!("{partition}: {refused}")))?;
    for line in lines(&plan, offset, is_meant) {
        out.say(&line)?;
    }
    out.put(|| json(&plan, offset, is_meant))?;
    // What goes is said before it is gone.
    out.finish()?;
    if is_meant {
        plan.execute(&Disk, &held).map_err(|error| {
            Failure::Failed(format!(
                "{error}; the partition is cut in part: give the command again"
            ))
        })?;
        out.say(&format!(
            "{partition} ends at offset {} now",
            plan.end_offset
        ))?;
    }
    out.finish()
}

fn lines(plan: &CutPlan, asked: i64, is_meant: bool) -> Vec<String> {
    let CutPlan {
        partition,
        start_offset,
        end_offset,
        ..
    } = plan;
    let mut lines = vec![format!(
        "{partition}: offsets {start_offset}..{end_offset} stay"
    )];
    if *end_offset < asked {
        lines.push(format!(
            "  nothing that lies wholly before offset {asked} ends behind {end_offset}"
        ));
    }
    let last = plan.last_offset.map_or_else(
        || "none of them can be read".to_owned(),
        |last| format!("the last one ends with offset {last}"),
    );
    lines.push(format!(
        "  {} bytes of batches go, with {} sound batches: {last}",
        plan.bytes_of_batches(),
        plan.batches
    ));
    if let Some(damage) = &plan.damage {
        lines.push(format!("  damaged is {damage}"));
    }
    let path = plan.path.display();
    lines.push(format!(
        "  cut {path} at position {}: {} bytes go",
        plan.position, plan.bytes
    ));
    for gone in &plan.removed {
        let path = gone.path.display();
        lines.push(format!("  remove {path}: {} bytes", gone.bytes));
    }
    if &*partition.topic == METADATA {
        lines.push(
            "  it holds the cluster's metadata: topics, partitions and settings that it says from \
             there on are forgotten, and their records are not served"
                .to_owned(),
        );
    }
    if !is_meant {
        lines.push("nothing was changed: add --execute to do it".to_owned());
    }
    lines
}

fn json(plan: &CutPlan, asked: i64, is_meant: bool) -> Literal {
    let removed = plan.removed.iter().map(|gone| {
        object([
            ("file", path_text(&gone.path)),
            ("bytes", integer(gone.bytes)),
        ])
    });
    object([
        ("topic", text(plan.partition.topic.to_string())),
        ("partition", number(plan.partition.partition)),
        ("executed", Literal::Bool(is_meant)),
        ("asked_offset", number(asked)),
        ("start_offset", number(plan.start_offset)),
        ("end_offset", number(plan.end_offset)),
        ("file", path_text(&plan.path)),
        ("position", integer(plan.position)),
        ("bytes", integer(plan.bytes)),
        ("removed", Literal::List(removed.collect())),
        ("batches", integer(plan.batches)),
        ("bytes_of_batches", integer(plan.bytes_of_batches())),
        ("last_offset", or_null(plan.last_offset, number)),
        (
            "damage",
            or_null(plan.damage.as_ref(), |it| text(it.to_string())),
        ),
    ])
}
