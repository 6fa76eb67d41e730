//! Compaction as a part of a history: each call does one step of a pass, so that anything can happen
//! between two of them.

use millrace_kafka_wire::batch::Compression;
use millrace_log::files::sim::{Fault, Random, Simulated};
use millrace_log::{
    Cleaned, Cleaning, CleaningTools, Compaction, Log, LogError, Opening, Snapshot,
};

use crate::model::Model;
use crate::world::Stop;

pub const DELETE_RETENTION_MS: i64 = 300;

pub fn compaction() -> Compaction {
    Compaction {
        min_dirty_ratio: 0.0,
        delete_retention_ms: DELETE_RETENTION_MS,
        ..Compaction::default()
    }
}

pub struct Cleaner {
    random: Random,
    cleaning: Option<Cleaning>,
    /// Below which offset it cleans.
    end_offset: i64,
    cleaned: Option<Cleaned>,
    /// What a reader had before a swap, and the bytes that it read then below an offset.
    held: Option<(Snapshot, i64, Vec<u8>)>,
    is_power_lost: bool,
    pub swaps: u64,
}

impl Cleaner {
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed ^ 0xc1ea),
            cleaning: None,
            end_offset: 0,
            cleaned: None,
            held: None,
            is_power_lost: false,
            swaps: 0,
        }
    }

    /// A key, or none, and whether there is a value.
    pub fn key(&mut self) -> (Option<[u8; 3]>, bool) {
        let key = self.random.below(40).min(self.random.below(40)) as u8;
        let key = [b'k', b'0' + key / 10, b'0' + key % 10];
        let has_one = self.random.percent(95);
        (has_one.then_some(key), self.random.percent(80))
    }

    /// Whether the step that failed was one in which the power went.
    pub fn is_power_lost(&self) -> bool {
        self.is_power_lost
    }

    pub fn let_go(&mut self) {
        self.cleaning = None;
        self.cleaned = None;
        self.held = None;
        self.is_power_lost = false;
    }

    /// The log is cut: a pass that was planned before must not clean anything behind that.
    pub fn on_cut(&mut self, offset: i64) {
        self.end_offset = self.end_offset.min(offset);
    }

    pub fn step(
        &mut self,
        log: &mut Log,
        disk: &Simulated,
        model: &mut Model,
        opening: &mut Opening,
        now: i64,
    ) -> Result<(), Stop> {
        if self.random.percent(60) {
            return Ok(());
        }
        if let Some(cleaned) = self.cleaned.take() {
            if self.held.is_none() && self.random.percent(30) {
                let snapshot = log.snapshot();
                let bytes = bytes_of(&snapshot, self.end_offset)?;
                self.held = bytes.map(|bytes| (snapshot, self.end_offset, bytes));
            }
            self.finish(log, disk, model, cleaned)?;
            if self.random.percent(50) {
                opening.first_dirty_offset = log.first_dirty_offset();
            }
            return model.check_visible(log, now).map_err(Stop::Wrong);
        }
        if let Some((snapshot, up_to, bytes)) = self.held.take() {
            match bytes_of(&snapshot, up_to)? {
                Some(again) if again != bytes => {
                    return Err(Stop::Wrong("a snapshot has changed".to_owned()));
                }
                _ => {}
            }
        }
        match &mut self.cleaning {
            Some(_) if self.random.percent(5) => self.cleaning = None,
            Some(_) => self.run()?,
            None => {
                self.cleaning = log.plan_cleaning(now, opening.recovery_point)?;
                self.end_offset = self.cleaning.as_ref().map_or(0, Cleaning::end_offset);
            }
        }
        Ok(())
    }

    fn run(&mut self) -> Result<(), Stop> {
        let none = |_: Compression, _: &[u8]| unreachable!("nothing is compressed");
        let stops = self.random.percent(3);
        let tools = CleaningTools {
            decompress: &none,
            compress: &none,
            // Sometimes there is room for a few keys only.
            memory: 600 * self.random.below(3) as usize,
            go_on: &|_| !stops,
        };
        let cleaning = self.cleaning.as_mut().expect("a pass is out");
        match cleaning.run(&tools) {
            Ok(Some(cleaned)) => self.cleaned = Some(cleaned),
            Ok(None) | Err(LogError::NoSpace { .. }) => self.cleaning = None,
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// The power may go in the middle.
    fn finish(
        &mut self,
        log: &mut Log,
        disk: &Simulated,
        model: &mut Model,
        cleaned: Cleaned,
    ) -> Result<(), Stop> {
        self.is_power_lost = self.random.percent(35);
        if self.is_power_lost {
            disk.fail_at(self.random.below(18), Fault::Broken);
        }
        let swapped = log.finish_cleaning(cleaned);
        if !matches!(&swapped, Ok(swapped) if swapped.is_void) {
            model.cleaned = model.cleaned.max(self.end_offset);
            model.replicated = model.replicated.max(log.high_watermark());
            self.swaps += 1;
        }
        let swapped = swapped?;
        if self.random.percent(50) {
            swapped.removed.unlink()?;
        }
        if self.is_power_lost {
            // It goes right behind it.
            return Err(Stop::Failed);
        }
        Ok(())
    }
}

/// What a reader of a snapshot gets, if nothing was cut off or deleted since.
fn bytes_of(snapshot: &Snapshot, up_to: i64) -> Result<Option<Vec<u8>>, Stop> {
    let (mut offset, mut all) = (snapshot.start_offset(), Vec::new());
    loop {
        let read = snapshot.read(offset, 5000, up_to);
        let bytes = read.and_then(|slice| match slice {
            Some(slice) => {
                offset = slice.next_offset;
                slice.bytes().map(Some)
            }
            None => Ok(None),
        });
        match bytes {
            Ok(Some(bytes)) => all.extend_from_slice(&bytes),
            Ok(None) => return Ok(Some(all)),
            Err(LogError::Gone { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
}
