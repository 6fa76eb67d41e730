//! How a metric is called: Bento's name inside, the exporter's family names outside.

use std::borrow::Cow;

use super::help::{HELP, kind_of};
use super::series::MetricKind;

/// The name under which a component registers a metric.
///
/// A plain `&'static str` is one of Bento's names (`input_received`) and is exported by the rules of
/// [`Naming`]; one that begins with `millrace_` keeps itself. [`MetricName::verbatim`] keeps any name.
#[derive(Clone, Debug)]
pub struct MetricName {
    pub(super) text: Cow<'static, str>,
    pub(super) verbatim: bool,
}

impl MetricName {
    /// A name that no naming rule touches: metrics of the user, of Kafka, of Flink.
    pub fn verbatim(name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            text: name.into(),
            verbatim: true,
        }
    }
}

impl From<&'static str> for MetricName {
    fn from(name: &'static str) -> Self {
        Self {
            text: Cow::Borrowed(name),
            verbatim: name.starts_with("millrace_"),
        }
    }
}

/// Which family names the Prometheus exporter writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// `bento_input_received_total`, `bento_processor_latency_seconds`: what dashboards, alerts and
    /// the operations guide ask for.
    #[default]
    Prefixed,
    /// Bento's own names: `input_received`, `processor_latency_ns`.
    Upstream,
}

/// Counters of the operations guide's table, which names them without `_total`.
const ALSO_WITHOUT_TOTAL: &[&str] = &["input_received", "output_sent", "output_error"];

/// One family of the exporter's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FamilyName {
    pub(crate) name: String,
    pub(crate) form: Form,
}

/// How a series is written in a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Counter,
    Gauge,
    /// Established connections as a counter, as Bento has it.
    Established,
    /// Nanoseconds become seconds.
    HistogramSeconds,
    SummarySeconds,
    /// The observed unit as it is.
    SummaryRaw,
}

/// The families in which a series appears.
pub(crate) fn families_of(
    name: &str,
    kind: MetricKind,
    verbatim: bool,
    naming: Naming,
    histogram_timing: bool,
) -> Vec<FamilyName> {
    let family = |name: String, form| FamilyName { name, form };
    if verbatim || naming == Naming::Upstream {
        let form = match kind {
            MetricKind::Counter => Form::Counter,
            MetricKind::Gauge => Form::Gauge,
            MetricKind::Connection if naming == Naming::Prefixed => Form::Gauge,
            MetricKind::Connection => Form::Established,
            MetricKind::Timer if histogram_timing => Form::HistogramSeconds,
            MetricKind::Timer => Form::SummaryRaw,
        };
        return vec![family(name.to_owned(), form)];
    }
    match kind {
        MetricKind::Counter => {
            let mut families = vec![family(format!("bento_{name}_total"), Form::Counter)];
            if ALSO_WITHOUT_TOTAL.contains(&name) {
                families.push(family(format!("bento_{name}"), Form::Counter));
            }
            families
        }
        MetricKind::Gauge | MetricKind::Connection => {
            vec![family(format!("bento_{name}"), Form::Gauge)]
        }
        MetricKind::Timer => {
            let stem = name.strip_suffix("_ns").unwrap_or(name);
            vec![
                family(format!("bento_{stem}_seconds"), Form::HistogramSeconds),
                family(format!("bento_{stem}"), Form::SummarySeconds),
            ]
        }
    }
}

/// The help line of a metric by the name it was registered with.
pub(crate) fn help_of(name: &str) -> Option<&'static str> {
    HELP.iter().find(|it| it.0 == name).map(|it| it.1)
}

/// The built-in metric whose place a metric of the user would take, of this name and kind: one that
/// is exported by this name, or is one of Bento's names and of another kind.
pub fn built_in(name: &str, kind: MetricKind) -> Option<&'static str> {
    let name = valid_metric_name(name);
    let is_taken = |built_in: &'static str| {
        let (verbatim, own_kind) = (built_in.starts_with("millrace_"), kind_of(built_in));
        let is_process = built_in.starts_with("process_");
        if built_in == name {
            return verbatim || is_process || own_kind != kind;
        }
        let naming = Naming::Prefixed;
        let mut families = families_of(built_in, own_kind, verbatim, naming, true).into_iter();
        !is_process && families.any(|family| family.is_written_as(&name))
    };
    HELP.iter().map(|it| it.0).find(|&it| is_taken(it))
}

impl FamilyName {
    /// Whether its samples have this name.
    fn is_written_as(&self, name: &str) -> bool {
        let is_one_sample = matches!(self.form, Form::Counter | Form::Gauge | Form::Established);
        match name.strip_prefix(&*self.name) {
            Some("") => true,
            Some("_bucket" | "_sum" | "_count") => !is_one_sample,
            _ => false,
        }
    }
}

/// Makes a name valid for every exporter: what Prometheus does not allow becomes `_`.
pub(super) fn valid_metric_name(name: &str) -> String {
    sanitize(name, |c| c == ':')
}

/// As [`valid_metric_name`], for a label; `__` at the start is reserved by Prometheus.
pub(super) fn valid_label_name(name: &str) -> String {
    let mut valid = sanitize(name, |_| false);
    if valid.starts_with("__") {
        valid.insert(0, 'x');
    }
    valid
}

fn sanitize(name: &str, also: fn(char) -> bool) -> String {
    const LENGTH_MAX: usize = 200;
    let mut valid = String::with_capacity(name.len().min(LENGTH_MAX));
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        valid.push('_');
    }
    valid.extend(name.chars().take(LENGTH_MAX).map(|c| {
        if c.is_ascii_alphanumeric() || c == '_' || also(c) {
            c
        } else {
            '_'
        }
    }));
    valid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_of_the_user_takes_no_built_in_place() {
        let taken = [
            (
                "bento_input_received_total",
                MetricKind::Gauge,
                "input_received",
            ),
            (
                "bento_input_received_total",
                MetricKind::Counter,
                "input_received",
            ),
            (
                "bento-input-received",
                MetricKind::Counter,
                "input_received",
            ),
            ("input_received", MetricKind::Gauge, "input_received"),
            (
                "bento_output_latency_seconds_bucket",
                MetricKind::Gauge,
                "output_latency_ns",
            ),
            (
                "bento_input_connection_up",
                MetricKind::Counter,
                "input_connection_up",
            ),
            (
                "millrace_queue_depth",
                MetricKind::Gauge,
                "millrace_queue_depth",
            ),
            ("process_open_fds", MetricKind::Gauge, "process_open_fds"),
        ];
        for (name, kind, expected) in taken {
            assert_eq!(built_in(name, kind), Some(expected), "{name}");
        }
        for name in [
            "orders",
            "bento_orders_total",
            "input_received",
            "bento_input_received_sum",
        ] {
            assert_eq!(built_in(name, MetricKind::Counter), None, "{name}");
        }
        assert_eq!(built_in("buffer_active", MetricKind::Gauge), None);
    }

    #[test]
    fn names_become_valid() {
        for (given, metric, label) in [
            ("CountCustomField", "CountCustomField", "CountCustomField"),
            (
                "count.custom.field",
                "count_custom_field",
                "count_custom_field",
            ),
            ("a:b", "a:b", "a_b"),
            ("9lives", "_9lives", "_9lives"),
            ("", "_", "_"),
            ("__name__", "__name__", "x__name__"),
            ("größe", "gr__e", "gr__e"),
        ] {
            assert_eq!(valid_metric_name(given), metric);
            assert_eq!(valid_label_name(given), label);
        }
    }
}
