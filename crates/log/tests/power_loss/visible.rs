//! What a reader of committed records sees.

use std::collections::{BTreeMap, BTreeSet};

use millrace_log::AbortedTxn;

use crate::model::Stored;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub offset: i64,
    pub time: i64,
    pub key: Option<Vec<u8>>,
    /// `None` in a tombstone.
    pub value: Option<Vec<u8>>,
}

/// The records of batches without those of aborted transactions, which a reader leaves out as a
/// consumer does: from the first offset of a transaction on to its marker.
pub fn committed(batches: &[Stored], aborted: &[AbortedTxn]) -> Vec<Row> {
    let mut aborted = aborted.to_vec();
    aborted.sort_by_key(|it| it.first_offset);
    let mut coming = aborted.into_iter().peekable();
    let (mut ongoing, mut rows) = (BTreeSet::new(), Vec::new());
    for stored in batches {
        let header = &stored.header;
        while let Some(txn) = coming.next_if(|it| it.first_offset <= header.last_offset()) {
            ongoing.insert(txn.producer_id);
        }
        if header.attributes.is_control() {
            let marker = stored.records().next();
            if marker.is_some_and(|(_, _, record)| record.key.unwrap()[3] == 0) {
                ongoing.remove(&header.producer_id);
            }
            continue;
        }
        if header.attributes.is_transactional() && ongoing.contains(&header.producer_id) {
            continue;
        }
        rows.extend(stored.records().map(|(offset, time, record)| Row {
            offset,
            time,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
        }));
    }
    rows
}

/// The last value of each key that has one.
pub fn states(rows: &[Row]) -> BTreeMap<&[u8], &[u8]> {
    let mut states = BTreeMap::new();
    for row in rows {
        match (&row.key, &row.value) {
            (Some(key), Some(value)) => drop(states.insert(&key[..], &value[..])),
            (Some(key), None) => drop(states.remove(&key[..])),
            (None, _) => {}
        }
    }
    states
}
