//! Lines of at most so many bytes.

use super::Type::{Int, Text};
use super::{Answer, Call, Function};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("wrap", &[Int, Text], |call| {
        wrap(call, call.bytes(1), b"\n", false)
    }),
    Function::new("wrapWith", &[Int, Text, Text], |call| {
        let separator = match call.bytes(1) {
            b"" => b"\n",
            other => other,
        };
        wrap(call, call.bytes(2), separator, true)
    }),
];

fn wrap(call: &Call<'_, '_>, text: &[u8], separator: &[u8], cuts_words: bool) -> Answer {
    let width = usize::try_from(call.int(0)).unwrap_or(1).max(1);
    call.step(text.len() / 8)?;
    let mut out = Vec::new();
    let mut at = 0;
    while text.len() - at > width {
        if text[at] == b' ' {
            at += 1;
            continue;
        }
        let end = at + width;
        // The last blank that leaves the line short enough, or the first one behind it.
        let blank = match memchr::memrchr(b' ', &text[at..=end]) {
            Some(length) => Some(at + length),
            None if cuts_words => None,
            None => match memchr::memchr(b' ', &text[end..]) {
                Some(length) => Some(end + length),
                None => break,
            },
        };
        call.room(out.len() + separator.len())?;
        out.extend_from_slice(&text[at..blank.unwrap_or(end)]);
        out.extend_from_slice(separator);
        at = blank.map_or(end, |it| it + 1);
    }
    out.extend_from_slice(&text[at..]);
    call.made(out)
}
