//! Compiled schemas, kept while they are used.
//!
//! Time is given to every function, so that tests decide it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use millrace_message::Error;
use tokio::time::Instant;

/// A schema that nobody used for so long is forgotten.
const STALE_AFTER: Duration = Duration::from_secs(600);
/// How often those are looked for.
const PURGE_PERIOD: Duration = Duration::from_secs(60);
/// For how long a failure is told again before the registry is asked again.
const FAILURE_KEPT: Duration = Duration::from_secs(1);
/// How many schemas are kept; the one that was not used for the longest time goes.
const KEPT_MAX: usize = 4_096;
/// How many failures are kept.
const FAILURES_MAX: usize = 1_024;

/// Schemas by number or by subject.
pub(crate) struct Cache<K, C> {
    kept: HashMap<K, Kept<C>>,
    failures: HashMap<K, (Instant, Error)>,
    refresh_period: Option<Duration>,
    purged: Option<Instant>,
}

struct Kept<C> {
    schema: Latest<C>,
    used: Instant,
    /// When it was fetched, or could not be fetched again.
    fetched: Instant,
    has_failed: bool,
}

/// A schema and its number.
pub(crate) struct Latest<C> {
    pub id: u32,
    pub codec: Arc<C>,
}

impl<C> Clone for Latest<C> {
    fn clone(&self) -> Self {
        Self {
            id: self.id,
            codec: Arc::clone(&self.codec),
        }
    }
}

/// What is known of a schema.
pub(crate) enum Known<C> {
    /// It is there.
    Fresh(Latest<C>),
    /// It is there, and older than the refresh period.
    Old(Latest<C>),
    /// It could not be fetched a moment ago.
    Failed(Error),
    /// Nothing.
    Nothing,
}

impl<K: Hash + Eq + Clone, C> Cache<K, C> {
    /// An empty one; schemas that can change get old after `refresh_period`.
    pub(crate) fn new(refresh_period: Option<Duration>) -> Self {
        Self {
            kept: HashMap::new(),
            failures: HashMap::new(),
            refresh_period,
            purged: None,
        }
    }

    /// What is known; a schema counts as used now.
    pub(crate) fn get(&mut self, key: &K, now: Instant) -> Known<C> {
        self.purge(now);
        if let Some(kept) = self.kept.get_mut(key) {
            kept.used = now;
            let age = now.saturating_duration_since(kept.fetched);
            let is_old = self.refresh_period.is_some_and(|period| {
                let period = match kept.has_failed {
                    true => retry_period(period),
                    false => period,
                };
                age >= period
            });
            return match is_old {
                true => Known::Old(kept.schema.clone()),
                false => Known::Fresh(kept.schema.clone()),
            };
        }
        match self.failures.get(key) {
            Some((at, error)) if now.saturating_duration_since(*at) < FAILURE_KEPT => {
                Known::Failed(error.clone())
            }
            _ => Known::Nothing,
        }
    }

    /// Keeps a schema that was fetched.
    pub(crate) fn keep(&mut self, key: K, schema: Latest<C>, now: Instant) {
        self.failures.remove(&key);
        if self.kept.len() >= KEPT_MAX && !self.kept.contains_key(&key) {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.used);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.kept.remove(&oldest);
            }
        }
        let kept = Kept {
            schema,
            used: now,
            fetched: now,
            has_failed: false,
        };
        self.kept.insert(key, kept);
    }

    /// Keeps the reason why a schema could not be fetched. An old one goes on serving, and is
    /// fetched again after a part of the refresh period.
    pub(crate) fn keep_failure(&mut self, key: K, error: Error, now: Instant) {
        if let Some(kept) = self.kept.get_mut(&key) {
            kept.fetched = now;
            kept.has_failed = true;
            return;
        }
        if self.failures.len() >= FAILURES_MAX {
            self.failures.clear();
        }
        self.failures.insert(key, (now, error));
    }

    /// Forgets what nobody used for a while.
    fn purge(&mut self, now: Instant) {
        let last = *self.purged.get_or_insert(now);
        if now.saturating_duration_since(last) < PURGE_PERIOD {
            return;
        }
        self.purged = Some(now);
        self.kept
            .retain(|_, kept| now.saturating_duration_since(kept.used) < STALE_AFTER);
        self.failures
            .retain(|_, (at, _)| now.saturating_duration_since(*at) < FAILURE_KEPT);
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.kept.clear();
        self.failures.clear();
    }
}

/// After a failure: a tenth of the period, a second at least, as Bento asks.
fn retry_period(period: Duration) -> Duration {
    (period / 10).max(Duration::from_secs(1)).min(period)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(id: u32) -> Latest<u32> {
        Latest {
            id,
            codec: Arc::new(id),
        }
    }

    fn id(known: &Known<u32>) -> Option<(u32, bool)> {
        match known {
            Known::Fresh(latest) => Some((latest.id, true)),
            Known::Old(latest) => Some((latest.id, false)),
            Known::Failed(_) | Known::Nothing => None,
        }
    }

    #[test]
    fn a_schema_gets_old_after_the_refresh_period_and_is_tried_again_sooner_after_a_failure() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut cache = Cache::new(Some(Duration::from_secs(100)));
        cache.keep("a", schema(1), at(0));
        assert_eq!(id(&cache.get(&"a", at(99))), Some((1, true)));
        assert_eq!(id(&cache.get(&"a", at(100))), Some((1, false)));
        cache.keep_failure("a", Error::retry("no"), at(100));
        assert_eq!(id(&cache.get(&"a", at(109))), Some((1, true)));
        assert_eq!(id(&cache.get(&"a", at(110))), Some((1, false)));
        cache.keep("a", schema(2), at(110));
        assert_eq!(id(&cache.get(&"a", at(209))), Some((2, true)));
    }

    #[test]
    fn a_schema_that_nobody_uses_is_forgotten_after_ten_minutes() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut cache = Cache::new(None);
        cache.keep("used", schema(1), at(0));
        cache.keep("idle", schema(2), at(0));
        for seconds in (0..=599).step_by(50) {
            assert_eq!(id(&cache.get(&"used", at(seconds))), Some((1, true)));
        }
        assert_eq!(cache.kept.len(), 2);
        assert_eq!(id(&cache.get(&"used", at(660))), Some((1, true)));
        assert_eq!(id(&cache.get(&"idle", at(660))), None);
    }

    #[test]
    fn a_failure_is_told_again_for_a_second() {
        let start = Instant::now();
        let mut cache: Cache<_, u32> = Cache::new(None);
        cache.keep_failure("a", Error::retry("no"), start);
        let soon = cache.get(&"a", start + Duration::from_millis(999));
        assert!(matches!(soon, Known::Failed(error) if error.text() == "no"));
        let later = cache.get(&"a", start + Duration::from_secs(1));
        assert!(matches!(later, Known::Nothing));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let start = Instant::now();
        let mut cache = Cache::new(None);
        for key in 0..(KEPT_MAX as u32 + 10) {
            let now = start + Duration::from_millis(u64::from(key));
            cache.keep(key, schema(key), now);
            cache.keep_failure(key + 100_000, Error::retry("no"), now);
        }
        assert_eq!(cache.kept.len(), KEPT_MAX);
        assert!(cache.failures.len() <= FAILURES_MAX);
        assert!(!cache.kept.contains_key(&9) && cache.kept.contains_key(&10));
    }
}
