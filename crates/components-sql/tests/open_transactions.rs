//! Texts that begin transactions and do not end them: nothing that is written after them is part of
//! one, and what is acknowledged is committed.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::sync::Arc;

use millrace_component::Output;
use millrace_component::conformance::Workbench;
use millrace_message::{Message, MessageBatch};
use millrace_testkit::shared;

fn output(driver: &str, dsn: &str) -> Arc<dyn Output> {
    Workbench::new([millrace_components_sql::OUTPUTS]).output(&format!(
        "sql_raw:\n  driver: {driver}\n  dsn: '{dsn}'\n  unsafe_dynamic_query: true\n  query: '${{! content() }}'\n"
    ))
}

/// Writes texts of which every other one is at fault.
async fn write_all(driver: &str, dsn: &str) {
    let output = output(driver, dsn);
    output.connect().await.unwrap();
    let write = async |text: &str| {
        let written = output.write(&MessageBatch::one(Message::from(text))).await;
        written.err().map(|it| it.error().text().to_owned())
    };
    write("create table u (a int primary key)").await;
    for (text, wrong) in [
        ("insert into u values (1)", None),
        (
            "begin; insert into u values (30); insert into u values (1); commit",
            Some(""),
        ),
        ("insert into u values (4)", None),
        (
            "begin; insert into u values (5)",
            Some("leaves a transaction open"),
        ),
        ("insert into u values (6)", None),
        ("begin; insert into u values (7); commit", None),
        ("insert into u values (8)", None),
    ] {
        let error = write(text).await;
        match wrong {
            None => assert_eq!(error, None, "{driver}: {text}"),
            Some(part) => {
                let error = error.unwrap_or_else(|| panic!("{driver}: {text} is refused"));
                assert!(error.contains(part), "{driver}: {error}");
            }
        }
    }
}

const COMMITTED: [[&str; 1]; 5] = [["1"], ["4"], ["6"], ["7"], ["8"]];

#[tokio::test(flavor = "multi_thread")]
async fn postgres_commits_what_is_acknowledged() {
    let database = shared::postgres();
    write_all("postgres", &format!("{}?sslmode=disable", database.url())).await;
    let found = database.query("SELECT a FROM u ORDER BY a").unwrap();
    assert_eq!(found, COMMITTED);
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_commits_what_is_acknowledged() {
    let database = shared::mariadb();
    write_all("mysql", &database.go_dsn()).await;
    let found = database.query("SELECT a FROM u ORDER BY a").unwrap();
    assert_eq!(found, COMMITTED);
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_commits_what_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    write_all("sqlite", &format!("file:{}", path.display())).await;
    let reader = rusqlite::Connection::open(&path).unwrap();
    let mut found = reader.prepare("SELECT a FROM u ORDER BY a").unwrap();
    let found = found.query_map([], |row| row.get::<_, i64>(0)).unwrap();
    let found: Vec<_> = found.map(Result::unwrap).collect();
    assert_eq!(found, [1, 4, 6, 7, 8]);
}
