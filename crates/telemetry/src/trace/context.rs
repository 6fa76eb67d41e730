//! W3C trace context: the `traceparent` of HTTP and message headers.
//!
//! # Source
//! W3C Recommendation "Trace Context", level 1, sections 3.2 and 4.

use std::fmt::Write as _;

/// The header and metadata key of the context.
pub const TRACEPARENT: &str = "traceparent";

/// The header and metadata key of vendors' additions; it is passed on as it came.
pub const TRACESTATE: &str = "tracestate";

/// Where a span stands in a trace. Ids are never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],
    /// Whether the spans of this trace are recorded.
    pub sampled: bool,
}

const VERSION_0_LENGTH: usize = 55;

impl TraceContext {
    /// Reads a `traceparent`; `None` for what the specification calls invalid. Later versions are
    /// read by the fields that they share with version 0.
    pub fn parse(header: &str) -> Option<Self> {
        let header = header.trim().as_bytes();
        let fields = header.get(..VERSION_0_LENGTH)?;
        let dashes = [fields[2], fields[35], fields[52]];
        if dashes != [b'-'; 3] {
            return None;
        }
        let [version] = hex(&fields[..2])?;
        let ends_well = match version {
            0 => header.len() == VERSION_0_LENGTH,
            0xff => false,
            _ => header.get(VERSION_0_LENGTH).is_none_or(|it| *it == b'-'),
        };
        let context = Self {
            trace_id: hex(&fields[3..35])?,
            span_id: hex(&fields[36..52])?,
            sampled: hex::<1>(&fields[53..])?[0] & 1 == 1,
        };
        let is_valid = context.trace_id != [0; 16] && context.span_id != [0; 8];
        (ends_well && is_valid).then_some(context)
    }

    /// The `traceparent` that makes a receiver's spans children of this one.
    pub fn traceparent(&self) -> String {
        let mut header = String::with_capacity(VERSION_0_LENGTH);
        header.push_str("00-");
        push_hex(&mut header, &self.trace_id);
        header.push('-');
        push_hex(&mut header, &self.span_id);
        header.push_str(if self.sampled { "-01" } else { "-00" });
        header
    }

    /// The trace id in hexadecimal, as log fields show it.
    pub fn trace_id_hex(&self) -> String {
        let mut text = String::with_capacity(32);
        push_hex(&mut text, &self.trace_id);
        text
    }
}

/// Lower case only, as the specification demands.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn invalid_headers_are_no_context() {
        for header in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
            "00-4bf92f3577b34da6a3ce929d0e0e473\u{e9}-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::parse(header), None, "{header}");
        }
    }

    #[test]
    fn valid_headers_are_read() {
        let context = TraceContext::parse(VALID).unwrap();
        assert_eq!(context.traceparent(), VALID);
        assert_eq!(context.trace_id_hex(), "4bf92f3577b34da6a3ce929d0e0e4736");
        let later = VALID.replacen("00", "cc", 1) + "-what-the-future-will-be-like";
        assert_eq!(TraceContext::parse(&later), Some(context));
        let unsampled = VALID.replace("-01", "-02");
        assert!(!TraceContext::parse(&unsampled).unwrap().sampled);
    }

    proptest! {
        #[test]
        fn a_context_survives_its_header(
            trace_id in any::<[u8; 16]>(), span_id in any::<[u8; 8]>(), sampled: bool, noise in "\\PC{0,80}",
        ) {
            prop_assume!(trace_id != [0; 16] && span_id != [0; 8]);
            let context = TraceContext { trace_id, span_id, sampled };
            prop_assert_eq!(TraceContext::parse(&context.traceparent()), Some(context));
            let _ = TraceContext::parse(&noise);
        }
    }
}
