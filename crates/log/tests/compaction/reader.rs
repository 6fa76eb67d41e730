//! A reader of committed records, as a consumer of Kafka is one.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use millrace_kafka_wire::batch::{BatchHeader, Compression, HEADER_SIZE, Records, is_intact};
use millrace_log::Snapshot;

use crate::codecs::decompress;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub offset: i64,
    pub time: i64,
    pub key: Option<Vec<u8>>,
    /// `None` in a tombstone.
    pub value: Option<Vec<u8>>,
    /// The value of its header, if it has one.
    pub header: Option<Vec<u8>>,
}

/// All batches below an offset, each checked.
pub fn batches(snapshot: &Snapshot, up_to: i64) -> Result<Vec<(BatchHeader, Bytes)>, String> {
    let (mut offset, mut all) = (snapshot.start_offset(), Vec::new());
    let mut least = 0;
    loop {
        let slice = snapshot.read(offset, 2000, up_to);
        let Some(slice) = slice.map_err(|it| it.to_string())? else {
            return Ok(all);
        };
        let mut bytes = slice.bytes().map_err(|it| it.to_string())?;
        while !bytes.is_empty() {
            let header = is_intact(&bytes).map_err(|it| it.to_string())?;
            if header.base_offset < least {
                return Err(format!("offset {} after {least}", header.base_offset));
            }
            least = header.next_offset();
            all.push((header, bytes.split_to(header.size())));
        }
        offset = slice.next_offset;
    }
}

/// The records of a batch.
pub fn rows(header: &BatchHeader, bytes: &[u8]) -> Vec<Row> {
    let opened = match header.attributes.compression().unwrap() {
        Compression::None => bytes[HEADER_SIZE..].to_vec(),
        codec if header.record_count > 0 => decompress(codec, &bytes[HEADER_SIZE..]).unwrap(),
        _ => Vec::new(),
    };
    let records = Records::new(&opened, header.record_count).map(Result::unwrap);
    records
        .map(|record| Row {
            offset: header.base_offset + i64::from(record.offset_delta),
            time: header.base_timestamp + record.timestamp_delta,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            header: record.headers.iter().next().map(|it| it.key.to_vec()),
        })
        .collect()
}

/// What is committed below an offset, from the start of the log.
pub fn read(snapshot: &Snapshot, up_to: i64) -> Result<Vec<Row>, String> {
    let start = snapshot.start_offset();
    let aborted = snapshot.aborted(start, up_to);
    let mut aborted = aborted.map_err(|it| it.to_string())?;
    aborted.sort_by_key(|it| it.first_offset);
    let mut coming = aborted.into_iter().peekable();
    let (mut ongoing, mut all) = (BTreeSet::new(), Vec::new());
    for (header, bytes) in batches(snapshot, up_to)? {
        while let Some(txn) = coming.next_if(|it| it.first_offset <= header.last_offset()) {
            ongoing.insert(txn.producer_id);
        }
        let is_aborted = ongoing.contains(&header.producer_id);
        match (header.attributes.is_control(), rows(&header, &bytes)) {
            (true, marker) => {
                if marker
                    .first()
                    .is_some_and(|it| it.key.as_ref().unwrap()[3] == 0)
                {
                    ongoing.remove(&header.producer_id);
                }
            }
            (false, _) if is_aborted && header.attributes.is_transactional() => {}
            (false, rows) => all.extend(rows.into_iter().filter(|row| row.offset >= start)),
        }
    }
    Ok(all)
}

/// The last row of each key, unless it is a tombstone.
pub fn states(rows: &[Row]) -> BTreeMap<&[u8], &Row> {
    let keyed = rows
        .iter()
        .filter_map(|row| Some((row.key.as_deref()?, row)));
    let mut states: BTreeMap<_, _> = keyed.collect();
    states.retain(|_, row| row.value.is_some());
    states
}
