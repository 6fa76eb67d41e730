//! The records of a batch, and how they are printed.

use std::path::Path;

use millrace_kafka_wire::batch::{BatchHeader, Compression, Record, Records, decompress};
use millrace_log::offline::{Batches, FoundBatch, LONGEST_RECORDS, ReadError};
use millrace_spec::Literal;

use super::super::consume::output::bytes;
use super::super::kafka::{Failure, number, object, text};
use super::batches::Marker;
use super::{Out, path_text};

/// How many bytes of a key or a value people are shown.
const SHOWN: usize = 256;

/// The bytes of the records of a batch, no longer compressed.
///
/// # Errors
/// What is wrong with them.
pub fn read(batches: &mut Batches<'_>, found: &FoundBatch) -> Result<Vec<u8>, String> {
    let records = batches.records(found).map_err(|error| match error {
        ReadError::Damaged(damage) => damage.reason,
        ReadError::Log(error) => error.to_string(),
    })?;
    match found.header.attributes.compression() {
        None => Err("its codec is not known".to_owned()),
        Some(Compression::None) => Ok(records),
        Some(codec) => {
            let opened = decompress(codec, &records, LONGEST_RECORDS);
            opened.map_err(|error| format!("its records cannot be decompressed: {error}"))
        }
    }
}

/// Prints the records of a batch.
///
/// # Errors
/// In the inner result, what is wrong with them.
pub fn print(
    path: &Path,
    header: &BatchHeader,
    records: &[u8],
    out: &mut Out,
) -> Result<Result<(), String>, Failure> {
    let mut count = 0;
    for record in Records::new(records, header.record_count) {
        let record = match record {
            Ok(record) => record,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let human = || line(header, &record);
        out.line(human, || json(path, header, &record))?;
        count += 1;
    }
    Ok(match count == header.record_count {
        true => Ok(()),
        false => Err(format!(
            "it has {count} records and counts {}",
            header.record_count
        )),
    })
}

/// What the first record of a control batch says (KIP-98, KIP-595); `None` when it is none.
pub fn marker(header: &BatchHeader, records: &[u8]) -> Option<Marker> {
    let record = Records::new(records, header.record_count).next()?.ok()?;
    let kind = i16::from_be_bytes(*record.key?.get(2..)?.first_chunk()?);
    let name = match kind {
        0 => "abort",
        1 => "commit",
        2 => "leader-change",
        3 => "snapshot-header",
        4 => "snapshot-footer",
        5 => "kraft-version",
        6 => "kraft-voters",
        _ => "unknown",
    };
    let epoch = record.value.and_then(|it| it.get(2..)?.first_chunk());
    let epoch = epoch.filter(|_| matches!(name, "abort" | "commit"));
    Some(Marker {
        kind: name,
        coordinator_epoch: epoch.map(|it| i32::from_be_bytes(*it)),
    })
}

fn offset(header: &BatchHeader, record: &Record<'_>) -> i64 {
    let delta = i64::from(record.offset_delta);
    header.base_offset.saturating_add(delta)
}

fn timestamp(header: &BatchHeader, record: &Record<'_>) -> i64 {
    match header.attributes.is_append_time() {
        true => header.max_timestamp,
        false => header.base_timestamp.saturating_add(record.timestamp_delta),
    }
}

/// A record for people; long keys and values end early.
fn line(header: &BatchHeader, record: &Record<'_>) -> String {
    let mut line = format!(
        "  record {} time {} key {} value {}",
        offset(header, record),
        timestamp(header, record),
        shown(record.key),
        shown(record.value)
    );
    for it in record.headers.iter() {
        line.push_str(&format!(
            " header {}={}",
            shown(Some(it.key)),
            shown(it.value)
        ));
        if line.len() > 16 * SHOWN {
            line.push_str(&format!(" … of {} headers", record.headers.len()));
            break;
        }
    }
    line
}

fn shown(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else {
        return "null".to_owned();
    };
    let part = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]);
    match bytes.len() > SHOWN {
        false => format!("`{part}`"),
        true => format!("`{part}` … of {} bytes", bytes.len()),
    }
}

/// A record for programs, whole.
fn json(path: &Path, header: &BatchHeader, record: &Record<'_>) -> Literal {
    let headers = record.headers.iter().map(|it| {
        let name = text(String::from_utf8_lossy(it.key));
        object([("key", name), bytes("value", "value_base64", it.value)])
    });
    object([
        ("kind", text("record")),
        ("file", path_text(path)),
        ("offset", number(offset(header, record))),
        ("timestamp", number(timestamp(header, record))),
        bytes("key", "key_base64", record.key),
        bytes("value", "value_base64", record.value),
        ("headers", Literal::List(headers.collect())),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_end_early_and_say_how_long_they_are() {
        assert_eq!(shown(None), "null");
        assert_eq!(shown(Some(b"")), "``");
        let long = shown(Some(&[b'v'; 5000]));
        assert_eq!(long, format!("`{}` … of 5000 bytes", "v".repeat(SHOWN)));
    }
}
