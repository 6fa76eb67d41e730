//! What goes wrong, and in which order: a function of the seed.

use std::time::Duration;

use crate::random::Random;

/// Something that goes wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// SIGKILL to the worker of that number, which is started again at once.
    Kill(usize),
    /// SIGTERM to the worker of that number, which must end in order and is started again.
    Terminate(usize),
    /// The broker stops and starts.
    RestartBroker,
    /// All connections of the workers are reset.
    Cut,
}

/// How many of which.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wishes {
    pub workers: u32,
    pub kills: u32,
    pub terminations: u32,
    pub restarts: u32,
    pub cuts: u32,
}

/// The events in the order in which they happen.
///
/// Event `i` of `n` is due when that part of the work, `i + 1` of `n + 2`, is done: all happen
/// while there is work, however fast it goes.
#[derive(Debug, PartialEq)]
pub struct Plan {
    pub events: Vec<Event>,
    pauses: Vec<Duration>,
}

/// The longest time between an event's turn and the event.
const LONGEST_PAUSE_MS: u64 = 150;

impl Plan {
    /// The plan of that seed.
    pub fn new(seed: u64, wishes: Wishes) -> Self {
        let mut random = Random::new(seed);
        let workers = u64::from(wishes.workers);
        let mut worker =
            || usize::try_from(random.below(workers)).expect("a number of a worker is small");
        let mut events: Vec<Event> = Vec::new();
        events.extend((0..wishes.kills).map(|_| Event::Kill(worker())));
        events.extend((0..wishes.terminations).map(|_| Event::Terminate(worker())));
        events.extend((0..wishes.restarts).map(|_| Event::RestartBroker));
        events.extend((0..wishes.cuts).map(|_| Event::Cut));
        shuffle(&mut events, &mut random);
        let pauses = events
            .iter()
            .map(|_| Duration::from_millis(random.below(LONGEST_PAUSE_MS)))
            .collect();
        Self { events, pauses }
    }

    /// The share of `total` after which event `index` happens, and how long it waits then.
    pub fn due(&self, index: usize, total: usize) -> (usize, Duration) {
        (
            total * (index + 1) / (self.events.len() + 2),
            self.pauses[index],
        )
    }
}

/// Fisher and Yates.
fn shuffle(events: &mut [Event], random: &mut Random) {
    for last in (1..events.len()).rev() {
        let other = random.below(last as u64 + 1);
        events.swap(last, usize::try_from(other).expect("an index of a slice"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WISHES: Wishes = Wishes {
        workers: 3,
        kills: 20,
        terminations: 4,
        restarts: 1,
        cuts: 1,
    };

    #[test]
    fn a_seed_gives_one_plan_with_all_that_was_wished_for() {
        let plan = Plan::new(7, WISHES);
        assert_eq!(plan, Plan::new(7, WISHES));
        assert_ne!(plan.events, Plan::new(8, WISHES).events);
        let count = |test: fn(&Event) -> bool| plan.events.iter().filter(|it| test(it)).count();
        assert_eq!(count(|it| matches!(it, Event::Kill(0..3))), 20);
        assert_eq!(count(|it| matches!(it, Event::Terminate(0..3))), 4);
        assert_eq!(count(|it| *it == Event::RestartBroker), 1);
        assert_eq!(count(|it| *it == Event::Cut), 1);
    }

    #[test]
    fn every_event_is_due_before_the_work_is_done() {
        let plan = Plan::new(7, WISHES);
        let due: Vec<usize> = (0..plan.events.len())
            .map(|it| plan.due(it, 1000).0)
            .collect();
        assert!(due.is_sorted() && due[0] > 0 && due[25] < 1000, "{due:?}");
    }
}
