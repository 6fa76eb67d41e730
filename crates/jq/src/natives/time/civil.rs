//! The Gregorian calendar, in both directions and beyond the years that libraries know.

/// The parts of a time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parts {
    pub year: i64,
    /// From 1.
    pub month: i64,
    pub day: i64,
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
    pub nanosecond: i64,
}

const DAY: i64 = 86_400;
/// Years and other parts beyond this are cut: sums of them stay within 64 bits.
const PART_MAX: i64 = 1_000_000_000;

impl Parts {
    /// The parts of a time in seconds since 1970.
    pub fn of(epoch: i64) -> Self {
        let (days, rest) = (epoch.div_euclid(DAY), epoch.rem_euclid(DAY));
        let (year, month, day) = date(days);
        Self {
            year,
            month,
            day,
            hour: rest / 3600,
            minute: rest / 60 % 60,
            second: rest % 60,
            nanosecond: 0,
        }
    }

    /// Parts that may be too large or below zero, brought into their ranges.
    pub fn normal(parts: [i64; 6], nanosecond: i64) -> Self {
        let [year, month, day, hour, minute, second] =
            parts.map(|part| part.clamp(-PART_MAX, PART_MAX));
        let months = year * 12 + month - 1;
        let days = days(months.div_euclid(12), months.rem_euclid(12) + 1, 1) + day - 1;
        let mut normal = Self::of(days * DAY + hour * 3600 + minute * 60 + second);
        normal.nanosecond = nanosecond;
        normal
    }

    pub fn epoch_seconds(&self) -> i64 {
        let time = self.hour * 3600 + self.minute * 60 + self.second;
        days(self.year, self.month, self.day) * DAY + time
    }

    pub fn epoch(&self) -> f64 {
        self.epoch_seconds() as f64 + self.nanosecond as f64 / 1e9
    }

    /// From Sunday, which is 0.
    pub fn weekday(&self) -> i64 {
        (days(self.year, self.month, self.day) + 4).rem_euclid(7)
    }

    /// From 0.
    pub fn day_of_year(&self) -> i64 {
        days(self.year, self.month, self.day) - days(self.year, 1, 1)
    }

    /// The year and week of ISO 8601: a week belongs to the year of its Thursday.
    pub fn iso_week(&self) -> (i64, i64) {
        let day = days(self.year, self.month, self.day);
        let thursday = day - (self.weekday() + 6) % 7 + 3;
        let (year, ..) = date(thursday);
        (year, (thursday - days(year, 1, 1)) / 7 + 1)
    }
}

/// Days since 1970 of a date, counted from March so that the leap day comes last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The date of a day since 1970.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = (shifted + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}
