//! Connections: from bytes to requests, and from answers to bytes.

mod connection;
mod frames;
mod in_process;
mod limits;
mod listener;
mod login;
mod secured;
mod session;

pub use connection::Peer;
pub use frames::Budget;
pub use in_process::{NO_LISTENER, connect};
pub use limits::Limits;
pub use listener::{Listening, bind};
pub use secured::Door;
