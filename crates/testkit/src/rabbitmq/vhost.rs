//! A virtual host of one test, with queues to fill and to look into from outside.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::{http, names, poll};

/// A virtual host of one test alone, deleted with this value; its clients are disconnected then.
#[derive(Debug)]
pub struct Vhost {
    name: String,
    /// `amqp://USER:PASSWORD@HOST:PORT`
    server: String,
    management: String,
    auth: String,
}

/// How many messages a queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueDepth {
    /// Waiting for a consumer.
    pub ready: u64,
    /// Delivered to a consumer that has not acknowledged them.
    pub unacknowledged: u64,
    /// Consumers of the queue.
    pub consumers: u64,
}

impl QueueDepth {
    /// Messages that nobody has acknowledged.
    #[must_use]
    pub fn total(self) -> u64 {
        self.ready + self.unacknowledged
    }
}

impl Vhost {
    /// Creates an empty virtual host on the broker with the AMQP URL `url` (its path is ignored)
    /// and the management address `http://HOST:PORT`.
    ///
    /// # Errors
    /// When the broker is down or refuses.
    pub fn create(url: &str, management: &str) -> Result<Self> {
        let rest = url
            .strip_prefix("amqp://")
            .context("the URL is not `amqp://…`")?;
        let authority = rest.split('/').next().unwrap_or(rest);
        let (credentials, _) = authority.rsplit_once('@').context("the URL has no user")?;
        let (user, password) = credentials
            .split_once(':')
            .context("the URL has no password")?;
        let vhost = Self {
            name: names::unique("t"),
            server: format!("amqp://{authority}"),
            management: management.trim_end_matches('/').to_owned(),
            auth: http::basic_auth(user, password),
        };
        vhost.call("PUT", &format!("vhosts/{}", vhost.name), &json!({}))?;
        let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
        vhost.call("PUT", &format!("permissions/{}/{user}", vhost.name), &all)?;
        Ok(vhost)
    }

    /// The name of the virtual host.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `amqp://USER:PASSWORD@HOST:PORT/NAME`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/{}", self.server, self.name)
    }

    /// `HOST:PORT` of the broker.
    #[must_use]
    pub fn address(&self) -> &str {
        self.server
            .rsplit_once('@')
            .expect("`create` has found a user in it")
            .1
    }

    /// Declares a durable classic queue.
    ///
    /// # Errors
    /// When the broker refuses.
    pub fn declare_queue(&self, queue: &str) -> Result<()> {
        self.declare_queue_with(queue, &json!({"durable": true}))
    }

    /// Declares a queue; `properties` has `durable`, `auto_delete` and `arguments` such as
    /// `x-max-length`.
    ///
    /// # Errors
    /// When the broker refuses.
    pub fn declare_queue_with(&self, queue: &str, properties: &Value) -> Result<()> {
        self.call("PUT", &self.queue_path(queue), properties)
            .map(drop)
    }

    /// Deletes a queue with what it holds.
    ///
    /// # Errors
    /// When there is none.
    pub fn delete_queue(&self, queue: &str) -> Result<()> {
        self.call("DELETE", &self.queue_path(queue), &Value::Null)
            .map(drop)
    }

    /// Every queue, exchange, binding, connection or channel of the virtual host, as the
    /// management API lists them: `kind` is the plural word.
    ///
    /// # Errors
    /// When the broker is down.
    pub fn list(&self, kind: &str) -> Result<Value> {
        let path = match kind {
            "connections" | "channels" => format!("vhosts/{}/{kind}", self.name),
            _ => format!("{kind}/{}", self.name),
        };
        self.call("GET", &path, &Value::Null)
    }

    /// How many messages the queue holds. The broker refreshes the figures ten times a second:
    /// wait for a depth with [`wait_for_depth`](Self::wait_for_depth) instead of reading it once.
    ///
    /// # Errors
    /// When there is no such queue, or the broker has no figures of it yet.
    pub fn depth(&self, queue: &str) -> Result<QueueDepth> {
        let state = self.call("GET", &self.queue_path(queue), &Value::Null)?;
        let number = |key: &str| {
            state[key]
                .as_u64()
                .with_context(|| format!("queue `{queue}` has no `{key}` yet"))
        };
        Ok(QueueDepth {
            ready: number("messages_ready")?,
            unacknowledged: number("messages_unacknowledged")?,
            consumers: number("consumers")?,
        })
    }

    /// Waits until the depth of the queue satisfies `wanted`.
    ///
    /// # Errors
    /// When it does not within `within`; the text has the last depth that was seen.
    pub fn wait_for_depth(
        &self,
        queue: &str,
        within: Duration,
        wanted: impl Fn(QueueDepth) -> bool,
    ) -> Result<QueueDepth> {
        let mut last = None;
        poll::until(&format!("queue `{queue}`"), within, || {
            last = Some(self.depth(queue));
            last.as_ref()
                .and_then(|it| it.as_ref().ok())
                .copied()
                .filter(|it| wanted(*it))
        })
        .with_context(|| format!("the last depth was {last:?}"))
    }

    /// Publishes a persistent message to the default exchange. A convenience for a few messages:
    /// there is one HTTP request for each.
    ///
    /// # Errors
    /// When the queue does not exist.
    pub fn publish(&self, queue: &str, payload: &str) -> Result<()> {
        self.publish_to("amq.default", queue, payload, &json!({"delivery_mode": 2}))
    }

    /// Publishes a message with AMQP `properties` (`headers`, `content_type`, `priority`, …).
    ///
    /// # Errors
    /// When no queue took the message.
    pub fn publish_to(
        &self,
        exchange: &str,
        key: &str,
        payload: &str,
        properties: &Value,
    ) -> Result<()> {
        let path = format!(
            "exchanges/{}/{}/publish",
            self.name,
            http::percent_encode(exchange)
        );
        let message = json!({
            "properties": properties, "routing_key": key,
            "payload": payload, "payload_encoding": "string",
        });
        let answer = self.call("POST", &path, &message)?;
        if answer["routed"] != json!(true) {
            bail!("publish to exchange `{exchange}` with key `{key}`: no queue took the message");
        }
        Ok(())
    }

    /// Takes up to `count` messages off the queue and acknowledges them. Each has `payload`,
    /// `properties`, `redelivered`, `exchange` and `routing_key`.
    ///
    /// # Errors
    /// When there is no such queue.
    pub fn take(&self, queue: &str, count: usize) -> Result<Vec<Value>> {
        let path = format!("{}/get", self.queue_path(queue));
        let wish = json!({"count": count, "ackmode": "ack_requeue_false", "encoding": "auto"});
        match self.call("POST", &path, &wish)? {
            Value::Array(messages) => Ok(messages),
            other => bail!("take from queue `{queue}`: the answer is `{other}`"),
        }
    }

    /// Makes the broker close every connection of this virtual host, as an operator would.
    /// Returns how many there were; a connection is listed a moment after it was opened.
    ///
    /// # Errors
    /// When the broker is down.
    pub fn close_connections(&self) -> Result<usize> {
        let connections = self.list("connections")?;
        let connections = connections
            .as_array()
            .context("the connections are no list")?;
        for connection in connections {
            let name = connection["name"]
                .as_str()
                .context("a connection has no name")?;
            let path = format!("connections/{}", http::percent_encode(name));
            self.call("DELETE", &path, &Value::Null)?;
        }
        Ok(connections.len())
    }

    fn queue_path(&self, queue: &str) -> String {
        format!("queues/{}/{}", self.name, http::percent_encode(queue))
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}/api/{path}", self.management);
        let headers = [
            ("authorization", self.auth.as_str()),
            ("content-type", "application/json"),
        ];
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let answer = http::request(method, &url, &headers, body.as_bytes())?;
        if answer.status >= 300 {
            bail!(
                "RabbitMQ: {method} {path}: status {}: {}",
                answer.status,
                answer.text()
            );
        }
        if answer.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer.body).with_context(|| format!("RabbitMQ: {method} {path}"))
    }
}

impl Drop for Vhost {
    fn drop(&mut self) {
        let result = self.call("DELETE", &format!("vhosts/{}", self.name), &Value::Null);
        crate::report("delete a virtual host", result.map(drop));
    }
}
