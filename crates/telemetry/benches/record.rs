//! What recording costs: `cargo bench -p millrace-telemetry`. As a test it runs a few rounds only,
//! so that it cannot rot.
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::io::sink;
use std::time::{Duration, Instant};

use millrace_telemetry::export::{PrometheusExporter, PrometheusSettings};
use millrace_telemetry::log::{ComponentLogger, LogSettings, LogSink};
use millrace_telemetry::metric::{ProcessorMetrics, Registry};
use millrace_telemetry::trace::{SpanKind, TraceSettings, Tracer};
use millrace_telemetry::{ComponentLabels, Redactor};

struct Bench {
    is_measured: bool,
}

impl Bench {
    /// Prints nanoseconds per call, the best of five rounds.
    fn run(&self, name: &str, calls: u64, mut call: impl FnMut(u64)) {
        let (rounds, calls) = if self.is_measured {
            (5, calls)
        } else {
            (1, 10)
        };
        let mut best = f64::MAX;
        for _ in 0..rounds {
            let start = Instant::now();
            for index in 0..calls {
                call(black_box(index));
            }
            best = best.min(start.elapsed().as_nanos() as f64 / calls as f64);
        }
        println!("{name:45} {best:10.1} ns");
    }

    /// As `run`, on two threads at once.
    fn run_on_two(&self, name: &str, calls: u64, calls_of: [&(dyn Fn(u64) + Sync); 2]) {
        let calls = if self.is_measured { calls } else { 10 };
        let start = Instant::now();
        std::thread::scope(|threads| {
            for call in calls_of {
                threads.spawn(move || (0..calls).for_each(|index| call(black_box(index))));
            }
        });
        let nanos = start.elapsed().as_nanos() as f64 / calls as f64;
        println!("{name:45} {nanos:10.1} ns");
    }
}

fn main() {
    let bench = Bench {
        is_measured: std::env::args().any(|it| it == "--bench"),
    };
    metrics(&bench);
    logs(&bench);
    traces(&bench);
}

fn labels(index: usize) -> ComponentLabels {
    ComponentLabels {
        label: String::new(),
        path: format!("root.pipeline.processors.{index}"),
        stream: None,
    }
}

fn metrics(bench: &Bench) {
    let registry = Registry::default();
    let scopes = [0, 0].map(|index| registry.scope(labels(index)));
    let [own, other] = scopes.each_ref().map(ProcessorMetrics::new);
    let spread = |index: u64| 1_000 + (index & 0xffff) * 37;
    bench.run("counter: inc", 50_000_000, |_| own.received.inc());
    bench.run("timer: observe", 20_000_000, |index| {
        own.latency.observe_nanos(spread(index), 1);
    });
    bench.run("timer: observe a run of 64", 20_000_000, |index| {
        own.latency
            .observe_many(Duration::from_nanos(spread(index)), 64);
    });
    let calls: [&(dyn Fn(u64) + Sync); 2] = [&|_| own.received.inc(), &|_| other.received.inc()];
    bench.run_on_two("counter: inc, two threads, own scopes", 20_000_000, calls);
    bench.run_on_two(
        "counter: inc, two threads, one scope",
        20_000_000,
        [calls[0]; 2],
    );
    let timers: [&(dyn Fn(u64) + Sync); 2] = [
        &|index| own.latency.observe_nanos(spread(index), 1),
        &|index| other.latency.observe_nanos(spread(index), 1),
    ];
    bench.run_on_two(
        "timer: observe, two threads, own scopes",
        10_000_000,
        timers,
    );

    let many: Vec<_> = (1..40).map(|index| registry.scope(labels(index))).collect();
    let _metrics: Vec<_> = many.iter().map(ProcessorMetrics::new).collect();
    let exporter = PrometheusExporter::new(registry, PrometheusSettings::default());
    let length = exporter.text().len();
    bench.run(
        &format!("scrape: 40 processors, {length} bytes"),
        200,
        |_| {
            black_box(exporter.text());
        },
    );
}

fn logs(bench: &Bench) {
    let secrets: Vec<_> = (0..20).map(|it| format!("planted-secret-{it}")).collect();
    Redactor::global().add_all(secrets.iter().map(String::as_str));
    let text = "connect to broker at rabbitmq:5672, attempt 3: connection refused (os error 111)";
    bench.run(
        "redact: a line without secrets, 20 known",
        1_000_000,
        |_| {
            black_box(Redactor::global().redact(text));
        },
    );
    let (dispatch, _handle) = LogSettings::default().build(LogSink::Writer(Box::new(sink())));
    tracing::dispatcher::with_default(&dispatch, || {
        let log = ComponentLogger::new("amqp_0_9", &labels(0));
        bench.run("log: a disabled event", 50_000_000, |index| {
            tracing::debug!(target: "millrace::bench", parent: log.span(), index, "message");
        });
        bench.run("log: a written event", 200_000, |index| {
            tracing::info!(target: "millrace::bench", parent: log.span(), index, error = text, "send");
        });
    });
}

fn traces(bench: &Bench) {
    let disabled = Tracer::disabled();
    bench.run("trace: a span, disabled", 50_000_000, |_| {
        black_box(disabled.start("s", SpanKind::Internal, None)).end();
    });
    let settings = |sampling_ratio| TraceSettings {
        sampling_ratio,
        queue_spans_max: 1,
        ..TraceSettings::default()
    };
    let (tracer, _exporter) = Tracer::with_exporter(settings(0.0));
    bench.run("trace: a span, not sampled", 5_000_000, |_| {
        black_box(tracer.start("s", SpanKind::Internal, None)).end();
    });
    let (tracer, _exporter) = Tracer::with_exporter(settings(1.0));
    bench.run("trace: a span, sampled", 1_000_000, |_| {
        black_box(tracer.start("s", SpanKind::Internal, None)).end();
    });
}
