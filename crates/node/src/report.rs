//! The closing report: what became of every message.

use std::fmt;
use std::time::Duration;

use millrace_component::{Balance, Kind};

/// What a stream did from start to end.
#[derive(Clone, Debug)]
pub struct Report {
    /// The accounting of source messages.
    pub balance: Balance,
    /// How long it ran.
    pub elapsed: Duration,
}

impl Report {
    /// Whether every message received has settled.
    pub fn is_complete(&self) -> bool {
        self.balance.in_flight() == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let balance = &self.balance;
        let seconds = self.elapsed.as_secs_f64();
        writeln!(f, "received   {:>12}   in {seconds:.1} s", balance.received)?;
        writeln!(f, "delivered  {:>12}", balance.delivered)?;
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
}
