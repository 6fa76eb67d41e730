//! `cluster export`: the metadata of a cluster as a file.

use std::path::Path;

use millrace_spec::render::emit;

use super::super::kafka::{Ended, Failure, connect};
use super::super::{ExitCode, print};
use super::metadata_file::exported;
use crate::args::kafka::ClusterArgs;

/// Prints it, or writes it to a file.
pub async fn export(args: &ClusterArgs, output: Option<&Path>) -> Ended {
    let cluster = connect(args).await?;
    let described = cluster.describe_cluster().await?;
    let mut topics = Vec::new();
    for topic in cluster.list_topics().await? {
        if !topic.is_internal {
            let configs = cluster.topic_configs(&topic.name).await?;
            topics.push((topic, configs));
        }
    }
    let text = emit::json_pretty(&exported(&described, &topics)) + "\n";
    match output {
        Some(path) => std::fs::write(path, text)
            .map_err(|error| Failure::Failed(format!("write {}: {error}", path.display()))),
        None if print(&text) == ExitCode::SUCCESS => Ok(()),
        None => Err(Failure::Told),
    }
}
