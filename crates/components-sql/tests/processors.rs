//! The processors `sql_insert`, `sql_raw` and `sql_select` on a real PostgreSQL, a real MariaDB, and
//! on SQLite.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use millrace_component::conformance::{self, Workbench};
use millrace_component::{BuiltProcessor, ProcessorChild};
use millrace_message::{Message, MessageBatch};
use millrace_testkit::mariadb::MariadbServer;
use millrace_testkit::postgres::PostgresServer;
use millrace_testkit::shared;

fn bench() -> Workbench {
    Workbench::new([millrace_components_sql::PROCESSORS])
}

fn processor(component: &str, at: &At, fields: &str) -> BuiltProcessor {
    let At { driver, dsn } = at;
    let yaml = format!("{component}:\n  driver: {driver}\n  dsn: '{dsn}'\n{fields}");
    let processor = bench().processor(&yaml);
    processor.unwrap_or_else(|error| panic!("{error}"))
}

/// Where a database is.
struct At {
    driver: &'static str,
    dsn: String,
}

impl At {
    fn place(&self, number: usize) -> String {
        match self.driver {
            "postgres" => format!("${number}"),
            _ => "?".to_owned(),
        }
    }
}

/// What becomes of each message: its content, or the text of its fault.
async fn run(processor: &BuiltProcessor, payloads: &[&str]) -> Vec<Result<String, String>> {
    let batch: MessageBatch = payloads.iter().map(|it| Message::from(*it)).collect();
    let batches = processor.process(batch).await;
    assert_eq!(batches.len(), 1);
    let result = |message: &Message| match message.fault() {
        Some(fault) => Err(fault.cause.text().to_owned()),
        None => Ok(String::from_utf8_lossy(message.bytes()).into_owned()),
    };
    batches[0].iter().map(result).collect()
}

fn contents(results: Vec<Result<String, String>>) -> Vec<String> {
    results.into_iter().map(Result::unwrap).collect()
}

/// Runs a check on each kind of database, with an empty table `footable`.
async fn on_each(check: impl AsyncFn(At)) {
    let table = "CREATE TABLE footable (foo varchar(50) NOT NULL, bar integer CHECK (bar >= 0), \
                 baz varchar(50) NOT NULL, PRIMARY KEY (foo))";
    let database = shared::postgres();
    database.query(table).unwrap();
    check(At {
        driver: "postgres",
        dsn: format!("{}?sslmode=disable", database.url()),
    })
    .await;
    let database = shared::mariadb();
    database.query(table).unwrap();
    check(At {
        driver: "mysql",
        dsn: database.go_dsn(),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    database.execute_batch(table).unwrap();
    check(At {
        driver: "sqlite",
        dsn: format!("file:{}", path.display()),
    })
    .await;
}

const INSERT: &str = "  table: footable\n  columns: [foo, bar, baz]\n  args_mapping: 'root = [ this.foo, this.bar.floor(), this.baz ]'\n";
const SELECT: &str =
    "  table: footable\n  columns: ['*']\n  where: foo = ?\n  args_mapping: 'root = [ this.id ]'\n";

fn raw_insert(at: &At) -> BuiltProcessor {
    let [a, b, c] = [1, 2, 3].map(|number| at.place(number));
    let fields = format!(
        "  query: insert into footable (foo, bar, baz) values ({a}, {b}, {c})\n  args_mapping: 'root = [ this.foo, this.bar.floor(), this.baz ]'\n  exec_only: true\n"
    );
    processor("sql_raw", at, &fields)
}

fn raw_select(at: &At) -> BuiltProcessor {
    let fields = format!(
        "  query: select foo, bar, baz from footable where foo = {}\n  args_mapping: 'root = [ this.id ]'\n",
        at.place(1)
    );
    processor("sql_raw", at, &fields)
}

async fn keeps_the_promises(component: &'static str, fields: &'static str) {
    on_each(async |at: At| {
        conformance::processor(&processor(component, &at, fields)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_insert_keeps_the_promises_of_a_processor() {
    keeps_the_promises("sql_insert", INSERT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_raw_keeps_the_promises_of_a_processor() {
    let fields = "  query: SELECT 1 AS one\n";
    keeps_the_promises("sql_raw", fields).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_select_keeps_the_promises_of_a_processor() {
    keeps_the_promises("sql_select", SELECT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_were_inserted_are_selected_as_objects() {
    on_each(async |at: At| {
        let pairs = [
            (
                processor("sql_insert", &at, INSERT),
                processor("sql_select", &at, SELECT),
            ),
            (raw_insert(&at), raw_select(&at)),
        ];
        for (round, (insert, select)) in pairs.into_iter().enumerate() {
            let documents: Vec<_> = (0..10)
                .map(|it| format!(r#"{{"foo":"doc-{round}-{it}","bar":{it},"baz":"and this"}}"#))
                .collect();
            let documents: Vec<_> = documents.iter().map(String::as_str).collect();
            assert_eq!(contents(run(&insert, &documents).await), documents);
            let ids: Vec<_> = (0..10)
                .map(|it| format!(r#"{{"id":"doc-{round}-{it}"}}"#))
                .collect();
            let ids: Vec<_> = ids.iter().map(String::as_str).collect();
            let found = contents(run(&select, &ids).await);
            for (number, found) in found.iter().enumerate() {
                let expected = format!(
                    r#"[{{"bar":{number},"baz":"and this","foo":"doc-{round}-{number}"}}]"#
                );
                assert_eq!(found, &expected, "{}", at.driver);
            }
            let none = run(&select, &[r#"{"id":"none"}"#]).await;
            assert_eq!(contents(none), ["[]"]);
            insert.close().await;
            select.close().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_messages_at_fault_are_flagged() {
    on_each(async |at: At| {
        let good = r#"{"foo":"a","bar":1,"baz":"x"}"#;
        let refused = r#"{"foo":"b","bar":-1,"baz":"x"}"#;
        let other = r#"{"foo":"c","bar":2,"baz":"x"}"#;
        for insert in [processor("sql_insert", &at, INSERT), raw_insert(&at)] {
            let results = run(&insert, &[good, refused, "no JSON", other]).await;
            let flagged: Vec<_> = results.iter().map(Result::is_err).collect();
            assert_eq!(
                flagged,
                [false, true, true, false],
                "{}: {results:?}",
                at.driver
            );
            assert!(
                results[2].as_ref().unwrap_err().contains("args_mapping"),
                "{results:?}"
            );
            let delete = "  query: DELETE FROM footable\n  exec_only: true\n";
            contents(run(&processor("sql_raw", &at, delete), &["{}"]).await);
        }
        let select = processor("sql_select", &at, "  table: nowhere\n  columns: [a]\n");
        let error = run(&select, &["kept"]).await.remove(0).unwrap_err();
        assert!(
            error.contains("select from `nowhere`"),
            "{}: {error}",
            at.driver
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_select_has_what_a_user_puts_around_it() {
    on_each(async |at: At| {
        let insert = processor("sql_insert", &at, INSERT);
        let documents = [
            r#"{"foo":"a","bar":1,"baz":"x"}"#,
            r#"{"foo":"b","bar":2,"baz":"x"}"#,
            r#"{"foo":"c","bar":3,"baz":"y"}"#,
        ];
        contents(run(&insert, &documents).await);
        let fields = "  table: footable\n  columns: [foo, 'bar * 2 AS twice']\n  where: baz = ? AND bar > ?\n  args_mapping: 'root = [ this.baz, 0 ]'\n  suffix: ORDER BY bar DESC\n";
        let select = processor("sql_select", &at, fields);
        let found = contents(run(&select, &[r#"{"baz":"x"}"#]).await);
        let expected = r#"[{"foo":"b","twice":4},{"foo":"a","twice":2}]"#;
        assert_eq!(found, [expected], "{}", at.driver);
        let all = processor("sql_select", &at, "  table: footable\n  columns: [foo]\n");
        let found = contents(run(&all, &["anything"]).await);
        assert_eq!(found, [r#"[{"foo":"a"},{"foo":"b"},{"foo":"c"}]"#], "{}", at.driver);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_is_too_large_is_an_error_and_the_next_one_is_read() {
    on_each(async |at: At| {
        let insert = processor("sql_insert", &at, INSERT);
        let documents: Vec<_> = (0..100)
            .map(|it| format!(r#"{{"foo":"{it}","bar":{it},"baz":"x"}}"#))
            .collect();
        let documents: Vec<_> = documents.iter().map(String::as_str).collect();
        contents(run(&insert, &documents).await);
        let fields = "  table: footable\n  columns: ['*']\n  where: bar < ?\n  args_mapping: 'root = [ this ]'\n  max_result_size: 2000\n";
        let results = run(&processor("sql_select", &at, fields), &["100", "1"]).await;
        let error = results[0].as_ref().unwrap_err();
        assert!(error.contains("`max_result_size`, 2000 bytes"), "{}: {error}", at.driver);
        let expected = r#"[{"bar":0,"baz":"x","foo":"0"}]"#;
        assert_eq!(results[1].as_deref(), Ok(expected), "{}", at.driver);
    })
    .await;
}

/// The one row of a query.
async fn row(at: &At, query: &str) -> Result<String, String> {
    let fields = format!("  query: |\n    {query}\n");
    let mut results = run(&processor("sql_raw", at, &fields), &["{}"]).await;
    results.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_postgres_become_numbers_booleans_times_or_text() {
    let database = shared::postgres();
    database
        .query("CREATE TYPE mood AS ENUM ('sad', 'happy')")
        .unwrap();
    let at = At {
        driver: "postgres",
        dsn: format!("{}?sslmode=disable", database.url()),
    };
    let query = "SELECT true AS b, 7::int2 AS i2, -8::int4 AS i4, 9007199254740993 AS i8, \
        1.1::float4 AS f4, 0.25::float8 AS f8, 12345678901234567890.1230::numeric AS n, \
        (-0.00001234)::numeric AS small, 100000000::numeric AS big, 'text' AS t, \
        'x'::varchar AS v, 'happy'::mood AS e, '\\x6869'::bytea AS raw, \
        '6f9619ff-8b86-d011-b42d-00c04fc964ff'::uuid AS u, '{\"a\": [1]}'::json AS j, \
        '{\"a\": [1]}'::jsonb AS jb, '2024-02-03'::date AS d, \
        '2024-02-03 04:05:06.5'::timestamp AS ts, '2024-02-03 04:05:06+02'::timestamptz AS tz, \
        '04:05:06'::time AS tm, 'infinity'::timestamptz AS never, null::int AS nothing, \
        ARRAY['x', 'y \"z\"', null, '', 'null', 'a,b'] AS words, ARRAY[[1,2],[3,4]] AS grid, \
        '{}'::int[] AS none, ARRAY[1.50, 2] AS decimals";
    let expected = concat!(
        r#"[{"b":true,"big":"100000000","d":"2024-02-03T00:00:00Z","decimals":"{1.50,2}","#,
        r#""e":"happy","f4":1.1,"f8":0.25,"grid":"{{1,2},{3,4}}","i2":7,"i4":-8,"#,
        r#""i8":9007199254740993,"j":"{\"a\": [1]}","jb":"{\"a\": [1]}","#,
        r#""n":"12345678901234567890.1230","never":"infinity","none":"{}","nothing":null,"#,
        r#""raw":"hi","small":"-0.00001234","t":"text","tm":"0000-01-01T04:05:06Z","#,
        r#""ts":"2024-02-03T04:05:06.5Z","tz":"2024-02-03T02:05:06Z","#,
        r#""u":"6f9619ff-8b86-d011-b42d-00c04fc964ff","v":"x","#,
        r#""words":"{x,\"y \\\"z\\\"\",NULL,\"\",\"null\",\"a,b\"}"}]"#,
    );
    assert_eq!(row(&at, query).await.as_deref(), Ok(expected));
    let error = row(&at, "SELECT interval '1 day' AS wait")
        .await
        .unwrap_err();
    assert!(
        error.contains("column `wait`") && error.contains("::text"),
        "{error}"
    );
    let text = row(&at, "SELECT (interval '1 day')::text AS wait").await;
    assert_eq!(text.as_deref(), Ok(r#"[{"wait":"1 day"}]"#));
    // What PostgreSQL writes for an array is what we write for it.
    let same = "SELECT a::text AS theirs, a AS ours FROM (SELECT ARRAY[true, null] AS a) AS x";
    let same = row(&at, same).await;
    assert_eq!(
        same.as_deref(),
        Ok(r#"[{"ours":"{t,NULL}","theirs":"{t,NULL}"}]"#)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_mariadb_become_numbers_or_text_and_times_on_request() {
    let database = shared::mariadb();
    database
        .query(
            "CREATE TABLE t (i int, big bigint unsigned, f float, d double, n decimal(20,4), \
             s varchar(20), raw blob, doc json, day date, at datetime(3), stamp timestamp NULL, \
             clock time, y year, nothing int)",
        )
        .unwrap();
    database
        .query(
            "INSERT INTO t VALUES (-1, 18446744073709551615, 1.1, 0.25, 12345678901234.5, 'Zürich', \
             'hi', '{\"a\": [1]}', '2024-02-03', '2024-02-03 04:05:06.500', \
             '2024-02-03 04:05:06', '-25:00:01', 2024, null)",
        )
        .unwrap();
    let dsn = database.go_dsn();
    let separator = if dsn.contains('?') { '&' } else { '?' };
    for (dsn, times) in [
        (
            dsn.clone(),
            r#""at":"2024-02-03 04:05:06.500","big":18446744073709551615,"clock":"-25:00:01","d":0.25,"day":"2024-02-03""#,
        ),
        (
            format!("{dsn}{separator}parseTime=true"),
            r#""at":"2024-02-03T04:05:06.5Z","big":18446744073709551615,"clock":"-25:00:01","d":0.25,"day":"2024-02-03T00:00:00Z""#,
        ),
    ] {
        let at = At {
            driver: "mysql",
            dsn,
        };
        let query = "SELECT i, big, f, d, n, s, raw, doc, day, at, clock, y, nothing FROM t";
        let found = row(&at, query).await.unwrap();
        let rest = concat!(
            r#","doc":"{\"a\": [1]}","f":1.1,"i":-1,"n":"12345678901234.5000","#,
            r#""nothing":null,"raw":"hi","s":"Zürich","y":2024}]"#,
        );
        assert_eq!(found, format!("[{{{times}{rest}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_sqlite_become_what_their_column_is_declared_as() {
    let folder = tempfile::tempdir().unwrap();
    let at = At {
        driver: "sqlite",
        dsn: format!("file:{}", folder.path().join("x.db").display()),
    };
    let init = "  query: |\n    CREATE TABLE t (i integer, f real, s text, raw blob, ok boolean, at datetime, day date);\n    INSERT INTO t VALUES (1, 0.5, 'x', x'6869', 1, '2024-02-03 04:05:06.5', '2024-02-03');\n    INSERT INTO t VALUES (null, null, null, null, null, '2024-02-03T04:05:06+02:00', 'soon')\n  exec_only: true\n";
    contents(run(&processor("sql_raw", &at, init), &["{}"]).await);
    let found = row(&at, "SELECT * FROM t ORDER BY i IS NULL").await;
    let expected = concat!(
        r#"[{"at":"2024-02-03T04:05:06.5Z","day":"2024-02-03T00:00:00Z","f":0.5,"i":1,"ok":true,"#,
        r#""raw":"hi","s":"x"},{"at":"2024-02-03T04:05:06+02:00","day":"soon","f":null,"i":null,"#,
        r#""ok":null,"raw":null,"s":null}]"#,
    );
    assert_eq!(found.as_deref(), Ok(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_may_be_dynamic_and_init_statements_run_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = At {
        driver: "sqlite",
        dsn: format!("file:{}", folder.path().join("x.db").display()),
    };
    let fields = "  query: SELECT ${! this.column } AS found FROM t WHERE id = ?\n  unsafe_dynamic_query: true\n  args_mapping: root = [ this.id ]\n  init_statement: CREATE TABLE t AS SELECT 1 AS id, 'x' AS name\n";
    let select = processor("sql_raw", &at, fields);
    let found = run(
        &select,
        &[r#"{"column":"name","id":1}"#, r#"{"column":"id","id":1}"#],
    )
    .await;
    assert_eq!(contents(found), [r#"[{"found":"x"}]"#, r#"[{"found":1}]"#]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_server_is_connected_to_again() {
    let mut postgres = PostgresServer::start(true).unwrap();
    let database = postgres.database().unwrap();
    database.query("CREATE TABLE t (id int)").unwrap();
    let at = At {
        driver: "postgres",
        dsn: format!("{}?sslmode=disable", database.url()),
    };
    let fields = "  table: t\n  columns: [id]\n  args_mapping: root = [ this ]\n";
    let (insert, select) = (
        processor("sql_insert", &at, fields),
        "SELECT count(*) AS n FROM t",
    );
    let select = processor("sql_raw", &at, &format!("  query: {select}\n"));
    contents(run(&insert, &["1"]).await);
    contents(run(&select, &["{}"]).await);
    postgres.stop().unwrap();
    assert!(run(&insert, &["2"]).await[0].is_err(), "nobody is there");
    assert!(run(&select, &["{}"]).await[0].is_err(), "nobody is there");
    postgres.start_again().unwrap();
    contents(run(&insert, &["2"]).await);
    assert_eq!(contents(run(&select, &["{}"]).await), [r#"[{"n":2}]"#]);

    let mut mariadb = MariadbServer::start(true).unwrap();
    let database = mariadb.database().unwrap();
    let at = At {
        driver: "mysql",
        dsn: database.go_dsn(),
    };
    let select = processor("sql_raw", &at, "  query: SELECT 1 AS one\n");
    contents(run(&select, &["{}"]).await);
    mariadb.stop().unwrap();
    mariadb.start_again().unwrap();
    // The connection that was kept is lost; a new one is opened in its place.
    assert_eq!(contents(run(&select, &["{}"]).await), [r#"[{"one":1}]"#]);
}

#[test]
fn drivers_that_are_not_built_are_refused_by_name() {
    for driver in [
        "clickhouse",
        "mssql",
        "oracle",
        "snowflake",
        "trino",
        "gocosmos",
        "spanner",
        "duckdb",
    ] {
        for fields in [
            "sql_raw: { query: SELECT 1",
            "sql_select: { table: t, columns: [a]",
            "sql_insert: { table: t, columns: [a], args_mapping: 'root = [ 1 ]'",
        ] {
            let yaml = format!("{fields}, driver: {driver}, dsn: x }}");
            let error = bench().read::<ProcessorChild>(&yaml).unwrap_err();
            let reason = format!("driver `{driver}` is not part of this build");
            assert!(error.contains(&reason), "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_holds_no_password() {
    let database = shared::postgres();
    let url = database.url();
    let (_, rest) = url.rsplit_once('@').unwrap();
    let at = At {
        driver: "postgres",
        dsn: format!("postgres://somebody:pl4nted@{rest}?sslmode=disable"),
    };
    let error = row(&at, "SELECT 1").await.unwrap_err();
    assert!(!error.contains("pl4nted"), "{error}");
}
