//! Integers and floats under the verbs of `fmt`.

use millrace_message::json;

use super::{Spec, push_padded};

pub(super) fn push_integer(
    out: &mut String,
    magnitude: u64,
    negative: bool,
    verb: char,
    spec: Spec,
) {
    let (mut digits, prefix) = match verb {
        'b' => (format!("{magnitude:b}"), if spec.sharp { "0b" } else { "" }),
        'o' => (format!("{magnitude:o}"), if spec.sharp { "0" } else { "" }),
        'O' => (format!("{magnitude:o}"), "0o"),
        'x' => (format!("{magnitude:x}"), if spec.sharp { "0x" } else { "" }),
        'X' => (format!("{magnitude:X}"), if spec.sharp { "0X" } else { "" }),
        'c' | 'q' => return push_character(out, magnitude, verb, spec),
        'U' => {
            return push_padded(
                out,
                &format!("U+{magnitude:04X}"),
                Spec {
                    zero: false,
                    ..spec
                },
            );
        }
        _ => (magnitude.to_string(), ""),
    };
    let sign = sign(negative, spec);
    let taken = sign.len() + prefix.len();
    let width = match (spec.precision, spec.width) {
        (Some(precision), _) => precision,
        (None, Some(width)) if spec.zero && !spec.minus => width.saturating_sub(taken),
        _ => 0,
    };
    if spec.precision == Some(0) && magnitude == 0 {
        digits.clear();
    }
    let zeros = "0".repeat(width.saturating_sub(digits.len()));
    push_padded(
        out,
        &format!("{sign}{prefix}{zeros}{digits}"),
        Spec {
            zero: false,
            ..spec
        },
    );
}

fn sign(negative: bool, spec: Spec) -> &'static str {
    match (negative, spec.plus, spec.space) {
        (true, ..) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        _ => "",
    }
}

fn push_character(out: &mut String, magnitude: u64, verb: char, spec: Spec) {
    let character = u32::try_from(magnitude)
        .ok()
        .and_then(char::from_u32)
        .unwrap_or(char::REPLACEMENT_CHARACTER);
    let text = match (verb, character) {
        ('c', _) => character.to_string(),
        (_, '\'') => "'\\''".to_owned(),
        (_, '"') => "'\"'".to_owned(),
        _ => {
            let quoted = super::quote(&character.to_string());
            format!("'{}'", &quoted[1..quoted.len() - 1])
        }
    };
    push_padded(out, &text, spec);
}

pub(super) fn push_float(out: &mut String, float: f64, verb: char, spec: Spec) {
    let magnitude = float.abs();
    let negative = float.is_sign_negative() && !float.is_nan();
    if !float.is_finite() {
        let text = if float.is_nan() { "NaN" } else { "Inf" };
        // An infinity has its sign under every verb.
        let sign = match (negative, float.is_nan()) {
            (true, _) => "-",
            (false, true) => sign(false, spec),
            (false, false) if spec.space && !spec.plus => " ",
            (false, false) => "+",
        };
        return push_padded(
            out,
            &format!("{sign}{text}"),
            Spec {
                zero: false,
                ..spec
            },
        );
    }
    let digits = match verb {
        'e' | 'E' => scientific(magnitude, spec.precision.unwrap_or(6)),
        'f' | 'F' => fixed(magnitude, spec.precision.unwrap_or(6)),
        'b' | 'x' | 'X' => hexadecimal(magnitude, verb),
        _ => match spec.precision {
            Some(precision) => general(magnitude, precision.max(1)),
            None => shortest(magnitude),
        },
    };
    let digits = if verb.is_ascii_uppercase() {
        digits.to_uppercase()
    } else {
        digits
    };
    let sign = sign(negative, spec);
    let width = spec.width.unwrap_or(0).saturating_sub(sign.len());
    let zeros = if spec.zero && !spec.minus {
        width.saturating_sub(digits.len())
    } else {
        0
    };
    let text = format!("{sign}{}{digits}", "0".repeat(zeros));
    push_padded(
        out,
        &text,
        Spec {
            zero: false,
            ..spec
        },
    );
}

fn shortest(magnitude: f64) -> String {
    let mut out = Vec::new();
    json::number::write_text_float(magnitude, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// More decimals than any float has: those beyond are zeros. The formatter of the standard library
/// panics at a precision above 65,535, which formats may ask for.
const DECIMALS_MAX: usize = 1_100;

/// `1.5000`.
fn fixed(magnitude: f64, precision: usize) -> String {
    let mut text = format!("{magnitude:.*}", precision.min(DECIMALS_MAX));
    text.extend(zeros_beyond(precision));
    text
}

/// The decimals that are zeros whatever the float is.
fn zeros_beyond(precision: usize) -> impl Iterator<Item = char> {
    std::iter::repeat_n('0', precision.saturating_sub(DECIMALS_MAX))
}

/// `1.234560e+03`.
fn scientific(magnitude: f64, precision: usize) -> String {
    let text = format!("{magnitude:.*e}", precision.min(DECIMALS_MAX));
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    let mut mantissa = mantissa.to_owned();
    mantissa.extend(zeros_beyond(precision));
    format!("{mantissa}e{sign}{exponent:0>2}")
}

/// So many significant digits without trailing zeros, in the shorter of the two forms.
fn general(magnitude: f64, precision: usize) -> String {
    let text = format!("{magnitude:.*e}", (precision - 1).min(DECIMALS_MAX));
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let digits = mantissa.replace('.', "");
    let digits = digits.trim_end_matches('0');
    let limit = precision.max(digits.len()) as i64;
    if exponent < -4 || exponent >= limit {
        return scientific(magnitude, digits.len().saturating_sub(1));
    }
    let decimals = (digits.len() as i64 - 1 - exponent).max(0);
    format!("{magnitude:.*}", decimals as usize)
}

/// `0x1.8p+01`, or for `%b` the mantissa as an integer: `4503599627370496p-52`.
fn hexadecimal(magnitude: f64, verb: char) -> String {
    let bits = magnitude.to_bits();
    let (stored, fraction) = ((bits >> 52) as i64, bits & ((1 << 52) - 1));
    let (leading, exponent) = if stored == 0 {
        (0, -1022)
    } else {
        (1, stored - 1023)
    };
    if verb == 'b' {
        return format!("{}p{:+}", (leading << 52) | fraction, exponent - 52);
    }
    if magnitude == 0.0 {
        return "0x0p+00".to_owned();
    }
    let digits = format!("{fraction:013x}");
    let digits = digits.trim_end_matches('0');
    let point = if digits.is_empty() { "" } else { "." };
    format!(
        "0x{leading}{point}{digits}p{}{:02}",
        if exponent < 0 { '-' } else { '+' },
        exponent.abs()
    )
}
