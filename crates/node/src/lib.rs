//! Composition: the root config, the registry of components, start and stop.

mod broker;
mod components;
pub mod config;
mod control;
mod embedded_log;
mod folders;
mod load;
mod logs;
mod memory;
mod metrics;
mod plain;
mod report;
mod resource_lint;
mod run;
mod strict;
mod surface;
mod templates;
mod traces;
pub mod unit_test;
mod watch;

pub use broker::{default_data_dir, format_broker, load_broker, run_broker};
pub use components::registry;
pub use config::RootConfig;
pub use folders::expand_files;
pub use load::{Files, Loaded, Main, load, read_env_files, without_secrets};
pub use logs::{install_default_logs, install_logs, install_logs_of_tests, log_failure};
pub use metrics::rename_metric;
pub use millrace_broker::backup;
pub use millrace_broker::config::{Texts as ClientTexts, client_properties};
pub use millrace_broker::{
    BrokerConfig, MetadataLog, NewUser, SnapshotId, damaged_snapshots, metadata_start,
};
pub use millrace_components_io::kill_commands;
pub use millrace_telemetry::log::{LogLevel, show_status};
pub use report::Report;
pub use resource_lint::{ResourceLint, lint_resource, resource_kind};
pub use run::{RunError, run};
pub use templates::{Templates, without_templates};
pub use watch::{Changes, Watcher};
