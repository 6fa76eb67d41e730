//! A broker for Kafka's clients.

mod config;
pub mod group;

pub use config::{BrokerConfig, Listener, TopicConfig};
