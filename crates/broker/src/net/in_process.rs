//! Clients within this process: the same requests over a pipe.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::io::{DuplexStream, duplex};

use super::connection::{Peer, serve};
use super::frames::Frames;
use crate::broker::Broker;

/// How much may wait in each direction.
const PIPE_BYTES: usize = 256 << 10;

/// No listener has this number.
pub const NO_LISTENER: usize = usize::MAX;

/// Connects a client within this process. It has passed every door: who is in the process can read
/// its memory.
///
/// # Panics
/// Outside of a runtime.
pub fn connect(broker: &Arc<Broker>) -> DuplexStream {
    let (client, mut server) = duplex(PIPE_BYTES);
    let mut frames = Frames::new(
        broker.config().max_request_bytes,
        broker.request_budget().clone(),
    );
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let peer = Arc::new(Peer {
        address: here,
        local: here,
        listener: NO_LISTENER,
    });
    let broker = Arc::clone(broker);
    tokio::spawn(async move {
        let stopping = broker.stopping();
        let served = serve(&mut server, &mut frames, &broker, &peer, stopping, None).await;
        if let Err(error) = served {
            tracing::debug!(%error, "a connection within the process broke");
        }
    });
    client
}
