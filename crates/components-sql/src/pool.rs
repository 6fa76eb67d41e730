//! The connections to one database: how many are open, how many are kept, how old they become.

use std::sync::{Arc, Weak};
use std::time::Duration;

use millrace_message::Error;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::database::{Connect, Session};
use crate::fields::Limits;

/// How long a connection above `conn_max_idle` is kept, so that a busy output keeps its own.
const SPARE: Duration = Duration::from_secs(1);

/// How long a database may take to say that it is there.
const ANSWER: Duration = Duration::from_secs(10);

/// Connections that are opened when they are needed.
pub struct Pool {
    connect: Box<dyn Connect>,
    open_max: Option<Arc<Semaphore>>,
    shared: Arc<Shared>,
}

struct Shared {
    limits: Limits,
    idle: Mutex<IdleSessions>,
}

#[derive(Default)]
struct IdleSessions {
    sessions: Vec<Idle>,
    /// One that was closed by its server has been taken out since the last look.
    has_lost: bool,
    is_reaping: bool,
}

struct Idle {
    session: Box<dyn Session>,
    born: Instant,
    since: Instant,
}

/// A connection in use; one that is dropped without [`Lease::keep`] is closed, because a statement
/// may still be under way on it.
pub struct Lease {
    session: Box<dyn Session>,
    born: Instant,
    shared: Arc<Shared>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Pool {
    /// A pool without connections.
    pub fn new(connect: Box<dyn Connect>, limits: Limits) -> Self {
        Self {
            connect,
            open_max: limits.open_max.map(|max| Arc::new(Semaphore::new(max))),
            shared: Arc::new(Shared {
                limits,
                idle: Mutex::default(),
            }),
        }
    }

    /// Takes an idle connection or opens one, waiting while too many are in use.
    ///
    /// # Errors
    /// `NotConnected`: the database cannot be reached. `Fatal`: it refuses this client.
    pub async fn lease(&self) -> Result<Lease, Error> {
        let permit = match &self.open_max {
            None => None,
            Some(open) => Arc::clone(open).acquire_owned().await.ok(),
        };
        match self.shared.take() {
            Some(idle) => Ok(Lease {
                session: idle.session,
                born: idle.born,
                shared: Arc::clone(&self.shared),
                permit,
            }),
            None => self.open(permit).await,
        }
    }

    /// Opens a connection in the place of one that was lost.
    ///
    /// # Errors
    /// As those of [`lease`](Self::lease).
    pub async fn reopen(&self, lost: Lease) -> Result<Lease, Error> {
        drop(lost.session);
        self.open(lost.permit).await
    }

    async fn open(&self, permit: Option<OwnedSemaphorePermit>) -> Result<Lease, Error> {
        let opened = self.connect.connect().await;
        let place = || format!("connect to {} (`dsn`)", self.connect.place());
        Ok(Lease {
            session: opened.map_err(|error| error.context(place()))?,
            born: Instant::now(),
            shared: Arc::clone(&self.shared),
            permit,
        })
    }

    /// Whether the idle connection that would be used next turns out to be lost, or one was found
    /// closed since the last look; false when there is none to look at.
    pub async fn has_lost(&self) -> bool {
        let permit = match &self.open_max {
            None => None,
            Some(open) => match Arc::clone(open).try_acquire_owned() {
                Ok(permit) => Some(permit),
                // All are in use: whoever uses them finds out.
                Err(_) => return false,
            },
        };
        let found = {
            let mut idle = self.shared.idle.lock();
            if std::mem::take(&mut idle.has_lost) {
                return true;
            }
            idle.sessions.pop()
        };
        let Some(found) = found else {
            return false;
        };
        let Idle {
            mut session,
            born,
            since,
        } = found;
        let alive = tokio::time::timeout(ANSWER, session.is_alive()).await;
        if alive != Ok(true) {
            return true;
        }
        // Where it was: looking at it is no use of it.
        let idle = Idle {
            session,
            born,
            since,
        };
        self.shared.idle.lock().sessions.push(idle);
        drop(permit);
        false
    }

    /// Closes the connections that are not in use.
    pub fn clear(&self) {
        let sessions = {
            let mut idle = self.shared.idle.lock();
            idle.has_lost = false;
            std::mem::take(&mut idle.sessions)
        };
        drop(sessions);
    }
}

impl Lease {
    /// The connection.
    pub fn session(&mut self) -> &mut dyn Session {
        &mut *self.session
    }

    /// Gives the connection back for further use.
    pub fn keep(self) {
        let now = Instant::now();
        if self.session.is_closed() {
            return;
        }
        let mut idle = self.shared.idle.lock();
        idle.sessions.push(Idle {
            session: self.session,
            born: self.born,
            since: now,
        });
        if !idle.is_reaping {
            idle.is_reaping = true;
            tokio::spawn(reap(Arc::downgrade(&self.shared)));
        }
    }
}

impl Shared {
    /// The connection used last, so that the others can age.
    fn take(&self) -> Option<Idle> {
        let now = Instant::now();
        let mut idle = self.idle.lock();
        while let Some(found) = idle.sessions.pop() {
            if !found.session.is_closed() && !self.limits.has_expired(&found, now) {
                return Some(found);
            }
        }
        None
    }
}

impl Limits {
    fn has_expired(&self, idle: &Idle, now: Instant) -> bool {
        self.life_time_max.is_some_and(|max| now - idle.born >= max)
            || self
                .idle_time_max
                .is_some_and(|max| now - idle.since >= max)
    }
}

/// Closes idle connections that are too many or too old; ends when none is left to look after.
async fn reap(shared: Weak<Shared>) {
    loop {
        tokio::time::sleep(SPARE).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let now = Instant::now();
        let mut idle = shared.idle.lock();
        let mut spare = idle.sessions.len().saturating_sub(shared.limits.idle_max);
        // The ones used least recently stand in front.
        idle.has_lost |= idle.sessions.iter().any(|it| it.session.is_closed());
        idle.sessions.retain(|it| {
            let is_spare = spare > 0 && now - it.since >= SPARE;
            spare -= usize::from(is_spare);
            !is_spare && !it.session.is_closed() && !shared.limits.has_expired(it, now)
        });
        let can_age = shared
            .limits
            .idle_time_max
            .or(shared.limits.life_time_max)
            .is_some();
        if idle.sessions.is_empty() || (!can_age && spare == 0) {
            idle.is_reaping = false;
            return;
        }
    }
}
