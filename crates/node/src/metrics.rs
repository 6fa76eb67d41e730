//! The metrics of a process: from the `metrics` block to a registry, and how it is served.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_component::Mapped as MappedMessage;
use millrace_component::{Balance, Flow, Kind, Mapping, Payload};
use millrace_message::{Message, Value};
use millrace_telemetry::export::{PrometheusExporter, PrometheusSettings, stats_json};
use millrace_telemetry::metric::{CounterFamily, Mapped, MetricName, Naming, RegistrySettings};
use millrace_telemetry::{ComponentLabels, Registry, Scope};
use parking_lot::Mutex;

use crate::config::{self, MetricsConfig, MetricsExporter};

/// The metrics of a process.
pub(crate) struct Metrics {
    registry: Option<Registry>,
    exporter: Option<PrometheusExporter>,
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
            settings.mapping = Some(Arc::new(move |name, labels| rename(&mapping, name, labels)));
        }
        let exporter = match &config.exporter {
            MetricsExporter::None(_) => {
                return Self {
                    registry: None,
                    exporter: None,
                    scope: Scope::detached(),
                    watched: Mutex::default(),
                };
            }
            MetricsExporter::JsonApi(_) => None,
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

    /// Shows the accounting of a stream, which counts on from that of an earlier one.
    pub(crate) fn watch(&self, flow: &Flow) {
        let mut watched = self.watched.lock();
        if let Some(Watched {
            settled: Some(settled),
            ..
        }) = &mut *watched
        {
            settled.refresh();
        }
        let scope = self.new_scope();
        let received = flow.clone();
        scope.counter_fn("millrace_messages_received_total", &[], move || {
            received.ledger().balance().received as f64
        });
        let in_flight = flow.clone();
        scope.gauge_fn("millrace_messages_in_flight", &[], move || {
            in_flight.ledger().balance().in_flight() as f64
        });
        let budget = flow.budget().clone();
        scope.gauge_fn("millrace_bytes_in_flight", &[], move || {
            budget.used() as f64
        });
        let name = MetricName::verbatim("millrace_messages_settled_total");
        let settled = match scope.counter_family(name, &["outcome", "reason"]) {
            Ok(family) => Some(SettledCounts::new(flow.clone(), family)),
            Err(error) => {
                tracing::error!("metric millrace_messages_settled_total: {error}");
                None
            }
        };
        // The earlier scope goes last: what it counted is absorbed by the series that exist again.
        *watched = Some(Watched {
            settled,
            _scope: scope,
        });
    }

    /// The answer of `/metrics`, with its content type; `None` when nothing is counted.
    pub(crate) fn text(&self) -> Option<(&'static str, String)> {
        if let Some(Watched {
            settled: Some(settled),
            ..
        }) = &mut *self.watched.lock()
        {
            settled.refresh();
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

/// The accounting of the stream that runs.
struct Watched {
    settled: Option<SettledCounts>,
    _scope: Scope,
}

/// The counter of settled messages, whose reasons are known only when they occur.
struct SettledCounts {
    flow: Flow,
    family: CounterFamily,
    shown: BTreeMap<(&'static str, Arc<str>), u64>,
}

impl SettledCounts {
    fn new(flow: Flow, family: CounterFamily) -> Self {
        let mut counts = Self {
            flow,
            family,
            shown: BTreeMap::new(),
        };
        counts.show(("delivered", "".into()), 0);
        counts
    }

    fn refresh(&mut self) {
        let Balance {
            delivered, others, ..
        } = self.flow.ledger().balance();
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

/// Runs the metric mapping: the name is the payload, the labels are the metadata.
fn rename(mapping: &Mapping, name: &str, labels: &[(&str, &str)]) -> Option<Mapped> {
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
