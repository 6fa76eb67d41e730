//! Listens, and serves who connects.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep};

use super::secured::Door;
use crate::broker::Broker;
use crate::config::Listener;
use crate::stop::Stop;

/// A listener that is bound and not served yet.
pub struct Listening {
    socket: TcpListener,
    door: Door,
}

/// Binds a listener, behind which stands this door.
///
/// # Errors
/// The address is taken, or is none of this machine.
pub async fn bind(listener: &Listener, door: Door) -> io::Result<Listening> {
    let socket = TcpListener::bind((listener.host.as_str(), listener.port)).await?;
    Ok(Listening { socket, door })
}

impl Listening {
    /// Where it listens.
    ///
    /// # Errors
    /// The system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves who connects, until the broker stops; then until the requests are answered that have
    /// begun.
    pub async fn serve(self, broker: Arc<Broker>, stopping: Stop) {
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                biased;
                () = stopping.told() => break,
                Some(_) = connections.join_next() => continue,
                accepted = self.socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => {
                    let config = broker.config();
                    let admitted = broker.limits().admit(address.ip(), &config.connections);
                    let admitted = match admitted {
                        Ok(admitted) => admitted,
                        Err(setting) => {
                            tracing::warn!(%address, setting, "a connection is refused: there are as many as the setting allows");
                            continue;
                        }
                    };
                    let door = self.door.clone();
                    let (broker, stopping) = (Arc::clone(&broker), stopping.clone());
                    connections.spawn(async move {
                        let served = door.pass(stream, address, &broker, stopping).await;
                        if let Err(error) = served {
                            tracing::debug!(%address, %error, "a connection broke");
                        }
                        drop(admitted);
                    });
                }
                Err(error) => {
                    // Too few file descriptors, most likely: those that close give some back.
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
        drop(self.socket);
        while connections.join_next().await.is_some() {}
    }
}
