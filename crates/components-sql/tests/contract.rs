//! What the outputs of this crate promise as every output does, on real databases.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use millrace_component::conformance::{self, Workbench};
use millrace_component::{BuiltOutput, LeafOutput};
use millrace_message::{Message, MessageBatch};
use millrace_testkit::mariadb::{MariadbDatabase, MariadbServer};
use millrace_testkit::postgres::{PostgresDatabase, PostgresServer};
use millrace_testkit::proxy::Proxy;
use millrace_testkit::shared;

fn leaf(component: &str, fields: &str) -> LeafOutput {
    let bench = Workbench::new([millrace_components_sql::OUTPUTS]);
    bench.leaf_output(&format!("{component}:\n{fields}"))
}

fn insert(driver: &str, dsn: &str) -> LeafOutput {
    let args = "root = [ content().string() ]";
    let fields = format!(
        "  driver: {driver}\n  dsn: '{dsn}'\n  table: t\n  columns: [v]\n  args_mapping: '{args}'\n"
    );
    leaf("sql_insert", &fields)
}

fn raw(driver: &str, dsn: &str) -> LeafOutput {
    let place = if driver == "postgres" { "$1" } else { "?" };
    let args = "root = [ content().string() ]";
    let fields = format!(
        "  driver: {driver}\n  dsn: '{dsn}'\n  query: INSERT INTO t (v) VALUES ({place})\n  args_mapping: '{args}'\n"
    );
    leaf("sql_raw", &fields)
}

const COMPONENTS: [fn(&str, &str) -> LeafOutput; 2] = [insert, raw];

/// Some that the table refuses.
fn mixed() -> MessageBatch {
    let payloads = ["a", "bad", "c", "bad"];
    payloads.into_iter().map(Message::from).collect()
}

fn first_column(rows: Vec<Vec<String>>) -> Vec<String> {
    rows.into_iter().map(|mut row| row.remove(0)).collect()
}

const VALUES: &str = "SELECT v FROM t ORDER BY id";

fn postgres(database: &PostgresDatabase) -> String {
    let table = "CREATE TABLE t (id serial, v text CHECK (v <> 'bad'))";
    database.query(table).unwrap();
    format!("{}?sslmode=disable", database.url())
}

fn mariadb(database: &MariadbDatabase) -> String {
    let table =
        "CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, v varchar(20) CHECK (v <> 'bad'))";
    database.query(table).unwrap();
    database.go_dsn()
}

async fn on_postgres(output: fn(&str, &str) -> LeafOutput) {
    let database = shared::postgres();
    let dsn = postgres(&database);
    let arrived = || first_column(database.query(VALUES).unwrap());
    conformance::output(|| output("postgres", &dsn), arrived).await;
    database.query("DELETE FROM t").unwrap();
    conformance::output_refuses(output("postgres", &dsn), mixed(), &[1, 3], arrived).await;
}

async fn on_mariadb(output: fn(&str, &str) -> LeafOutput) {
    let database = shared::mariadb();
    let dsn = mariadb(&database);
    let arrived = || first_column(database.query(VALUES).unwrap());
    conformance::output(|| output("mysql", &dsn), arrived).await;
    database.query("DELETE FROM t").unwrap();
    conformance::output_refuses(output("mysql", &dsn), mixed(), &[1, 3], arrived).await;
}

async fn on_sqlite(output: fn(&str, &str) -> LeafOutput) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    let table = "CREATE TABLE t (id integer PRIMARY KEY, v text CHECK (v <> 'bad'))";
    database.execute_batch(table).unwrap();
    let dsn = format!("file:{}", path.display());
    let arrived = || {
        let mut select = database.prepare(VALUES).unwrap();
        let rows = select.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    conformance::output(|| output("sqlite", &dsn), arrived).await;
    database.execute_batch("DELETE FROM t").unwrap();
    conformance::output_refuses(output("sqlite", &dsn), mixed(), &[1, 3], arrived).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_insert_keeps_the_promises_of_an_output() {
    on_postgres(insert).await;
    on_mariadb(insert).await;
    on_sqlite(insert).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_raw_keeps_the_promises_of_an_output() {
    on_postgres(raw).await;
    on_mariadb(raw).await;
    on_sqlite(raw).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_outputs_recover_from_a_cut_connection() {
    for output in COMPONENTS {
        let database = shared::postgres();
        let dsn = postgres(&database);
        let proxy = Proxy::before(&database.url()).unwrap();
        let dsn = proxy.url(&dsn).unwrap();
        let arrived = || first_column(database.query(VALUES).unwrap());
        conformance::output_over_a_cut(output("postgres", &dsn), arrived, || proxy.cut()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_outputs_recover_from_a_restarted_server() {
    for output in COMPONENTS {
        let mut server = PostgresServer::start(true).unwrap();
        let database = server.database().unwrap();
        let dsn = postgres(&database);
        let arrived = || first_column(database.query(VALUES).unwrap());
        let restart = || {
            server.stop().unwrap();
            server.start_again().unwrap();
        };
        conformance::output_over_a_cut(output("postgres", &dsn), arrived, restart).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_outputs_recover_from_a_restarted_server() {
    for output in COMPONENTS {
        let mut server = MariadbServer::start(true).unwrap();
        let database = server.database().unwrap();
        let dsn = mariadb(&database);
        let arrived = || first_column(database.query(VALUES).unwrap());
        let restart = || {
            server.stop().unwrap();
            server.start_again().unwrap();
        };
        conformance::output_over_a_cut(output("mysql", &dsn), arrived, restart).await;
    }
}

/// Waits until an idle output notices that its server is gone.
async fn notices(leaf: LeafOutput, stop: impl FnOnce()) {
    let BuiltOutput::Async(output) = leaf.output else {
        panic!("it talks to a server");
    };
    output.connect().await.unwrap();
    stop();
    let lost = tokio::time::timeout(std::time::Duration::from_secs(60), output.lost());
    lost.await.expect("it does not notice");
    output.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_output_notices_that_its_server_is_gone() {
    let mut server = PostgresServer::start(false).unwrap();
    let database = server.database().unwrap();
    let dsn = postgres(&database);
    notices(insert("postgres", &dsn), || server.kill()).await;
    let mut server = MariadbServer::start(false).unwrap();
    let database = server.database().unwrap();
    let dsn = mariadb(&database);
    notices(raw("mysql", &dsn), || server.kill()).await;
}
