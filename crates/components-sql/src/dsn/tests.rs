use super::mysql::Address;
use super::*;

fn postgres(dsn: &str) -> PostgresTarget {
    match Target::parse(Driver::Postgres, dsn) {
        Ok(Target::Postgres(target)) => target,
        Ok(_) => panic!("{dsn} is for another driver"),
        Err(reason) => panic!("{dsn}: {reason}"),
    }
}

fn mysql(dsn: &str) -> MysqlTarget {
    match Target::parse(Driver::Mysql, dsn) {
        Ok(Target::Mysql(target)) => target,
        Ok(_) => panic!("{dsn} is for another driver"),
        Err(reason) => panic!("{dsn}: {reason}"),
    }
}

fn sqlite(dsn: &str) -> SqliteTarget {
    match Target::parse(Driver::Sqlite, dsn) {
        Ok(Target::Sqlite(target)) => target,
        Ok(_) => panic!("{dsn} is for another driver"),
        Err(reason) => panic!("{dsn}: {reason}"),
    }
}

#[test]
fn a_postgres_url_is_read_as_lib_pq_reads_it() {
    let target = postgres(
        "postgres://us%40er:p%3Aa%2Fss@db:6432/my%20db?sslmode=disable&connect_timeout=3&search_path=a,b",
    );
    assert_eq!(target.user, "us@er");
    assert_eq!(target.password.as_deref(), Some("p:a/ss"));
    assert_eq!(target.hosts, [("db".to_owned(), 6432)]);
    assert_eq!(target.database.as_deref(), Some("my db"));
    assert_eq!(target.ssl_mode, SslMode::Disable);
    assert_eq!(target.connect_timeout.map(|it| it.as_secs()), Some(3));
    assert_eq!(
        target.session,
        [("search_path".to_owned(), "a,b".to_owned())]
    );
}

#[test]
fn postgres_demands_tls_unless_told_otherwise() {
    assert_eq!(
        postgres("postgresql://localhost/x").ssl_mode,
        SslMode::Require
    );
    let hosts = postgres("postgres://a:1,b,[::1]:3/x?sslmode=verify-full").hosts;
    let expected = [("a", 1), ("b", 5432), ("::1", 3)].map(|(host, port)| (host.to_owned(), port));
    assert_eq!(hosts, expected);
}

#[test]
fn postgres_words_may_be_quoted_and_escaped() {
    let target = postgres(
        r"host=/var/run/postgresql port = 5433 user='a b' password=it\'s\ secret dbname=x sslmode=disable",
    );
    assert_eq!(target.hosts, [("/var/run/postgresql".to_owned(), 5433)]);
    assert_eq!(target.user, "a b");
    assert_eq!(target.password.as_deref(), Some("it's secret"));
}

#[test]
fn a_mysql_name_is_read_as_the_go_driver_reads_it() {
    let target =
        mysql("root:p@ss/w:rd@tcp(db:3307)/shop?parseTime=true&charset=utf8mb4,utf8&sql_mode=ANSI");
    assert_eq!(target.user.as_deref(), Some("root"));
    assert_eq!(target.password.as_deref(), Some("p@ss/w:rd"));
    assert_eq!(target.address, Address::Tcp("db".to_owned(), 3307));
    assert_eq!(target.database.as_deref(), Some("shop"));
    let session = [("names", "utf8mb4"), ("sql_mode", "ANSI")];
    assert_eq!(
        target.session,
        session.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert_eq!(
        mysql("/").address,
        Address::Tcp("127.0.0.1".to_owned(), 3306)
    );
    assert_eq!(
        mysql("u@unix(/run/my.sock)/x").address,
        Address::Unix("/run/my.sock".to_owned())
    );
    assert_eq!(
        mysql("u@tcp([::1]:3)/x?tls=skip-verify").tls,
        MysqlTls::SkipVerify
    );
}

#[test]
fn sqlite_pragmas_are_taken_out_and_the_rest_stays() {
    let target = sqlite("file:x.db?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&mode=rwc");
    assert_eq!(target.uri, "file:x.db?mode=rwc");
    assert_eq!(
        target.pragmas,
        ["PRAGMA busy_timeout(5000)", "PRAGMA journal_mode(WAL)"]
    );
    assert_eq!(sqlite("./plain.db").uri, "./plain.db");
    assert_eq!(sqlite(":memory:").uri, ":memory:");
}

#[test]
fn a_wrong_name_is_refused_with_a_reason_and_without_its_password() {
    for (driver, dsn, reason) in [
        (Driver::Postgres, "secret-nonsense", "neither"),
        (
            Driver::Postgres,
            "postgres://u:secret@h/x?sslmode=maybe",
            "sslmode `maybe`",
        ),
        (
            Driver::Postgres,
            "postgres://u:secret@h:port/x",
            "port `port`",
        ),
        (Driver::Postgres, "postgres://u:secret%zz@h/x", "%25"),
        (
            Driver::Mysql,
            "root:secret@tcp(db:3306)",
            "user:password@tcp",
        ),
        (Driver::Mysql, "root:secret@tcp(db:3306/x", "closing"),
        (
            Driver::Mysql,
            "root:secret@udp(db)/x",
            "neither `tcp` nor `unix`",
        ),
        (Driver::Sqlite, "file:?mode=ro", "no file"),
        (Driver::Sqlite, "x.db?_pragma=a;drop table x", "_pragma"),
        (Driver::Sqlite, "x.db?_secret_key=1", "_secret_key"),
        (Driver::Clickhouse, "clickhouse://u:secret@h", "clickhouse"),
    ] {
        let Err(text) = Target::parse(driver, dsn) else {
            panic!("{dsn} is accepted")
        };
        assert!(text.contains(reason), "{dsn}: {text}");
        assert!(
            !text.contains("secret@") && !text.contains(":secret"),
            "{text}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn no_name_makes_a_parser_panic(dsn in "\\PC{0,40}") {
        for driver in [Driver::Postgres, Driver::Mysql, Driver::Sqlite] {
            let _checked = Target::parse(driver, &dsn).is_ok();
        }
    }

    #[test]
    fn any_password_survives_a_postgres_word(password in "[ -~]{1,20}") {
        let escaped = password.replace('\\', "\\\\").replace('\'', "\\'");
        let dsn = format!("user=x password='{escaped}' host=h");
        proptest::prop_assert_eq!(postgres(&dsn).password, Some(password));
    }
}
