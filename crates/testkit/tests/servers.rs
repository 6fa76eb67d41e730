//! Every kind of server starts, answers, survives a restart with its data, and is gone afterwards.

use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use millrace_testkit::mariadb::MariadbServer;
use millrace_testkit::poll::{self, PATIENCE};
use millrace_testkit::postgres::PostgresServer;
use millrace_testkit::prometheus::{self, PrometheusServer};
use millrace_testkit::rabbitmq::RabbitmqServer;
use millrace_testkit::redis::{RedisOptions, RedisServer, Reply};
use millrace_testkit::{http, shared};

fn assert_closed(port: u16) {
    assert!(
        TcpStream::connect(("127.0.0.1", port)).is_err(),
        "port {port} still answers"
    );
}

#[test]
fn redis_keeps_durable_data_over_kill_and_restart() {
    let password = Some("secret".to_owned());
    let mut server = RedisServer::start(RedisOptions {
        password,
        durable: true,
    })
    .unwrap();
    server
        .client()
        .unwrap()
        .command(&["RPUSH", "list", "a", "b c"])
        .unwrap();
    server.kill();
    assert_closed(server.port());
    server.start_again().unwrap();
    assert_eq!(server.client().unwrap().list("list").unwrap(), ["a", "b c"]);
    server.stop().unwrap();
    assert_closed(server.port());
}

#[test]
fn a_wrong_redis_password_is_refused() {
    let password = Some("secret".to_owned());
    let server = RedisServer::start(RedisOptions {
        password,
        durable: false,
    })
    .unwrap();
    let url = server.url().replace("secret", "wrong");
    let error = millrace_testkit::redis::RedisClient::connect(&url).unwrap_err();
    assert!(format!("{error:#}").contains("WRONGPASS"), "{error:#}");
}

#[test]
fn postgres_keeps_data_over_kill_and_restart() {
    let mut server = PostgresServer::start(true).unwrap();
    let database = server.database().unwrap();
    database
        .query("CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x|y'), (2, NULL)")
        .unwrap();
    server.kill();
    assert_closed(server.port());
    server.start_again().unwrap();
    let rows = database.query("SELECT a, b FROM t ORDER BY a").unwrap();
    assert_eq!(rows, [["1", "x|y"], ["2", ""]]);
    drop(database);
    server.stop().unwrap();
    assert_closed(server.port());
}

#[test]
fn mariadb_keeps_data_over_restart() {
    let mut server = MariadbServer::start(true).unwrap();
    let database = server.database().unwrap();
    database
        .query("CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'Zürich')")
        .unwrap();
    server.stop().unwrap();
    assert_closed(server.port());
    server.start_again().unwrap();
    assert_eq!(
        database.query("SELECT a, b FROM t").unwrap(),
        [["1", "Zürich"]]
    );
    assert!(
        database.go_dsn().contains("@tcp(127.0.0.1:"),
        "{}",
        database.go_dsn()
    );
}

#[test]
fn rabbitmq_keeps_persistent_messages_over_restart() {
    let mut server = RabbitmqServer::start().unwrap();
    let vhost = server.vhost().unwrap();
    vhost.declare_queue("q1").unwrap();
    vhost.publish("q1", "Zürich").unwrap();
    vhost
        .wait_for_depth("q1", PATIENCE, |depth| depth.ready == 1)
        .unwrap();
    server.stop().unwrap();
    assert_closed(server.port());
    server.start_again().unwrap();
    let depth = vhost
        .wait_for_depth("q1", PATIENCE, |depth| depth.total() == 1)
        .unwrap();
    assert_eq!((depth.unacknowledged, depth.consumers), (0, 0));
    let messages = vhost.take("q1", 10).unwrap();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["payload"], "Zürich");
    assert!(vhost.publish("no-such-queue", "lost").is_err());
    drop(vhost);
    server.kill();
    assert_closed(server.port());
}

#[test]
fn prometheus_scrapes_a_target_and_answers_queries() {
    let first = PrometheusServer::start("global: { scrape_interval: 1s }", &[]).unwrap();
    let target = first.url().replace("http://", "");
    let server = PrometheusServer::scraping(&[&target], Duration::from_millis(100)).unwrap();
    let up = server
        .wait_for("up", PATIENCE, |sample| sample.value == 1.0)
        .unwrap();
    assert_eq!(up.len(), 1);
    assert_eq!(up[0].labels["instance"], target);
    assert_eq!(server.query("1 + 1").unwrap()[0].value, 2.0);
    assert!(server.query("not promql").is_err());
}

#[test]
fn promtool_refuses_a_broken_rule() {
    let rule = "groups: [{ name: g, rules: [{ alert: Down, expr: up == 0 }] }]";
    prometheus::check("rules", rule).unwrap();
    let error = prometheus::check("rules", &rule.replace("up == 0", "up ==")).unwrap_err();
    assert!(error.to_string().contains("parse error"), "{error}");
}

#[test]
fn shared_servers_give_each_test_a_part_of_its_own() {
    let (first, second) = (shared::rabbitmq(), shared::rabbitmq());
    first.declare_queue("q").unwrap();
    assert!(second.delete_queue("q").is_err());

    let (first, second) = (shared::redis(), shared::redis());
    first.client().unwrap().command(&["SET", "k", "v"]).unwrap();
    assert_eq!(
        second.client().unwrap().command(&["GET", "k"]).unwrap(),
        Reply::Nil
    );

    let (first, second) = (shared::postgres(), shared::postgres());
    first.query("CREATE TABLE t (a int)").unwrap();
    assert!(second.query("SELECT * FROM t").is_err());
    assert_eq!(first.value("SELECT count(*) FROM t").unwrap(), "0");

    let (first, second) = (shared::mariadb(), shared::mariadb());
    first.query("CREATE TABLE t (a int)").unwrap();
    assert!(second.query("SELECT * FROM t").is_err());
    assert_eq!(first.value("SELECT count(*) FROM t").unwrap(), "0");
}

/// Runs as the child of the test below, which kills it.
#[test]
fn a_redis_that_waits_to_be_orphaned() {
    let Ok(file) = std::env::var("MILLRACE_TESTKIT_ORPHAN") else {
        return;
    };
    let server = RedisServer::start(RedisOptions::default()).unwrap();
    std::fs::write(file, format!("{}\n", server.port())).unwrap();
    loop {
        std::thread::park();
    }
}

#[test]
fn a_server_dies_with_the_test_process_that_started_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("port");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_redis_that_waits_to_be_orphaned"])
        .env("MILLRACE_TESTKIT_ORPHAN", &file)
        .spawn()
        .unwrap();
    let port = poll::until("the orphan's port", PATIENCE, || {
        std::fs::read_to_string(&file)
            .ok()?
            .strip_suffix('\n')?
            .parse::<u16>()
            .ok()
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let port = port.unwrap();
    poll::until("the orphan to die", PATIENCE, || {
        TcpStream::connect(("127.0.0.1", port))
            .is_err()
            .then_some(())
    })
    .unwrap();
    assert!(http::get(&format!("http://127.0.0.1:{port}")).is_err());
}
