//! How a batch is printed.

use std::path::Path;

use millrace_kafka_wire::batch::{Attributes, BatchHeader, Compression};
use millrace_log::offline::FoundBatch;
use millrace_spec::Literal;

use super::super::kafka::{number, object, or_null, text};
use super::{integer, path_text};

/// What a control batch says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    pub kind: &'static str,
    /// Of the coordinator that ended the transaction.
    pub coordinator_epoch: Option<i32>,
}

/// A batch for people.
pub fn line(found: &FoundBatch, marker: Option<&Marker>) -> String {
    let header = &found.header;
    let mut line = format!(
        "offsets {}..{} count {} position {} size {} leader epoch {} codec {} times {}..{}",
        header.base_offset,
        header.last_offset(),
        header.record_count,
        found.position,
        header.size(),
        header.leader_epoch,
        codec(header.attributes),
        header.base_timestamp,
        header.max_timestamp,
    );
    if header.is_idempotent() {
        line.push_str(&format!(
            " producer {} epoch {} sequences {}..{}",
            header.producer_id,
            header.producer_epoch,
            header.base_sequence,
            header.last_sequence()
        ));
    }
    for flag in flags(header) {
        line.push(' ');
        line.push_str(flag);
    }
    if header.attributes.is_control() {
        let kind = marker.map_or("unreadable", |it| it.kind);
        line.push_str(&format!(" {kind}"));
        if let Some(epoch) = marker.and_then(|it| it.coordinator_epoch) {
            line.push_str(&format!(" coordinator epoch {epoch}"));
        }
    }
    match found.is_sound() {
        true => line.push_str(&format!(" crc {:08x} right", header.crc)),
        false => line.push_str(&format!(
            " crc {:08x} WRONG: that of its bytes is {:08x}",
            header.crc, found.checksum
        )),
    }
    line
}

/// A batch for programs.
pub fn json(path: &Path, found: &FoundBatch, marker: Option<&Marker>) -> Literal {
    let header = &found.header;
    let attributes = header.attributes;
    object([
        ("kind", text("batch")),
        ("file", path_text(path)),
        ("position", integer(found.position)),
        ("size", integer(header.size() as u64)),
        ("base_offset", number(header.base_offset)),
        ("last_offset", number(header.last_offset())),
        ("count", number(header.record_count)),
        ("leader_epoch", number(header.leader_epoch)),
        ("codec", text(codec(attributes))),
        ("base_timestamp", number(header.base_timestamp)),
        ("max_timestamp", number(header.max_timestamp)),
        ("append_time", Literal::Bool(attributes.is_append_time())),
        ("producer_id", number(header.producer_id)),
        ("producer_epoch", number(header.producer_epoch)),
        ("base_sequence", number(header.base_sequence)),
        ("last_sequence", number(header.last_sequence())),
        (
            "transactional",
            Literal::Bool(attributes.is_transactional()),
        ),
        ("control", Literal::Bool(attributes.is_control())),
        ("control_type", or_null(marker, |it| text(it.kind))),
        (
            "coordinator_epoch",
            or_null(marker.and_then(|it| it.coordinator_epoch), number),
        ),
        ("delete_horizon", or_null(header.delete_horizon(), number)),
        ("crc", number(header.crc)),
        ("crc_of_bytes", number(found.checksum)),
        ("sound", Literal::Bool(found.is_sound())),
    ])
}

fn codec(attributes: Attributes) -> &'static str {
    match attributes.compression() {
        Some(Compression::None) => "none",
        Some(Compression::Gzip) => "gzip",
        Some(Compression::Snappy) => "snappy",
        Some(Compression::Lz4) => "lz4",
        Some(Compression::Zstd) => "zstd",
        None => "unknown",
    }
}

fn flags(header: &BatchHeader) -> impl Iterator<Item = &'static str> {
    let attributes = header.attributes;
    [
        (attributes.is_append_time(), "append-time"),
        (attributes.is_transactional(), "transactional"),
        (attributes.has_delete_horizon(), "delete-horizon"),
        (attributes.is_control(), "control"),
    ]
    .into_iter()
    .filter_map(|(is_set, name)| is_set.then_some(name))
}
