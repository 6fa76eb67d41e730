//! The closing report: what became of every message.

use std::fmt;
use std::time::Duration;

use millrace_component::{Balance, Kept, Kind, LOST_WITH_BUFFER, STOPPED, UNREADABLE};
use millrace_message::{Object, Value};
use millrace_telemetry::log::{LogValue, SUMMARY_TARGET, with_fields};
use tracing::error;

/// What a stream did from start to end.
#[derive(Clone, Debug)]
pub struct Report {
    /// The accounting of source messages.
    pub balance: Balance,
    /// The accounting behind a buffer that acknowledges before delivery, when there is one.
    pub behind_buffer: Option<Balance>,
    /// What stays in buffers on disk, for the next start.
    pub kept: Vec<Kept>,
    /// The files that messages were written to, as far as they do not depend on the message.
    pub files: Vec<Box<str>>,
    /// The outputs whose messages are not in these files.
    pub other_outputs: Vec<Box<str>>,
    /// How long it ran.
    pub elapsed: Duration,
}

impl Report {
    /// Why the end was not an orderly one: messages that were not settled, that the input cannot
    /// give again or could not read, or that were lost with a buffer.
    pub fn complaint(&self) -> Option<String> {
        let balances = std::iter::once(&self.balance).chain(&self.behind_buffer);
        let in_flight: u64 = balances.map(Balance::in_flight).sum();
        let stopped = self.balance.count(Kind::Dropped, STOPPED);
        let unreadable = self.balance.count(Kind::Dropped, UNREADABLE);
        let buffer = self.behind_buffer.as_ref();
        let lost = buffer.map_or(0, |it| it.count(Kind::Dropped, LOST_WITH_BUFFER));
        let complaints = [
            told(
                in_flight,
                "1 message was not settled",
                "{} messages were not settled",
            ),
            told(
                stopped,
                "stopped before 1 message was delivered; the input cannot give it again",
                "stopped before {} messages were delivered; the input cannot give them again",
            ),
            told(
                unreadable,
                "1 message could not be read and is dropped",
                "{} messages could not be read and are dropped",
            ),
            told(
                lost,
                "1 message was lost with the buffer",
                "{} messages were lost with the buffer",
            ),
        ];
        let complaints: Vec<_> = complaints.into_iter().flatten().collect();
        (!complaints.is_empty()).then(|| complaints.join("; "))
    }
}

/// What became of some messages: `one`, or `several` with their number for `{}`.
fn told(count: u64, one: &str, several: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(one.to_owned()),
        _ => Some(several.replace("{}", &count.to_string())),
    }
}

impl Report {
    /// Says the same in one line of the log, for runs that nobody watches; with a second one for
    /// what happened behind a buffer.
    pub fn log(&self) {
        let files = (!self.files.is_empty()).then(|| self.files.join(", "));
        let others = self.others_beside_files();
        let log = |balance: &Balance, kept: &[Kept], what: &str| {
            let has_kept = !kept.is_empty();
            let kept_in: Vec<_> = kept.iter().map(|it| &*it.file).collect();
            let kept_in = has_kept.then(|| kept_in.join(", "));
            let write = || {
                error!(
                    target: SUMMARY_TARGET,
                    received = balance.received,
                    delivered = balance.delivered,
                    filtered = balance.total(Kind::Filtered),
                    dropped = balance.total(Kind::Dropped),
                    returned = balance.total(Kind::Returned),
                    in_flight = balance.in_flight(),
                    replayed = balance.replayed,
                    failed_processing = balance.faulted,
                    kept = has_kept.then(|| kept.iter().map(|it| it.messages).sum::<u64>()),
                    kept_bytes = has_kept.then(|| kept.iter().map(|it| it.bytes).sum::<u64>()),
                    kept_in = kept_in.as_deref(),
                    seconds = self.elapsed.as_secs_f64(),
                    written_to = files.as_deref(),
                    other_outputs = others.as_deref(),
                    "{what}"
                );
            };
            with_fields(reasons(balance), write);
        };
        log(&self.balance, &[], "the run has ended");
        if let Some(balance) = &self.behind_buffer {
            log(balance, &self.kept, "the run has ended: behind the buffer");
        }
    }
}

impl Report {
    /// The outputs beside those of the files, where files are named: the messages may be there.
    fn others_beside_files(&self) -> Option<String> {
        let others = (!self.files.is_empty()).then_some(&self.other_outputs)?;
        let mut named: Vec<&str> = others.iter().take(OTHERS_MAX).map(|it| &**it).collect();
        let more = others.len() - named.len();
        let more_text = format!("{more} more");
        if more > 0 {
            named.push(&more_text);
        }
        (!named.is_empty()).then(|| named.join(", "))
    }
}

/// How many other outputs are named.
const OTHERS_MAX: usize = 8;

/// Why messages ended otherwise than delivered, as fields: `dropped_reasons` and its like, for what
/// there is.
fn reasons(balance: &Balance) -> Vec<(String, LogValue)> {
    let of = |kind: Kind| {
        let mut counts = Object::new();
        for ((_, reason), count) in balance.others.iter().filter(|((of, _), _)| *of == kind) {
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            counts.insert(&**reason, Value::from(count));
        }
        let json = Value::Object(counts).to_json();
        let text = String::from_utf8_lossy(&json).into_owned();
        let name = format!("{}_reasons", kind.name());
        (balance.total(kind) > 0).then_some((name, LogValue::Json(text)))
    };
    let kinds = [Kind::Filtered, Kind::Dropped, Kind::Returned];
    kinds.into_iter().filter_map(of).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.elapsed.as_secs_f64();
        let received = self.balance.received;
        writeln!(f, "received   {received:>12}   in {seconds:.1} s")?;
        write_ends(f, &self.balance)?;
        if let Some(balance) = &self.behind_buffer {
            // What was delivered above is what the buffer took over.
            let received = balance.received;
            writeln!(f, "\nbehind the buffer")?;
            writeln!(f, "received   {received:>12}")?;
            write_ends(f, balance)?;
        }
        for Kept {
            file,
            messages,
            bytes,
        } in &self.kept
        {
            write!(
                f,
                "\nkept       {messages:>12}   ({bytes} bytes in {file}, for the next start)"
            )?;
        }
        for file in &self.files {
            write!(f, "\nwritten to   {file}")?;
        }
        if let Some(others) = self.others_beside_files() {
            write!(f, "\nother outputs   {others}")?;
        }
        Ok(())
    }
}

fn write_ends(f: &mut fmt::Formatter<'_>, balance: &Balance) -> fmt::Result {
    write!(f, "delivered  {:>12}", balance.delivered)?;
    match balance.faulted {
        0 => writeln!(f)?,
        faulted => writeln!(
            f,
            "   ({faulted} written although a processor had failed on them)"
        )?,
    }
    for kind in [Kind::Filtered, Kind::Dropped, Kind::Returned] {
        let total = balance.total(kind);
        write!(f, "{:<10} {total:>12}", kind.name())?;
        let mut reasons = balance
            .others
            .iter()
            .filter(|((of, _), _)| *of == kind)
            .peekable();
        if reasons.peek().is_some() {
            let list: Vec<_> = reasons
                .map(|((_, reason), count)| format!("{reason}: {count}"))
                .collect();
            write!(f, "   ({})", list.join(", "))?;
        }
        writeln!(f)?;
    }
    if balance.replayed > 0 {
        writeln!(f, "sent again {:>12}", balance.replayed)?;
    }
    write!(f, "in flight  {:>12}", balance.in_flight())
}

#[cfg(test)]
mod tests {
    use millrace_component::Ledger;
    use millrace_message::Outcome;

    use super::*;

    fn balance(delivered: usize, lost: usize, open: usize) -> Balance {
        dropping(delivered, LOST_WITH_BUFFER, lost, open)
    }

    fn dropping(delivered: usize, reason: &str, dropped: usize, open: usize) -> Balance {
        let ledger = Ledger::default();
        ledger.receive(delivered + dropped + open);
        for _ in 0..delivered {
            ledger.settle(&Outcome::Delivered);
        }
        for _ in 0..dropped {
            ledger.settle(&Outcome::Dropped {
                reason: reason.into(),
            });
        }
        ledger.balance()
    }

    fn report(balance: Balance, behind_buffer: Option<Balance>) -> Report {
        Report {
            balance,
            behind_buffer,
            kept: Vec::new(),
            files: Vec::new(),
            other_outputs: Vec::new(),
            elapsed: Duration::from_millis(1500),
        }
    }

    #[test]
    fn the_summary_shows_both_sides_of_a_buffer() {
        let text = report(balance(7, 0, 0), Some(balance(4, 3, 0))).to_string();
        let (before, behind) = text.split_once("\nbehind the buffer\n").expect("two parts");
        assert!(
            before.starts_with("received              7   in 1.5 s\ndelivered             7\n")
        );
        assert!(behind.starts_with("received              7\ndelivered             4\n"));
        assert!(behind.contains("dropped               3   (buffer_shutdown: 3)\n"));
    }

    #[test]
    fn the_summary_says_what_stays_in_a_buffer_for_the_next_start() {
        let mut report = report(balance(7, 0, 0), Some(balance(4, 0, 0)));
        report.kept.push(Kept {
            file: "b.db".into(),
            messages: 3,
            bytes: 42,
        });
        let text = report.to_string();
        let line = "0\nkept                  3   (42 bytes in b.db, for the next start)";
        assert!(text.ends_with(line), "{text}");
        assert_eq!(report.complaint(), None);
    }

    #[test]
    fn the_summary_says_where_the_messages_are() {
        let mut report = report(balance(7, 0, 0), None);
        report.files.push("out.ndjson".into());
        let text = report.to_string();
        assert!(text.ends_with("0\nwritten to   out.ndjson"), "{text}");
        report
            .other_outputs
            .push("sql_insert at root.output.broker.outputs.0".into());
        let text = report.to_string();
        let line = "out.ndjson\nother outputs   sql_insert at root.output.broker.outputs.0";
        assert!(text.ends_with(line), "{text}");
        // Without a file nothing claims to be the place of all messages.
        report.files.clear();
        assert!(!report.to_string().contains("sql_insert"));
    }

    #[test]
    fn the_log_line_of_the_summary_has_the_reasons_of_what_was_not_delivered() {
        assert_eq!(reasons(&balance(7, 0, 0)), []);
        let reasons = reasons(&dropping(7, "switch_no_match", 3, 0));
        let counts = LogValue::Json(r#"{"switch_no_match":3}"#.to_owned());
        assert_eq!(reasons, [("dropped_reasons".to_owned(), counts)]);
    }

    #[test]
    fn the_summary_says_how_many_messages_went_on_after_a_failure() {
        let mut balance = balance(7, 0, 0);
        balance.faulted = 3;
        let text = report(balance, None).to_string();
        let line =
            "delivered             7   (3 written although a processor had failed on them)\n";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn what_did_not_settle_or_was_lost_with_the_buffer_is_a_complaint() {
        assert_eq!(
            report(balance(7, 0, 0), Some(balance(7, 0, 0))).complaint(),
            None
        );
        assert_eq!(report(balance(7, 0, 0), None).complaint(), None);
        let complaint = |before, behind| report(before, Some(behind)).complaint().expect("one");
        assert_eq!(
            complaint(balance(7, 0, 1), balance(6, 0, 1)),
            "2 messages were not settled"
        );
        assert_eq!(
            complaint(balance(7, 0, 0), balance(4, 3, 0)),
            "3 messages were lost with the buffer"
        );
        assert_eq!(
            complaint(balance(7, 0, 0), balance(3, 3, 1)),
            "1 message was not settled; 3 messages were lost with the buffer"
        );
    }

    #[test]
    fn what_an_input_cannot_give_again_or_read_is_a_complaint() {
        let stopped = report(dropping(7, STOPPED, 2, 0), None);
        assert_eq!(
            stopped.complaint().as_deref(),
            Some("stopped before 2 messages were delivered; the input cannot give them again")
        );
        let unreadable = report(dropping(7, UNREADABLE, 2, 0), None);
        assert_eq!(
            unreadable.complaint().as_deref(),
            Some("2 messages could not be read and are dropped")
        );
        let by_a_component = report(dropping(7, "drop_on_error", 2, 0), None);
        assert_eq!(by_a_component.complaint(), None);
    }
}
