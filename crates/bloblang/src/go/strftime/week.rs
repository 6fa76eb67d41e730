//! Weeks of a year as dates.

use jiff::civil::{Date, Weekday};
use jiff::{Error, Span};

/// How weeks are counted, and which one it is.
#[derive(Clone, Copy)]
pub(super) enum Week {
    /// The first one begins with the first Sunday of the year.
    FromSunday(i32),
    /// The first one begins with the first Monday of the year.
    FromMonday(i32),
    /// They begin with a Monday; the first one holds the fourth of January.
    Iso(i32),
}

impl Week {
    /// The day that is so many days behind a Sunday, the first of the week when that is not said.
    ///
    /// # Errors
    /// The day is out of the range of dates.
    pub fn day(self, year: i16, since_sunday: Option<i32>) -> Result<Date, Error> {
        let since_monday = since_sunday.map_or(0, |days| (days + 6) % 7);
        let (first, week, days) = match self {
            Week::FromSunday(week) => (
                first_of(year, 1, Weekday::Sunday)?,
                week,
                since_sunday.unwrap_or(0),
            ),
            Week::FromMonday(week) => (first_of(year, 1, Weekday::Monday)?, week, since_monday),
            // It begins with the last Monday that is not behind the fourth.
            Week::Iso(week) => {
                let last = first_of(year, 5, Weekday::Monday)?;
                (last.checked_sub(Span::new().weeks(1))?, week, since_monday)
            }
        };
        first.checked_add(Span::new().days((week - 1) * 7 + days))
    }
}

/// The first such day from a day of January on.
fn first_of(year: i16, day: i8, weekday: Weekday) -> Result<Date, Error> {
    let from = Date::new(year, 1, day)?;
    let days = from.weekday().until(weekday);
    from.checked_add(Span::new().days(days))
}
