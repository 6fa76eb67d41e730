//! What is measured otherwise than with the client program alone.

mod distribution;
mod first_produce;
mod latency;
mod partitions;
mod pipelines;
mod recovery;

use anyhow::{Context, Result};

use super::brokers::Broker;
use super::client::Client;

/// One of them.
pub struct Scenario {
    pub name: &'static str,
    pub title: &'static str,
    /// Whether the first run warms up and does not count.
    pub warms_up: bool,
    /// Whether it has a meaning for the broker under test alone.
    pub is_ours_only: bool,
    measure: fn(&mut Setting) -> Result<Vec<Figure>>,
}

/// Where a run takes place.
pub struct Setting<'a> {
    pub broker: &'a mut Broker,
    pub client: &'a Client,
    /// The name of a topic that nothing else uses.
    pub topic: String,
}

/// Something that a run has measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What it is, with its unit.
    pub name: &'static str,
    pub value: f64,
}

impl Figure {
    fn new(name: &'static str, value: f64) -> Self {
        Self { name, value }
    }
}

/// All measured runs of one scenario on one broker; each has the same figures.
pub struct Outcome {
    pub scenario: &'static Scenario,
    pub broker: &'static str,
    pub runs: Vec<Vec<Figure>>,
}

/// All scenarios, in the order in which they run.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "b7a",
        title: "latency, 1 KiB at 1,000 a second, acks=all",
        warms_up: true,
        is_ours_only: false,
        measure: latency::in_memory,
    },
    Scenario {
        name: "b7b",
        title: "latency, 1 KiB at 1,000 a second, acks=all, on disk",
        warms_up: true,
        is_ours_only: false,
        measure: latency::on_disk,
    },
    Scenario {
        name: "b12",
        title: "1,000 partitions",
        warms_up: true,
        is_ours_only: false,
        measure: partitions::measure,
    },
    Scenario {
        name: "b14",
        title: "from the start of the process to the first acknowledged produce",
        warms_up: false,
        is_ours_only: false,
        measure: first_produce::measure,
    },
    Scenario {
        name: "b15",
        title: "start after a kill, 1,000 partitions with 2 GiB",
        warms_up: false,
        is_ours_only: false,
        measure: recovery::measure,
    },
    Scenario {
        name: "b21a",
        title: "pipeline over the log in its process, batches of 100",
        warms_up: false,
        is_ours_only: true,
        measure: pipelines::in_process,
    },
    Scenario {
        name: "b21b",
        title: "two pipelines over a broker, batches of 100",
        warms_up: false,
        is_ours_only: true,
        measure: pipelines::over_tcp,
    },
    Scenario {
        name: "b21a-single",
        title: "pipeline over the log in its process, one by one",
        warms_up: false,
        is_ours_only: true,
        measure: pipelines::single_in_process,
    },
    Scenario {
        name: "b21b-single",
        title: "two pipelines over a broker, one by one",
        warms_up: false,
        is_ours_only: true,
        measure: pipelines::single_over_tcp,
    },
];

impl Scenario {
    /// Measures it on each broker in turn, so many times.
    pub fn run(
        &'static self,
        brokers: &mut [Broker],
        client: &Client,
        runs: u32,
        mut tell: impl FnMut(&str, &str, &[Figure], bool),
    ) -> Result<Vec<Outcome>> {
        let mut brokers: Vec<&mut Broker> = brokers
            .iter_mut()
            .filter(|it| it.is_ours() || !self.is_ours_only)
            .collect();
        let mut outcomes: Vec<Outcome> = brokers
            .iter()
            .map(|broker| Outcome {
                scenario: self,
                broker: broker.name,
                runs: Vec::new(),
            })
            .collect();
        for round in u32::from(!self.warms_up)..=runs {
            for (broker, outcome) in brokers.iter_mut().zip(&mut outcomes) {
                let mut setting = Setting {
                    broker,
                    client,
                    topic: format!("{}-{round}", self.name),
                };
                let figures = (self.measure)(&mut setting)
                    .with_context(|| format!("{} on {}", self.name, outcome.broker))?;
                tell(self.name, outcome.broker, &figures, round == 0);
                if round > 0 {
                    outcome.runs.push(figures);
                }
            }
        }
        Ok(outcomes)
    }
}
