//! The broker's side of the socket.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::Mode;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{LONGEST_LEASE, LONGEST_REQUEST, NAME, PATIENCE, address};
use crate::backup::{Cut, Lease, cut, remove_given_up};
use crate::broker::Broker;
use crate::stop::Stop;

/// So many are connected at a time; others wait to be accepted.
const CONNECTIONS: usize = 8;

/// The socket in one data directory, which is removed with the value.
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlSocket {
    /// Listens in a directory that this process has locked, in place of a broker that has ended.
    ///
    /// # Errors
    /// The system refuses.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let path = dir.join(NAME);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let (name, _open) = address(dir)?;
        let socket = UnixSocket::new_stream()?;
        // Before it has a name: at no time may anybody else connect.
        rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
        socket.bind(name)?;
        let listener = socket.listen(CONNECTIONS as u32)?;
        Ok(Self { listener, path })
    }

    /// Serves who connects, until the broker stops; what is being done then is given up.
    pub async fn serve(self, broker: Arc<Broker>, stopping: Stop) {
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                biased;
                () = stopping.told() => return,
                Some(_) = connections.join_next() => continue,
                accepted = self.listener.accept(), if connections.len() < CONNECTIONS => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let broker = Arc::clone(&broker);
                    connections.spawn(async move {
                        if let Err(error) = Connection::new(stream).serve(&broker).await {
                            tracing::debug!(%error, "a connection to the control socket broke");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection to the control socket");
                    sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            let path = self.path.display();
            tracing::warn!(%path, %error, "cannot remove the control socket; the next start does it");
        }
    }
}

struct Connection {
    stream: BufReader<UnixStream>,
}

impl Connection {
    fn new(stream: UnixStream) -> Self {
        Self {
            stream: BufReader::new(stream),
        }
    }

    async fn serve(mut self, broker: &Arc<Broker>) -> io::Result<()> {
        let asked = timeout(PATIENCE, self.request()).await;
        match asked.map_err(io::Error::other)?? {
            None => Ok(()),
            Some(Ok(command)) if command == "backup" => self.back_up(broker).await,
            Some(Ok(other)) => {
                let known = "`backup` is known, and `release` behind it";
                let reason = format!("the command `{other}` is not known: {known}");
                self.answer(Err::<(), _>(reason)).await
            }
            Some(Err(reason)) => self.answer(Err::<(), _>(reason)).await,
        }
    }

    /// Whoever hangs up meanwhile gives up what was held, kept and linked for it.
    async fn back_up(&mut self, broker: &Arc<Broker>) -> io::Result<()> {
        let made = tokio::select! {
            biased;
            made = cut(broker) => made,
            _ = self.request() => return Ok(()),
        };
        let (cut, lease) = match made {
            Ok(made) => made,
            Err(reason) => {
                tracing::warn!(%reason, "no backup is made");
                return self.answer(Err::<(), _>(reason)).await;
            }
        };
        let (partitions, held_us) = (cut.partitions.len(), cut.held_us);
        tracing::info!(partitions, held_us, "a backup is made");
        let staging = cut.staging.clone();
        let lent = self.lend(cut, lease).await;
        if lent.is_ok() {
            // It copies what it has linked, for as long as that takes.
            let _ = tokio::io::copy(&mut self.stream, &mut tokio::io::sink()).await;
        }
        unlink(broker, staging).await;
        lent
    }

    /// Keeps the files of a cut until they are linked.
    async fn lend(&mut self, cut: Cut, lease: Lease) -> io::Result<()> {
        self.answer(Ok(cut)).await?;
        let asked = timeout(LONGEST_LEASE, self.request()).await;
        drop(lease);
        match asked {
            Ok(Ok(Some(Ok(command)))) if command == "release" => self.answer(Ok(())).await,
            Ok(Ok(None)) => {
                tracing::warn!("whoever made a backup has gone before its files were linked");
                Ok(())
            }
            Ok(Ok(Some(_))) => {
                let reason = "only `release` may follow `backup`";
                self.answer(Err::<(), _>(reason.to_owned())).await
            }
            Ok(Err(error)) => Err(error),
            Err(_) => {
                let seconds = LONGEST_LEASE.as_secs();
                let reason = format!("linking the files took more than {seconds} seconds");
                tracing::warn!(%reason, "a backup is given up");
                self.answer(Err::<(), _>(reason)).await
            }
        }
    }

    /// What is asked; `None` when there is nothing more. A text says what is wrong with it.
    async fn request(&mut self) -> io::Result<Option<Result<String, String>>> {
        let mut line = Vec::new();
        let mut bounded = (&mut self.stream).take(LONGEST_REQUEST);
        bounded.read_until(b'\n', &mut line).await?;
        if line.is_empty() {
            return Ok(None);
        }
        if line.last() != Some(&b'\n') {
            let reason = format!("a request is a line of at most {LONGEST_REQUEST} bytes");
            return Ok(Some(Err(reason)));
        }
        let request = serde_json::from_slice::<Value>(&line);
        let command = request.ok().and_then(|it| {
            let command = it.get("command")?.as_str()?;
            Some(command.to_owned())
        });
        Ok(Some(command.ok_or_else(|| {
            "a request is an object with a text `command`".to_owned()
        })))
    }

    async fn answer(&mut self, answer: Result<impl Serialize, String>) -> io::Result<()> {
        let answer = match answer {
            Ok(it) => json!({ "ok": serde_json::to_value(it).map_err(io::Error::other)? }),
            Err(reason) => json!({ "error": reason }),
        };
        let mut line = answer.to_string();
        line.push('\n');
        let writing = self.stream.write_all(line.as_bytes());
        timeout(PATIENCE, writing).await.map_err(io::Error::other)?
    }
}

/// Removes what whoever is gone has linked, and not removed itself.
async fn unlink(broker: &Arc<Broker>, staging: String) {
    let broker = Arc::clone(broker);
    let removing = tokio::task::spawn_blocking(move || {
        let dirs = broker.partitions().dirs().iter();
        dirs.for_each(|dir| remove_given_up(dir.path(), &staging));
    });
    // Where the broker stops, its next start does it.
    let _ = removing.await;
}
