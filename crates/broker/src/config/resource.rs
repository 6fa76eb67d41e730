//! What has settings: topics, this broker, all brokers.

use std::fmt;

use millrace_kafka_wire::ErrorCode;

/// What has settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// The topic of this name; whether there is one the caller knows.
    Topic(String),
    /// This broker.
    Broker,
    /// All brokers.
    Cluster,
}

/// Why a client's request about settings is not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: ErrorCode,
    pub message: String,
}

impl Refusal {
    pub(super) fn request(message: impl Into<String>) -> Self {
        Self {
            code: ErrorCode::InvalidRequest,
            message: message.into(),
        }
    }

    pub(super) fn config(message: impl Into<String>) -> Self {
        Self {
            code: ErrorCode::InvalidConfig,
            message: message.into(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

impl Resource {
    /// The resource of a request to the broker with the number `node_id`.
    ///
    /// # Errors
    /// It is of a type that has no settings here, or belongs to another broker.
    pub fn of(kind: i8, name: &str, node_id: i32) -> Result<Self, Refusal> {
        let unbuilt = |what| Refusal::request(format!("{what} are not supported"));
        match kind {
            2 if name.is_empty() => Err(Refusal::request("a topic must be named")),
            2 => Ok(Self::Topic(name.to_owned())),
            4 if name.is_empty() => Ok(Self::Cluster),
            4 => match name.parse::<i32>() {
                Ok(id) if id == node_id => Ok(Self::Broker),
                Ok(_) => Err(Refusal::request(format!(
                    "this is the broker {node_id}, and the request is for {name}"
                ))),
                Err(_) => Err(Refusal::request(format!(
                    "the id of a broker is a number, and `{name}` is none"
                ))),
            },
            8 => Err(unbuilt("levels of loggers (resources of type 8)")),
            16 => Err(unbuilt(
                "subscriptions to clients' metrics (resources of type 16)",
            )),
            32 => Err(unbuilt("settings of groups (resources of type 32)")),
            other => Err(Refusal::request(format!(
                "no resource has the type {other}"
            ))),
        }
    }

    /// Its type and its name in requests and records; `node_id` is this broker's number.
    pub(super) fn on_the_wire(&self, node_id: i32) -> (i8, String) {
        match self {
            Self::Topic(name) => (2, name.clone()),
            Self::Broker => (4, node_id.to_string()),
            Self::Cluster => (4, String::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_a_topic_this_broker_or_all_brokers() {
        assert_eq!(Resource::of(2, "t", 1), Ok(Resource::Topic("t".to_owned())));
        assert_eq!(Resource::of(4, "1", 1), Ok(Resource::Broker));
        assert_eq!(Resource::of(4, "", 1), Ok(Resource::Cluster));
    }

    #[test]
    fn other_brokers_and_types_are_refused_by_name() {
        for (kind, name, reason) in [
            (4, "2", "this is the broker 1, and the request is for 2"),
            (4, "x", "the id of a broker is a number, and `x` is none"),
            (2, "", "a topic must be named"),
            (
                32,
                "g",
                "settings of groups (resources of type 32) are not supported",
            ),
            (
                16,
                "m",
                "subscriptions to clients' metrics (resources of type 16) are not supported",
            ),
            (7, "x", "no resource has the type 7"),
        ] {
            let refusal = Resource::of(kind, name, 1).expect_err(reason);
            assert_eq!(refusal.message, reason);
            assert_eq!(refusal.code, ErrorCode::InvalidRequest);
        }
    }
}
