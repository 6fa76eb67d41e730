//! The JSON form of all series: one flat object under Bento's names, as its `json_api` serves it.

use std::fmt::Write as _;

use crate::json::push_json_string;
use crate::metric::{Labels, Registry, Series, SeriesValue, TimerSnapshot};

/// Counters and gauges as numbers, timers as `{"p50","p90","p99"}` of the whole run in nanoseconds.
/// Keys are `name{label="x"}` in a stable order. A connection is 1 or 0.
pub fn stats_json(registry: &Registry) -> String {
    let mut json = String::from("{");
    for (index, series) in registry.snapshot().iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        push_json_string(&mut json, &key(series));
        json.push(':');
        match &series.value {
            SeriesValue::Counter(value) | SeriesValue::Gauge(value) => {
                push_number(&mut json, *value);
            }
            SeriesValue::Connection { up, .. } => json.push(if *up { '1' } else { '0' }),
            SeriesValue::Timer(timer) => push_timer(&mut json, timer),
        }
    }
    json.push('}');
    json
}

fn key(series: &Series) -> String {
    let mut key = series.name.to_string();
    if series.labels.is_empty() {
        return key;
    }
    push_labels(&mut key, &series.labels);
    key
}

fn push_labels(key: &mut String, labels: &Labels) {
    for (index, (name, value)) in labels.iter().enumerate() {
        key.push(if index == 0 { '{' } else { ',' });
        key.push_str(name);
        key.push('=');
        push_json_string(key, value);
    }
    key.push('}');
}

fn push_timer(json: &mut String, timer: &TimerSnapshot) {
    for (index, (name, quantile)) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)]
        .iter()
        .enumerate()
    {
        json.push(if index == 0 { '{' } else { ',' });
        push_json_string(json, name);
        json.push(':');
        push_number(json, timer.sketch.quantile(*quantile).unwrap_or(0.0));
    }
    json.push('}');
}

/// JSON has no NaN and no infinity.
fn push_number(json: &mut String, value: f64) {
    if value.is_finite() {
        let _ = write!(json, "{value}");
    } else {
        json.push_str("null");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::ComponentLabels;

    #[test]
    fn stats_are_one_flat_object_under_bentos_names() {
        let registry = Registry::default();
        let scope = registry.scope(ComponentLabels {
            label: "a \"b\"".into(),
            path: "root.input".into(),
            stream: Some("s".into()),
        });
        scope.counter("input_received", &[]).add(3);
        scope.gauge("g", &[]).set(f64::NAN);
        scope.timer("input_latency_ns", &[]).observe_nanos(10, 1);
        let labels = r#"{label=\"a \\\"b\\\"\",path=\"root.input\",stream=\"s\"}"#;
        assert_eq!(
            stats_json(&registry),
            format!(
                "{{\"g{labels}\":null,\"input_latency_ns{labels}\":{{\"p50\":10,\"p90\":10,\"p99\":10}},\
                 \"input_received{labels}\":3,\"millrace_metric_series_refused_total\":0}}"
            )
        );
    }
}
