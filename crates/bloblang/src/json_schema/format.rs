//! The formats that texts can be asked to have.

use std::net::IpAddr;
use std::sync::LazyLock;

use jiff::civil::{Date, Time};
use regex::Regex;

use crate::go;
use crate::go::regex::Pattern;

/// Whether a text has a format; a format that is not known is no condition.
pub(super) fn fits(format: &str, text: &str) -> bool {
    match format {
        "date" => is_date(text),
        "time" => is_time(text),
        "date-time" => is_date(text) || is_time(text) || is_date_time(text),
        "hostname" => text.len() < 256 && matches(&HOSTNAME, text),
        "email" | "idn-email" => is_email(text),
        "ipv4" => text.contains('.') && text.parse::<IpAddr>().is_ok(),
        "ipv6" => text.contains(':') && text.parse::<IpAddr>().is_ok(),
        "uri" | "iri" => {
            is_reference(text) && go::url::Url::parse(text).is_ok_and(|url| !url.scheme.is_empty())
        }
        "uri-reference" | "iri-reference" => is_reference(text),
        "uri-template" => matches(&URI_TEMPLATE, text),
        "uuid" => matches(&UUID, text),
        "regex" => text.is_empty() || Pattern::compile(text).is_ok(),
        "json-pointer" => matches(&JSON_POINTER, text),
        "relative-json-pointer" => matches(&RELATIVE_JSON_POINTER, text),
        _ => true,
    }
}

static HOSTNAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"^([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]{0,61}[a-zA-Z0-9])(\.([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]{0,61}[a-zA-Z0-9]))*$",
    )
});
static URI_TEMPLATE: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"^([^{]*(\{[^}]*\})?)*$"));
static UUID: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r"(?i)^[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}$")
});
static JSON_POINTER: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"^(?:/(?:[^~/]|~0|~1)*)*$"));
static RELATIVE_JSON_POINTER: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"^(?:0|[1-9][0-9]*)(?:#|(?:/(?:[^~/]|~0|~1)*)*)$"));

fn pattern(source: &str) -> Option<Regex> {
    Regex::new(source).ok()
}

fn matches(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern
        .as_ref()
        .is_some_and(|pattern| pattern.is_match(text))
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<Date>().is_ok()
}

/// `15:04:05`, with a fraction and a zone if wanted.
fn is_time(text: &str) -> bool {
    let zone = text.find(['Z', '+', '-']).unwrap_or(text.len());
    let (time, zone) = text.split_at(zone);
    let is_zone = match zone.as_bytes() {
        [] | [b'Z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => {
            [h1, h2, m1, m2].iter().all(|digit| digit.is_ascii_digit())
        }
        _ => false,
    };
    is_zone && time.len() >= 8 && time.is_char_boundary(8) && time.parse::<Time>().is_ok()
}

fn is_date_time(text: &str) -> bool {
    let (Some(date), Some(time)) = (text.get(..10), text.get(11..)) else {
        return false;
    };
    let has_zone = time.contains(['Z', '+', '-']);
    text[10..].starts_with('T') && has_zone && is_date(date) && is_time(time)
}

/// An address, also behind a name: `Name <address>`.
fn is_email(text: &str) -> bool {
    let text = match text.strip_suffix('>').and_then(|text| text.split_once('<')) {
        Some((_, address)) => address,
        None => text,
    };
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let is_word = |part: &str| !part.is_empty() && !part.contains([' ', '<', '>', '@', ',', ';']);
    is_word(local) && is_word(domain) && !local.starts_with('.') && !local.ends_with('.')
}

fn is_reference(text: &str) -> bool {
    !text.contains('\\') && go::url::Url::parse(text).is_ok()
}
