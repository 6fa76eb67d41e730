//! The metrics of a process: from the `metrics` block to a registry, and how it is served.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use millrace_component::Mapped as MappedMessage;
use millrace_component::{Balance, Flow, Kind, Ledger, Mapping, Payload};
use millrace_message::{Message, Value};
use millrace_spec::Duration as ConfigDuration;
use millrace_telemetry::export::{LogExporter, PrometheusExporter, PrometheusSettings, stats_json};
use millrace_telemetry::metric::{CounterFamily, Mapped, MetricName, Naming, RegistrySettings};
use millrace_telemetry::{ComponentLabels, Registry, Scope};
use parking_lot::Mutex;

use crate::config::{self, MetricsConfig, MetricsExporter};

/// The metrics of a process.
pub(crate) struct Metrics {
    registry: Option<Registry>,
    exporter: Option<PrometheusExporter>,
    logger: Option<Logger>,
    scope: Scope,
    watched: Mutex<Option<Watched>>,
}

impl Metrics {
    /// The registry and the exporter that the block asks for.
    pub(crate) fn new(config: &MetricsConfig) -> Self {
        let mut settings = RegistrySettings {
            mapping: None,
            ..RegistrySettings::default()
        };
        if let Some(mapping) = config.mapping.clone() {
            settings.mapping = Some(Arc::new(move |name, labels| {
                rename_metric(&mapping, name, labels)
            }));
        }
        let mut logger = None;
        let exporter = match &config.exporter {
            MetricsExporter::None(_) => {
                return Self {
                    registry: None,
                    exporter: None,
                    logger: None,
                    scope: Scope::detached(),
                    watched: Mutex::default(),
                };
            }
            MetricsExporter::JsonApi(_) => None,
            MetricsExporter::Logger(config) => {
                // Its last lines are written when the stream has gone.
                settings.keep_series = true;
                logger = Some(config);
                None
            }
            MetricsExporter::Prometheus(prometheus) => {
                if !prometheus.histogram_buckets.is_empty() {
                    settings
                        .histogram_bounds
                        .clone_from(&prometheus.histogram_buckets);
                }
                Some(PrometheusSettings {
                    naming: match prometheus.naming {
                        config::Naming::Prefixed => Naming::Prefixed,
                        config::Naming::Upstream => Naming::Upstream,
                    },
                    use_histogram_timing: prometheus.use_histogram_timing,
                    quantiles: prometheus
                        .summary_quantiles_objectives
                        .iter()
                        .map(|it| it.quantile)
                        .collect(),
                })
            }
        };
        let registry = Registry::new(settings);
        Self {
            exporter: exporter.map(|it| PrometheusExporter::new(registry.clone(), it)),
            logger: logger.map(|config| Logger {
                exporter: LogExporter::new(registry.clone(), config.flush_metrics),
                interval: config.push_interval.as_ref().map(ConfigDuration::get),
            }),
            scope: registry.scope(ComponentLabels::default()),
            registry: Some(registry),
            watched: Mutex::default(),
        }
    }

    /// Those of a process without a config: what Prometheus asks for.
    pub(crate) fn prometheus() -> Self {
        let registry = Registry::new(RegistrySettings::default());
        let settings = PrometheusSettings::default();
        Self {
            exporter: Some(PrometheusExporter::new(registry.clone(), settings)),
            logger: None,
            scope: registry.scope(ComponentLabels::default()),
            registry: Some(registry),
            watched: Mutex::default(),
        }
    }

    /// Where the components of the stream register theirs.
    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// A scope for the components of one stream. What they counted stays when it is dropped, and
    /// the next stream counts on from there.
    pub(crate) fn new_scope(&self) -> Scope {
        match &self.registry {
            Some(registry) => registry.scope(ComponentLabels::default()),
            None => Scope::detached(),
        }
    }

    /// Shows the accounting of a stream, which counts on from that of an earlier one, and where
    /// it waits.
    pub(crate) fn watch(&self, flow: &Flow) {
        let mut watched = self.watched.lock();
        if let Some(earlier) = &mut *watched {
            earlier.settled.iter_mut().for_each(SettledCounts::refresh);
        }
        let mut now = Watched {
            flow: flow.clone(),
            shown: BTreeSet::new(),
            settled: Vec::new(),
            scopes: vec![self.new_scope()],
        };
        now.ledger("millrace", flow.ledger());
        if let Some(ledger) = flow.buffer_ledger() {
            now.ledger("millrace_buffer", ledger);
        }
        now.budget();
        now.show_waits();
        // A reason that only the earlier stream knows counts on, too: else more is received than settled.
        for (now, earlier) in now
            .settled
            .iter_mut()
            .zip(watched.iter().flat_map(|it| &it.settled))
        {
            earlier.shown.keys().for_each(|it| now.show(it.clone(), 0));
        }
        // The earlier scope goes last: what it counted is absorbed by the series that exist again.
        *watched = Some(now);
    }

    /// The answer of `/metrics`, with its content type; `None` when nothing is counted.
    pub(crate) fn text(&self) -> Option<(&'static str, String)> {
        self.refresh();
        if self.logger.is_some() {
            return None;
        }
        match (&self.exporter, &self.registry) {
            (Some(exporter), _) => {
                Some((millrace_telemetry::export::CONTENT_TYPE, exporter.text()))
            }
            (None, Some(registry)) => Some(("application/json", stats_json(registry))),
            (None, None) => None,
        }
    }
}

/// Metrics that are written to the logs.
struct Logger {
    exporter: LogExporter,
    interval: Option<Duration>,
}

impl Metrics {
    fn refresh(&self) {
        if let Some(watched) = &mut *self.watched.lock() {
            watched.settled.iter_mut().for_each(SettledCounts::refresh);
            watched.show_waits();
        }
    }

    /// Writes the metrics to the logs, where they go there.
    pub(crate) fn log(&self) {
        self.refresh();
        if let Some(logger) = &self.logger {
            logger.exporter.write();
        }
    }

    /// Writes the metrics to the logs again and again, where that is asked for.
    pub(crate) async fn log_regularly(self: Arc<Self>) {
        let Some(interval) = self.logger.as_ref().and_then(|it| it.interval) else {
            return;
        };
        loop {
            tokio::time::sleep(interval).await;
            self.log();
        }
    }
}

/// The accounting of the stream that runs, and where it waits.
struct Watched {
    flow: Flow,
    /// The paths whose queues and ages are shown.
    shown: BTreeSet<(&'static str, Box<str>)>,
    settled: Vec<SettledCounts>,
    /// Series live as long as their scopes; the first one is that of the stream.
    scopes: Vec<Scope>,
}

impl Watched {
    fn ledger(&mut self, prefix: &str, ledger: &Ledger) {
        let scope = &self.scopes[0];
        let received = ledger.clone();
        scope.counter_fn(
            MetricName::verbatim(format!("{prefix}_messages_received_total")),
            &[],
            move || received.balance().received as f64,
        );
        let in_flight = ledger.clone();
        scope.gauge_fn(
            MetricName::verbatim(format!("{prefix}_messages_in_flight")),
            &[],
            move || in_flight.balance().in_flight() as f64,
        );
        let name = format!("{prefix}_messages_settled_total");
        let settled = MetricName::verbatim(name.clone());
        match scope.counter_family(settled, &["outcome", "reason"]) {
            Ok(family) => self
                .settled
                .push(SettledCounts::new(ledger.clone(), family)),
            Err(error) => tracing::error!("metric {name}: {error}"),
        }
    }

    fn budget(&mut self) {
        let budget = self.flow.budget().clone();
        self.scopes[0].gauge_fn("millrace_bytes_in_flight", &[], move || {
            budget.used() as f64
        });
    }

    /// Shows where the stream waits; some stages start later than it does.
    fn show_waits(&mut self) {
        let stream = self.scopes[0].clone();
        for edge in self.flow.edges() {
            if !self.shown.insert(("edge", edge.path().into())) {
                continue;
            }
            let scope = stream.child("", edge.path());
            let depth = Arc::clone(&edge);
            let name = MetricName::verbatim("millrace_queue_depth");
            scope.gauge_fn(name, &[], move || depth.depth() as f64);
            let name = MetricName::verbatim("millrace_blocked_seconds_total");
            scope.counter_fn(name, &[], move || edge.blocked().as_secs_f64());
            self.scopes.push(scope);
        }
        for (path, ages) in self.flow.all_ages() {
            if !self.shown.insert(("ages", path.clone())) {
                continue;
            }
            let scope = stream.child("", &*path);
            let name = MetricName::verbatim("millrace_oldest_unsettled_seconds");
            scope.gauge_fn(name, &[], move || ages.oldest(Instant::now()).as_secs_f64());
            self.scopes.push(scope);
        }
    }
}

/// The counter of settled messages, whose reasons are known only when they occur.
struct SettledCounts {
    ledger: Ledger,
    family: CounterFamily,
    shown: BTreeMap<(&'static str, Arc<str>), u64>,
}

impl SettledCounts {
    fn new(ledger: Ledger, family: CounterFamily) -> Self {
        let mut counts = Self {
            ledger,
            family,
            shown: BTreeMap::new(),
        };
        counts.show(("delivered", "".into()), 0);
        counts
    }

    fn refresh(&mut self) {
        let Balance {
            delivered, others, ..
        } = self.ledger.balance();
        self.show(("delivered", "".into()), delivered);
        for ((kind, reason), count) in others {
            self.show((Kind::name(kind), reason), count);
        }
    }

    fn show(&mut self, key: (&'static str, Arc<str>), count: u64) {
        let counter = self.family.with(&[key.0, &key.1]);
        let shown = self.shown.entry(key).or_default();
        counter.add(count.saturating_sub(*shown));
        *shown = count;
    }
}

/// Runs the metric mapping: the name is the payload, the labels are the metadata. A metric without a
/// result is dropped; where the mapping fails or gives no text, the metric stays as it is.
pub fn rename_metric(mapping: &Mapping, name: &str, labels: &[(&str, &str)]) -> Option<Mapped> {
    let mut message = Message::from_value(Value::from(name));
    for (label, value) in labels {
        message.metadata.set(*label, *value);
    }
    let unchanged = || Mapped {
        name: name.to_owned(),
        labels: labels
            .iter()
            .map(|(label, it)| ((*label).to_owned(), (*it).to_owned()))
            .collect(),
    };
    match mapping.map(std::slice::from_ref(&message), 0) {
        Ok(MappedMessage::Deleted) => None,
        Ok(MappedMessage::Unchanged) => Some(unchanged()),
        Ok(MappedMessage::Changed { payload, metadata }) => {
            let mut mapped = unchanged();
            match payload {
                Some(Payload::Raw(bytes)) => {
                    mapped.name = String::from_utf8_lossy(&bytes).into_owned();
                }
                Some(Payload::Value(value)) => {
                    tracing::error!("metrics.mapping gives {} for {name}", value.kind());
                    return Some(mapped);
                }
                None => {}
            }
            if let Some(metadata) = metadata {
                let text = |value: &Value| value.to_text().as_str().to_owned();
                mapped.labels = metadata
                    .iter()
                    .map(|(label, it)| (label.as_str().to_owned(), text(it)))
                    .collect();
            }
            Some(mapped)
        }
        Err(error) => {
            tracing::error!("metrics.mapping fails on {name}: {error}");
            Some(unchanged())
        }
    }
}

#[cfg(test)]
mod tests {
    use millrace_component::conformance::Workbench;
    use millrace_component::{Budget, queue};
    use millrace_message::{Message, MessageBatch, Outcome};

    use super::*;

    #[test]
    fn metrics_that_go_to_the_logs_are_not_served() {
        let bench = Workbench::of(Arc::new(crate::registry()));
        let config = bench.read("logger: { push_interval: 10s, flush_metrics: true }");
        let metrics = Metrics::new(&config.expect("a config"));
        assert!(metrics.text().is_none());
        let logger = metrics.logger.as_ref().expect("they go there");
        assert_eq!(logger.interval, Some(Duration::from_secs(10)));
        let error = bench.read::<MetricsConfig>("logger: { push_interval: 0s }");
        let error = error.expect_err("that is no pause");
        assert!(error.contains("push_interval"), "{error}");
    }

    #[test]
    fn what_an_earlier_stream_has_settled_counts_on_beside_what_it_has_received() {
        let bench = Workbench::of(Arc::new(crate::registry()));
        let config: MetricsConfig = bench.read("prometheus: {}").expect("a config");
        let metrics = Metrics::new(&config);
        for outcome in ["handed_over", "other"] {
            let flow = Flow::new(Budget::new(1000), Ledger::default());
            metrics.watch(&flow);
            flow.ledger().receive(3);
            for _ in 0..3 {
                flow.ledger().settle(&Outcome::Dropped {
                    reason: outcome.into(),
                });
            }
        }
        let (_, text) = metrics.text().expect("they are served");
        let counts = |name: &str| -> f64 {
            let lines = text.lines().filter(|it| it.starts_with(name));
            let numbers = lines.filter_map(|it| it.rsplit_once(' ')?.1.parse::<f64>().ok());
            numbers.sum()
        };
        assert_eq!(counts("millrace_messages_received_total"), 6.0, "{text}");
        assert_eq!(counts("millrace_messages_settled_total"), 6.0, "{text}");
    }

    #[tokio::test]
    async fn a_scrape_shows_both_ledgers_and_where_messages_wait() {
        let flow = Flow::new(Budget::new(1000), Ledger::default());
        let (sender, _receiver) = queue::queue(2);
        flow.edge("root.input", sender.gauge());
        let ages = flow.ages("root.input");
        flow.behind_buffer();
        let bench = Workbench::of(Arc::new(crate::registry()));
        let config: MetricsConfig = bench.read("prometheus: {}").expect("a config");
        let metrics = Metrics::new(&config);
        metrics.watch(&flow);
        let text = || metrics.text().map(|(_, text)| text).unwrap_or_default();
        let value = |text: &str, name: &str| -> f64 {
            let line = text.lines().find(|line| {
                line.strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with(['{', ' ']))
            });
            let line = line.unwrap_or_else(|| panic!("{name} is missing in {text}"));
            let (_, number) = line.rsplit_once(' ').expect("a line has a value");
            number.parse().expect("a number")
        };
        let before = text();
        for name in [
            "millrace_messages_received_total",
            "millrace_buffer_messages_received_total",
            "millrace_buffer_messages_settled_total",
            "millrace_buffer_messages_in_flight",
            "millrace_queue_depth",
            "millrace_blocked_seconds_total",
            "millrace_oldest_unsettled_seconds",
        ] {
            assert_eq!(value(&before, name), 0.0, "{name}");
        }
        let batch = || MessageBatch::one(Message::from("x"));
        let mut run = [batch(), batch(), batch()].into();
        let pushing = sender.push_run(&mut run);
        tokio::pin!(pushing);
        // It waits for room, and the time counts while it waits.
        assert!(futures::poll!(pushing.as_mut()).is_pending());
        let long_ago = Instant::now().checked_sub(std::time::Duration::from_secs(5));
        ages.enter(long_ago.expect("the machine runs for longer"), 1);
        flow.behind_buffer().receive(3);
        flow.behind_buffer().settle(&Outcome::Delivered);
        let after = text();
        assert_eq!(value(&after, "millrace_queue_depth"), 2.0);
        assert!(value(&after, "millrace_blocked_seconds_total") > 0.0);
        assert!(value(&after, "millrace_oldest_unsettled_seconds") >= 0.0);
        assert_eq!(
            value(&after, "millrace_buffer_messages_received_total"),
            3.0
        );
        assert_eq!(value(&after, "millrace_buffer_messages_settled_total"), 1.0);
        assert_eq!(value(&after, "millrace_buffer_messages_in_flight"), 2.0);
        assert!(after.contains(r#"path="root.input""#), "{after}");

        // A stage that starts later shows up, and one that starts again goes on.
        let (later, _receiver) = queue::queue::<MessageBatch>(2);
        flow.edge("root.later", later.gauge());
        let (again, _receiver) = queue::queue::<MessageBatch>(2);
        flow.edge("root.input", again.gauge());
        let text = text();
        assert!(text.contains(r#"path="root.later""#), "{text}");
        let depths = text
            .lines()
            .filter(|it| it.starts_with("millrace_queue_depth"));
        assert!(depths.clone().all(|it| it.ends_with(" 0")), "{text}");
        assert_eq!(depths.count(), 2);
    }
}
