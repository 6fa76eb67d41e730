//! A log within the test, with connections that can be cut.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use millrace_broker::config::Texts;
use millrace_broker::{Broker, BrokerConfig, Running, start_here};
use millrace_component::LogClient;
use millrace_kafka_client::{Cluster, InProcess, Settings};
use millrace_telemetry::Scope;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::io::{DuplexStream, copy_bidirectional, duplex};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Long enough for anything that works at all on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A log that is gone with its data when it is dropped.
pub struct TestLog {
    running: Running,
    cuts: Arc<Mutex<CancellationToken>>,
    /// Whether nothing goes through connections any more, which stay open.
    is_stuck: Arc<watch::Sender<bool>>,
    _dir: TempDir,
}

impl TestLog {
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let settings = [
            ("group.initial.rebalance.delay.ms", "0"),
            ("group.min.session.timeout.ms", "100"),
            ("offsets.topic.num.partitions", "1"),
        ];
        let texts = settings.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let config = BrokerConfig::embedded(Texts::from(texts), dir.path()).unwrap();
        let running = start_here(config, &Scope::detached()).await;
        Self {
            running: running.unwrap(),
            cuts: Arc::default(),
            is_stuck: Arc::new(watch::Sender::new(false)),
            _dir: dir,
        }
    }

    /// As the process lends it to components.
    pub fn client(&self) -> Arc<LogClient> {
        let (broker, cuts) = (Arc::clone(self.running.broker()), Arc::clone(&self.cuts));
        let is_stuck = Arc::clone(&self.is_stuck);
        Arc::new(LogClient::new(move || {
            connect(&broker, &cuts, is_stuck.subscribe())
        }))
    }

    /// Has it answer no more.
    pub fn be_stuck(&self) {
        self.is_stuck.send_replace(true);
    }

    /// Cuts all connections that there are.
    pub fn cut(&self) {
        std::mem::take(&mut *self.cuts.lock()).cancel();
    }

    /// A client whose connections are not cut.
    pub async fn cluster(&self) -> Arc<Cluster> {
        let broker = Arc::clone(self.running.broker());
        let settings = Settings {
            in_process: Some(InProcess::new(move || broker.connect())),
            ..Settings::default()
        };
        Cluster::connect(settings).await.unwrap()
    }
}

fn connect(
    broker: &Arc<Broker>,
    cuts: &Mutex<CancellationToken>,
    mut is_stuck: watch::Receiver<bool>,
) -> DuplexStream {
    let (ours, mut theirs) = duplex(64 << 10);
    let mut broker = broker.connect();
    let cut = cuts.lock().clone();
    tokio::spawn(async move {
        tokio::select! {
            () = cut.cancelled() => {}
            () = stuck(&mut is_stuck) => cut.cancelled().await,
            _ended = copy_bidirectional(&mut theirs, &mut broker) => {}
        }
    });
    ours
}

async fn stuck(is_stuck: &mut watch::Receiver<bool>) {
    // The value that is returned is a lock, which must not be held.
    drop(is_stuck.wait_for(|it| *it).await);
}

/// Waits for something within a function that cannot.
pub fn now<T>(something: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(something))
}
