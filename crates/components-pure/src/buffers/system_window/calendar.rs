//! Where windows begin and end. Times are nanoseconds since 1970.

/// Midnight UTC of the first day of the year 1, from which windows are counted as Go counts them.
const YEAR_ONE: i128 = -62_135_596_800 * 1_000_000_000;

/// The windows of all times.
#[derive(Clone, Copy, Debug)]
pub struct Calendar {
    size: i128,
    step: i128,
    offset: i128,
}

/// A window: both ends belong to it. It begins a nanosecond behind the end of the one that is `size`
/// before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its first moment.
    pub start: i128,
    /// Its last moment.
    pub end: i128,
}

impl Calendar {
    /// Windows of `size`, one beginning `step` after the other; both are positive.
    pub fn new(size: i64, step: i64, offset: i64) -> Self {
        Self {
            size: size.max(1).into(),
            step: step.max(1).into(),
            offset: offset.into(),
        }
    }

    /// The first window that is not over at `at`.
    pub fn first_from(&self, at: i128) -> Window {
        let origin = YEAR_ONE + self.offset;
        let steps = -(origin - at).div_euclid(self.step);
        self.ending(origin + steps * self.step)
    }

    /// The last window that is over at `at`.
    pub fn last_until(&self, at: i128) -> Window {
        self.previous(self.first_from(at + 1))
    }

    /// The window that ends a step later.
    pub fn next(&self, window: Window) -> Window {
        self.ending(window.end + self.step)
    }

    /// The window that ends a step earlier.
    pub fn previous(&self, window: Window) -> Window {
        self.ending(window.end - self.step)
    }

    fn ending(&self, end: i128) -> Window {
        Window {
            start: end - self.size + 1,
            end,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use millrace_testkit::cases;

    use super::*;

    fn nanos(text: &str) -> i128 {
        text.parse::<Timestamp>().expect("a time").as_nanosecond()
    }

    fn text(at: i128) -> String {
        let at = Timestamp::from_nanosecond(at).expect("a time");
        at.to_string()
    }

    #[test]
    fn windows_end_where_bentos_end() {
        let rows = cases::rows("config_cases.jsonl");
        for row in rows.iter().filter(|it| it["kind"] == "system_window_calc") {
            let seconds = |name: &str| row[name].as_i64().expect("a number") * 1_000_000_000;
            let (size, slide) = (seconds("size_s"), seconds("slide_s"));
            let step = if slide > 0 { slide } else { size };
            let calendar = Calendar::new(size, step, seconds("offset_s"));
            let window = calendar.first_from(nanos(row["now"].as_str().expect("a text")));
            let before = calendar.previous(window);
            for (name, found) in [
                ("prevStart", before.start),
                ("prevEnd", before.end),
                ("start", window.start),
                ("end", window.end),
            ] {
                let expected = row["expect"][name].as_str().expect("a text");
                assert_eq!(text(found), expected, "{} {name}", row["id"]);
            }
        }
    }

    #[test]
    fn windows_follow_each_other_whatever_the_offset() {
        for offset in [-90, -30, 0, 30] {
            let calendar = Calendar::new(60, 20, offset);
            for at in -100..100 {
                let first = calendar.first_from(at);
                assert!(first.end >= at && first.end - at < 20, "{at} {first:?}");
                let last = calendar.last_until(at);
                assert!(last.end <= at && at - last.end < 20, "{at} {last:?}");
                assert_eq!(calendar.next(last).end, calendar.first_from(at + 1).end);
                assert_eq!(first.end - first.start, 59);
            }
        }
    }
}
