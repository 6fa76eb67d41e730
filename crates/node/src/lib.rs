//! Composition: the root config, the registry of components, start and stop.

mod components;
pub mod config;
mod load;
mod logs;
mod memory;
mod metrics;
mod report;
mod run;
mod surface;

pub use components::registry;
pub use config::RootConfig;
pub use load::{Files, Loaded, Main, load};
pub use logs::install_logs;
pub use report::Report;
pub use run::{RunError, run};
