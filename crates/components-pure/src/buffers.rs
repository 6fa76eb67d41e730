//! Buffers that hold messages in memory, or not at all.

use millrace_component::Descriptor;

mod batch;
mod failed;
mod memory;
mod none;
mod system_window;

pub use system_window::{Calendar, Window};

/// The buffers of this family.
pub const BUFFERS: &[Descriptor] = &[
    batch::COMPONENT,
    memory::COMPONENT,
    none::COMPONENT,
    system_window::COMPONENT,
];
