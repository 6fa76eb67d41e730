//! What all stages of one stream share: its connections, how urgent it is to flush, when to
//! stop, and the ledger of its messages.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{Budget, Ledger};

/// Whether a stage may hold messages back to form larger batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Batching policies decide.
    Normal,
    /// Inputs wait for memory or for acknowledgements: flush what is held.
    Pressed,
    /// No new message will come: flush what is held, and from now on hold nothing.
    Draining,
}

/// Shared by all stages of one stream. Cloning copies a pointer.
#[derive(Clone)]
pub struct Flow {
    shared: Arc<Shared>,
}

struct Shared {
    budget: Budget,
    ledger: Ledger,
    behind_buffer: OnceLock<Ledger>,
    urgency: watch::Sender<Urgency>,
    connections: Mutex<Vec<Connection>>,
    abort: CancellationToken,
}

impl Flow {
    /// A stream that takes its memory from `budget` and accounts in `ledger`.
    pub fn new(budget: Budget, ledger: Ledger) -> Self {
        let urgency = watch::Sender::new(Urgency::Normal);
        budget.press(urgency.clone());
        Self {
            shared: Arc::new(Shared {
                budget,
                ledger,
                behind_buffer: OnceLock::new(),
                urgency,
                connections: Mutex::default(),
                abort: CancellationToken::new(),
            }),
        }
    }

    /// The byte budget of the process.
    pub fn budget(&self) -> &Budget {
        &self.shared.budget
    }

    /// The accounting of source messages.
    pub fn ledger(&self) -> &Ledger {
        &self.shared.ledger
    }

    /// The accounting behind a buffer that acknowledges before delivery, which splits the ledger
    /// in two; it exists from the first call on.
    pub fn behind_buffer(&self) -> Ledger {
        self.shared
            .behind_buffer
            .get_or_init(Ledger::default)
            .clone()
    }

    /// The accounting behind a buffer, when there is such a buffer.
    pub fn buffer_ledger(&self) -> Option<&Ledger> {
        self.shared.behind_buffer.get()
    }

    /// How urgent it is to flush, as it changes.
    pub fn urgency(&self) -> watch::Receiver<Urgency> {
        self.shared.urgency.subscribe()
    }

    /// Says that no new message will come: from now on nothing is held back.
    pub fn drain(&self) {
        self.shared.urgency.send_replace(Urgency::Draining);
    }

    /// Cancelled when the time for an orderly end is over: stages drop what they hold, which
    /// gives it back to the source.
    pub fn abort(&self) -> &CancellationToken {
        &self.shared.abort
    }

    /// Registers the connection of a leaf input or output; it starts as not connected.
    pub fn connection(&self, side: Side, component: &str, path: &str, label: &str) -> Connection {
        let connection = Connection {
            shared: Arc::new(ConnectionState {
                side,
                component: component.into(),
                path: path.into(),
                label: label.into(),
                up: AtomicBool::new(false),
            }),
        };
        self.shared.connections.lock().push(connection.clone());
        connection
    }

    /// Every registered connection.
    pub fn connections(&self) -> Vec<Connection> {
        self.shared.connections.lock().clone()
    }

    /// Whether every leaf of the given side is connected.
    pub fn is_connected(&self, side: Side) -> bool {
        self.shared
            .connections
            .lock()
            .iter()
            .all(|it| it.shared.side != side || it.is_up())
    }
}

/// Which end of a stream a connection belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// A leaf input.
    Input,
    /// A leaf output.
    Output,
}

/// Whether one leaf input or output is connected. Cloning copies a pointer.
#[derive(Clone)]
pub struct Connection {
    shared: Arc<ConnectionState>,
}

struct ConnectionState {
    side: Side,
    component: Box<str>,
    path: Box<str>,
    label: Box<str>,
    up: AtomicBool,
}

impl Connection {
    /// Records that the connection is there or gone.
    pub fn set_up(&self, up: bool) {
        self.shared.up.store(up, Ordering::Release);
    }

    /// Whether the connection is there.
    pub fn is_up(&self) -> bool {
        self.shared.up.load(Ordering::Acquire)
    }

    /// The side of the stream.
    pub fn side(&self) -> Side {
        self.shared.side
    }

    /// The component's type name.
    pub fn component(&self) -> &str {
        &self.shared.component
    }

    /// Where it stands in the config.
    pub fn path(&self) -> &str {
        &self.shared.path
    }

    /// Its label, empty when it has none.
    pub fn label(&self) -> &str {
        &self.shared.label
    }
}
