//! `group`: lists, describes and removes groups, and has them read from another place on.

mod lag;
mod reset;

use std::process::ExitCode;

use millrace_spec::Literal;

use super::complain;
use super::kafka::table::table;
use super::kafka::{Ended, Failure, answer, connect, number, object, run, text};
use crate::args::kafka::{AdminArgs, GroupCommand};

/// Does what is to be done with groups.
pub fn group(command: GroupCommand) -> ExitCode {
    run(async move {
        match command {
            GroupCommand::List { admin } => list(&admin).await,
            GroupCommand::Describe { groups, admin } => lag::describe(&groups, &admin).await,
            GroupCommand::Delete { groups, admin } => delete(&groups, &admin).await,
            GroupCommand::ResetOffsets {
                group,
                to,
                topic,
                execute,
                admin,
                ..
            } => reset::reset(&group, to, &topic, execute, &admin).await,
        }
    })
}

async fn list(admin: &AdminArgs) -> Ended {
    let cluster = connect(&admin.cluster).await?;
    let groups = cluster.list_groups().await?;
    let rows: Vec<_> = groups
        .iter()
        .map(|it| {
            let coordinator = it.coordinator.to_string();
            vec![
                it.id.clone(),
                it.state.clone(),
                it.protocol_type.clone(),
                coordinator,
            ]
        })
        .collect();
    let json = groups.iter().map(|it| {
        object([
            ("group", text(&it.id)),
            ("state", text(&it.state)),
            ("protocol_type", text(&it.protocol_type)),
            ("coordinator", number(it.coordinator)),
        ])
    });
    let head = ["GROUP", "STATE", "PROTOCOL", "COORDINATOR"];
    answer(admin, &table(&head, &rows), &Literal::List(json.collect()))
}

async fn delete(groups: &[String], admin: &AdminArgs) -> Ended {
    let cluster = connect(&admin.cluster).await?;
    let mut deleted = Vec::new();
    let mut is_whole = true;
    for group in groups {
        match cluster.delete_group(group).await {
            Ok(()) => deleted.push(group),
            Err(error) => {
                complain(&format!("error: {error}"));
                is_whole = false;
            }
        }
    }
    let lines: String = deleted
        .iter()
        .map(|it| format!("group `{it}` deleted\n"))
        .collect();
    let json = deleted.into_iter().map(text).collect();
    answer(admin, &lines, &object([("deleted", Literal::List(json))]))?;
    if is_whole { Ok(()) } else { Err(Failure::Told) }
}
