//! Runs a broker: where its data is, its logs, signals, the end.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::StatusCode;
use millrace_broker::{
    BrokerConfig, Clock, NewUser, StartError, format, start_here, system_random,
};
use millrace_components_http::service::{HttpConfig, Mount};
use millrace_components_http::{HttpService, server};
use millrace_log::{Disk, Files, check_writable};
use millrace_spec::env::Environment;
use tracing::info;

use crate::metrics::Metrics;
use crate::run::Signals;
use crate::surface::mount_process;

/// Where a broker keeps its data when nothing else is said and this exists.
const SHARED_DATA: &str = "/var/lib/message-queue/data";

/// The directory of a broker when nothing else is said: a directory of its id in
/// `/var/lib/message-queue/data`, if that exists and can be written to, else in the user's data
/// directory.
pub fn default_data_dir(node_id: i32) -> PathBuf {
    let shared = Path::new(SHARED_DATA);
    let is_usable = shared.is_dir() && check_writable(&Disk, shared).is_ok();
    let base = match is_usable {
        true => shared.to_owned(),
        false => user_data_dir(),
    };
    base.join(format!("broker-{node_id}"))
}

fn user_data_dir() -> PathBuf {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|it| !it.is_empty())
            .map(PathBuf::from)
    };
    let data = set("XDG_DATA_HOME").filter(|it| it.is_absolute());
    let data = data.or_else(|| set("HOME").map(|home| home.join(".local/share")));
    let data = data.unwrap_or_else(|| PathBuf::from("."));
    data.join("millrace/data")
}

/// Reads the file of a broker's settings; `None` when it has errors. All that there is to say about
/// it goes to `complain`.
pub fn load_broker(file: &Path, complain: impl FnOnce(&str)) -> Option<BrokerConfig> {
    let loaded = millrace_broker::config::load(file, &Environment::of_process());
    if !loaded.diagnostics.is_empty() {
        complain(&loaded.render(std::io::stderr().is_terminal()));
    }
    loaded.config
}

/// Runs a broker until the process is asked to stop; returns whether everything it holds is durable
/// and closed. With `http`, metrics and health are served at that address.
///
/// # Errors
/// It cannot start: the text says why and what to do.
pub async fn run_broker(config: BrokerConfig, http: Option<&str>) -> Result<bool, String> {
    // First of all: whoever sees the process answer may ask it to stop.
    let mut signals = Signals::listen().map_err(|error| error.to_string())?;
    let node_id = config.node_id;
    let dirs = config.log_dirs.clone();
    let listeners = config.listeners.iter();
    let listeners: Vec<_> = listeners.map(|it| (it.name.clone(), it.protocol)).collect();
    let metrics = Arc::new(Metrics::prometheus());
    // Whoever asks for its health while it reads its logs is answered.
    let surface = match http {
        Some(address) => Some(Surface::start(address, &metrics).await?),
        None => None,
    };
    let started = start_here(config, metrics.scope()).await;
    let broker = started.map_err(|error| error.to_string())?;
    if let Some(surface) = &surface {
        surface.is_ready.store(true, Ordering::Release);
    }
    let cluster = broker.broker().cluster_id().clone();
    let dir = dirs
        .first()
        .map(|it| it.display().to_string())
        .unwrap_or_default();
    if broker.is_new() {
        info!(component = "broker", %cluster, dir, "formatted the data directory as a new cluster");
    }
    for ((listener, protocol), address) in listeners.iter().zip(broker.addresses()) {
        info!(component = "broker", broker = node_id, %cluster, %address, listener, %protocol, dir, "the broker is ready");
    }
    let name = signals.next().await;
    info!(component = "broker", "received {name}; stopping");
    let is_clean = tokio::select! {
        is_clean = broker.stop() => is_clean,
        name = signals.next() => {
            info!(component = "broker", "received {name} again");
            false
        }
    };
    info!(
        component = "broker",
        clean = is_clean,
        "the broker has stopped"
    );
    Ok(is_clean)
}

/// Makes the data directories of a broker those of a new cluster with these users; the id of the
/// cluster, or `None` when they are those of one already and that `is_fine`.
///
/// # Errors
/// They cannot be used: the text says why and what to do.
pub fn format_broker(
    config: &BrokerConfig,
    users: &[NewUser],
    is_fine: bool,
) -> Result<Option<String>, String> {
    let files: Arc<dyn Files> = Arc::new(Disk);
    let now = Clock::system().now();
    match format(config, &files, now, &system_random(), users) {
        Ok(formatted) => Ok(Some(formatted.cluster_id.to_string())),
        Err(StartError::Formatted { .. }) if is_fine => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// The HTTP server of a broker.
struct Surface {
    is_ready: Arc<AtomicBool>,
    _mounts: Vec<Mount>,
    _http: Arc<HttpService>,
}

impl Surface {
    async fn start(address: &str, metrics: &Arc<Metrics>) -> Result<Self, String> {
        let text = |error: millrace_message::Error| error.to_string();
        let http = HttpService::new(HttpConfig::at(address).map_err(text)?).map_err(text)?;
        let is_ready = Arc::new(AtomicBool::new(false));
        let mut mounts = mount_process(&http, metrics).map_err(text)?;
        for path in ["/ready", "/health/ready"] {
            let is_ready = Arc::clone(&is_ready);
            let answer = move |_: &_| match is_ready.load(Ordering::Acquire) {
                true => server::text(StatusCode::OK, "OK"),
                false => {
                    let reason = "the broker reads its logs";
                    server::text(StatusCode::SERVICE_UNAVAILABLE, reason)
                }
            };
            let mounted = http.mount_fn(path, "Whether the broker serves clients.", answer);
            mounts.push(mounted.map_err(text)?);
        }
        if let Some(address) = http.start().await.map_err(text)? {
            info!(component = "broker", %address, "the HTTP server listens: /ready, /metrics and others");
        }
        Ok(Self {
            is_ready,
            _mounts: mounts,
            _http: http,
        })
    }
}
