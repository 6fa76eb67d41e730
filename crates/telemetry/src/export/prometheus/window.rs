//! Sliding windows of timer sketches, kept where they are read.
//!
//! A quantile over the whole run would hide a slow minute after a fast day. Recording knows no
//! clock, so the window is made of past snapshots: what was counted since one that is about ten
//! minutes old.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::metric::{Labels, Series, SketchSnapshot};

const WINDOW: Duration = Duration::from_secs(600);
const STEP: Duration = Duration::from_secs(120);

#[derive(Debug, Default)]
pub(super) struct Windows {
    now: Option<Instant>,
    series: BTreeMap<(Arc<str>, Labels), Past>,
}

#[derive(Debug, Default)]
struct Past {
    seen: bool,
    snapshots: VecDeque<(Instant, SketchSnapshot)>,
}

impl Windows {
    pub(super) fn begin(&mut self, now: Instant) {
        self.now = Some(now);
        self.series.values_mut().for_each(|it| it.seen = false);
    }

    /// What a timer observed in its window; remembers what it shows now.
    pub(super) fn recent(&mut self, series: &Series, sketch: &SketchSnapshot) -> SketchSnapshot {
        let Some(now) = self.now else {
            return sketch.clone();
        };
        let key = (series.name.clone(), series.labels.clone());
        let past = self.series.entry(key).or_default();
        past.seen = true;
        // The oldest snapshot may be older than the window, the second oldest may not.
        while past.snapshots.get(1).is_some_and(|it| now - it.0 >= WINDOW) {
            past.snapshots.pop_front();
        }
        let recent = match past.snapshots.front() {
            Some((taken, base)) if now - *taken >= WINDOW => sketch.since(base),
            _ => sketch.clone(),
        };
        if past.snapshots.back().is_none_or(|it| now - it.0 >= STEP) {
            past.snapshots.push_back((now, sketch.clone()));
        }
        recent
    }

    /// Forgets series that are gone.
    pub(super) fn end(&mut self) {
        self.series.retain(|_, past| past.seen);
    }
}
