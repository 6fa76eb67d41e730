//! The circuit breaker: while a server does not answer, requests fail at once.
//!
//! ```text
//! closed --[failures in a row]--> open --[open_for]--> half open: one probe
//!    ^                             ^                      |        |
//!    |                             +------ it fails ------+        |
//!    +-------------------- it succeeds ----------------------------+
//! ```

use std::sync::Arc;
use std::time::Duration;

use millrace_component::BuildContext;
use millrace_message::Error;
use millrace_spec::{Node, ReadContext, Spec, codes};
use millrace_telemetry::metric::{Connection, Gauge};
use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::{info, warn};

/// When requests fail at once.
#[derive(Clone, Debug, Spec)]
pub(crate) struct BreakerConfig {
    /// After how many failures in a row: attempts without an answer, statuses from 500, and
    /// those of `backoff_on`.
    #[spec(default = 5, lint = at_least_one)]
    failures: u32,
    /// For how long; then one request is let through to find out.
    #[spec(default = "10s")]
    open_for: millrace_spec::Duration,
}

fn at_least_one(failures: &u32, node: &Node, cx: &mut ReadContext) {
    if *failures == 0 {
        cx.error(
            codes::INVALID_VALUE,
            node.span,
            "failures must be at least 1",
        );
    }
}

/// The breaker of one component.
pub(crate) struct Breaker {
    failures_max: u32,
    open_for: Duration,
    state: Mutex<State>,
    gauge: Gauge,
    /// The connection of an output, which is down while the breaker is open.
    connection: Mutex<Option<Connection>>,
    component: Box<str>,
    path: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen,
}

impl State {
    fn level(self) -> f64 {
        match self {
            Self::Closed { .. } => 0.0,
            Self::HalfOpen => 1.0,
            Self::Open { .. } => 2.0,
        }
    }
}

/// The permission for one request; dropping it without a word counts as no answer.
#[must_use]
pub(crate) struct Pass {
    breaker: Arc<Breaker>,
    is_probe: bool,
    reported: bool,
}

impl Breaker {
    pub(crate) fn new(config: &BreakerConfig, cx: &BuildContext) -> Self {
        Self {
            failures_max: config.failures,
            open_for: config.open_for.get(),
            state: Mutex::new(State::Closed { failures: 0 }),
            gauge: cx.metrics().gauge("circuit_state", &[]),
            connection: Mutex::default(),
            component: cx.component().into(),
            path: cx.path().into(),
        }
    }

    /// Tells which connection is down while the breaker is open.
    pub(crate) fn watch(&self, connection: Connection) {
        *self.connection.lock() = Some(connection);
    }

    /// Asks whether a request may go.
    ///
    /// # Errors
    /// The breaker is open, or its one probe is under way.
    pub(crate) fn pass(self: &Arc<Self>) -> Result<Pass, Error> {
        let mut state = self.state.lock();
        let is_probe = match *state {
            State::Closed { .. } => false,
            State::Open { until } => {
                let now = Instant::now();
                if now < until {
                    let left = until - now;
                    return Err(Error::retry(format!(
                        "the circuit breaker is open; it lets a request through in {left:.0?}"
                    )));
                }
                self.enter(&mut state, State::HalfOpen);
                true
            }
            State::HalfOpen => {
                return Err(Error::retry(
                    "the circuit breaker is open; one request finds out whether the server answers",
                ));
            }
        };
        Ok(Pass {
            breaker: Arc::clone(self),
            is_probe,
            reported: false,
        })
    }

    fn enter(&self, state: &mut State, next: State) {
        let connection = self.connection.lock();
        match (*state, next) {
            (State::Closed { .. }, State::Open { .. }) => {
                warn!(
                    component = &*self.component,
                    path = &*self.path,
                    "the circuit breaker opens after {} failures in a row",
                    self.failures_max
                );
                if let Some(connection) = &*connection {
                    connection.down();
                }
            }
            (State::HalfOpen, State::Closed { .. }) => {
                info!(
                    component = &*self.component,
                    path = &*self.path,
                    "the circuit breaker closes"
                );
                if let Some(connection) = &*connection {
                    connection.resume();
                }
            }
            _ => {}
        }
        *state = next;
        self.gauge.set(next.level());
    }

    fn open(&self, state: &mut State) {
        let until = Instant::now() + self.open_for;
        self.enter(state, State::Open { until });
    }
}

impl Pass {
    /// The server answered.
    pub(crate) fn succeed(mut self) {
        self.reported = true;
        let mut state = self.breaker.state.lock();
        match *state {
            State::Closed { failures: 0 } => {}
            State::Closed { .. } => *state = State::Closed { failures: 0 },
            State::HalfOpen if self.is_probe => {
                self.breaker
                    .enter(&mut state, State::Closed { failures: 0 });
            }
            // A request from before the breaker opened says nothing about now.
            State::Open { .. } | State::HalfOpen => {}
        }
    }

    /// The server did not answer, or answered that it cannot serve.
    pub(crate) fn fail(mut self) {
        self.reported = true;
        let mut state = self.breaker.state.lock();
        match *state {
            State::Closed { failures } if failures + 1 >= self.breaker.failures_max => {
                self.breaker.open(&mut state);
            }
            State::Closed { failures } => {
                *state = State::Closed {
                    failures: failures + 1,
                };
            }
            State::HalfOpen if self.is_probe => self.breaker.open(&mut state),
            State::Open { .. } | State::HalfOpen => {}
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        // A probe that was cancelled leaves its place to the next request.
        if !self.reported && self.is_probe {
            let mut state = self.breaker.state.lock();
            if *state == State::HalfOpen {
                let until = Instant::now();
                self.breaker.enter(&mut state, State::Open { until });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker(failures: u32) -> Arc<Breaker> {
        let connection = Connection::detached();
        connection.up();
        Arc::new(Breaker {
            failures_max: failures,
            open_for: Duration::from_secs(10),
            state: Mutex::new(State::Closed { failures: 0 }),
            gauge: Gauge::detached(),
            connection: Mutex::new(Some(connection)),
            component: "http".into(),
            path: "root".into(),
        })
    }

    fn is_up(breaker: &Breaker) -> bool {
        breaker.connection.lock().as_ref().unwrap().is_up()
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_failures_in_a_row_and_one_probe_closes_it() {
        let breaker = breaker(2);
        breaker.pass().unwrap().fail();
        breaker.pass().unwrap().succeed();
        breaker.pass().unwrap().fail();
        assert!(is_up(&breaker));
        breaker.pass().unwrap().fail();
        assert!(breaker.pass().is_err());
        assert_eq!((breaker.gauge.get(), is_up(&breaker)), (2.0, false));

        tokio::time::advance(Duration::from_secs(10)).await;
        let probe = breaker.pass().unwrap();
        assert!(breaker.pass().is_err(), "only one probe at a time");
        assert_eq!(breaker.gauge.get(), 1.0);
        probe.fail();
        assert!(breaker.pass().is_err());

        tokio::time::advance(Duration::from_secs(10)).await;
        breaker.pass().unwrap().succeed();
        assert_eq!((breaker.gauge.get(), is_up(&breaker)), (0.0, true));
        breaker.pass().unwrap().succeed();
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_probe_leaves_its_place_to_the_next_request() {
        let breaker = breaker(1);
        breaker.pass().unwrap().fail();
        tokio::time::advance(Duration::from_secs(10)).await;
        drop(breaker.pass().unwrap());
        breaker.pass().unwrap().succeed();
        assert_eq!(breaker.gauge.get(), 0.0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_to_an_older_request_does_not_close_it() {
        let breaker = breaker(1);
        let old = breaker.pass().unwrap();
        breaker.pass().unwrap().fail();
        old.succeed();
        assert!(breaker.pass().is_err());
    }
}
