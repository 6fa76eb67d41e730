use std::time::Duration;

use super::*;
use crate::metric::{
    ComponentLabels, InputMetrics, MetricName, OutputMetrics, ProcessorMetrics, RegistrySettings,
};

fn labels(path: &str) -> ComponentLabels {
    ComponentLabels {
        label: String::new(),
        path: path.into(),
        stream: None,
    }
}

fn exporter(registry: &Registry, settings: PrometheusSettings) -> PrometheusExporter {
    PrometheusExporter::new(registry.clone(), settings)
}

/// The lines of the families whose names begin with `prefix`.
fn lines_of<'a>(text: &'a str, prefix: &str) -> Vec<&'a str> {
    let is_of = |line: &&str| {
        line.trim_start_matches(['#', ' '])
            .replace("HELP ", "")
            .replace("TYPE ", "")
            .starts_with(prefix)
    };
    text.lines().filter(is_of).collect()
}

#[test]
fn the_counters_of_the_operations_guide_have_both_names() {
    let registry = Registry::default();
    let input = registry.scope(labels("root.input"));
    let output = registry.scope(labels("root.output"));
    InputMetrics::new(&input).received.add(1000);
    let sent = OutputMetrics::new(&output);
    sent.sent.add(955);
    let text = exporter(&registry, PrometheusSettings::default()).text();
    assert_eq!(
        lines_of(&text, "bento_input_received"),
        [
            "# HELP bento_input_received Messages received by the input.",
            "# TYPE bento_input_received counter",
            "bento_input_received{label=\"\",path=\"root.input\"} 1000",
            "# HELP bento_input_received_total Messages received by the input.",
            "# TYPE bento_input_received_total counter",
            "bento_input_received_total{label=\"\",path=\"root.input\"} 1000",
        ]
    );
    for line in [
        "bento_output_sent{label=\"\",path=\"root.output\"} 955",
        "bento_output_sent_total{label=\"\",path=\"root.output\"} 955",
        "bento_output_error{label=\"\",path=\"root.output\"} 0",
        "bento_output_error_total{label=\"\",path=\"root.output\"} 0",
        "bento_output_batch_sent_total{label=\"\",path=\"root.output\"} 0",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} in {text}");
    }
    assert!(
        !text.contains("bento_output_batch_sent{"),
        "only the table's rows have both"
    );
}

#[test]
fn connections_are_gauges() {
    let registry = Registry::default();
    let scope = registry.scope(labels("root.output"));
    let metrics = OutputMetrics::new(&scope);
    let exporter = exporter(&registry, PrometheusSettings::default());
    let state = || lines_of(&exporter.text(), "bento_output_connection_up")[1..].join("\n");
    assert_eq!(
        state(),
        "# TYPE bento_output_connection_up gauge\n\
         bento_output_connection_up{label=\"\",path=\"root.output\"} 0"
    );
    metrics.connection.up();
    metrics.connection.lost();
    metrics.connection.up();
    assert!(state().ends_with(" 1"), "{}", state());
}

#[test]
fn a_timer_is_a_histogram_in_seconds_and_a_summary() {
    let registry = Registry::default();
    let scope = registry.scope(labels("root.pipeline.processors.0"));
    let metrics = ProcessorMetrics::new(&scope);
    metrics.latency.observe_many(Duration::from_millis(2), 98);
    metrics.latency.observe(Duration::from_millis(500));
    metrics.latency.observe(Duration::from_secs(60));
    let text = exporter(&registry, PrometheusSettings::default()).text();
    let at = "label=\"\",path=\"root.pipeline.processors.0\"";
    let bucket = |le: &str, count: u32| {
        format!("bento_processor_latency_seconds_bucket{{{at},le=\"{le}\"}} {count}")
    };
    let mut expected = vec![
        "# HELP bento_processor_latency Time taken by the processor.".to_owned(),
        "# TYPE bento_processor_latency summary".to_owned(),
        format!("bento_processor_latency{{{at},quantile=\"0.5\"}} 0.0020152315"),
        format!("bento_processor_latency{{{at},quantile=\"0.9\"}} 0.0020152315"),
        format!("bento_processor_latency{{{at},quantile=\"0.99\"}} 0.4991221755"),
        format!("bento_processor_latency_sum{{{at}}} 60.696"),
        format!("bento_processor_latency_count{{{at}}} 100"),
        "# HELP bento_processor_latency_seconds Time taken by the processor.".to_owned(),
        "# TYPE bento_processor_latency_seconds histogram".to_owned(),
    ];
    for (le, count) in [
        ("0.0001", 0),
        ("0.00025", 0),
        ("0.0005", 0),
        ("0.001", 0),
        ("0.0025", 98),
        ("0.005", 98),
        ("0.01", 98),
        ("0.025", 98),
        ("0.05", 98),
        ("0.1", 98),
        ("0.25", 98),
        ("0.5", 99),
        ("1", 99),
        ("2.5", 99),
        ("5", 99),
        ("10", 99),
        ("30", 99),
        ("+Inf", 100),
    ] {
        expected.push(bucket(le, count));
    }
    expected.push(format!(
        "bento_processor_latency_seconds_sum{{{at}}} 60.696"
    ));
    expected.push(format!("bento_processor_latency_seconds_count{{{at}}} 100"));
    assert_eq!(lines_of(&text, "bento_processor_latency"), expected);
}

#[test]
fn a_timer_without_observations_has_all_its_series() {
    let registry = Registry::default();
    let scope = registry.scope(labels("p"));
    let _metrics = ProcessorMetrics::new(&scope);
    let text = exporter(&registry, PrometheusSettings::default()).text();
    for line in [
        "bento_processor_latency{label=\"\",path=\"p\",quantile=\"0.99\"} NaN",
        "bento_processor_latency_count{label=\"\",path=\"p\"} 0",
        "bento_processor_latency_seconds_bucket{label=\"\",path=\"p\",le=\"+Inf\"} 0",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn upstream_naming_gives_bentos_own_names() {
    let registry = Registry::default();
    let scope = registry.scope(labels("root.input"));
    let metrics = InputMetrics::new(&scope);
    metrics.received.add(2);
    metrics.connection.up();
    metrics.connection.up();
    metrics.latency.observe_nanos(10, 1);
    scope.gauge("buffer_active", &[]).set(1.5);
    scope
        .counter("millrace_messages_received_total", &[])
        .add(2);
    let settings = PrometheusSettings {
        naming: Naming::Upstream,
        ..PrometheusSettings::default()
    };
    let text = exporter(&registry, settings.clone()).text();
    let samples: Vec<_> = text.lines().filter(|it| !it.starts_with('#')).collect();
    let at = "label=\"\",path=\"root.input\"";
    assert_eq!(
        samples,
        [
            format!("buffer_active{{{at}}} 1.5"),
            format!("input_connection_failed{{{at}}} 0"),
            format!("input_connection_lost{{{at}}} 0"),
            format!("input_connection_up{{{at}}} 2"),
            format!("input_latency_ns{{{at},quantile=\"0.5\"}} 10"),
            format!("input_latency_ns{{{at},quantile=\"0.9\"}} 10"),
            format!("input_latency_ns{{{at},quantile=\"0.99\"}} 10"),
            format!("input_latency_ns_sum{{{at}}} 10"),
            format!("input_latency_ns_count{{{at}}} 1"),
            format!("input_received{{{at}}} 2"),
            format!("millrace_messages_received_total{{{at}}} 2"),
            "millrace_metric_series_refused_total 0".to_owned(),
        ]
    );
    assert!(text.contains("# TYPE input_connection_up counter"));
    let histogram = PrometheusSettings {
        use_histogram_timing: true,
        ..settings
    };
    let text = exporter(&registry, histogram).text();
    assert!(text.contains(&format!("input_latency_ns_bucket{{{at},le=\"0.0001\"}} 1")));
    assert!(text.contains("# TYPE input_latency_ns histogram"));
}

#[test]
fn user_metrics_keep_their_names_units_and_labels() {
    let registry = Registry::default();
    let scope = registry.scope(labels("p"));
    let name = MetricName::verbatim;
    let counter = scope
        .counter_family(name("Foos"), &["topic", "type"])
        .unwrap();
    counter.with(&["t\\1", "a \"b\"\nc"]).add_f64(1.5);
    scope
        .gauge_family(name("FooSize"), &[])
        .unwrap()
        .with(&[])
        .set(-0.25);
    scope
        .timer_family(name("took"), &[])
        .unwrap()
        .with(&[])
        .observe_nanos(31, 1);
    // A user metric that takes a name of ours, as another type.
    scope
        .gauge(name("bento_input_received_total"), &[])
        .set(5.0);
    let input = registry.scope(labels("root.input"));
    InputMetrics::new(&input).received.inc();
    let text = exporter(&registry, PrometheusSettings::default()).text();
    for line in [
        "# TYPE Foos counter",
        "Foos{label=\"\",path=\"p\",topic=\"t\\\\1\",type=\"a \\\"b\\\"\\nc\"} 1.5",
        "FooSize{label=\"\",path=\"p\"} -0.25",
        "# TYPE took summary",
        "took{label=\"\",path=\"p\",quantile=\"0.5\"} 31",
        "took_sum{label=\"\",path=\"p\"} 31",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} in {text}");
    }
    let types: Vec<_> = text
        .lines()
        .filter(|it| it.starts_with("# TYPE bento_input_received_total"))
        .collect();
    assert_eq!(types.len(), 1, "one family, one type");
}

#[test]
fn quantiles_forget_what_is_older_than_the_window() {
    let registry = Registry::new(RegistrySettings::default());
    let scope = registry.scope(labels("p"));
    let timer = scope.timer("x_latency_ns", &[]);
    let exporter = exporter(&registry, PrometheusSettings::default());
    let start = Instant::now();
    let median = |seconds| {
        let text = exporter.text_at(start + Duration::from_secs(seconds));
        let line = text
            .lines()
            .find(|it| it.contains("quantile=\"0.5\""))
            .unwrap();
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    let close = |value: f64, expected: f64| (value - expected).abs() <= expected * 0.02;
    timer.observe_many(Duration::from_millis(1), 1000);
    assert!(close(median(0), 0.001));
    timer.observe(Duration::from_secs(1));
    for seconds in (15..600).step_by(15) {
        assert!(close(median(seconds), 0.001), "after {seconds} s");
    }
    assert!(close(median(615), 1.0), "only the slow one remains");
    assert!(median(1500).is_nan(), "nothing was observed of late");
    let text = exporter.text_at(start + Duration::from_secs(1500));
    assert!(text.contains("x_latency_count{label=\"\",path=\"p\"} 1001"));
    drop((scope, timer));
    exporter.text_at(start + Duration::from_secs(1501));
    assert_eq!(
        format!("{:?}", exporter.windows.lock())
            .matches("Past")
            .count(),
        0
    );
}
