//! A schema registry that speaks the API of Confluent's: its schemas, fetched, compiled and kept.

mod cache;
mod client;
mod codec;
mod config;
mod protobuf;
mod references;
mod store;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub(crate) use cache::Latest;
pub(crate) use client::reason;
pub(crate) use codec::{AvroOptions, Codec, PREFIX};
pub(crate) use config::{RegistryConfig, check_url};
pub(crate) use store::Store;
