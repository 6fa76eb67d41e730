//! A shard as its log says it is.

use bytes::Bytes;
use millrace_kafka_wire::Str;

use super::Shard;
use super::effects::{Effects, Step};
use super::end::markers;
use super::records::{Key, LoadError, read_key, read_value, record};

impl Shard {
    /// Takes a record of the log, in the order of the log. Those of kinds that are not known are
    /// skipped and counted, as Kafka does: see [`Shard::skipped`].
    ///
    /// # Errors
    /// The record cannot be read; nothing was changed. Whoever goes on may give out epochs that
    /// were given out before.
    pub fn load(&mut self, key: Bytes, value: Option<Bytes>) -> Result<(), LoadError> {
        match (read_key(key)?, value) {
            (Key::Transaction(id), Some(value)) => {
                let transaction = read_value(&id, value)?;
                self.transactions.insert(id.detach(), transaction);
            }
            (Key::Transaction(id), None) => {
                self.transactions.remove(&id);
            }
            (Key::Other(number), _) => *self.skipped.entry(number).or_default() += 1,
        }
        Ok(())
    }

    /// The log was read to its end: deadlines begin, and transactions that are ending go on. All of
    /// their partitions are told, those that were told before, too.
    pub fn loaded(&mut self, now: i64) -> Effects {
        let mut records = Vec::new();
        let mut told = Vec::new();
        for (id, transaction) in &mut self.transactions {
            if !transaction.state.is_ending() {
                continue;
            }
            if transaction.partitions.is_empty() {
                transaction.complete(now);
                records.push(record(id, transaction));
            } else {
                told.push(markers(id, transaction, self.coordinator_epoch));
            }
        }
        self.settling.ending = told.len();
        let ids: Vec<Str> = self.transactions.keys().cloned().collect();
        for id in ids {
            self.schedule(&id);
        }
        let mut out = Effects::default();
        if !told.is_empty() {
            out.steps.push(Step {
                markers: told,
                ..Step::default()
            });
        }
        out.write_in_parts(records, self.settings.max_batch_bytes);
        out
    }

    /// How many records of other kinds the log had, by the number of the kind.
    pub fn skipped(&self) -> impl Iterator<Item = (i16, u64)> {
        self.skipped.iter().map(|(number, count)| (*number, *count))
    }
}
