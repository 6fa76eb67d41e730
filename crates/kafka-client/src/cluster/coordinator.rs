//! Who coordinates a group.

use millrace_kafka_wire::Str;
use millrace_kafka_wire::api::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};

use super::Cluster;
use crate::Result;
use crate::connection::Connection;
use crate::error::{Error, Reason};

/// From this version on several coordinators are asked for at once.
const SEVERAL_KEYS: i16 = 4;

impl Cluster {
    /// The connection to the coordinator of a group.
    ///
    /// # Errors
    /// Nobody tells it, or it does not answer, for as long as it is tried.
    pub async fn coordinator(&self, group: &str) -> Result<Connection> {
        self.retry(|| self.ask_coordinator(group)).await
    }

    async fn ask_coordinator(&self, group: &str) -> Result<Connection> {
        let connection = self.any().await?;
        let mut request = FindCoordinatorRequest::default();
        match connection.version_of::<FindCoordinatorRequest>()? >= SEVERAL_KEYS {
            true => request.coordinator_keys = vec![group.into()],
            false => request.key = group.into(),
        }
        let response = connection.call(&request).await?;
        let explain = |error: Error| {
            let group = format!("group `{group}`");
            connection
                .explain::<FindCoordinatorRequest>(error)
                .of(group)
        };
        let (id, host, port) = coordinator_in(response).map_err(explain)?;
        let mut state = self.state.lock().await;
        state.learn(id, &host, port);
        let address = state.brokers.get(&id).cloned();
        drop(state);
        let none = || {
            explain(Error::new(Reason::Incomplete(
                "names a broker without a port",
            )))
        };
        self.open(&address.ok_or_else(none)?).await
    }
}

fn coordinator_in(mut response: FindCoordinatorResponse) -> Result<(i32, Str, i32)> {
    match response.coordinators.pop() {
        Some(it) => {
            Error::check(it.error_code, it.error_message.as_ref())?;
            Ok((it.node_id, it.host, it.port))
        }
        None => {
            Error::check(response.error_code, response.error_message.as_ref())?;
            Ok((response.node_id, response.host, response.port))
        }
    }
}
