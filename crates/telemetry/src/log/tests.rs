use std::io::Write;
use std::sync::Arc;

use parking_lot::Mutex;

use super::*;
use crate::metric::{ComponentLabels, Counter};
use crate::redact::Redactor;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What is written while `run` logs.
fn written(settings: LogSettings, run: impl FnOnce(&LogHandle)) -> String {
    let captured = Captured::default();
    let (dispatch, handle) = settings.build(LogSink::Writer(Box::new(captured.clone())));
    tracing::dispatcher::with_default(&dispatch, || run(&handle));
    let bytes = captured.0.lock().clone();
    String::from_utf8(bytes).unwrap()
}

/// Settings whose lines are the same every time.
fn plain() -> LogSettings {
    LogSettings {
        add_timestamp: false,
        static_fields: Default::default(),
        ..LogSettings::default()
    }
}

fn logger() -> ComponentLogger {
    let labels = ComponentLabels {
        label: "q1".into(),
        path: "root.output".into(),
        stream: Some("cities".into()),
    };
    ComponentLogger::new("amqp_0_9", &labels)
}

#[test]
fn a_line_has_the_fields_that_the_operations_guide_monitors() {
    let text = written(plain(), |_| {
        let log = logger();
        let error = std::io::Error::other("refused \"now\"");
        let attempts = 3u64;
        tracing::error!(parent: log.span(), %error, attempts, up = false, took = 0.5, "connect to {}", "broker");
    });
    assert_eq!(
        text,
        "{\"level\":\"error\",\"component\":\"amqp_0_9\",\"message\":\"connect to broker\",\
         \"label\":\"q1\",\"path\":\"root.output\",\"stream\":\"cities\",\
         \"error\":\"refused \\\"now\\\"\",\"attempts\":3,\"up\":false,\"took\":0.5}\n"
    );
}

#[test]
fn logfmt_is_written_by_choice() {
    let settings = LogSettings {
        format: LogFormat::Logfmt,
        static_fields: [("@service".into(), "millrace".into())].into(),
        ..plain()
    };
    let text = written(settings, |_| {
        tracing::warn!(parent: logger().span(), empty = "", eq = "a=b", plain = "é", "two words\n");
    });
    assert_eq!(
        text,
        "level=warn component=amqp_0_9 message=\"two words\\n\" label=q1 path=root.output \
         stream=cities empty=\"\" eq=\"a=b\" plain=é @service=millrace\n"
    );
}

#[test]
fn names_and_the_timestamp_follow_the_settings() {
    let settings = LogSettings {
        add_timestamp: true,
        timestamp_name: "time".into(),
        level_name: "severity".into(),
        message_name: "msg".into(),
        ..LogSettings::default()
    };
    let text = written(settings, |_| tracing::info!(msg = "mine", "hello"));
    let (time, rest) = text.split_at("{\"time\":\"2026-11-21T04:02:05.123Z\",".len());
    assert!(
        time.starts_with("{\"time\":\"20") && time.ends_with("Z\","),
        "{text}"
    );
    assert_eq!(
        rest,
        "\"severity\":\"info\",\"component\":\"telemetry\",\"msg\":\"hello\",\
         \"fields.msg\":\"mine\",\"@service\":\"millrace\"}\n"
    );
}

#[test]
fn errors_are_written_with_their_sources() {
    #[derive(Debug, thiserror::Error)]
    #[error("read segment")]
    struct Outer(#[source] std::io::Error);
    let text = written(plain(), |_| {
        let error = Outer(std::io::Error::other("unexpected end of file"));
        tracing::error!(error = &error as &dyn std::error::Error, "recover");
    });
    assert!(
        text.contains("\"error\":\"read segment: unexpected end of file\""),
        "{text}"
    );
}

#[test]
fn the_level_filters_and_changes_at_run_time() {
    let text = written(plain(), |handle| {
        let all = || {
            tracing::error!("e");
            tracing::warn!("w");
            tracing::info!("i");
            tracing::debug!("d");
            tracing::trace!("t");
            tracing::error!(target: FATAL_TARGET, "f");
            tracing::info!(target: "hyper::proto", "third party");
        };
        for level in LogLevel::ALL {
            handle.set_level(level);
            assert_eq!(handle.level(), level);
            all();
            tracing::error!("-");
        }
    });
    let messages: Vec<&str> = text
        .lines()
        .map(|it| {
            it.split("\"message\":\"")
                .nth(1)
                .unwrap()
                .trim_end_matches("\"}")
        })
        .collect();
    let joined = messages.join("");
    assert_eq!(joined, "fef-ewf-ewif-ewidfthird party-ewidtfthird party-");
}

#[test]
fn records_of_libraries_are_warnings_at_most() {
    let settings = LogSettings {
        log_all_errors: true,
        ..plain()
    };
    let text = written(settings, |handle| {
        let library = || {
            tracing::error!(target: "lapin::io_loop", error = "reset", "connection reset");
            tracing::error!(target: "h2::server", error = "reset", "stream reset");
            tracing::warn!(target: "lapin::returned", "a whole payload");
            tracing::error!(target: "millracer", "not of this workspace");
            tracing::debug!(target: "h2::codec", error = "broken", "never promoted");
        };
        library();
        handle.set_level(LogLevel::Error);
        library();
        handle.set_level(LogLevel::Debug);
        tracing::error!(target: "lapin::io_loop", "a dump of what the component tells");
        tracing::warn!(target: "lapin::returned", "a whole payload");
        tracing::error!("ours");
    });
    assert_eq!(
        text,
        "{\"level\":\"warn\",\"component\":\"h2\",\"message\":\"stream reset\",\"error\":\"reset\"}\n\
         {\"level\":\"warn\",\"component\":\"millracer\",\"message\":\"not of this workspace\"}\n\
         {\"level\":\"debug\",\"component\":\"lapin\",\"message\":\"a dump of what the component tells\"}\n\
         {\"level\":\"error\",\"component\":\"telemetry\",\"message\":\"ours\"}\n"
    );
}

#[test]
fn components_made_while_logging_is_off_keep_their_fields() {
    let settings = LogSettings {
        level: LogLevel::Off,
        ..plain()
    };
    let text = written(settings, |handle| {
        let log = logger();
        tracing::error!(parent: log.span(), "unheard");
        handle.set_level(LogLevel::Info);
        tracing::info!(parent: log.span(), "heard");
    });
    assert!(
        text.starts_with(
            "{\"level\":\"info\",\"component\":\"amqp_0_9\",\"message\":\"heard\",\"label\":\"q1\""
        ),
        "{text}"
    );
}

#[test]
fn events_with_an_error_are_promoted_on_request() {
    let settings = LogSettings {
        log_all_errors: true,
        ..plain()
    };
    let text = written(settings, |_| {
        tracing::debug!(error = "boom", "promoted");
        tracing::debug!("left out");
    });
    assert_eq!(
        text,
        "{\"level\":\"error\",\"component\":\"telemetry\",\"message\":\"promoted\",\"error\":\"boom\"}\n"
    );
}

#[test]
fn fields_whose_names_are_data_win_over_those_of_the_component() {
    let text = written(plain(), |_| {
        let log = logger();
        let text = |it: &str| LogValue::Text(it.into());
        log.emit(
            LogLevel::Info,
            "by {user}",
            vec![
                ("path".into(), text("/x")),
                ("level".into(), text("high")),
                ("n".into(), LogValue::Integer(-1)),
                ("f".into(), LogValue::Float(f64::NAN)),
                ("b".into(), LogValue::Bool(true)),
                ("json".into(), LogValue::Json("{\"a\":[1]}".into())),
            ],
        );
        log.emit(
            LogLevel::Debug,
            "left out",
            vec![("leak".into(), text("x"))],
        );
        tracing::info!(parent: log.span(), "next");
    });
    assert_eq!(
        text,
        "{\"level\":\"info\",\"component\":\"amqp_0_9\",\"message\":\"by {user}\",\"label\":\"q1\",\
         \"stream\":\"cities\",\"path\":\"/x\",\"fields.level\":\"high\",\"n\":-1,\"f\":\"NaN\",\
         \"b\":true,\"json\":{\"a\":[1]}}\n\
         {\"level\":\"info\",\"component\":\"amqp_0_9\",\"message\":\"next\",\"label\":\"q1\",\
         \"path\":\"root.output\",\"stream\":\"cities\"}\n"
    );
}

#[test]
fn planted_secrets_reach_no_line() {
    let secret = "pl\"anted\\log secret";
    Redactor::global().add(secret);
    let escaped = "pl\\\"anted\\\\log secret";
    let text = written(plain(), |_| {
        let log = logger();
        tracing::error!(parent: log.span(), error = secret, debug = ?secret, "message {secret}");
        tracing::error!(parent: log.span(), body = %format!("{{\"p\":\"{escaped}\"}}"), "x");
        let json = LogValue::Json(format!("\"{escaped}\""));
        log.emit(
            LogLevel::Info,
            secret,
            vec![
                (secret.into(), LogValue::Text(secret.into())),
                ("json".into(), json),
            ],
        );
        tracing::error!("open amqp://user:never-registered@host/");
    });
    assert!(
        !text.contains("anted") && !text.contains("never-registered"),
        "{text}"
    );
    assert!(text.contains("\"message\":\"message ***\""), "{text}");
    assert!(text.contains("\"***\":\"***\",\"json\":\"***\""), "{text}");
    assert!(text.contains("amqp://***@host/"), "{text}");
}

#[test]
fn long_lines_are_cut_and_a_secret_at_the_cut_does_not_show_its_head() {
    let secret = "secret-at-the-very-cut";
    Redactor::global().add(secret);
    struct Endless;
    impl std::fmt::Display for Endless {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            // Never returns unless the writer refuses.
            loop {
                f.write_str("endless ")?;
            }
        }
    }
    let text = written(plain(), |_| {
        let filler = "x".repeat(line::VALUE_BYTES_MAX - 10);
        tracing::error!(at_the_cut = %format!("{filler}{secret}"), endless = %Endless, "long");
        let fields = (0..100_000).map(|n| (format!("f{n}"), LogValue::Text("y".repeat(100))));
        logger().emit(LogLevel::Info, "many", fields.collect());
    });
    assert!(!text.contains("secret"), "the head of a secret shows");
    for line in text.lines() {
        assert!(
            line.ends_with("\"truncated\":true}"),
            "{}",
            &line[line.len() - 50..]
        );
        assert!(
            line.len() < line::LINE_BYTES_MAX + 1024,
            "{} bytes",
            line.len()
        );
    }
    assert_eq!(text.lines().count(), 2);
}

#[test]
fn a_flood_of_one_error_is_counted_and_user_lines_are_not() {
    let suppressed = Counter::detached();
    let text = written(plain(), |handle| {
        handle.count_suppressed(suppressed.clone());
        let log = logger();
        for _ in 0..100 {
            tracing::error!(parent: log.span(), "same");
            tracing::info!(parent: log.span(), "info");
            log.emit(LogLevel::Error, "asked for", Vec::new());
        }
        handle.flush();
    });
    let count = |message: &str| text.matches(&format!("\"message\":\"{message}\"")).count();
    assert_eq!(
        (count("same"), count("info"), count("asked for")),
        (6, 100, 100)
    );
    assert_eq!(suppressed.get(), 95.0);
    let last = text.lines().last().unwrap();
    assert!(
        last.ends_with("\"stream\":\"cities\",\"suppressed\":95}"),
        "{last}"
    );
}

#[test]
fn level_names_are_read_in_any_case() {
    for (text, level) in [
        ("INFO", LogLevel::Info),
        ("all", LogLevel::Trace),
        ("None", LogLevel::Off),
        ("fatal", LogLevel::Fatal),
    ] {
        assert_eq!(text.parse(), Ok(level));
    }
    let error = "verbose".parse::<LogLevel>().unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("log level `verbose` is unknown; use one of OFF,")
    );
}

#[test]
fn logs_can_go_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = FileSettings {
        path: folder.path().join("a/b.ndjson"),
        ..FileSettings::default()
    };
    let sink = LogSink::File(file::LogFile::open(&file).unwrap());
    let (dispatch, _handle) = plain().build(sink);
    tracing::dispatcher::with_default(&dispatch, || tracing::info!("to the file"));
    let text = std::fs::read_to_string(&file.path).unwrap();
    assert_eq!(
        text,
        "{\"level\":\"info\",\"component\":\"telemetry\",\"message\":\"to the file\"}\n"
    );
    let settings = LogSettings {
        file: Some(FileSettings {
            path: folder.path().into(),
            ..FileSettings::default()
        }),
        ..plain()
    };
    let error = settings.install().unwrap_err().to_string();
    assert!(
        error.starts_with("open log file") && error.ends_with("check `logger.file.path`"),
        "{error}"
    );
}
