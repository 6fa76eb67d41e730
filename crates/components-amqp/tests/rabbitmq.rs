//! The AMQP components against a real RabbitMQ.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

#[path = "rabbitmq/support.rs"]
mod support;

#[path = "rabbitmq/config.rs"]
mod config;
#[path = "rabbitmq/contract.rs"]
mod contract;
#[path = "rabbitmq/input.rs"]
mod input;
#[path = "rabbitmq/outage.rs"]
mod outage;
#[path = "rabbitmq/output.rs"]
mod output;
#[path = "rabbitmq/stream.rs"]
mod stream;
