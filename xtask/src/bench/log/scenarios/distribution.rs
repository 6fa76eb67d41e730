//! How times are distributed.

use std::time::Duration;

use anyhow::{Result, bail};

/// Times in order.
pub struct Distribution(Vec<Duration>);

impl Distribution {
    /// Of at least one time.
    pub fn new(mut times: Vec<Duration>) -> Result<Self> {
        if times.is_empty() {
            bail!("nothing was measured");
        }
        times.sort_unstable();
        Ok(Self(times))
    }

    /// The shortest time that so many of a thousand do not exceed, in milliseconds.
    pub fn permille(&self, share: usize) -> f64 {
        let rank = (self.0.len() * share).div_ceil(1000).clamp(1, self.0.len());
        self.0[rank - 1].as_secs_f64() * 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_time_that_was_measured() {
        let times = (1..=1000).rev().map(Duration::from_millis).collect();
        let distribution = Distribution::new(times).unwrap();
        let found = [0, 500, 990, 999, 1000].map(|it| distribution.permille(it));
        assert_eq!(found, [1.0, 500.0, 990.0, 999.0, 1000.0]);
        let one = Distribution::new(vec![Duration::from_millis(7)]).unwrap();
        assert_eq!([one.permille(1), one.permille(999)], [7.0, 7.0]);
        assert!(Distribution::new(Vec::new()).is_err());
    }
}
