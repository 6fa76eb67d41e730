//! A broker for Kafka's clients.

pub mod config;

pub use config::{BrokerConfig, Listener, TopicConfig};
