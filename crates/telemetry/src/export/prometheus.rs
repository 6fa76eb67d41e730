//! The Prometheus text format, version 0.0.4.
//!
//! Not OpenMetrics: that format forces `_total` upon every counter, and the names without it are
//! part of what we promise.

mod window;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use parking_lot::Mutex;

use self::window::Windows;
use crate::metric::{
    Form, Labels, Naming, Registry, Series, SeriesValue, SketchSnapshot, TimerSnapshot,
    families_of, help_of,
};

/// The content type of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How series are named and written.
#[derive(Clone, Debug)]
pub struct PrometheusSettings {
    pub naming: Naming,
    /// With [`Naming::Upstream`] and for user metrics: timers as histograms in seconds instead of
    /// summaries. Under the default naming a timer is always both.
    pub use_histogram_timing: bool,
    /// Quantiles of summaries, 0 to 1.
    pub quantiles: Vec<f64>,
}

impl Default for PrometheusSettings {
    fn default() -> Self {
        Self {
            naming: Naming::default(),
            use_histogram_timing: false,
            quantiles: vec![0.5, 0.9, 0.99],
        }
    }
}

/// Writes the series of a registry as text.
///
/// Quantiles cover the last ten minutes, or the time since the scrape before those; sums and counts
/// cover the whole run, as Prometheus expects. The exporter keeps past sketches for that, so one
/// exporter should serve all scrapes.
#[derive(Debug)]
pub struct PrometheusExporter {
    registry: Registry,
    settings: PrometheusSettings,
    windows: Mutex<Windows>,
}

/// The lines of one family.
struct Family {
    form: Form,
    help: Option<&'static str>,
    lines: String,
}

impl PrometheusExporter {
    pub fn new(registry: Registry, settings: PrometheusSettings) -> Self {
        Self {
            registry,
            settings,
            windows: Mutex::default(),
        }
    }

    /// All series, families and series in a stable order. The answer of `/metrics`.
    pub fn text(&self) -> String {
        self.text_at(Instant::now())
    }

    fn text_at(&self, now: Instant) -> String {
        let all = self.registry.snapshot();
        let mut windows = self.windows.lock();
        windows.begin(now);
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        for series in &all {
            let recent = match &series.value {
                SeriesValue::Timer(timer) => windows.recent(series, &timer.sketch),
                _ => SketchSnapshot::default(),
            };
            let verbatim = series.verbatim;
            let settings = &self.settings;
            for family in families_of(
                &series.name,
                series.kind(),
                verbatim,
                settings.naming,
                settings.use_histogram_timing,
            ) {
                let entry = families.entry(family.name.clone()).or_insert(Family {
                    form: family.form,
                    help: help_of(&series.name),
                    lines: String::new(),
                });
                // One family has one type: a user metric that takes a name of ours is left out.
                if entry.form == family.form {
                    self.write_series(&mut entry.lines, &family.name, family.form, series, &recent);
                }
            }
        }
        windows.end();
        written(&families)
    }

    fn write_series(
        &self,
        out: &mut String,
        name: &str,
        form: Form,
        series: &Series,
        recent: &SketchSnapshot,
    ) {
        let labels = &series.labels;
        match (&series.value, form) {
            (SeriesValue::Counter(value) | SeriesValue::Gauge(value), _) => {
                write_sample(out, name, "", labels, None, *value);
            }
            (SeriesValue::Connection { established, .. }, Form::Established) => {
                write_sample(out, name, "", labels, None, *established as f64);
            }
            (SeriesValue::Connection { up, .. }, _) => {
                write_sample(out, name, "", labels, None, f64::from(u8::from(*up)));
            }
            (SeriesValue::Timer(timer), Form::HistogramSeconds) => {
                write_histogram(out, name, labels, timer);
            }
            (SeriesValue::Timer(timer), _) => {
                let unit = if form == Form::SummarySeconds {
                    1e9
                } else {
                    1.0
                };
                for &quantile in &self.settings.quantiles {
                    let value = recent.quantile(quantile).map_or(f64::NAN, |it| it / unit);
                    let quantile = quantile.to_string();
                    write_sample(out, name, "", labels, Some(("quantile", &quantile)), value);
                }
                write_sample(out, name, "_sum", labels, None, timer.sum as f64 / unit);
                write_sample(out, name, "_count", labels, None, timer.count() as f64);
            }
        }
    }
}

fn written(families: &BTreeMap<String, Family>) -> String {
    let mut text = String::new();
    for (name, family) in families {
        if let Some(help) = family.help {
            let _ = writeln!(text, "# HELP {name} {help}");
        }
        let form = match family.form {
            Form::Counter | Form::Established => "counter",
            Form::Gauge => "gauge",
            Form::HistogramSeconds => "histogram",
            Form::SummarySeconds | Form::SummaryRaw => "summary",
        };
        let _ = writeln!(text, "# TYPE {name} {form}");
        text.push_str(&family.lines);
    }
    text
}

fn write_histogram(out: &mut String, name: &str, labels: &Labels, timer: &TimerSnapshot) {
    let mut cumulated = 0;
    for (bound, count) in timer.bounds.iter().zip(&timer.buckets) {
        cumulated += count;
        let bound = (*bound as f64 / 1e9).to_string();
        write_sample(
            out,
            name,
            "_bucket",
            labels,
            Some(("le", &bound)),
            cumulated as f64,
        );
    }
    let total = timer.count() as f64;
    write_sample(out, name, "_bucket", labels, Some(("le", "+Inf")), total);
    write_sample(out, name, "_sum", labels, None, timer.sum as f64 / 1e9);
    write_sample(out, name, "_count", labels, None, total);
}

fn write_sample(
    out: &mut String,
    name: &str,
    suffix: &str,
    labels: &Labels,
    extra: Option<(&str, &str)>,
    value: f64,
) {
    out.push_str(name);
    out.push_str(suffix);
    let mut separator = '{';
    for (label, value) in labels.iter().chain(extra) {
        out.push(separator);
        separator = ',';
        out.push_str(label);
        out.push_str("=\"");
        push_escaped(out, value);
        out.push('"');
    }
    if separator == ',' {
        out.push('}');
    }
    let _ = match value {
        _ if value.is_nan() => writeln!(out, " NaN"),
        f64::INFINITY => writeln!(out, " +Inf"),
        f64::NEG_INFINITY => writeln!(out, " -Inf"),
        _ => writeln!(out, " {value}"),
    };
}

fn push_escaped(out: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests;
