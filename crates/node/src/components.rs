//! The components of this build: one line for each family.

use std::sync::Arc;

use millrace_component::{Descriptor, LogClient, Registry, Services};
use millrace_components_http::HttpService;
use millrace_components_pure::{Limiters, Pipes};
use millrace_telemetry::trace::Tracer;

use crate::config::{exporters, tracers};
use crate::embedded_log::EmbeddedLog;

const FAMILIES: &[&[Descriptor]] = &[
    millrace_components_http::INPUTS,
    millrace_components_http::OUTPUTS,
    millrace_components_http::PROCESSORS,
    #[cfg(feature = "amqp")]
    millrace_components_amqp::INPUTS,
    #[cfg(feature = "amqp")]
    millrace_components_amqp::OUTPUTS,
    millrace_components_io::CACHES,
    millrace_components_io::INPUTS,
    millrace_components_io::OUTPUTS,
    millrace_components_io::PROCESSORS,
    millrace_components_io::SCANNERS,
    millrace_components_kafka::BUFFERS,
    millrace_components_kafka::INPUTS,
    millrace_components_kafka::OUTPUTS,
    millrace_components_pure::BUFFERS,
    millrace_components_pure::CACHES,
    millrace_components_pure::INPUTS,
    millrace_components_pure::OUTPUTS,
    millrace_components_pure::PROCESSORS,
    millrace_components_pure::RATE_LIMITS,
    #[cfg(feature = "redis")]
    millrace_components_redis::CACHES,
    #[cfg(feature = "redis")]
    millrace_components_redis::INPUTS,
    #[cfg(feature = "redis")]
    millrace_components_redis::OUTPUTS,
    #[cfg(feature = "redis")]
    millrace_components_redis::RATE_LIMITS,
    #[cfg(feature = "schema")]
    millrace_components_schema::PROCESSORS,
    #[cfg(feature = "schema")]
    millrace_components_schema::SCANNERS,
    #[cfg(feature = "script")]
    millrace_components_script::PROCESSORS,
    #[cfg(feature = "sql")]
    millrace_components_sql::BUFFERS,
    #[cfg(feature = "sql")]
    millrace_components_sql::OUTPUTS,
    #[cfg(feature = "sql")]
    millrace_components_sql::PROCESSORS,
];

/// The registry of every component that this build has.
pub fn registry() -> Registry {
    Registry::new(FAMILIES.iter().copied())
        .with(exporters())
        .with(tracers())
        .with_log_settings(millrace_broker::config::read_block)
}

/// What a test lends to the processors it runs.
pub(crate) fn services_of_tests() -> Services {
    Services::default()
        .with(Arc::new(Tracer::disabled()))
        .with(Arc::new(Limiters::default()))
        .with(Arc::new(Pipes::default()))
}

/// What the process lends to its components.
pub(crate) fn services(
    http: Arc<HttpService>,
    tracer: Tracer,
    log: Option<Arc<LogClient>>,
) -> Services {
    let services = Services::default()
        .with(http)
        .with(Arc::new(EmbeddedLog::servers()))
        .with(Arc::new(tracer))
        .with(Arc::new(Limiters::default()))
        .with(Arc::new(Pipes::default()));
    match log {
        Some(log) => services.with(log),
        None => services,
    }
}
