//! Who a leaf input is, for its log lines, its connection and the metrics of that.

use std::sync::Arc;
use std::time::Duration;

use millrace_component::{Connection, Flood, Identity};
use millrace_message::Error;
use millrace_telemetry::metric;
use tracing::{error, info, warn};

use crate::admission::Admission;
use crate::attempt::tell_failed_attempt;

/// The place of an input beside which there is no other.
const ONLY_INPUT: &str = "root.input";

/// The names of an input, and whether it is connected.
pub struct Link {
    pub connection: Connection,
    pub metric: metric::Connection,
    pub identity: Arc<Identity>,
    pub unreadable: Flood,
}

impl Link {
    pub fn up(&self) {
        self.connection.set_up(true);
        self.metric.up();
        let (component, path, _) = self.identity.names();
        info!(component, path, "input is connected");
    }

    pub fn down(&self, error: &Error, pause: Duration) {
        if self.connection.is_up() {
            self.metric.lost();
        } else {
            self.metric.failed();
        }
        self.connection.set_failed(error);
        let (component, path, _) = self.identity.names();
        tell_failed_attempt(error, pause, "input", component, path);
    }

    /// The input connects again by itself, or has.
    pub fn report_outage(&self, outage: Option<&Error>) {
        let Some(error) = outage else {
            return self.up();
        };
        self.metric.lost();
        self.connection.set_failed(error);
        let (component, path, _) = self.identity.names();
        warn!(component, path, "input is not connected: {error}");
    }

    /// A message of the source cannot be read: it is lost, and the rest goes on.
    pub fn unreadable(&self, error: &Error, admission: &Admission) {
        admission.count_unreadable();
        if let Some(left_out) = self.unreadable.passes() {
            let (component, path, _) = self.identity.names();
            let left_out = (left_out > 0).then_some(left_out);
            error!(component, path, left_out, "read message: {error}");
        }
    }

    /// Tells what [`Link::unreadable`] has left out.
    pub fn tell_unreadable(&self) {
        let left_out = self.unreadable.left_out();
        if left_out > 0 {
            let (component, path, _) = self.identity.names();
            error!(
                component,
                path, left_out, "read message: more messages could not be read and are dropped"
            );
        }
    }

    pub fn failed(&self, error: &Error) {
        let (component, path, _) = self.identity.names();
        error!(component, path, "input fails: {error}");
    }

    /// The input cannot go on: what ends the stream, which says so again. That may be long after,
    /// when what was read has settled and when the other inputs have ended; otherwise it is enough.
    pub fn ended(&self, error: &Error, admission: &Admission) -> Error {
        let is_only = &*self.identity.path == ONLY_INPUT;
        let flow = admission.flow();
        if !is_only || admission.outstanding() > 0 || flow.buffer_ledger().is_some() {
            self.failed(error);
        }
        self.identity.locate(error)
    }
}
