//! Coordinators: state that follows from the records of a partition of an internal topic.
//!
//! Each partition has one actor while this broker leads it. The actor replays the partition, then
//! takes one request after another: a [`machine::Machine`] decides, the actor has the records
//! appended and sends the answers when they are durable.

mod actor;
mod groups;
mod machine;
mod pool;
mod topic;
mod transactions;

pub use groups::{GroupNews, Groups, client_host, groups};
pub use pool::Surroundings;
pub use transactions::{HoldSwitch, TransactionNews, Transactions, transactions};
