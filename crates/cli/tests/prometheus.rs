//! What a real Prometheus says about a running pipeline: the metrics and the queries of the
//! operations guide, each with the value that the run must have.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::time::Duration;

use millrace_testkit::http;
use millrace_testkit::http_server::{HttpServer, Reply};
use millrace_testkit::millrace::Millrace;
use millrace_testkit::poll::{self, PATIENCE};
use millrace_testkit::port::free_port;
use millrace_testkit::prometheus::{PrometheusServer, Sample};
use millrace_testkit::proxy::Proxy;
use millrace_testkit::rabbitmq::Vhost;
use millrace_testkit::shared;

/// Messages that are published, in all.
const MESSAGES: u32 = 20;
/// Of which the mapping refuses every fifth.
const UNMAPPED: u32 = 4;
/// And the model every fourth.
const REFUSED: u32 = 5;

const SCRAPES: Duration = Duration::from_millis(250);
/// Scrapes after the first message by which a rate has become exact enough.
const SCRAPES_MIN: u32 = 20;

const PIPELINE: &str = r#"
http: { address: '${HTTP}' }
input:
  label: cities
  amqp_0_9: { urls: [ '${AMQP}' ], queue: cities }
pipeline:
  threads: 4
  processors:
    - label: check
      mapping: 'root = if this.id % 5 == 0 { throw("no city") } else { this }'
    - label: think
      sleep: { duration: 600ms }
output:
  fallback:
    - label: model
      http_client: { url: '${MODEL}', verb: POST, retries: 0 }
    - label: rest
      amqp_0_9: { urls: [ '${REST}' ], exchange: '', key: rest }
"#;

/// A pipeline between a queue and a model that refuses some messages, and who watches it.
struct Watched {
    vhost: Vhost,
    /// In front of the broker, for the input.
    cities: Proxy,
    prometheus: PrometheusServer,
    _pipeline: Millrace,
    _model: HttpServer,
    _folder: tempfile::TempDir,
}

impl Watched {
    fn start() -> Self {
        let vhost = shared::rabbitmq();
        vhost.declare_queue("cities").unwrap();
        vhost.declare_queue("rest").unwrap();
        let cities = Proxy::start(vhost.address()).unwrap();
        let model = HttpServer::start(|request| {
            let id = number(&request.text());
            Some(Reply::new(if id.is_multiple_of(4) { 500 } else { 200 }, ""))
        })
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("watched.yaml");
        std::fs::write(&config, PIPELINE).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let urls = [cities.url(&vhost.url()).unwrap(), vhost.url()];
        let variables = [
            ("HTTP", address.as_str()),
            ("AMQP", urls[0].as_str()),
            ("REST", urls[1].as_str()),
            ("MODEL", &model.url()),
        ];
        let pipeline = Millrace::run(&config, &variables).unwrap();
        poll::until("the pipeline", PATIENCE, || {
            let answer = http::get(&format!("http://{address}/ready")).ok()?;
            (answer.status == 200).then_some(())
        })
        .unwrap();
        Self {
            vhost,
            cities,
            prometheus: PrometheusServer::scraping(&[&address], SCRAPES).unwrap(),
            _pipeline: pipeline,
            _model: model,
            _folder: folder,
        }
    }

    /// Waits until each series of `query` that has `label` has a value that is `wanted`.
    fn wait_for(&self, query: &str, label: &str, wanted: impl Fn(f64) -> bool) -> f64 {
        let query = format!("{query}{{label=\"{label}\"}}");
        let is_wanted = |sample: &Sample| wanted(sample.value);
        let samples = self.prometheus.wait_for(&query, PATIENCE, is_wanted);
        let samples = samples.unwrap();
        assert_eq!(samples.len(), 1, "{query}: {samples:?}");
        samples[0].value
    }

    fn wait_for_number(&self, query: &str, label: &str, number: u32) {
        self.wait_for(query, label, |it| it == f64::from(number));
    }

    /// The value of the one series of `query` that has `label`.
    fn value(&self, query: &str, label: &str) -> f64 {
        let samples = self.prometheus.query(query).unwrap();
        let mut of_label = samples
            .iter()
            .filter(|it| it.labels.get("label").is_some_and(|it| it == label));
        let found = of_label.next();
        assert!(of_label.next().is_none(), "{query}: {samples:?}");
        found
            .unwrap_or_else(|| panic!("{query} has no `{label}`: {samples:?}"))
            .value
    }

    fn publish_all(&self) {
        for id in 1..=MESSAGES {
            self.vhost
                .publish("cities", &format!("{{\"id\":{id}}}"))
                .unwrap();
        }
    }
}

fn number(body: &str) -> u32 {
    let digits: String = body.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

/// A rate over five minutes that saw `count` events since its first sample: the sum of what it has
/// seen, and at most the time until the next scrape more.
fn is_rate_of(rate: f64, count: u32) -> bool {
    let counted = rate * 300.0;
    let least = f64::from(count) * 0.999;
    let most = f64::from(count) * (1.0 + 2.0 / f64::from(SCRAPES_MIN));
    (least..=most).contains(&counted)
}

#[test]
fn the_metrics_and_queries_of_the_operations_guide_have_the_right_values() {
    let watched = Watched::start();

    // A healthy pipeline that has done nothing yet has every series, with nothing in it.
    for name in [
        "bento_input_received",
        "bento_input_received_total",
        "bento_input_connection_up",
    ] {
        let wanted = if name.ends_with("_up") { 1 } else { 0 };
        watched.wait_for_number(name, "cities", wanted);
    }
    for label in ["model", "rest"] {
        watched.wait_for_number("bento_output_sent", label, 0);
        watched.wait_for_number("bento_output_sent_total", label, 0);
        watched.wait_for_number("bento_output_error", label, 0);
        watched.wait_for_number("bento_output_error_total", label, 0);
        watched.wait_for_number("bento_output_connection_up", label, 1);
    }
    let no_errors =
        watched
            .prometheus
            .wait_for("rate(bento_output_error_total[5m])", PATIENCE, |it| {
                it.value == 0.0
            });
    assert_eq!(no_errors.unwrap().len(), 2);

    watched.publish_all();
    watched.wait_for_number("bento_input_received", "cities", MESSAGES);
    watched.wait_for_number("bento_output_sent", "rest", REFUSED);
    watched.wait_for_number("bento_output_sent", "model", MESSAGES - REFUSED);
    watched.wait_for_number("bento_output_error", "model", REFUSED);
    watched.wait_for_number("bento_output_error", "rest", 0);
    watched.wait_for_number("bento_processor_error_total", "check", UNMAPPED);
    watched.wait_for_number("bento_processor_error_total", "think", 0);

    // Slow is above the threshold of the guide; a mapping is not.
    let slow = "bento_processor_latency";
    let (slow, fast) = (
        watched.value(&format!("{slow}{{quantile=\"0.99\"}}"), "think"),
        watched.value(&format!("{slow}{{quantile=\"0.5\"}}"), "check"),
    );
    assert!(slow > 0.5 && fast < 0.5, "slow {slow} s, fast {fast} s");

    let scraped = format!("count_over_time(up[5m]) >= {SCRAPES_MIN}");
    watched
        .prometheus
        .wait_for(&scraped, PATIENCE, |_| true)
        .unwrap();
    let rates = [
        ("rate(bento_input_received_total[5m])", "cities", MESSAGES),
        (
            "rate(bento_output_sent_total[5m])",
            "model",
            MESSAGES - REFUSED,
        ),
        ("rate(bento_output_sent_total[5m])", "rest", REFUSED),
        ("rate(bento_output_error_total[5m])", "model", REFUSED),
        ("rate(bento_output_error_total[5m])", "rest", 0),
    ];
    for (query, label, count) in rates {
        let rate = watched.value(query, label);
        assert!(is_rate_of(rate, count), "{query} of {label}: {rate}");
    }
    // Half of what processors did took 600 ms.
    let quantile = "histogram_quantile(0.95, \
                    sum(rate(bento_processor_latency_seconds_bucket[5m])) by (le))";
    let latency = watched.prometheus.query(quantile).unwrap();
    assert_eq!(latency.len(), 1, "{latency:?}");
    assert!(
        latency[0].value > 0.5 && latency[0].value <= 30.0,
        "{latency:?}"
    );

    // The queue is out of reach, and is there again.
    watched.cities.down().unwrap();
    watched.wait_for_number("bento_input_connection_up", "cities", 0);
    watched.wait_for_number("bento_output_connection_up", "model", 1);
    watched.cities.heal().unwrap();
    watched.wait_for_number("bento_input_connection_up", "cities", 1);
}
