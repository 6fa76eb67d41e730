//! `sql_insert` and `sql_raw` on a real PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::sync::Arc;

use millrace_component::Output;
use millrace_component::conformance::Workbench;
use millrace_message::{ErrorClass, Message, MessageBatch, Outcome};
use millrace_testkit::postgres::{PostgresDatabase, PostgresServer};
use millrace_testkit::proxy::Proxy;
use millrace_testkit::shared;

fn bench() -> Workbench {
    Workbench::new([millrace_components_sql::OUTPUTS])
}

fn dsn(database: &PostgresDatabase) -> String {
    format!("{}?sslmode=disable", database.url())
}

fn insert(dsn: &str, table: &str, columns: &str, more: &str) -> Arc<dyn Output> {
    bench().output(&format!(
        "sql_insert:\n  driver: postgres\n  dsn: '{dsn}'\n  table: {table}\n  columns: {columns}\n  args_mapping: root = this\n{more}"
    ))
}

fn batch(payloads: &[&str]) -> MessageBatch {
    payloads.iter().map(|it| Message::from(*it)).collect()
}

/// The indices that failed, with their texts.
async fn failures(output: &dyn Output, payloads: &[&str]) -> Vec<(usize, String)> {
    let batch = batch(payloads);
    let Err(error) = output.write(&batch).await else {
        return Vec::new();
    };
    let outcomes = error.into_outcomes(batch.len());
    (0..batch.len())
        .filter_map(|index| match outcomes.get(index) {
            Outcome::Failed(error) => Some((index, error.text().to_owned())),
            _ => None,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_json_value_goes_into_a_column_of_any_type() {
    let database = shared::postgres();
    database
        .query(
            "CREATE TYPE mood AS ENUM ('sad', 'happy');
             CREATE TABLE t (at timestamptz, amount numeric(20,4), id uuid, doc jsonb, big bigint,
                             small int2, ok boolean, words text[], raw bytea, name text, day date,
                             feeling mood, real float8, note varchar(20))",
        )
        .unwrap();
    let columns =
        "[at, amount, id, doc, big, small, ok, words, raw, name, day, feeling, real, note]";
    let output = insert(&dsn(&database), "t", columns, "");
    output.connect().await.unwrap();
    let rows = [
        r#"["2024-02-03T04:05:06.5Z", "12345678901234.5678", "6f9619ff-8b86-d011-b42d-00c04fc964ff",
            {"a":[1,null]}, 9007199254740993, 1.0, true, ["x","y \"z\"",null], "Zürich", 42, "2024-02-03",
            "happy", 1e-3, null]"#,
        r#"[null,null,null,null,null,null,null,null,null,null,null,null,null,null]"#,
        r#"[1,1,1,1,1,1,1,1,1,1,1,1,1,1]"#,
    ];
    let failed = failures(&*output, &rows).await;
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0].0, 2, "a number is no timestamp: {failed:?}");
    let found = database
        .query(
            "SELECT at AT TIME ZONE 'UTC', amount, id, doc, big, small, ok, words, convert_from(raw, 'UTF8'),
                    name, day, feeling, real, note FROM t WHERE ok",
        )
        .unwrap();
    let expected = [
        "2024-02-03 04:05:06.5",
        "12345678901234.5678",
        "6f9619ff-8b86-d011-b42d-00c04fc964ff",
        r#"{"a": [1, null]}"#,
        "9007199254740993",
        "1",
        "t",
        r#"{x,"y \"z\"",NULL}"#,
        "Zürich",
        "42",
        "2024-02-03",
        "happy",
        "0.001",
        "",
    ];
    assert_eq!(found, [expected]);
    assert_eq!(database.value("SELECT count(*) FROM t").unwrap(), "2");
    output.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_messages_at_fault_fail() {
    let database = shared::postgres();
    database
        .query("CREATE TABLE t (id int PRIMARY KEY, n int CHECK (n > 0))")
        .unwrap();
    let output = insert(&dsn(&database), "t", "[id, n]", "");
    output.connect().await.unwrap();
    let rows = [
        "[1, 1]",
        "[2, -1]",
        "[1, 5]",
        r#"["x", 1]"#,
        "[1]",
        "{}",
        "not json",
        "[3, 3]",
    ];
    let failed = failures(&*output, &rows).await;
    let indices: Vec<_> = failed.iter().map(|(index, _)| *index).collect();
    assert_eq!(indices, [1, 2, 3, 4, 5, 6], "{failed:?}");
    assert!(failed[0].1.contains("t_n_check"), "{failed:?}");
    assert!(failed[3].1.contains("1 values for 2 columns"), "{failed:?}");
    assert!(
        failed[4].1.contains("object instead of an array"),
        "{failed:?}"
    );
    assert_eq!(
        database.query("SELECT id FROM t ORDER BY id").unwrap(),
        [["1"], ["3"]]
    );
}

/// As when a value is too much for the server: it ends the connection that has sent it.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_ends_the_connection_fails_alone() {
    let database = shared::postgres();
    for text in [
        "CREATE TABLE t (id int)",
        "CREATE FUNCTION bear() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF NEW.id < 0 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
         RETURN NEW; END $$",
        "CREATE TRIGGER bears BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION bear()",
    ] {
        database.query(text).unwrap();
    }
    // With one connection, the next one must wait for the end of the lost one.
    let output = insert(&dsn(&database), "t", "[id]", "  conn_max_open: 1\n");
    output.connect().await.unwrap();
    let failed = failures(&*output, &["[1]", "[-2]", "[3]", "[-4]", "[5]"]).await;
    let indices: Vec<_> = failed.iter().map(|(index, _)| *index).collect();
    assert_eq!(indices, [1, 3], "{failed:?}");
    let written = database.query("SELECT id FROM t ORDER BY id").unwrap();
    assert_eq!(written, [["1"], ["3"], ["5"]]);
    output.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upsert_takes_the_same_key_twice_in_one_batch() {
    let database = shared::postgres();
    database
        .query("CREATE TABLE cities (id int PRIMARY KEY, name text)")
        .unwrap();
    let suffix = "  suffix: ON CONFLICT (id) DO UPDATE SET name = excluded.name\n";
    let output = insert(&dsn(&database), "cities", "[id, name]", suffix);
    output.connect().await.unwrap();
    assert_eq!(
        failures(&*output, &[r#"[1, "a"]"#, r#"[1, "b"]"#]).await,
        []
    );
    assert_eq!(
        database.query("SELECT * FROM cities").unwrap(),
        [["1", "b"]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raw_statement_takes_arguments_and_runs_its_init_statement_first() {
    let database = shared::postgres();
    let output = bench().output(&format!(
        r"
sql_raw:
  driver: postgres
  dsn: '{}'
  init_statement: |
    CREATE TABLE a (id int PRIMARY KEY, at timestamp);
    CREATE TABLE b (id int);
  query: INSERT INTO a VALUES ($1, $2) ON CONFLICT (id) DO NOTHING
  args_mapping: 'root = [ this.id, this.at ]'
",
        dsn(&database)
    ));
    output.connect().await.unwrap();
    output.connect().await.unwrap();
    let rows = [
        r#"{"id":1,"at":"2024-02-03T04:05:06Z"}"#,
        r#"{"id":1}"#,
        r#"{"id":2,"at":null}"#,
    ];
    assert_eq!(failures(&*output, &rows).await, []);
    let found = database.query("SELECT * FROM a ORDER BY id").unwrap();
    assert_eq!(found, [["1", "2024-02-03 04:05:06"], ["2", ""]]);
    assert_eq!(database.value("SELECT count(*) FROM b").unwrap(), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dynamic_query_is_evaluated_only_when_that_is_allowed() {
    let database = shared::postgres();
    database
        .query("CREATE TABLE left_ (id int); CREATE TABLE right_ (id int)")
        .unwrap();
    let yaml = |unsafe_: bool| {
        format!(
            "sql_raw:\n  driver: postgres\n  dsn: '{}'\n  unsafe_dynamic_query: {unsafe_}\n  query: 'INSERT INTO ${{! this.table }} VALUES (1); INSERT INTO right_ VALUES (2)'\n",
            dsn(&database)
        )
    };
    let output = bench().output(&yaml(true));
    output.connect().await.unwrap();
    assert_eq!(failures(&*output, &[r#"{"table":"left_"}"#]).await, []);
    let literal = bench().output(&yaml(false));
    literal.connect().await.unwrap();
    let failed = failures(&*literal, &[r#"{"table":"left_"}"#]).await;
    assert!(failed[0].1.contains("syntax error"), "{failed:?}");
    assert_eq!(database.value("SELECT count(*) FROM left_").unwrap(), "1");
    assert_eq!(database.value("SELECT count(*) FROM right_").unwrap(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_table_is_named_and_found_once_it_exists() {
    let database = shared::postgres();
    let output = insert(&dsn(&database), "nowhere", "[id]", "");
    output.connect().await.unwrap();
    let failed = failures(&*output, &["[1]", "[2]"]).await;
    assert_eq!(failed.len(), 2);
    assert!(failed[0].1.contains("insert into `nowhere`"), "{failed:?}");
    assert!(failed[0].1.contains("does not exist"), "{failed:?}");
    database.query("CREATE TABLE nowhere (id int)").unwrap();
    assert_eq!(failures(&*output, &["[1]", "[2]"]).await, []);
    database
        .query("ALTER TABLE nowhere ALTER id TYPE text")
        .unwrap();
    let _replanned = failures(&*output, &["[\"x\"]"]).await;
    assert_eq!(
        failures(&*output, &["[\"x\"]"]).await,
        [],
        "types are asked for again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_one_clear_error_without_the_password() {
    let database = shared::postgres();
    let dsn = dsn(&database);
    let password = dsn
        .split(':')
        .nth(2)
        .unwrap()
        .split('@')
        .next()
        .unwrap()
        .to_owned();
    let wrong = dsn.replace(&format!(":{password}@"), ":pl4nted-secret@");
    let output = insert(&wrong, "t", "[id]", "");
    let error = output.connect().await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Fatal);
    let text = error.text();
    assert!(
        text.contains("`dsn`") && text.contains("password authentication failed"),
        "{text}"
    );
    assert!(!text.contains("pl4nted"), "{text}");
    let closed = insert(
        "postgres://u:pl4nted@127.0.0.1:1/x?sslmode=disable",
        "t",
        "[id]",
        "",
    );
    let text = closed.connect().await.unwrap_err().text().to_owned();
    assert!(
        text.contains("127.0.0.1:1") && text.contains("refused"),
        "{text}"
    );
    assert!(!text.contains("pl4nted"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_says_what_to_add() {
    let database = shared::postgres();
    let output = insert(&database.url(), "t", "[id]", "");
    let text = output.connect().await.unwrap_err().text().to_owned();
    assert!(text.contains("sslmode=disable"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_is_reported_and_replaced() {
    let database = shared::postgres();
    database.query("CREATE TABLE t (id int)").unwrap();
    let proxy = Proxy::before(&database.url()).unwrap();
    let dsn = proxy.url(&dsn(&database)).unwrap();
    let output = insert(&dsn, "t", "[id]", "");
    output.connect().await.unwrap();
    assert_eq!(failures(&*output, &["[1]", "[2]"]).await, []);
    proxy.down().unwrap();
    let error = output.write(&batch(&["[3]", "[4]"])).await.unwrap_err();
    assert_eq!(error.error().class(), ErrorClass::NotConnected, "{error:?}");
    assert_eq!(
        output.connect().await.unwrap_err().class(),
        ErrorClass::NotConnected
    );
    proxy.heal().unwrap();
    output.connect().await.unwrap();
    assert_eq!(failures(&*output, &["[3]", "[4]"]).await, []);
    assert_eq!(database.value("SELECT count(*) FROM t").unwrap(), "4");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_server_is_used_again() {
    let mut server = PostgresServer::start(true).unwrap();
    let database = server.database().unwrap();
    database.query("CREATE TABLE t (id int)").unwrap();
    let output = insert(&dsn(&database), "t", "[id]", "");
    output.connect().await.unwrap();
    assert_eq!(failures(&*output, &["[1]"]).await, []);
    server.kill();
    let error = output.write(&batch(&["[2]"])).await.unwrap_err();
    assert_eq!(error.error().class(), ErrorClass::NotConnected);
    server.start_again().unwrap();
    output.connect().await.unwrap();
    assert_eq!(failures(&*output, &["[2]"]).await, []);
    assert_eq!(database.value("SELECT count(*) FROM t").unwrap(), "2");
    output.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_above_the_limit_are_closed() {
    let database = shared::postgres();
    database.query("CREATE TABLE t (id int)").unwrap();
    let output = insert(
        &dsn(&database),
        "t",
        "[id]",
        "  conn_max_idle: 1\n  conn_max_open: 4\n",
    );
    output.connect().await.unwrap();
    let writes = (0..32).map(|_| failures(&*output, &["[1]", "[2]"]));
    let failed = futures::future::join_all(writes).await;
    assert!(failed.iter().all(Vec::is_empty), "{failed:?}");
    let open = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'millrace' AND datname = current_database()";
    let at_most = |count: i64| database.value(open).unwrap().parse::<i64>().unwrap() <= count;
    assert!(at_most(4));
    millrace_testkit::poll::until(
        "idle connections to be closed",
        millrace_testkit::poll::PATIENCE,
        || at_most(1).then_some(()),
    )
    .unwrap();
    assert_eq!(database.value("SELECT count(*) FROM t").unwrap(), "64");
}
