//! What is known of the deliveries of one channel, and what the broker is to be told of them.
//!
//! Delivery tags count up from 1 in each channel. Messages settle in any order; the broker is told
//! of a run of acknowledgements at the front in one frame (`multiple`), of all others one by one,
//! at once, so that no message waits for an earlier one.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is done with.
    Ack,
    /// It goes back into the queue after this time.
    Requeue(Duration),
    /// The broker drops it or dead-letters it.
    Reject,
}

/// What the broker is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// The delivery, and with `multiple` every earlier one that is still open, is done with.
    Ack { tag: u64, multiple: bool },
    /// The delivery goes back, or is rejected.
    Nack { tag: u64, requeue: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Acked,
    Told,
}

/// The deliveries of one channel.
#[derive(Debug, Default)]
pub struct Settlements {
    /// The states of the deliveries from `first` on; the front one is open.
    states: VecDeque<State>,
    /// The tag of the front; 0 before the first delivery.
    first: u64,
    acked: Vec<u64>,
    nacked: Vec<(u64, bool)>,
    held: BinaryHeap<Reverse<(Instant, u64)>>,
    holds: bool,
}

impl Settlements {
    /// No delivery yet.
    pub fn new() -> Self {
        Self {
            holds: true,
            ..Self::default()
        }
    }

    /// A delivery was handed on; tags come in order, and one that is left out stays with the broker.
    pub fn delivered(&mut self, tag: u64) {
        if self.states.is_empty() {
            self.first = tag;
        }
        while self.first + (self.states.len() as u64) < tag {
            self.states.push_back(State::Open);
        }
        self.states.push_back(State::Open);
    }

    /// What became of a delivery, said once for each.
    pub fn settle(&mut self, tag: u64, verdict: Verdict, now: Instant) {
        match verdict {
            Verdict::Ack => {
                if let Some(state) = self.state(tag) {
                    *state = State::Acked;
                    self.acked.push(tag);
                }
            }
            Verdict::Reject => self.nacked.push((tag, false)),
            Verdict::Requeue(pause) if pause.is_zero() || !self.holds => {
                self.nacked.push((tag, true));
            }
            Verdict::Requeue(pause) => self.held.push(Reverse((now + pause, tag))),
        }
    }

    /// Lets go at once of what is held, now and from now on.
    pub fn stop_holding(&mut self) {
        self.holds = false;
    }

    /// What the broker is to be told now.
    pub fn take(&mut self, now: Instant) -> Vec<Command> {
        while let Some(Reverse((due, tag))) = self.held.peek().copied()
            && (due <= now || !self.holds)
        {
            self.held.pop();
            self.nacked.push((tag, true));
        }
        let mut commands = Vec::with_capacity(self.nacked.len() + 1);
        for (tag, requeue) in std::mem::take(&mut self.nacked) {
            if let Some(state) = self.state(tag) {
                *state = State::Told;
                commands.push(Command::Nack { tag, requeue });
            }
        }
        commands.extend(self.front());
        for tag in std::mem::take(&mut self.acked) {
            // What the frame for the front covers is gone from the states.
            if let Some(state) = self.state(tag) {
                *state = State::Told;
                commands.push(Command::Ack {
                    tag,
                    multiple: false,
                });
            }
        }
        commands
    }

    /// Takes what is settled off the front, with the one frame that tells of it.
    fn front(&mut self) -> Option<Command> {
        let (mut count, mut last) = (0, 0);
        while let Some(state) = self.states.front()
            && *state != State::Open
        {
            if *state == State::Acked {
                count += 1;
                last = self.first;
            }
            self.states.pop_front();
            self.first += 1;
        }
        (count > 0).then_some(Command::Ack {
            tag: last,
            multiple: count > 1,
        })
    }

    /// When something that is held is due.
    pub fn due(&self) -> Option<Instant> {
        self.held.peek().map(|Reverse((due, _))| *due)
    }

    /// How many settled deliveries the broker has not been told of.
    pub fn untold(&self) -> usize {
        self.acked.len() + self.nacked.len() + self.held.len()
    }

    fn state(&mut self, tag: u64) -> Option<&mut State> {
        let index = usize::try_from(tag.checked_sub(self.first)?).ok()?;
        self.states.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn delivered(count: u64) -> Settlements {
        let mut settlements = Settlements::new();
        (1..=count).for_each(|tag| settlements.delivered(tag));
        settlements
    }

    #[test]
    fn a_run_at_the_front_is_told_in_one_frame_and_a_gap_is_respected() {
        let now = Instant::now();
        let mut it = delivered(5);
        for tag in [2, 1, 4] {
            it.settle(tag, Verdict::Ack, now);
        }
        let ack = |tag, multiple| Command::Ack { tag, multiple };
        assert_eq!(it.take(now), [ack(2, true), ack(4, false)]);
        it.settle(3, Verdict::Ack, now);
        assert_eq!(it.take(now), [ack(3, false)]);
        it.settle(5, Verdict::Ack, now);
        assert_eq!(it.take(now), [ack(5, false)]);
        assert_eq!(it.take(now), []);
    }

    #[test]
    fn what_is_held_goes_back_when_it_is_due_or_when_holding_ends() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let mut it = delivered(3);
        it.settle(1, Verdict::Requeue(second), now);
        it.settle(2, Verdict::Requeue(second * 5), now);
        it.settle(3, Verdict::Ack, now);
        let back = |tag| Command::Nack { tag, requeue: true };
        let done = Command::Ack {
            tag: 3,
            multiple: false,
        };
        assert_eq!(it.take(now), [done]);
        assert_eq!(it.due(), Some(now + second));
        assert_eq!(it.take(now + second), [back(1)]);
        it.stop_holding();
        assert_eq!(it.take(now + second), [back(2)]);
        assert_eq!(it.untold(), 0);
    }

    /// The broker's side: which deliveries are open, and what became of the others.
    #[derive(Default)]
    struct Broker {
        open: BTreeSet<u64>,
        acked: BTreeSet<u64>,
        nacked: BTreeSet<(u64, bool)>,
    }

    impl Broker {
        fn tell(&mut self, command: Command) {
            match command {
                Command::Ack { tag, multiple } => {
                    assert!(self.open.contains(&tag), "{command:?} of no open delivery");
                    let of = |it: &u64| *it == tag || multiple && *it < tag;
                    let done: Vec<_> = self.open.iter().copied().filter(of).collect();
                    for tag in done {
                        self.open.remove(&tag);
                        self.acked.insert(tag);
                    }
                }
                Command::Nack { tag, requeue } => {
                    assert!(self.open.remove(&tag), "{command:?} of no open delivery");
                    self.nacked.insert((tag, requeue));
                }
            }
        }
    }

    fn verdict() -> impl Strategy<Value = Verdict> {
        prop_oneof![
            4 => Just(Verdict::Ack),
            1 => Just(Verdict::Reject),
            1 => (0u64..3).prop_map(|it| Verdict::Requeue(Duration::from_secs(it))),
        ]
    }

    proptest! {
        #[test]
        fn the_broker_hears_exactly_what_was_said_in_any_order(
            verdicts in prop::collection::vec(verdict(), 1..60),
            order in prop::collection::vec(any::<prop::sample::Index>(), 60),
            takes in prop::collection::vec(any::<bool>(), 60),
        ) {
            let now = Instant::now();
            let mut settlements = Settlements::new();
            let mut broker = Broker::default();
            let mut open: Vec<u64> = (1..=verdicts.len() as u64).collect();
            for tag in &open {
                settlements.delivered(*tag);
                broker.open.insert(*tag);
            }
            for (step, index) in order.iter().take(verdicts.len()).enumerate() {
                let tag = open.swap_remove(index.index(open.len()));
                let at = now + Duration::from_secs(step as u64 / 10);
                settlements.settle(tag, verdicts[tag as usize - 1], at);
                if takes[step] {
                    settlements.take(at).into_iter().for_each(|it| broker.tell(it));
                    prop_assert!(open.iter().all(|tag| broker.open.contains(tag)));
                }
            }
            settlements.stop_holding();
            settlements.take(now).into_iter().for_each(|it| broker.tell(it));
            prop_assert!(broker.open.is_empty());
            for (tag, verdict) in (1..).zip(&verdicts) {
                match verdict {
                    Verdict::Ack => prop_assert!(broker.acked.contains(&tag)),
                    Verdict::Reject => prop_assert!(broker.nacked.contains(&(tag, false))),
                    Verdict::Requeue(_) => prop_assert!(broker.nacked.contains(&(tag, true))),
                }
            }
            prop_assert_eq!(settlements.untold(), 0);
        }
    }
}
