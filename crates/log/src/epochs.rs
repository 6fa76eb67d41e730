//! Which leader wrote which offsets (KIP-101), and `leader-epoch-checkpoint`, which keeps it.
//!
//! The file is text: a line with the version 0, one with the number of entries, then for each
//! entry a line with the epoch and its first offset.

/// The first offset of one leader epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochStart {
    /// Never negative.
    pub epoch: i32,
    /// The offset of its first record.
    pub start_offset: i64,
}

/// The epochs of a log, in order; epochs and offsets both grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaderEpochs {
    entries: Vec<EpochStart>,
}

impl LeaderEpochs {
    /// In order.
    pub fn entries(&self) -> &[EpochStart] {
        &self.entries
    }

    /// The epoch that is written now.
    pub fn latest(&self) -> Option<EpochStart> {
        self.entries.last().copied()
    }

    /// Notes that offsets from `start_offset` on are of `epoch`. Entries that contradict it go.
    /// Tells whether that changed anything.
    pub(crate) fn assign(&mut self, epoch: i32, start_offset: i64) -> bool {
        let is_known = self
            .latest()
            .is_some_and(|last| last.epoch == epoch && last.start_offset <= start_offset);
        if epoch < 0 || is_known {
            return false;
        }
        self.entries
            .retain(|it| it.epoch < epoch && it.start_offset < start_offset);
        self.entries.push(EpochStart {
            epoch,
            start_offset,
        });
        true
    }

    /// Forgets what begins at `end_offset` or later. Tells whether that changed anything.
    pub(crate) fn truncate_end(&mut self, end_offset: i64) -> bool {
        let before = self.entries.len();
        self.entries.retain(|it| it.start_offset < end_offset);
        self.entries.len() != before
    }

    /// Forgets what ended before `start_offset`: the epoch of that offset begins there now.
    pub(crate) fn truncate_start(&mut self, start_offset: i64) -> bool {
        let ended = self
            .entries
            .iter()
            .take_while(|it| it.start_offset <= start_offset)
            .count();
        let Some(last) = ended.checked_sub(1) else {
            return false;
        };
        if last == 0 && self.entries[0].start_offset == start_offset {
            return false;
        }
        self.entries.drain(..last);
        self.entries[0].start_offset = start_offset;
        true
    }

    /// The epoch of an offset.
    pub fn epoch_for(&self, offset: i64) -> Option<i32> {
        let before = |it: &&EpochStart| it.start_offset <= offset;
        self.entries.iter().rev().find(before).map(|it| it.epoch)
    }

    /// Where an epoch ended in this log: the largest epoch that is not above `epoch`, and the
    /// offset after its last one. `None` when that cannot be told.
    pub fn end_offset_for(&self, epoch: i32, log_end: i64) -> Option<(i32, i64)> {
        if epoch < 0 {
            return None;
        }
        if self.latest().is_some_and(|last| last.epoch == epoch) {
            return Some((epoch, log_end));
        }
        let above = self.entries.iter().position(|it| it.epoch > epoch)?;
        let end = self.entries[above].start_offset;
        match above.checked_sub(1) {
            // It is older than all that is left: its records are gone from the start.
            None => Some((epoch, end)),
            Some(below) => Some((self.entries[below].epoch, end)),
        }
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("0\n{}\n", self.entries.len());
        for entry in &self.entries {
            text += &format!("{} {}\n", entry.epoch, entry.start_offset);
        }
        text
    }

    /// `None` when the text is not one that [`LeaderEpochs::to_text`] makes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != "0" {
            return None;
        }
        let count: usize = lines.next()?.parse().ok()?;
        let mut epochs = Self::default();
        for line in lines {
            let (epoch, start) = line.split_once(' ')?;
            epochs.assign(epoch.parse().ok()?, start.parse().ok()?);
        }
        (epochs.entries.len() == count).then_some(epochs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> LeaderEpochs {
        let mut epochs = LeaderEpochs::default();
        assert!(epochs.assign(1, 0));
        assert!(epochs.assign(3, 10));
        assert!(!epochs.assign(3, 15));
        assert!(epochs.assign(6, 20));
        epochs
    }

    #[test]
    fn the_text_is_that_of_kafka() {
        assert_eq!(three().to_text(), "0\n3\n1 0\n3 10\n6 20\n");
        assert_eq!(LeaderEpochs::parse(&three().to_text()), Some(three()));
        assert_eq!(LeaderEpochs::parse("0\n4\n1 0\n3 10\n6 20\n"), None);
        assert_eq!(LeaderEpochs::parse("1\n0\n"), None);
        assert_eq!(LeaderEpochs::parse(""), None);
    }

    #[test]
    fn an_epoch_ends_where_the_next_one_begins() {
        let epochs = three();
        assert_eq!(epochs.end_offset_for(-1, 30), None);
        assert_eq!(epochs.end_offset_for(0, 30), Some((0, 0)));
        assert_eq!(epochs.end_offset_for(1, 30), Some((1, 10)));
        assert_eq!(epochs.end_offset_for(2, 30), Some((1, 10)));
        assert_eq!(epochs.end_offset_for(5, 30), Some((3, 20)));
        assert_eq!(epochs.end_offset_for(6, 30), Some((6, 30)));
        assert_eq!(epochs.end_offset_for(7, 30), None);
        assert_eq!(epochs.epoch_for(19), Some(3));
        assert_eq!(epochs.epoch_for(-1), None);
    }

    #[test]
    fn what_is_cut_off_is_forgotten() {
        let mut epochs = three();
        assert!(epochs.truncate_end(20));
        assert_eq!(epochs.latest().unwrap().epoch, 3);
        assert!(epochs.truncate_start(12));
        assert_eq!(epochs.to_text(), "0\n1\n3 12\n");
        assert!(!epochs.truncate_start(12));
        assert!(epochs.assign(5, 12));
        assert_eq!(epochs.to_text(), "0\n1\n5 12\n");
    }
}
