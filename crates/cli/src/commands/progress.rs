//! How a long run goes, once a second, as the last line of a terminal.

use std::fs::File;
use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use millrace_component::{Balance, Flow, Kind, Side};
use millrace_node::show_status;
use tokio::task::JoinHandle;

const PERIOD: Duration = Duration::from_secs(1);

/// Shows the progress of a stream until it is dropped, when standard error is a terminal.
pub struct Progress(Option<JoinHandle<()>>);

impl Progress {
    /// Nothing is shown.
    pub fn none() -> Self {
        Self(None)
    }

    /// Shows how `flow` goes from now on, beginning in a second; call it on the runtime.
    pub fn follow(&mut self, flow: &Flow) {
        if let Some(earlier) = self.0.take() {
            earlier.abort();
        }
        if std::io::stderr().is_terminal() {
            self.0 = Some(tokio::spawn(show(flow.clone())));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
            show_status("");
        }
    }
}

/// Whether both standard streams are the same terminal.
fn share_terminal() -> bool {
    fn terminal(stream: impl AsFd + IsTerminal) -> Option<u64> {
        let owned = stream.as_fd().try_clone_to_owned();
        let file = File::from(owned.ok().filter(|_| stream.is_terminal())?);
        Some(file.metadata().ok()?.rdev())
    }
    let terminal_of_errors = terminal(std::io::stderr());
    terminal_of_errors.is_some() && terminal_of_errors == terminal(std::io::stdout())
}

/// Whether messages go to the standard output.
fn prints_messages(flow: &Flow) -> bool {
    let connections = flow.connections();
    let mut outputs = connections.iter().filter(|it| it.side() == Side::Output);
    outputs.any(|it| it.component() == "stdout")
}

async fn show(flow: Flow) {
    // A line of progress among the messages would garble both.
    if share_terminal() && prints_messages(&flow) {
        return;
    }
    let started = Instant::now();
    let mut before = 0;
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let balance = flow.buffer_ledger().unwrap_or(flow.ledger()).balance();
        let settled = balance.received - balance.in_flight();
        let rate = settled.saturating_sub(before);
        before = settled;
        show_status(&line(
            flow.ledger().balance().received,
            &balance,
            rate,
            started.elapsed(),
        ));
    }
}

/// One line of less than 100 columns.
fn line(received: u64, balance: &Balance, rate: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    let mut line = format!(
        "{}:{:02}:{:02}  received {received}  delivered {}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        balance.delivered
    );
    for kind in [Kind::Filtered, Kind::Dropped, Kind::Returned] {
        let total = balance.total(kind);
        if total > 0 {
            line.push_str(&format!("  {} {total}", kind.name()));
        }
    }
    let waiting = received.saturating_sub(balance.received - balance.in_flight());
    line.push_str(&format!("  in flight {waiting}  {rate}/s"));
    line
}

#[cfg(test)]
mod tests {
    use millrace_component::Ledger;
    use millrace_message::{Error, Outcome};

    use super::*;

    #[test]
    fn the_line_says_what_became_of_the_messages_and_how_fast() {
        let ledger = Ledger::default();
        ledger.receive(10);
        for _ in 0..5 {
            ledger.settle(&Outcome::Delivered);
        }
        ledger.settle(&Outcome::Failed(Error::retry("no")));
        let line = line(12, &ledger.balance(), 3, Duration::from_secs(3725));
        assert_eq!(
            line,
            "1:02:05  received 12  delivered 5  returned 1  in flight 6  3/s"
        );
    }
}
