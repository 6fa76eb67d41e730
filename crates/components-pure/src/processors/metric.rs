//! The `metric` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Interpolated, Processor,
    ProcessorConfig,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::{Node, OrderedMap, ReadContext, Spec, codes};
use millrace_telemetry::Scope;
use millrace_telemetry::metric::{
    CounterFamily, GaugeFamily, MetricKind, MetricName, TimerFamily, built_in,
};

/// Counts or measures messages in a metric of your own.
///
/// `counter` counts each message; `counter_by` adds `value`, a number that is not negative; `gauge`
/// sets the metric to `value`; `timing` observes `value` as nanoseconds. A value or label that
/// cannot be made is logged, and the message goes on as it is in any case.
///
/// The name is exported as it is written, with the labels `label` and `path` of this processor
/// beside those given here. The number of series of one metric is bounded; beyond it messages are
/// counted in a series whose label values are `overflow`.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "metric", category = "Utility", check = check)]
pub struct Config {
    /// What kind of metric it is.
    #[spec(rename = "type")]
    kind: Kind,
    /// The name of the metric.
    #[spec(example = "my_counter")]
    name: String,
    /// Names and values of labels.
    #[spec(example = {"type": "${! json(\"doc.type\") }", "topic": "${! meta(\"kafka_topic\") }"})]
    labels: Option<OrderedMap<Interpolated>>,
    /// The number to add, set or observe.
    #[spec(default = "")]
    value: Option<Interpolated>,
}

/// A kind of metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
enum Kind {
    /// Counts messages.
    Counter,
    /// Adds up a value.
    CounterBy,
    /// Shows the last value.
    Gauge,
    /// Observes a duration in nanoseconds.
    Timing,
}

impl Kind {
    fn of_metric(self) -> MetricKind {
        match self {
            Self::Counter | Self::CounterBy => MetricKind::Counter,
            Self::Gauge => MetricKind::Gauge,
            Self::Timing => MetricKind::Timer,
        }
    }
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    if config.name.is_empty() {
        let span = node.field_span("name");
        cx.error(codes::INVALID_VALUE, span, "a metric needs a name");
    } else if let Some(taken) = built_in(&config.name, config.kind.of_metric()) {
        let span = node.field_span("name");
        let message = format!(
            "metric `{}` would take the place of the built-in `{taken}`",
            config.name
        );
        cx.error(codes::CONFLICT, span, message).help =
            Some("give it another name, such as one that says what you count".to_owned());
    }
    if config.kind != Kind::Counter && config.value.is_none() {
        cx.error(
            codes::MISSING_FIELD,
            node.span,
            "this type of metric needs a `value`",
        );
    }
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        let mut labels = self.labels.clone().map_or_else(Vec::new, |labels| labels.0);
        labels.sort_by(|(a, _), (b, _)| a.cmp(b));
        let names: Vec<&str> = labels.iter().map(|(name, _)| name.as_str()).collect();
        Ok(BuiltProcessor::Sync(Arc::new(Metric {
            recorder: Recorder::new(self.kind, self.name.clone(), &names, cx.metrics())?,
            labels: labels.into_iter().map(|(_, value)| value).collect(),
            value: self
                .value
                .clone()
                .unwrap_or_else(|| Interpolated::literal("")),
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Metric {
    recorder: Recorder,
    /// The values of the labels, in the order of their names.
    labels: Vec<Interpolated>,
    value: Interpolated,
    identity: Arc<Identity>,
}

enum Recorder {
    Counter(CounterFamily),
    CounterBy(CounterFamily),
    Gauge(GaugeFamily),
    Timing(TimerFamily),
}

impl Recorder {
    fn new(kind: Kind, name: String, labels: &[&str], scope: &Scope) -> Result<Self, Error> {
        let metric = MetricName::verbatim(name.clone());
        let recorder = match kind {
            Kind::Counter => scope.counter_family(metric, labels).map(Self::Counter),
            Kind::CounterBy => scope.counter_family(metric, labels).map(Self::CounterBy),
            Kind::Gauge => scope.gauge_family(metric, labels).map(Self::Gauge),
            Kind::Timing => scope.timer_family(metric, labels).map(Self::Timing),
        };
        recorder.map_err(|error| Error::fatal(format!("metric `{name}`: {error}")))
    }
}

impl Metric {
    fn record(&self, batch: &[Message], index: usize) -> Result<(), Error> {
        let labels = self.labels.iter().map(|label| label.resolve(batch, index));
        let labels: Vec<_> = labels
            .collect::<Result<_, _>>()
            .map_err(|error| error.context("resolve a label"))?;
        let labels: Vec<&str> = labels.iter().map(AsRef::as_ref).collect();
        match &self.recorder {
            Recorder::Counter(family) => family.with(&labels).inc(),
            Recorder::CounterBy(family) => {
                family.with(&labels).add_f64(self.number(batch, index)?);
            }
            Recorder::Gauge(family) => family.with(&labels).set(self.number(batch, index)?),
            Recorder::Timing(family) => {
                let nanos = self.number(batch, index)?;
                family
                    .with(&labels)
                    .observe(std::time::Duration::from_nanos(nanos as u64));
            }
        }
        Ok(())
    }

    fn number(&self, batch: &[Message], index: usize) -> Result<f64, Error> {
        let text = self.value.resolve(batch, index);
        let text = text.map_err(|error| error.context("resolve `value`"))?;
        match text.parse::<f64>() {
            Ok(number) if number >= 0.0 && number.is_finite() => Ok(number),
            Ok(_) => Err(Error::rejected(format!(
                "value `{text}` is negative or no number"
            ))),
            Err(_) => Err(Error::rejected(format!("value `{text}` is no number"))),
        }
    }
}

impl Processor for Metric {
    fn process(&self, batch: MessageBatch) -> Batches {
        for index in 0..batch.len() {
            if let Err(error) = self.record(&batch, index) {
                self.identity
                    .log_error(format_args!("record a metric: {error}"));
            }
        }
        smallvec::smallvec![batch]
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor("metric: { type: counter, name: contract }");
        millrace_component::conformance::processor(&processor).await;
    }
}
