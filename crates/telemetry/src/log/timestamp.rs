//! Times of log lines: UTC, to the millisecond.

use std::time::{SystemTime, UNIX_EPOCH};

/// A point in time as calendar fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CivilTime {
    year: i64,
    month: u32,
    day: u32,
    hour: u64,
    minute: u64,
    second: u64,
    millisecond: u32,
}

impl CivilTime {
    pub(super) fn of(time: SystemTime) -> Self {
        // A clock before 1970 is a clock that was never set.
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (year, month, day) = date_of(since.as_secs() / 86_400);
        let second = since.as_secs() % 86_400;
        Self {
            year,
            month,
            day,
            hour: second / 3600,
            minute: second / 60 % 60,
            second: second % 60,
            millisecond: since.subsec_millis(),
        }
    }

    /// `2026-11-21T04:02:05.123Z`
    pub(super) fn rfc3339(&self) -> String {
        let Self {
            year,
            month,
            day,
            hour,
            minute,
            second,
            millisecond,
        } = self;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
    }

    /// `2026-11-21T04-02-05.123`, for file names.
    pub(super) fn for_file_name(&self) -> String {
        let text = self.rfc3339().replace(':', "-");
        text.trim_end_matches('Z').to_owned()
    }
}

/// Year, month and day of a day count since 1970-01-01.
///
/// # Source
/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn date_of(days: u64) -> (i64, u32, u32) {
    let days = days as i64 + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u32;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    } as u32;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_written_as_rfc3339() {
        for (millis, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_233_725_123, "2026-11-21T04:02:05.123Z"),
            (4_102_444_800_000, "2100-01-01T00:00:00.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            let time = CivilTime::of(UNIX_EPOCH + Duration::from_millis(millis));
            assert_eq!(time.rfc3339(), expected);
        }
        let time = CivilTime::of(UNIX_EPOCH + Duration::from_millis(1_795_233_725_123));
        assert_eq!(time.for_file_name(), "2026-11-21T04-02-05.123");
    }
}
