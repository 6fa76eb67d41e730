//! How components reach the log of this process.

use tokio::io::DuplexStream;

/// The broker that the block `log` starts in this process, as components reach it: over the same
/// protocol as over TCP, so that groups, idempotence and limits hold and there is no second way to
/// what is stored.
pub struct LogClient {
    connect: Box<dyn Fn() -> DuplexStream + Send + Sync>,
}

impl LogClient {
    /// `connect` gives one end of a pipe whose other end the broker serves.
    pub fn new(connect: impl Fn() -> DuplexStream + Send + Sync + 'static) -> Self {
        Self {
            connect: Box::new(connect),
        }
    }

    /// A new connection, over which Kafka's protocol is spoken. It ends when the broker stops.
    pub fn connect(&self) -> DuplexStream {
        (self.connect)()
    }
}
