//! A broker for Kafka's clients.

mod config;

pub use config::{BrokerConfig, Listener, TopicConfig};
