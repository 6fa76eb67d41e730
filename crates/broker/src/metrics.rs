//! What a broker counts, by the names of the operations guide.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};

use millrace_telemetry::Scope;
use millrace_telemetry::metric::{Counter, Gauge, MetricName};
use parking_lot::Mutex;
use tokio::time::{Duration, Instant};

use crate::broker::Broker;

/// Rates are those of this time.
const WINDOW: Duration = Duration::from_secs(60);

/// What requests count. Recording is a relaxed addition.
pub struct Metrics {
    scope: Scope,
    pub messages_in: Counter,
    pub bytes_in: Counter,
    pub messages_out: Counter,
    pub bytes_out: Counter,
    pub produce_refused: Counter,
    pub cleaning_failed: Counter,
    isr_shrinks: Counter,
    isr_expands: Counter,
    rates: Arc<Mutex<VecDeque<Sample>>>,
    lags: Mutex<BTreeMap<LagOf, (Scope, Gauge)>>,
}

/// Group, topic, partition.
type LagOf = (String, String, i32);

#[derive(Clone, Copy)]
struct Sample {
    at: Instant,
    messages_in: f64,
    bytes_in: f64,
    messages_out: f64,
}

fn named(name: &'static str) -> MetricName {
    MetricName::verbatim(name)
}

impl Metrics {
    /// Registers what is counted; it is there with 0 at once.
    pub fn new(scope: &Scope) -> Self {
        let counter = |name| scope.counter(named(name), &[]);
        let metrics = Self {
            isr_shrinks: counter("isr_shrinks"),
            isr_expands: counter("isr_expands"),
            messages_in: counter("messages_in_total"),
            bytes_in: counter("bytes_in_total"),
            messages_out: counter("messages_out_total"),
            bytes_out: counter("bytes_out_total"),
            produce_refused: counter("produce_refused_total"),
            cleaning_failed: counter("log_cleaning_failed_total"),
            rates: Arc::default(),
            lags: Mutex::default(),
            scope: scope.clone(),
        };
        metrics.rate("messages_in_per_sec", |it| it.messages_in);
        metrics.rate("bytes_in_per_sec", |it| it.bytes_in);
        metrics.rate("messages_out_per_sec", |it| it.messages_out);
        metrics
    }

    /// Counts replicas that have left those in sync, or have joined them.
    pub(crate) fn in_sync_moved(&self, left: usize, joined: usize) {
        self.isr_shrinks.add(u64::from(left > 0));
        self.isr_expands.add(u64::from(joined > 0));
    }

    fn rate(&self, name: &'static str, of: fn(&Sample) -> f64) {
        let rates = Arc::clone(&self.rates);
        self.scope.gauge_fn(named(name), &[], move || {
            let rates = rates.lock();
            let (Some(first), Some(last)) = (rates.front(), rates.back()) else {
                return 0.0;
            };
            let seconds = (last.at - first.at).as_secs_f64();
            if seconds > 0.0 {
                (of(last) - of(first)) / seconds
            } else {
                0.0
            }
        });
    }

    /// Registers what is found in the broker when somebody asks.
    pub(crate) fn watch(&self, broker: &Arc<Broker>) {
        let gauge = |name: &'static str, of: fn(&Broker) -> f64| {
            let broker: Weak<Broker> = Arc::downgrade(broker);
            let value = move || broker.upgrade().map_or(0.0, |it| of(&it));
            self.scope.gauge_fn(named(name), &[], value);
        };
        gauge("active_connections", |it| it.limits().count() as f64);
        gauge("partition_count", |it| it.partitions().counts().0 as f64);
        gauge("offline_partitions", |it| it.partitions().counts().1 as f64);
        gauge("under_replicated_partitions", |it| {
            let image = it.metadata().image();
            let partitions = image.topics().flat_map(|topic| &topic.partitions);
            partitions
                .filter(|it| it.isr.len() < it.replicas.len())
                .count() as f64
        });
    }

    /// Notes what was counted until now, for the rates.
    pub(crate) fn sample(&self) {
        let now = Instant::now();
        let mut rates = self.rates.lock();
        rates.push_back(Sample {
            at: now,
            messages_in: self.messages_in.get(),
            bytes_in: self.bytes_in.get(),
            messages_out: self.messages_out.get(),
        });
        while rates.front().is_some_and(|it| now - it.at > WINDOW) {
            rates.pop_front();
        }
    }

    /// Shows how far groups are behind; what is not named any more is not shown.
    pub(crate) fn show_lags(&self, now: BTreeMap<LagOf, i64>) {
        let mut lags = self.lags.lock();
        lags.retain(|of, _| now.contains_key(of));
        for (of, lag) in now {
            let (_, gauge) = lags
                .entry(of)
                .or_insert_with_key(|(group, topic, partition)| {
                    // A scope of its own, with which the series goes.
                    let scope = self.scope.child("", "");
                    let partition = partition.to_string();
                    let labels = [
                        ("group", group.as_str()),
                        ("topic", topic.as_str()),
                        ("partition", partition.as_str()),
                    ];
                    let gauge = scope.gauge(named("consumer_lag"), &labels);
                    (scope, gauge)
                });
            gauge.set(lag as f64);
        }
    }
}
