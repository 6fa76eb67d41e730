//! The series of a registry as log lines, as Bento's `logger` prints them.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::log::{ComponentLogger, LogLevel, LogValue};
use crate::metric::{Labels, Registry, Series, SeriesValue, SketchSnapshot};

/// Writes each series of a registry as a line of the level `info`.
#[derive(Debug)]
pub struct LogExporter {
    registry: Registry,
    /// What was shown last, when lines show what was counted since.
    last: Option<Mutex<HashMap<SeriesKey, Shown>>>,
}

/// The name and the labels of a series.
type SeriesKey = (Arc<str>, Labels);

/// What a line has shown.
#[derive(Clone, Debug)]
enum Shown {
    Count(f64),
    Timings(SketchSnapshot),
}

/// A line: its text and its fields.
type Line = (&'static str, Vec<(String, LogValue)>);

impl LogExporter {
    /// With `flush` every line shows what was counted since the line before it.
    pub fn new(registry: Registry, flush: bool) -> Self {
        Self {
            registry,
            last: flush.then(Mutex::default),
        }
    }

    /// Writes a line for each series.
    pub fn write(&self) {
        let logger = ComponentLogger::detached();
        for (text, fields) in self.lines() {
            logger.emit(LogLevel::Info, text, fields);
        }
    }

    fn lines(&self) -> Vec<Line> {
        let series = self.registry.snapshot();
        series.iter().map(|series| self.line(series)).collect()
    }

    fn line(&self, series: &Series) -> Line {
        let mut fields: Vec<_> = series
            .labels
            .iter()
            .map(|(name, value)| (name.to_owned(), LogValue::Text(value.to_owned())))
            .collect();
        let mut field = |name: &str, value| fields.push((name.to_owned(), value));
        field("name", LogValue::Text(series.name.to_string()));
        let text = match &series.value {
            SeriesValue::Counter(value) => {
                field("value", number(self.count_since(series, *value)));
                "Counter metric"
            }
            SeriesValue::Gauge(value) => {
                field("value", number(*value));
                "Counter metric"
            }
            SeriesValue::Connection { up, .. } => {
                field("value", LogValue::Integer(i64::from(*up)));
                "Counter metric"
            }
            SeriesValue::Timer(timer) => {
                let timings = self.timings_since(series, &timer.sketch);
                for (name, quantile) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)] {
                    field(name, number(timings.quantile(quantile).unwrap_or(0.0)));
                }
                "Timing metric"
            }
        };
        (text, fields)
    }

    fn count_since(&self, series: &Series, count: f64) -> f64 {
        match self.replace(series, || Shown::Count(count)) {
            Some(Shown::Count(earlier)) => count - earlier,
            _ => count,
        }
    }

    fn timings_since(&self, series: &Series, timings: &SketchSnapshot) -> SketchSnapshot {
        match self.replace(series, || Shown::Timings(timings.clone())) {
            Some(Shown::Timings(earlier)) => timings.since(&earlier),
            _ => timings.clone(),
        }
    }

    /// Notes what a line shows; what the one before has shown.
    fn replace(&self, series: &Series, shown: impl FnOnce() -> Shown) -> Option<Shown> {
        let mut last = self.last.as_ref()?.lock();
        let key = (Arc::clone(&series.name), series.labels.clone());
        last.insert(key, shown())
    }
}

/// A whole number without a point.
fn number(value: f64) -> LogValue {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    match value.fract() == 0.0 && value.abs() <= EXACT_MAX {
        true => LogValue::Integer(value as i64),
        false if value.is_finite() => LogValue::Float(value),
        false => LogValue::Text(value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{ComponentLabels, Registry, RegistrySettings};

    /// The lines of metrics of components, as `text name value…`.
    fn shown(exporter: &LogExporter) -> Vec<String> {
        let line = |(text, fields): Line| {
            let value = |(name, value): (String, LogValue)| match value {
                LogValue::Text(value) => format!("{name}={value}"),
                LogValue::Integer(value) => format!("{name}={value}"),
                other => format!("{name}={other:?}"),
            };
            let fields: Vec<_> = fields.into_iter().map(value).collect();
            format!("{text}: {}", fields.join(" "))
        };
        let lines = exporter.lines().into_iter().map(line);
        lines.filter(|it| it.contains("path=")).collect()
    }

    fn component() -> ComponentLabels {
        ComponentLabels {
            label: "a".into(),
            path: "root.input".into(),
            stream: None,
        }
    }

    #[test]
    fn each_series_is_a_line_with_its_labels() {
        let registry = Registry::default();
        let scope = registry.scope(component());
        scope.counter("input_received", &[]).add(3);
        scope.gauge("buffer_active", &[("kind", "x")]).set(0.5);
        scope.timer("input_latency_ns", &[]).observe_nanos(10, 1);
        let expected = [
            "Counter metric: kind=x label=a path=root.input name=buffer_active value=Float(0.5)",
            "Timing metric: label=a path=root.input name=input_latency_ns p50=10 p90=10 p99=10",
            "Counter metric: label=a path=root.input name=input_received value=3",
        ];
        let exporter = LogExporter::new(registry, false);
        assert_eq!(shown(&exporter), expected);
        assert_eq!(shown(&exporter), expected, "they go on counting");
    }

    #[test]
    fn what_is_flushed_counts_from_the_line_before() {
        let registry = Registry::default();
        let scope = registry.scope(component());
        let (counter, timer) = (scope.counter("c", &[]), scope.timer("t", &[]));
        counter.add(3);
        timer.observe_nanos(10, 1);
        let exporter = LogExporter::new(registry, true);
        let line = |number: usize| shown(&exporter).remove(number);
        assert!(line(0).ends_with("value=3"));
        counter.add(2);
        timer.observe_nanos(20, 1);
        let lines = shown(&exporter);
        assert!(lines[0].ends_with("value=2"), "{lines:?}");
        assert!(lines[1].ends_with("p50=20 p90=20 p99=20"), "{lines:?}");
        let lines = shown(&exporter);
        assert!(lines[0].ends_with("value=0"), "{lines:?}");
        assert!(lines[1].ends_with("p50=0 p90=0 p99=0"), "{lines:?}");
    }

    #[test]
    fn a_series_is_shown_after_its_owner_has_gone_where_that_is_asked_for() {
        for keep_series in [false, true] {
            let registry = Registry::new(RegistrySettings {
                keep_series,
                ..RegistrySettings::default()
            });
            let exporter = LogExporter::new(registry.clone(), false);
            for _ in 0..2 {
                let scope = registry.scope(component());
                scope.counter("c", &[]).add(3);
            }
            let lines = shown(&exporter);
            assert_eq!(lines.len(), usize::from(keep_series), "{lines:?}");
            assert!(lines.iter().all(|it| it.ends_with("value=6")), "{lines:?}");
        }
    }
}
