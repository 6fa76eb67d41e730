//! The AMQP components against a real RabbitMQ.

#[path = "rabbitmq/support.rs"]
mod support;

#[path = "rabbitmq/config.rs"]
mod config;
#[path = "rabbitmq/input.rs"]
mod input;
#[path = "rabbitmq/outage.rs"]
mod outage;
#[path = "rabbitmq/output.rs"]
mod output;
#[path = "rabbitmq/stream.rs"]
mod stream;
