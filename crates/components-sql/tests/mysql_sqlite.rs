//! `sql_insert` and `sql_raw` on a real MariaDB, and on SQLite.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::sync::Arc;

use millrace_component::Output;
use millrace_component::conformance::Workbench;
use millrace_message::{ErrorClass, Message, MessageBatch, Outcome};
use millrace_testkit::mariadb::MariadbServer;
use millrace_testkit::shared;

fn output(yaml: &str) -> Arc<dyn Output> {
    Workbench::new([millrace_components_sql::OUTPUTS]).output(yaml)
}

fn insert(driver: &str, dsn: &str, columns: &str, more: &str) -> Arc<dyn Output> {
    output(&format!(
        "sql_insert:\n  driver: {driver}\n  dsn: '{dsn}'\n  table: t\n  columns: {columns}\n  args_mapping: root = this\n{more}"
    ))
}

/// The indices that failed, with their texts.
async fn failures(output: &dyn Output, payloads: &[&str]) -> Vec<(usize, String)> {
    let batch: MessageBatch = payloads.iter().map(|it| Message::from(*it)).collect();
    let Err(error) = output.write(&batch).await else {
        return Vec::new();
    };
    let outcomes = error.into_outcomes(batch.len());
    let failed = |index| match outcomes.get(index) {
        Outcome::Failed(error) => Some((index, error.text().to_owned())),
        _ => None,
    };
    (0..batch.len()).filter_map(failed).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_takes_a_json_value_into_a_column_of_any_type() {
    let database = shared::mariadb();
    database
        .query(
            "CREATE TABLE t (at datetime(3), stamp timestamp NULL, amount decimal(30,10), doc json,
                             big bigint unsigned, ok boolean, raw blob, name varchar(20), day date)",
        )
        .unwrap();
    let columns = "[at, stamp, amount, doc, big, ok, raw, name, day]";
    let output = insert("mysql", &database.go_dsn(), columns, "");
    output.connect().await.unwrap();
    let row = r#"["2024-02-03T05:05:06.5+01:00", "2024-02-03 04:05:06", "12345678901234567890.5",
        {"a":[1,null]}, 18446744073709551615, true, "Zürich", 42, "2024-02-03"]"#;
    let nulls = "[null,null,null,null,null,null,null,null,null]";
    let failed = failures(&*output, &[row, nulls, row]).await;
    assert_eq!(failed, []);
    let found = database
        .query("SELECT at, amount, doc, big, ok, hex(raw), name, day FROM t WHERE ok LIMIT 1")
        .unwrap();
    let expected = [
        "2024-02-03 04:05:06.500",
        "12345678901234567890.5000000000",
        r#"{"a":[1,null]}"#,
        "18446744073709551615",
        "1",
        "5AC3BC72696368",
        "42",
        "2024-02-03",
    ];
    assert_eq!(found, [expected]);
    assert_eq!(database.value("SELECT count(*) FROM t").unwrap(), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_fails_only_the_messages_at_fault() {
    let database = shared::mariadb();
    let suffix = "  suffix: ON DUPLICATE KEY UPDATE name = VALUES(name)\n  init_statement: CREATE TABLE IF NOT EXISTS t (id int PRIMARY KEY, name varchar(3))\n";
    let output = insert("mysql", &database.go_dsn(), "[id, name]", suffix);
    output.connect().await.unwrap();
    let rows = [
        r#"[1, "a"]"#,
        r#"[2, "too long"]"#,
        r#"["x", "b"]"#,
        r#"[1, "c"]"#,
    ];
    let failed = failures(&*output, &rows).await;
    let indices: Vec<_> = failed.iter().map(|(index, _)| *index).collect();
    assert_eq!(indices, [1, 2], "{failed:?}");
    assert_eq!(database.query("SELECT * FROM t").unwrap(), [["1", "c"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_is_used_again_after_a_restart_and_its_errors_hold_no_password() {
    let mut server = MariadbServer::start(true).unwrap();
    let database = server.database().unwrap();
    database.query("CREATE TABLE t (id int)").unwrap();
    let dsn = database.go_dsn();
    let output = insert("mysql", &dsn, "[id]", "");
    output.connect().await.unwrap();
    assert_eq!(failures(&*output, &["[1]"]).await, []);
    server.kill();
    let batch = MessageBatch::one(Message::from("[2]"));
    let error = output.write(&batch).await.unwrap_err();
    assert_eq!(error.error().class(), ErrorClass::NotConnected, "{error:?}");
    server.start_again().unwrap();
    output.connect().await.unwrap();
    assert_eq!(failures(&*output, &["[2]"]).await, []);
    assert_eq!(database.value("SELECT count(*) FROM t").unwrap(), "2");
    let (user, rest) = dsn.split_once(':').unwrap();
    let wrong = format!("{user}:pl4nted@{}", rest.split_once('@').unwrap().1);
    let error = insert("mysql", &wrong, "[id]", "")
        .connect()
        .await
        .unwrap_err();
    assert_eq!(error.class(), ErrorClass::Fatal);
    assert!(
        error.text().contains("`dsn`") && error.text().contains("Access denied"),
        "{error}"
    );
    assert!(!error.text().contains("pl4nted"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_converts_by_affinity_and_fails_only_the_messages_at_fault() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let dsn = format!(
        "file:{}?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)",
        path.display()
    );
    let init = "  init_statement: 'CREATE TABLE t (id INTEGER PRIMARY KEY, n NUMERIC, name TEXT, ok INTEGER) STRICT'\n";
    let init = init.replace("NUMERIC", "REAL");
    let output = insert("sqlite", &dsn, "[id, n, name, ok]", &init);
    output.connect().await.unwrap();
    let rows = [
        r#"["1", "2.5", 7, true]"#,
        r#"[2, null, null, null]"#,
        r#"["x", 1, "a", false]"#,
        r#"[2, 1, "again", false]"#,
        r#"[3, 1, {"a":1}, false]"#,
    ];
    let failed = failures(&*output, &rows).await;
    let indices: Vec<_> = failed.iter().map(|(index, _)| *index).collect();
    assert_eq!(indices, [2, 3], "{failed:?}");
    output.close().await.unwrap();
    let database = rusqlite::Connection::open(&path).unwrap();
    let mut select = database.prepare("SELECT id || '|' || ifnull(n, '') || '|' || ifnull(name, '') || '|' || ifnull(ok, '') FROM t ORDER BY id").unwrap();
    let found: Vec<String> = select
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(found, ["1|2.5|7|1", "2|||", r#"3|1.0|{"a":1}|0"#]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raw_statement_on_sqlite_in_memory_keeps_its_database() {
    let output = output(
        "sql_raw:\n  driver: sqlite\n  dsn: ':memory:'\n  init_statement: CREATE TABLE t (id INTEGER PRIMARY KEY)\n  query: INSERT INTO t VALUES (?)\n  args_mapping: root = [ this.id ]\n",
    );
    output.connect().await.unwrap();
    assert_eq!(
        failures(&*output, &[r#"{"id":1}"#, r#"{"id":2}"#]).await,
        []
    );
    let failed = failures(&*output, &[r#"{"id":1}"#]).await;
    assert!(failed[0].1.contains("UNIQUE constraint"), "{failed:?}");
}

#[test]
fn what_this_build_has_not_is_refused_by_name() {
    let bench = Workbench::new([millrace_components_sql::OUTPUTS]);
    let read = |fields: &str| {
        let yaml = format!("sql_raw:\n  query: SELECT 1\n{fields}");
        bench
            .read::<millrace_component::OutputChild>(&yaml)
            .err()
            .unwrap_or_default()
    };
    for (fields, reason) in [
        (
            "  driver: clickhouse\n  dsn: clickhouse://h/x\n",
            "driver `clickhouse` is not part of this build",
        ),
        (
            "  driver: sqlite\n  dsn: x.db\n  iam_enabled: true\n",
            "field iam_enabled is not supported",
        ),
        (
            "  driver: sqlite\n  dsn: x.db\n  secret_name: s\n",
            "field secret_name is not supported",
        ),
        (
            "  driver: sqlite\n  dsn: x.db\n  azure: { entra_enabled: true }\n",
            "field entra_enabled is not supported",
        ),
        (
            "  driver: sqlite\n  dsn: x.db\n  credentials: { role: r }\n",
            "field role is not supported",
        ),
        ("  driver: mysql\n  dsn: u:pl4nted@h\n", "user:password@tcp"),
    ] {
        let text = read(fields);
        assert!(text.contains(reason), "{fields}: {text}");
        assert!(!text.contains("pl4nted"), "{text}");
    }
    let fine =
        "  driver: sqlite\n  dsn: x.db\n  iam_enabled: false\n  azure: { entra_enabled: false }\n";
    assert_eq!(read(fine), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_where_sqlite_can_never_open_a_file_is_fatal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("text");
    std::fs::write(&file, "this is a text and no database").unwrap();
    let folder = folder.path().display();
    for (place, reason) in [
        (format!("file:{folder}/missing/x.db"), "unable to open"),
        (format!("file:{folder}/text/x.db"), "unable to open"),
        (format!("{folder}"), "unable to open"),
        (format!("{folder}/text"), "not a database"),
    ] {
        let output = insert("sqlite", &place, "[id]", "");
        let error = output.connect().await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Fatal, "{error}");
        assert!(error.text().contains(reason), "{error}");
    }
}
