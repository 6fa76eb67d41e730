//! `cluster`: what there is of brokers, and the metadata of a cluster as a file.

mod export;
mod import;
mod metadata_file;

use std::process::ExitCode;

use millrace_spec::Literal;

use super::kafka::table::{or_dash, table};
use super::kafka::{Ended, answer, connect, number, object, or_null, run, text};
use crate::args::kafka::{AdminArgs, ClusterCommand};

/// Does what is to be done with the cluster.
pub fn cluster(command: ClusterCommand) -> ExitCode {
    match command {
        ClusterCommand::Describe { admin } => run(describe(admin)),
        ClusterCommand::Export { output, cluster } => {
            run(async move { export::export(&cluster, output.as_deref()).await })
        }
        ClusterCommand::Import {
            file,
            dry_run,
            admin,
        } => run(async move { import::import(&file, dry_run, &admin).await }),
    }
}

async fn describe(admin: AdminArgs) -> Ended {
    let connected = connect(&admin.cluster).await?;
    let cluster = connected.describe_cluster().await?;
    let is_controller = |id: i32| id == cluster.controller;
    let rows: Vec<_> = cluster
        .brokers
        .iter()
        .map(|it| {
            let role = if is_controller(it.id) {
                "controller"
            } else {
                ""
            };
            let address = format!("{}:{}", it.host, it.port);
            vec![
                it.id.to_string(),
                address,
                or_dash(it.rack.as_ref()),
                role.to_owned(),
            ]
        })
        .collect();
    let head = ["BROKER", "ADDRESS", "RACK", "ROLE"];
    let human = format!("cluster {}\n{}", cluster.id, table(&head, &rows));
    let brokers = cluster.brokers.iter().map(|it| {
        object([
            ("id", number(it.id)),
            ("host", text(&it.host)),
            ("port", number(it.port)),
            ("rack", or_null(it.rack.clone(), text)),
            ("controller", Literal::Bool(is_controller(it.id))),
        ])
    });
    let json = object([
        ("cluster_id", text(&cluster.id)),
        ("brokers", Literal::List(brokers.collect())),
    ]);
    answer(&admin, &human, &json)
}
