//! Timestamps as text: RFC 3339 with as many fractional digits as are needed (Go's RFC3339Nano).

use jiff::Zoned;
use jiff::tz::Offset;

/// `2006-01-02T15:04:05.999999999Z07:00`: trailing zeros of the fraction are left out, an offset
/// of zero is `Z`.
pub fn rfc3339(at: &Zoned) -> String {
    let date = at.datetime();
    let mut text = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        date.year(),
        date.month(),
        date.day(),
        date.hour(),
        date.minute(),
        date.second()
    );
    let nanoseconds = date.subsec_nanosecond();
    if nanoseconds != 0 {
        let fraction = format!("{nanoseconds:09}");
        text.push('.');
        text.push_str(fraction.trim_end_matches('0'));
    }
    push_offset(at.offset(), &mut text);
    text
}

fn push_offset(offset: Offset, text: &mut String) {
    let seconds = offset.seconds();
    if seconds == 0 {
        text.push('Z');
        return;
    }
    let minutes = seconds.abs() / 60;
    text.push(if seconds < 0 { '-' } else { '+' });
    text.push_str(&format!("{:02}:{:02}", minutes / 60, minutes % 60));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_as_short_as_possible_and_zero_offsets_are_z() {
        for (input, expected) in [
            ("2024-05-01T10:00:00Z[UTC]", "2024-05-01T10:00:00Z"),
            ("2024-05-01T10:00:00.120Z[UTC]", "2024-05-01T10:00:00.12Z"),
            (
                "2024-05-01T10:00:00.000000001+02:00[Europe/Paris]",
                "2024-05-01T10:00:00.000000001+02:00",
            ),
            (
                "2024-01-01T10:00:00-03:30[-03:30]",
                "2024-01-01T10:00:00-03:30",
            ),
        ] {
            assert_eq!(rfc3339(&input.parse::<Zoned>().unwrap()), expected);
        }
    }
}
