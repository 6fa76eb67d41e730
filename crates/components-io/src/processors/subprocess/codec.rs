//! How messages are told apart in a pipe: `lines`, `length_prefixed_uint32_be`, `netstring`.

use bytes::{Buf, Bytes, BytesMut};
use millrace_message::Error;
use millrace_spec::Spec;

/// A way to tell messages apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
pub enum Codec {
    /// Each message is a line.
    Lines,
    /// The length as four bytes, the most significant one first, stands before each message.
    #[spec(rename = "length_prefixed_uint32_be")]
    LengthPrefixed,
    /// A netstring: the length in decimal digits, a colon, the message and a comma.
    Netstring,
}

/// How many bytes the length of a [`Codec::LengthPrefixed`] message takes.
const LENGTH: usize = 4;
/// How many digits the length of a netstring may have; no length in bytes has more.
const DIGITS_MAX: usize = 20;

impl Codec {
    /// A message as it is written.
    ///
    /// # Errors
    /// `Rejected`: the message is longer than can be said.
    pub fn encode(self, payload: &[u8]) -> Result<Bytes, Error> {
        let mut frame = BytesMut::with_capacity(payload.len() + DIGITS_MAX + 2);
        match self {
            Self::Lines => {
                frame.extend_from_slice(payload);
                frame.extend_from_slice(b"\n");
            }
            Self::LengthPrefixed => {
                let length = u32::try_from(payload.len()).map_err(|_| {
                    Error::rejected("the message is longer than 4 GiB, which codec_send cannot say")
                })?;
                frame.extend_from_slice(&length.to_be_bytes());
                frame.extend_from_slice(payload);
            }
            Self::Netstring => {
                frame.extend_from_slice(payload.len().to_string().as_bytes());
                frame.extend_from_slice(b":");
                frame.extend_from_slice(payload);
                frame.extend_from_slice(b",");
            }
        }
        Ok(frame.freeze())
    }

    /// Takes the message that `held` begins with, once it is there. `searched` is how much of it is
    /// known to hold no line feed. `ended`: nothing follows.
    ///
    /// # Errors
    /// What is no such message, or one of more than `max` bytes; nothing behind it can be understood.
    pub fn decode(
        self,
        held: &mut BytesMut,
        searched: &mut usize,
        max: usize,
        ended: bool,
    ) -> Result<Option<Bytes>, Error> {
        match self {
            Self::Lines => line(held, searched, max, ended),
            Self::LengthPrefixed => length_prefixed(held, max),
            Self::Netstring => netstring(held, max),
        }
    }
}

fn too_large(max: usize) -> Error {
    Error::rejected(format!(
        "its answer is larger than `max_buffer`, {max} bytes"
    ))
}

/// The last line needs no end.
fn line(
    held: &mut BytesMut,
    searched: &mut usize,
    max: usize,
    ended: bool,
) -> Result<Option<Bytes>, Error> {
    let found = memchr::memchr(b'\n', &held[*searched..]).map(|at| *searched + at);
    *searched = held.len();
    let (length, with_end) = match found {
        Some(at) => (at, at + 1),
        None if held.len() <= max && (!ended || held.is_empty()) => return Ok(None),
        None => (held.len(), held.len()),
    };
    if length > max {
        return Err(too_large(max));
    }
    *searched = 0;
    let mut line = held.split_to(with_end).freeze();
    line.truncate(length);
    if line.last() == Some(&b'\r') {
        line.truncate(length - 1);
    }
    Ok(Some(line))
}

fn length_prefixed(held: &mut BytesMut, max: usize) -> Result<Option<Bytes>, Error> {
    let Some(length) = held.first_chunk::<LENGTH>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes(*length) as usize;
    if length > max {
        return Err(too_large(max));
    }
    if held.len() < LENGTH + length {
        return Ok(None);
    }
    held.advance(LENGTH);
    Ok(Some(held.split_to(length).freeze()))
}

fn netstring(held: &mut BytesMut, max: usize) -> Result<Option<Bytes>, Error> {
    let wrong = |reason: &str| Error::rejected(format!("its answer is no netstring: {reason}"));
    let head = &held[..held.len().min(DIGITS_MAX + 1)];
    let digits = head.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match head.get(digits) {
        Some(b':') if digits > 0 => {}
        None if digits <= DIGITS_MAX => return Ok(None),
        _ => return Err(wrong("it does not begin with a length and a colon")),
    }
    let length = std::str::from_utf8(&head[..digits])
        .ok()
        .and_then(|digits| digits.parse::<usize>().ok())
        .filter(|length| *length <= max)
        .ok_or_else(|| too_large(max))?;
    let begin = digits + 1;
    match held.get(begin + length) {
        None => Ok(None),
        Some(b',') => {
            held.advance(begin);
            let message = held.split_to(length).freeze();
            held.advance(1);
            Ok(Some(message))
        }
        Some(_) => Err(wrong("no comma follows it")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Codec; 3] = [Codec::Lines, Codec::LengthPrefixed, Codec::Netstring];

    /// The messages of a pipe that is read so many bytes at a time.
    fn decode(codec: Codec, pipe: &[u8], step: usize) -> Result<Vec<Bytes>, Error> {
        let (mut held, mut searched, mut messages) = (BytesMut::new(), 0, Vec::new());
        for chunk in pipe.chunks(step) {
            held.extend_from_slice(chunk);
            while let Some(message) = codec.decode(&mut held, &mut searched, 10, false)? {
                messages.push(message);
            }
        }
        while let Some(message) = codec.decode(&mut held, &mut searched, 10, true)? {
            messages.push(message);
        }
        Ok(messages)
    }

    #[test]
    fn each_codec_has_its_form() {
        let encode = |codec: Codec| codec.encode(b"ab").expect("it is short");
        assert_eq!(&encode(Codec::Lines)[..], b"ab\n");
        assert_eq!(&encode(Codec::LengthPrefixed)[..], b"\0\0\0\x02ab");
        assert_eq!(&encode(Codec::Netstring)[..], b"2:ab,");
    }

    #[test]
    fn a_line_loses_its_end_and_the_last_one_needs_none() {
        let lines = decode(Codec::Lines, b"a\r\n\nb", 2).expect("they are short");
        assert_eq!(lines, ["a", "", "b"]);
    }

    #[test]
    fn what_is_too_large_or_no_message_is_refused_before_it_is_there() {
        for (codec, pipe, reason) in [
            (
                Codec::Lines,
                &b"01234567890"[..],
                "larger than `max_buffer`, 10",
            ),
            (Codec::Lines, b"01234567890\n", "larger than `max_buffer`"),
            (
                Codec::LengthPrefixed,
                b"\xff\xff\xff\xff",
                "larger than `max_buffer`",
            ),
            (Codec::Netstring, b"11:", "larger than `max_buffer`"),
            (
                Codec::Netstring,
                b"99999999999999999999:",
                "larger than `max_buffer`",
            ),
            (
                Codec::Netstring,
                b"999999999999999999999",
                "a length and a colon",
            ),
            (Codec::Netstring, b":a,", "a length and a colon"),
            (Codec::Netstring, b"x", "a length and a colon"),
            (Codec::Netstring, b"1:ab", "no comma"),
        ] {
            let error = decode(codec, pipe, 1).expect_err("it is refused");
            assert!(error.text().contains(reason), "{codec:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded_however_it_arrives(
            messages in proptest::collection::vec("[a-c:,0-9]{0,10}", 0..8),
            step in 1_usize..7,
        ) {
            for codec in ALL {
                let frames = messages.iter().map(|it| codec.encode(it.as_bytes()));
                let frames: Result<Vec<_>, _> = frames.collect();
                let decoded = decode(codec, &frames.expect("they are short").concat(), step);
                prop_assert_eq!(&decoded.expect("they are whole"), &messages);
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            for codec in ALL {
                let _messages = decode(codec, &bytes, 3);
            }
        }
    }
}
