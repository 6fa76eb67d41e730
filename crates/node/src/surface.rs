//! What the HTTP server of the service shows of the process: metrics, health, version.

use std::borrow::Cow;
use std::sync::Arc;

use http::{Response, StatusCode, header::CONTENT_TYPE, header::HeaderValue};
use millrace_component::{Flow, Side};
use millrace_components_http::server::{json, text};
use millrace_components_http::service::Mount;
use millrace_components_http::{Body, HttpService};
use millrace_message::Error;
use millrace_spec::Literal;
use millrace_spec::render::emit;
use millrace_telemetry::Redactor;
use parking_lot::Mutex;

use crate::metrics::Metrics;

/// The paths that the process serves itself, beside `/ping`.
pub(crate) const PATHS: [&str; 7] = [
    "/version",
    "/health/live",
    "/endpoints",
    "/metrics",
    "/stats",
    "/ready",
    "/health/ready",
];

/// Mounts what can be served before the stream runs.
///
/// # Errors
/// A component has taken one of the paths.
pub(crate) fn mount_process(
    service: &Arc<HttpService>,
    metrics: &Arc<Metrics>,
) -> Result<Vec<Mount>, Error> {
    let mut mounts = vec![
        service.mount_fn("/version", "The version of the binary.", |_| {
            json(StatusCode::OK, version())
        })?,
        service.mount_fn("/health/live", "Whether the process answers.", |_| {
            text(StatusCode::OK, "OK")
        })?,
    ];
    // The service holds what it serves: a strong pointer would keep it for ever.
    let listed = Arc::downgrade(service);
    mounts.push(
        service.mount_fn("/endpoints", "The paths that are served.", move |_| {
            let endpoints = listed.upgrade().map_or_else(Vec::new, |it| it.endpoints());
            json(StatusCode::OK, endpoints_json(&endpoints))
        })?,
    );
    for path in ["/metrics", "/stats"] {
        let metrics = Arc::clone(metrics);
        let answer = move |_: &_| match metrics.text() {
            Some((content_type, body)) => typed(content_type, body),
            None => text(
                StatusCode::NOT_FOUND,
                "no metrics are served: `metrics` is `none` or `logger`",
            ),
        };
        mounts.push(service.mount_fn(path, "The metrics of the process.", answer)?);
    }
    Ok(mounts)
}

/// The stream that runs now; none while one is replaced by another.
#[derive(Default)]
pub(crate) struct CurrentFlow(Mutex<Option<Flow>>);

impl CurrentFlow {
    /// From now on it is this one.
    pub(crate) fn set(&self, flow: Option<Flow>) {
        *self.0.lock() = flow;
    }
}

/// Mounts what says whether the stream is ready.
///
/// # Errors
/// A component has taken one of the paths.
pub(crate) fn mount_stream(
    service: &HttpService,
    current: &Arc<CurrentFlow>,
) -> Result<Vec<Mount>, Error> {
    ["/ready", "/health/ready"]
        .into_iter()
        .map(|path| {
            let current = Arc::clone(current);
            service.mount_fn(
                path,
                "Whether every input and output is connected.",
                move |_| match current.0.lock().clone() {
                    Some(flow) => readiness(&flow),
                    None => text(
                        StatusCode::SERVICE_UNAVAILABLE,
                        "no stream runs: it starts, or a changed config takes over\n",
                    ),
                },
            )
        })
        .collect()
}

/// 200 when every input and output is connected, else 503 with what is not.
fn readiness(flow: &Flow) -> Response<Body> {
    let mut missing = String::new();
    for (side, line) in [
        (Side::Input, "input not connected\n"),
        (Side::Output, "output not connected\n"),
    ] {
        if !flow.is_connected(side) {
            missing.push_str(line);
        }
    }
    if missing.is_empty() {
        return text(StatusCode::OK, "OK");
    }
    for connection in flow.connections().iter().filter(|it| !it.is_up()) {
        missing.push_str(&format!(
            "  {} at {}",
            connection.component(),
            connection.path()
        ));
        if let Some(error) = connection.failure() {
            missing.push_str(": ");
            missing.push_str(&Redactor::global().text_of(&error));
        }
        missing.push('\n');
    }
    text(StatusCode::SERVICE_UNAVAILABLE, missing)
}

/// The paths with what they are for.
fn endpoints_json(endpoints: &[(Arc<str>, Arc<str>)]) -> String {
    let text = |it: &Arc<str>| Cow::Owned(it.to_string());
    let entries = endpoints.iter();
    let entries = entries.map(|(path, what)| (text(path), Literal::String(text(what))));
    emit::json(&Literal::Map(entries.collect()))
}

/// What is known of the binary. Bento's `built` is not: a build has no time of its own.
fn version() -> String {
    concat!("{\"version\":\"", env!("CARGO_PKG_VERSION"), "\"}").to_owned()
}

fn typed(content_type: &'static str, body: String) -> Response<Body> {
    let mut response = text(StatusCode::OK, body);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_paths_of_the_process_are_those_that_it_serves() {
        let config = crate::load::load(&Default::default(), &Arc::new(crate::registry())).config;
        let config = config.expect("an empty config has its defaults");
        let service = HttpService::new(config.http).unwrap();
        let metrics = Arc::new(Metrics::new(&config.metrics));
        let _process = mount_process(&service, &metrics).unwrap();
        let _stream = mount_stream(&service, &Arc::default()).unwrap();
        let served: BTreeSet<_> = service
            .endpoints()
            .iter()
            .map(|it| it.0.to_string())
            .collect();
        let listed = PATHS.into_iter().chain(["/ping"]).map(str::to_owned);
        assert_eq!(served, listed.collect::<BTreeSet<_>>());
    }

    #[test]
    fn the_paths_are_listed_with_what_they_are_for() {
        let endpoints = [("/a".into(), "What \"a\" is.".into())];
        let listed: serde_json::Value =
            serde_json::from_str(&super::endpoints_json(&endpoints)).expect("JSON");
        assert_eq!(listed, serde_json::json!({"/a": "What \"a\" is."}));
    }

    #[test]
    fn the_version_is_json_without_what_nobody_knows() {
        let version: serde_json::Value = serde_json::from_str(&super::version()).expect("JSON");
        let expected = serde_json::json!({"version": env!("CARGO_PKG_VERSION")});
        assert_eq!(version, expected);
    }
}
