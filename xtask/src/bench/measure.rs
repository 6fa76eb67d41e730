//! What one run cost.

use std::time::Duration;

/// The figures of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Messages that were processed.
    pub messages: u64,
    /// From the start of the process to its end; for HTTP the time under load.
    pub wall: Duration,
    /// User and system time of the process over its whole life.
    pub cpu: Duration,
    /// Largest resident memory, in bytes.
    pub peak_memory: u64,
    /// Median and 99th percentile of the answer times, for HTTP.
    pub latency: Option<(Duration, Duration)>,
}

impl Measured {
    /// Messages per second of wall time.
    pub fn per_second(&self) -> f64 {
        self.messages as f64 / self.wall.as_secs_f64()
    }

    /// Messages per second of CPU time.
    pub fn per_cpu_second(&self) -> f64 {
        self.messages as f64 / self.cpu.as_secs_f64()
    }
}

/// The middle value, or the mean of the two in the middle. The list is not empty.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_not_moved_by_one_bad_run() {
        assert_eq!(median(vec![3.0, 100.0, 1.0]), 3.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 100.0]), 3.0);
        assert_eq!(median(vec![7.0]), 7.0);
    }
}
