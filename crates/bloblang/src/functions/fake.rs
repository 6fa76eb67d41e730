//! The function that makes up data.

use std::fmt::Write as _;
use std::sync::LazyLock;

use jiff::{Timestamp, tz::TimeZone};
use millrace_message::Value;
use rand::Rng;
use rand::seq::IndexedRandom;
use uuid::Uuid;

use crate::arguments::Call;
use crate::eval_error::EvalError;
use crate::go::time::{MONTHS, WEEKDAYS};
use crate::registry::{Category, Default, Example, Function, Parameter, Status};

mod words;

use words::{
    CARDS, CENTURIES, CHINESE_FIRST, CHINESE_LAST, CURRENCIES, DOMAINS, FEMALE, LAST, LATIN, MALE,
    TITLES_FEMALE, TITLES_MALE, TOP_LEVEL,
};

pub(super) const FUNCTIONS: &[Function] = &[Function::value(
    "fake",
    "Made-up data of a kind, another at every call: for tests and demonstrations.",
    fake,
)
.category(Category::FakeData)
.status(Status::Beta)
.impure()
.parameters(&[Parameter::string(
    "function",
    "The kind. Places: `latitude`, `longitude`. Times: `unix_time`, `date`, `time_string`, `month_name`, `year_string`, `day_of_week`, `day_of_month`, `timestamp`, `century`, `timezone`, `time_period`. Internet: `email`, `mac_address`, `domain_name`, `url`, `username`, `ipv4`, `ipv6`, `password`, `jwt`. Text: `word`, `sentence`, `paragraph`. Payment: `cc_type`, `cc_number`, `currency`, `amount_with_currency`. People: `title_male`, `title_female`, `first_name`, `first_name_male`, `first_name_female`, `last_name`, `name`, `gender`, `chinese_first_name`, `chinese_last_name`, `chinese_name`. Phones: `phone_number`, `toll_free_phone_number`, `e164_phone_number`. Ids: `uuid_hyphenated`, `uuid_digit`. Without one, a text of 25 letters.",
)
.default(Default::String(""))])
.examples(&[
    Example::new(
        r#"root.is_time = fake("time_string").re_match("^[0-2][0-9]:[0-5][0-9]:[0-5][0-9]$")"#,
        &[("{}", r#"{"is_time":true}"#)],
    ),
    Example::new(
        r#"root.is_address = fake("email").contains("@")"#,
        &[("{}", r#"{"is_address":true}"#)],
    ),
    Example::new(
        r#"root = fake("nonsense")"#,
        &[("{}", "error:invalid faker function: nonsense")],
    ),
])];

fn fake(call: &Call<'_>) -> Result<Value, EvalError> {
    let kind = call.arguments.text(0)?.to_ascii_lowercase();
    let random = &mut rand::rng();
    number(&kind, random)
        .or_else(|| time(&kind, random).map(Value::from))
        .or_else(|| internet(&kind, random).map(Value::from))
        .or_else(|| text(&kind, random).map(Value::from))
        .or_else(|| person(&kind, random).map(Value::from))
        .ok_or_else(|| EvalError::new(format!("invalid faker function: {kind}")))
}

fn pick<R: Rng>(list: &[&'static str], random: &mut R) -> &'static str {
    list.choose(random).copied().unwrap_or_default()
}

fn number<R: Rng>(kind: &str, random: &mut R) -> Option<Value> {
    Some(match kind {
        "latitude" => Value::F64(random.random_range(-90.0..90.0)),
        "longitude" => Value::F64(random.random_range(-180.0..180.0)),
        "unix_time" => Value::I64(moment(random).as_second()),
        _ => return None,
    })
}

/// A moment between 1970 and now.
fn moment<R: Rng>(random: &mut R) -> Timestamp {
    let second = random.random_range(0..=Timestamp::now().as_second().max(0));
    Timestamp::from_second(second).unwrap_or_default()
}

fn time<R: Rng>(kind: &str, random: &mut R) -> Option<String> {
    let at = moment(random).to_zoned(TimeZone::UTC);
    Some(match kind {
        "date" => at.strftime("%Y-%m-%d").to_string(),
        "time_string" => at.strftime("%H:%M:%S").to_string(),
        "timestamp" => at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        "month_name" => pick(&MONTHS, random).to_owned(),
        "year_string" => at.year().to_string(),
        "day_of_week" => pick(&WEEKDAYS, random).to_owned(),
        "day_of_month" => at.day().to_string(),
        "century" => pick(CENTURIES, random).to_owned(),
        "timezone" => zone(random),
        "time_period" => pick(&["AM", "PM"], random).to_owned(),
        _ => return None,
    })
}

/// The names of time zones that stand for places.
static ZONES: LazyLock<Vec<String>> = LazyLock::new(|| {
    jiff::tz::db()
        .available()
        .map(|name| name.to_string())
        .filter(|name| name.contains('/'))
        .collect()
});

fn zone<R: Rng>(random: &mut R) -> String {
    let zone = ZONES.choose(random).cloned();
    zone.unwrap_or_else(|| "UTC".to_owned())
}

fn internet<R: Rng>(kind: &str, random: &mut R) -> Option<String> {
    Some(match kind {
        "email" => format!("{}@{}", letters(7, random), domain(random)),
        "mac_address" => joined(6, ":", random, |random| {
            format!("{:02x}", random.random::<u8>())
        }),
        "domain_name" => domain(random),
        "url" => match random.random_range(0..3) {
            0 => format!("http://{}/", domain(random)),
            1 => format!("https://www.{}/{}", domain(random), letters(7, random)),
            _ => format!("https://{}/{}.html", domain(random), letters(7, random)),
        },
        "username" => letters(7, random),
        "ipv4" => joined(4, ".", random, |random| random.random::<u8>().to_string()),
        "ipv6" => joined(8, ":", random, |random| {
            format!("{:x}", random.random::<u16>())
        }),
        "password" => characters(
            50,
            b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
            random,
        ),
        "jwt" => {
            let mut part = |length| {
                const URL_SAFE: &[u8] =
                    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
                characters(length, URL_SAFE, random)
            };
            format!("{}.{}.{}", part(36), part(60), part(43))
        }
        "uuid_hyphenated" => Uuid::new_v4().to_string(),
        "uuid_digit" => Uuid::new_v4().simple().to_string(),
        _ => return None,
    })
}

fn domain<R: Rng>(random: &mut R) -> String {
    format!("{}.{}", pick(DOMAINS, random), pick(TOP_LEVEL, random))
}

fn characters<R: Rng>(length: usize, alphabet: &[u8], random: &mut R) -> String {
    let character = |_| char::from(alphabet[random.random_range(0..alphabet.len())]);
    (0..length).map(character).collect()
}

fn letters<R: Rng>(length: usize, random: &mut R) -> String {
    characters(length, b"abcdefghijklmnopqrstuvwxyz", random)
}

fn digits<R: Rng>(length: usize, random: &mut R) -> String {
    characters(length, b"0123456789", random)
}

fn joined<R: Rng>(
    count: usize,
    separator: &str,
    random: &mut R,
    mut part: impl FnMut(&mut R) -> String,
) -> String {
    let parts: Vec<String> = (0..count).map(|_| part(random)).collect();
    parts.join(separator)
}

fn text<R: Rng>(kind: &str, random: &mut R) -> Option<String> {
    Some(match kind {
        "word" => pick(LATIN, random).to_owned(),
        "sentence" => sentence(random),
        "paragraph" => {
            let count = random.random_range(2..10);
            joined(count, " ", random, sentence)
        }
        "cc_type" => pick(CARDS, random).to_owned(),
        "cc_number" => card(random),
        "currency" => pick(CURRENCIES, random).to_owned(),
        "amount_with_currency" => {
            let amount = random.random_range(0..10_000_000);
            let currency = pick(CURRENCIES, random);
            format!("{currency} {}.{:02}", amount / 100, amount % 100)
        }
        "" => characters(
            25,
            b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
            random,
        ),
        _ => return None,
    })
}

fn sentence<R: Rng>(random: &mut R) -> String {
    let count = random.random_range(3..12);
    let words = joined(count, " ", random, |random| pick(LATIN, random).to_owned());
    let mut sentence = words[..1].to_ascii_uppercase();
    let _infallible = write!(sentence, "{}.", &words[1..]);
    sentence
}

/// A number whose last digit is the check digit of the others, as of a card of 16 digits.
fn card<R: Rng>(random: &mut R) -> String {
    let number = format!("4{}", digits(14, random));
    // Every second digit counts twice, the last one of those included.
    let sum: u32 = number
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(digit - b'0');
            match at % 2 {
                0 if digit > 4 => 2 * digit - 9,
                0 => 2 * digit,
                _ => digit,
            }
        })
        .sum();
    format!("{number}{}", (10 - sum % 10) % 10)
}

fn person<R: Rng>(kind: &str, random: &mut R) -> Option<String> {
    let first = if random.random() { MALE } else { FEMALE };
    Some(match kind {
        "title_male" => pick(TITLES_MALE, random).to_owned(),
        "title_female" => pick(TITLES_FEMALE, random).to_owned(),
        "first_name" => pick(first, random).to_owned(),
        "first_name_male" => pick(MALE, random).to_owned(),
        "first_name_female" => pick(FEMALE, random).to_owned(),
        "last_name" => pick(LAST, random).to_owned(),
        "name" => {
            let is_male = random.random();
            let (titles, first) = match is_male {
                true => (TITLES_MALE, MALE),
                false => (TITLES_FEMALE, FEMALE),
            };
            let (title, first) = (pick(titles, random), pick(first, random));
            format!("{title} {first} {}", pick(LAST, random))
        }
        "gender" => pick(&["Male", "Female", "Prefer to skip"], random).to_owned(),
        "chinese_first_name" => pick(CHINESE_FIRST, random).to_owned(),
        "chinese_last_name" => pick(CHINESE_LAST, random).to_owned(),
        "chinese_name" => format!(
            "{}{}",
            pick(CHINESE_LAST, random),
            pick(CHINESE_FIRST, random)
        ),
        "phone_number" => {
            let area = digits(2, random);
            format!(
                "{}{area}-{}-{}",
                random.random_range(2..10),
                digits(3, random),
                digits(4, random)
            )
        }
        "toll_free_phone_number" => {
            let area = pick(&["800", "833", "844", "855", "866", "877", "888"], random);
            format!("({area}) {}-{}", digits(3, random), digits(6, random))
        }
        "e164_phone_number" => {
            let first = random.random_range(1..10);
            format!("+{first}{}", digits(10, random))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_number_passes_its_check() {
        let random = &mut rand::rng();
        for _ in 0..100 {
            let number = card(random);
            assert_eq!(number.len(), 16);
            let sum: u32 = number
                .bytes()
                .rev()
                .enumerate()
                .map(|(at, digit)| {
                    let digit = u32::from(digit - b'0') * (1 + at as u32 % 2);
                    digit / 10 + digit % 10
                })
                .sum();
            assert_eq!(sum % 10, 0, "{number}");
        }
    }

    #[test]
    fn a_sentence_begins_with_a_capital_and_ends_with_a_full_stop() {
        let sentence = sentence(&mut rand::rng());
        assert!(
            sentence.starts_with(|it: char| it.is_ascii_uppercase()),
            "{sentence}"
        );
        assert!(
            sentence.ends_with('.') && sentence.contains(' '),
            "{sentence}"
        );
    }

    #[test]
    fn every_kind_that_the_documentation_names_is_made() {
        let summary = match FUNCTIONS[0].about.parameters {
            crate::registry::Parameters::Named(named) => named[0].summary,
            crate::registry::Parameters::Variadic => "",
        };
        let kinds: Vec<&str> = summary.split('`').skip(1).step_by(2).collect();
        assert_eq!(kinds.len(), 45);
        let random = &mut rand::rng();
        for kind in kinds {
            let is_made = number(kind, random).is_some()
                || [
                    time(kind, random),
                    internet(kind, random),
                    text(kind, random),
                    person(kind, random),
                ]
                .iter()
                .flatten()
                .any(|made| !made.is_empty());
            assert!(is_made, "{kind}");
        }
    }
}
