//! Reads partitions, and tells the oracle all that it sees.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use millrace_kafka_wire::Segment;
use millrace_kafka_wire::api::fetch::{FetchPartition, FetchRequest, FetchTopic, PartitionData};
use millrace_kafka_wire::batch::{BatchHeader, HEADER_SIZE, Records};
use millrace_log::files::sim::Random;

use super::Stage;
use crate::link::{Gone, Link};
use crate::told::Place;

/// What a reader knows of the places that it reads.
pub struct Reader {
    pub places: Vec<Shown>,
}

/// A place, and what holds there.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    pub place: Place,
    /// What is shown stays when the power goes.
    pub is_durable: bool,
    /// Offsets may be missing.
    pub has_gaps: bool,
}

/// A batch as it was read.
pub struct Read {
    pub header: BatchHeader,
    /// With their offsets.
    pub values: Vec<(i64, Option<Bytes>, Bytes)>,
}

impl Reader {
    pub async fn work(&self, stage: &Stage, random: &mut Random) -> Result<(), Gone> {
        let mut link = stage.link();
        let mut positions: HashMap<Place, i64> = HashMap::new();
        loop {
            stage.think(random).await;
            let shown = self.places[random.below(self.places.len() as u64) as usize];
            let is_committed = random.percent(50);
            let position = positions.entry(shown.place).or_insert(0);
            let wait = random.below(20) as i32;
            let data = fetch(&mut link, shown.place, *position, is_committed, wait).await?;
            if data.error_code != 0 {
                // Deleted meanwhile, or not there (any more).
                *position = data.log_start_offset.max(*position);
                continue;
            }
            stage.told.note(|| {
                let (place, position) = (shown.place, *position);
                let (high, stable) = (data.high_watermark, data.last_stable_offset);
                format!("{} read {place:?} {position} {high} {stable}", stage.now())
            });
            see(stage, shown, *position, is_committed, &data);
            // What was aborted is stepped over without a look.
            if let Some(last) = batches(&data).last() {
                *position = last.header.next_offset();
            }
            if random.percent(5) {
                *position = stage.told.start(shown.place);
            }
        }
    }
}

/// Tells the oracle what stands in an answer.
fn see(stage: &Stage, shown: Shown, position: i64, is_committed: bool, data: &PartitionData) {
    let place = shown.place;
    let (high, stable) = (data.high_watermark, data.last_stable_offset);
    stage.told.watermarks(place, high, stable);
    let end = if is_committed { stable } else { high };
    let mut next = None;
    for Read { header, values } in batches(data) {
        let expected = next.replace(header.next_offset());
        let is_first = expected.is_none();
        let fits = match expected {
            None => header.last_offset() >= position,
            Some(expected) if shown.has_gaps => header.base_offset >= expected,
            Some(expected) => header.base_offset == expected,
        };
        let starts =
            is_first && !shown.has_gaps && header.base_offset > position.max(data.log_start_offset);
        if !fits || starts || header.last_offset() >= end {
            let (base, last) = (header.base_offset, header.last_offset());
            stage.told.wrong(|| {
                format!("{place:?} was read from {position} below {end}: {base} to {last} came, expected {expected:?}")
            });
        }
        for (offset, _, value) in values {
            (stage.told).was_read(place, offset, header.leader_epoch, &value, shown.is_durable);
        }
    }
    if is_committed {
        let values = committed(data).into_iter().flat_map(|it| it.values);
        values.for_each(|(_, _, value)| stage.told.was_shown_as_committed(value));
    }
}

/// The batches of an answer; of control batches only the headers.
pub fn batches(data: &PartitionData) -> Vec<Read> {
    let Segment::Bytes(bytes) = &data.records else {
        panic!("records within the process are bytes");
    };
    let mut rest = bytes.clone();
    let mut all = Vec::new();
    while rest.len() >= HEADER_SIZE {
        let header = BatchHeader::read(&rest).expect("a batch is there");
        if rest.len() < header.size() {
            break;
        }
        let batch = rest.split_to(header.size());
        let mut values = Vec::new();
        if !header.attributes.is_control() {
            for record in Records::new(&batch[HEADER_SIZE..], header.record_count) {
                let record = record.expect("the record is sound");
                let offset = header.base_offset + i64::from(record.offset_delta);
                let key = record.key.map(Bytes::copy_from_slice);
                values.push((
                    offset,
                    key,
                    Bytes::copy_from_slice(record.value.unwrap_or_default()),
                ));
            }
        }
        all.push(Read { header, values });
    }
    all
}

/// Asks for records.
pub async fn fetch(
    link: &mut Link,
    place: Place,
    offset: i64,
    is_committed: bool,
    wait: i32,
) -> Result<PartitionData, Gone> {
    let request = FetchRequest {
        replica_id: -1,
        max_wait_ms: wait,
        min_bytes: 1,
        max_bytes: 1 << 20,
        isolation_level: i8::from(is_committed),
        session_epoch: -1,
        topics: vec![FetchTopic {
            topic: place.0.into(),
            partitions: vec![FetchPartition {
                partition: place.1,
                fetch_offset: offset,
                current_leader_epoch: -1,
                last_fetched_epoch: -1,
                log_start_offset: -1,
                partition_max_bytes: 2000,
                ..FetchPartition::default()
            }],
            ..FetchTopic::default()
        }],
        ..FetchRequest::default()
    };
    let mut response = link.ask(12, &request).await?;
    Ok(response.responses.remove(0).partitions.remove(0))
}

/// A whole partition: where it starts, and the values with their keys; with `is_committed`, those of
/// committed transactions. `None` when it cannot be read now.
pub async fn read_all(
    link: &mut Link,
    place: Place,
    is_committed: bool,
) -> Result<Option<(i64, BTreeMap<i64, (Option<Bytes>, Bytes)>)>, Gone> {
    let mut all = BTreeMap::new();
    let mut position = 0;
    loop {
        let data = fetch(link, place, position, is_committed, 0).await?;
        let start = data.log_start_offset;
        if data.error_code != 0 {
            if start > position {
                position = start;
                continue;
            }
            return Ok(None);
        }
        let read = batches(&data);
        let Some(last) = read.last() else {
            return Ok(Some((start, all)));
        };
        position = last.header.next_offset();
        let read = if is_committed { committed(&data) } else { read };
        for (offset, key, value) in read.into_iter().flat_map(|it| it.values) {
            all.insert(offset, (key, value));
        }
    }
}

/// The batches of an answer that a reader of committed records is to see.
fn committed(data: &PartitionData) -> Vec<Read> {
    // A transaction is aborted from its first offset in this answer to its marker.
    let mut aborted: HashMap<i64, Vec<i64>> = HashMap::new();
    for transaction in data.aborted_transactions.iter().flatten() {
        let firsts = aborted.entry(transaction.producer_id).or_default();
        firsts.push(transaction.first_offset);
        firsts.sort_unstable();
    }
    let mut read = batches(data);
    read.retain(|Read { header, .. }| {
        let Some(firsts) = aborted.get_mut(&header.producer_id) else {
            return true;
        };
        let is_within = firsts.first().is_some_and(|it| *it <= header.base_offset);
        if header.attributes.is_control() && is_within {
            // It ends the transaction that began before it.
            firsts.remove(0);
        }
        !(header.attributes.is_transactional() && is_within)
    });
    read
}
