//! What is read from the topic of a buffer.

use std::sync::Arc;
use std::time::Duration;

use millrace_durable_buffer::Row;
use millrace_durable_buffer::codec::count_in;
use millrace_kafka_client::{
    Cluster, Consumer, ConsumerSettings, Error as KafkaError, Limits, OffsetAt, Record, Reset,
    Start, TopicPartition,
};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::foreign::Foreign;
use super::rows::{Amount, Rows};
use super::topic::{RECORD_BYTES, RECORD_OVERHEAD};

/// How long a record that is there may take to come.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one poll waits: offsets may hold no records, such as marks of transactions.
const POLL: Duration = Duration::from_millis(200);
/// So many records of others are looked through for one of the buffer's that tells amounts.
const SEARCH_MAX: usize = 1000;

/// Reads rows from the topic.
pub struct Reading {
    cluster: Arc<Cluster>,
    partition: TopicPartition,
    consumer: Consumer,
    foreign: Arc<Foreign>,
}

impl Reading {
    pub fn new(cluster: Arc<Cluster>, partition: TopicPartition, foreign: Arc<Foreign>) -> Self {
        let settings = ConsumerSettings {
            auto_commit_interval: None,
            max_poll_records: usize::MAX,
            // What is to be read is there, or something is wrong.
            auto_offset_reset: Reset::None,
            limits: Limits {
                batch_bytes: RECORD_BYTES + RECORD_OVERHEAD,
            },
            ..ConsumerSettings::default()
        };
        let place = (partition.clone(), Start::At(OffsetAt::Earliest));
        Self {
            consumer: Consumer::of_partitions(Arc::clone(&cluster), settings, [place]),
            cluster,
            partition,
            foreign,
        }
    }

    /// What is in the topic.
    pub async fn look(&mut self, group: &str) -> Result<Rows, KafkaError> {
        let partitions = std::slice::from_ref(&self.partition);
        let start = self.start().await?;
        let end = self.cluster.offsets(partitions, OffsetAt::Latest, false);
        let end = end.await?.into_values().flatten().next().unwrap_or(0);
        let committed = self.cluster.committed(group, Some(partitions)).await?;
        let committed = committed.get(&self.partition).map_or(0, |it| it.offset);
        let done = committed.clamp(start, end);
        if start == end {
            return Ok(Rows::new(
                (end, Amount::default()),
                (end, Amount::default()),
            ));
        }
        // Where others have written, the last row of the buffer may stand before what is done.
        let last = self.first_row((start..end).rev()).await?;
        let total = last.map_or_else(Amount::default, |(_, with)| with);
        let before = match done == end {
            true => total,
            false => self.first_row(done..end).await?.map_or(total, |it| it.0),
        };
        Ok(Rows::new((done, before), (end, total)))
    }

    /// How much was stored before and with the first of these records that is a row.
    async fn first_row(
        &mut self,
        offsets: impl Iterator<Item = i64>,
    ) -> Result<Option<(Amount, Amount)>, KafkaError> {
        for offset in offsets.take(SEARCH_MAX) {
            match self.record(offset).await {
                Ok(record) => {
                    if let Some(amounts) = record.as_ref().and_then(amounts) {
                        return Ok(Some(amounts));
                    }
                }
                // It is told when it is its turn to leave.
                Err(error) if error.unreadable().is_some() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// The record at an offset, if there is one.
    async fn record(&mut self, offset: i64) -> Result<Option<Record>, KafkaError> {
        let records = self.read_from(offset).await?;
        let mut records = records.into_iter();
        Ok(records.next().filter(|it| it.offset == offset))
    }

    /// The records from an offset on; none, where the offset holds none.
    async fn read_from(&mut self, offset: i64) -> Result<Vec<Record>, KafkaError> {
        self.consumer.seek(&self.partition, offset);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let records = self.consumer.poll(POLL).await?;
            if !records.is_empty() || self.consumer.position(&self.partition) > Some(offset) {
                return Ok(records);
            }
            if Instant::now() >= deadline {
                return Err(KafkaError::missing(&self.partition, offset));
            }
        }
    }

    /// Where the topic begins.
    async fn start(&self) -> Result<i64, KafkaError> {
        let partitions = std::slice::from_ref(&self.partition);
        let start = self.cluster.offsets(partitions, OffsetAt::Earliest, false);
        Ok(start.await?.into_values().flatten().next().unwrap_or(0))
    }

    /// The rows after one, as [`Store::load`](millrace_durable_buffer::Store::load) says.
    pub async fn load(
        &mut self,
        after: i64,
        bytes_max: usize,
        rows: &Mutex<Rows>,
    ) -> Result<Vec<Row>, KafkaError> {
        let (mut next, last) = {
            let rows = rows.lock();
            (after.max(rows.done()), rows.last())
        };
        let (mut loaded, mut bytes) = (Vec::new(), 0);
        while next < last && bytes < bytes_max {
            let records = match self.read_from(next).await {
                Ok(records) => records,
                // What is before it leaves first.
                Err(_) if !loaded.is_empty() => break,
                Err(error) => {
                    let start = self.start().await?.min(last);
                    if start <= next {
                        return Err(error);
                    }
                    self.foreign.note_removed(next, start);
                    rows.lock().pass_over(next + 1..start + 1);
                    next = start;
                    continue;
                }
            };
            let end = self.consumer.position(&self.partition).unwrap_or(next);
            let mut rows = rows.lock();
            for record in records.into_iter().take_while(|it| it.offset < last) {
                rows.pass_over(next + 1..record.offset + 1);
                next = record.offset + 1;
                if let Some(row) = self.row(record, &mut rows) {
                    bytes += row.content.len().max(1);
                    loaded.push(row);
                }
            }
            let end = end.min(last);
            rows.pass_over(next + 1..end + 1);
            next = next.max(end);
        }
        Ok(loaded)
    }

    /// What is to leave of a record.
    fn row(&self, record: Record, rows: &mut Rows) -> Option<Row> {
        let id = record.offset + 1;
        let is_unseen = rows.is_unseen(id);
        if rows.is_done(id) && !is_unseen {
            return None;
        }
        let Some((before, with)) = amounts(&record) else {
            self.foreign.drop_record(record.offset);
            rows.deliver(id);
            return None;
        };
        if is_unseen {
            // Its input was told that it is not stored, and sends it again.
            rows.deliver(id);
            return None;
        }
        rows.known(id, before, with);
        let content = record.value.unwrap_or_default();
        Some(Row { id, content })
    }

    /// Looks at what stands between the rows of this run.
    pub async fn look_at_unseen(&mut self, rows: &Mutex<Rows>) {
        loop {
            let Some(first) = rows.lock().first_unseen() else {
                return;
            };
            match self.read_from(first - 1).await {
                Ok(records) => self.see(first, records, rows),
                Err(error) => match error.unreadable() {
                    Some(batch) => {
                        let behind = batch.behind.unwrap_or(first);
                        let ids = first..behind.max(first) + 1;
                        let mut rows = rows.lock();
                        let unseen: Vec<i64> = ids.filter(|it| rows.is_unseen(*it)).collect();
                        self.foreign.drop_batch(unseen.len(), first - 1, &error);
                        unseen.into_iter().for_each(|it| rows.deliver(it));
                    }
                    // The next look may be better.
                    None => return,
                },
            }
        }
    }

    /// Accounts for records that nobody has looked at, from the row `first` on.
    fn see(&self, first: i64, records: Vec<Record>, rows: &Mutex<Rows>) {
        let mut rows = rows.lock();
        let end = self.consumer.position(&self.partition).unwrap_or(first);
        for record in records {
            if rows.is_unseen(record.offset + 1) {
                let _unseen = self.row(record, &mut rows);
            }
        }
        // What is left holds no record.
        let rest: Vec<i64> = (first..end + 1).filter(|it| rows.is_unseen(*it)).collect();
        rest.into_iter().for_each(|it| rows.deliver(it));
    }
}

/// How much was stored before a row, and with it; `None` of a record that is no row.
fn amounts(record: &Record) -> Option<(Amount, Amount)> {
    let before = Amount::of_key(record.key.as_deref()?)?;
    let content = record.value.as_deref()?;
    let messages = count_in(content)?;
    Some((before, before.and(content.len(), messages)))
}
