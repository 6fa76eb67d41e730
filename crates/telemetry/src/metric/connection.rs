//! The connection of an input or an output: three metrics that change together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use super::counter::Counter;

/// A handle to `<side>_connection_up`, `_failed` and `_lost` of one leaf component.
///
/// Under the default names `up` is a gauge (1 while connected); under Bento's own names it counts
/// established connections. A component without a connection calls [`up`](Self::up) once.
#[derive(Clone, Debug)]
pub struct Connection {
    pub(super) state: ConnectionState,
    pub(super) failed: Counter,
    pub(super) lost: Counter,
}

/// What stands behind `<side>_connection_up`.
#[derive(Clone, Debug, Default)]
pub(super) struct ConnectionState(Arc<StateCell>);

#[derive(Debug, Default)]
struct StateCell {
    up: AtomicBool,
    established: AtomicU64,
}

impl Connection {
    /// A connection that no exporter shows.
    pub fn detached() -> Self {
        Self {
            state: ConnectionState::default(),
            failed: Counter::detached(),
            lost: Counter::detached(),
        }
    }

    /// A connection was established.
    pub fn up(&self) {
        self.state.0.up.store(true, Relaxed);
        self.state.0.established.fetch_add(1, Relaxed);
    }

    /// An attempt to connect failed.
    pub fn failed(&self) {
        self.state.0.up.store(false, Relaxed);
        self.failed.inc();
    }

    /// An established connection was lost.
    pub fn lost(&self) {
        self.state.0.up.store(false, Relaxed);
        self.lost.inc();
    }

    /// The component closed its connection, or holds its calls back: down, but nothing to count.
    pub fn down(&self) {
        self.state.0.up.store(false, Relaxed);
    }

    /// Undoes [`down`](Self::down) of a connection that was there all the time, such as when a
    /// circuit breaker closes again.
    pub fn resume(&self) {
        self.state.0.up.store(true, Relaxed);
    }

    pub fn is_up(&self) -> bool {
        self.state.is_up()
    }
}

impl ConnectionState {
    pub(super) fn is_up(&self) -> bool {
        self.0.up.load(Relaxed)
    }

    pub(super) fn established(&self) -> u64 {
        self.0.established.load(Relaxed)
    }

    pub(super) fn absorb(&self, other: &Self) {
        self.0.established.fetch_add(other.established(), Relaxed);
    }
}
