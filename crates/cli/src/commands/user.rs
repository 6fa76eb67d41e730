//! `user`: who may log in by SCRAM.

use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

use millrace_kafka_client::Hash;
use millrace_spec::Literal;

use super::complain;
use super::kafka::table::table;
use super::kafka::{Ended, Failure, answer, connect, number, object, run, text};
use crate::args::kafka::{AdminArgs, UserCommand};

/// The longest password that is read, in bytes.
const PASSWORD_MAX: u64 = 4096;

/// Does what is to be done with users.
pub fn user(command: UserCommand) -> ExitCode {
    match command {
        UserCommand::Set {
            name,
            mechanism,
            iterations,
            admin,
        } => run(set(name, mechanism, iterations, admin)),
        UserCommand::List { admin } => run(list(admin)),
        UserCommand::Delete {
            name,
            mechanism,
            admin,
        } => run(delete(name, mechanism, admin)),
    }
}

async fn set(name: String, hash: Hash, iterations: i32, admin: AdminArgs) -> Ended {
    let cluster = connect(&admin.cluster).await?;
    let password = password()?;
    let set = cluster.set_password(&name, hash, &password, iterations);
    set.await?;
    let mechanism = hash.mechanism();
    let json = object([("name", text(&name)), ("mechanism", text(mechanism))]);
    let human = format!("user `{name}` may log in by {mechanism}\n");
    answer(&admin, &human, &json)
}

/// The first line of the standard input: on the command line every process could read it.
fn password() -> Result<String, Failure> {
    let input = std::io::stdin().lock();
    if input.is_terminal() {
        complain("the password, on one line (it is shown as you type):");
    }
    let mut line = String::new();
    let mut input = std::io::Read::take(input, PASSWORD_MAX);
    let read = input.read_line(&mut line);
    read.map_err(|error| Failure::Failed(format!("read the password: {error}")))?;
    let password = line.trim_end_matches(['\n', '\r']);
    match password.is_empty() {
        true => Err(Failure::Misuse(
            "the first line of the standard input is the password, and there is none".into(),
        )),
        false => Ok(password.to_owned()),
    }
}

async fn list(admin: AdminArgs) -> Ended {
    let users = connect(&admin.cluster).await?.users().await?;
    let mut rows = Vec::new();
    let mut json = Vec::new();
    for user in &users {
        for (hash, iterations) in &user.credentials {
            let mechanism = hash.mechanism();
            rows.push(vec![
                user.name.clone(),
                mechanism.to_owned(),
                iterations.to_string(),
            ]);
            json.push(object([
                ("name", text(&user.name)),
                ("mechanism", text(mechanism)),
                ("iterations", number(*iterations)),
            ]));
        }
    }
    let human = table(&["USER", "MECHANISM", "ITERATIONS"], &rows);
    answer(&admin, &human, &Literal::List(json))
}

async fn delete(name: String, hash: Option<Hash>, admin: AdminArgs) -> Ended {
    let cluster = connect(&admin.cluster).await?;
    let known = || async {
        let users = cluster.users().await?;
        let own = users.into_iter().find(|it| it.name == name);
        let hashes = own.map(|it| it.credentials.into_iter().map(|(hash, _)| hash));
        Ok::<_, Failure>(hashes.map(Iterator::collect).unwrap_or_default())
    };
    let hashes: Vec<Hash> = match hash {
        Some(hash) => vec![hash],
        None => known().await?,
    };
    if hashes.is_empty() {
        return Err(Failure::Failed(format!(
            "there is no user `{name}`; list those that there are with `millrace user list`"
        )));
    }
    cluster.delete_passwords(&name, &hashes).await?;
    let json = object([("name", text(&name)), ("deleted", Literal::Bool(true))]);
    let human = match hash {
        Some(hash) => format!(
            "user `{name}` may no longer log in by {}\n",
            hash.mechanism()
        ),
        None => format!("user `{name}` may no longer log in\n"),
    };
    answer(&admin, &human, &json)
}
