//! Redaction: secrets are replaced by `***` before a text reaches any sink.
//!
//! Two nets lie one behind the other. Known secrets (registered when the config is read) are found
//! wherever they stand, in the forms in which other crates quote them: JSON-escaped, debug-escaped,
//! percent-encoded, and within Base64, of which the whole run is masked: a server may repeat a request
//! so. What was never registered is still caught where its place gives it away: the user part of a
//! URL, a password of a DSN, an authorization header. What an error quotes is masked when it is a
//! piece of a known secret, too.

mod fragment;
mod pattern;
mod variant;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Arc, LazyLock};

pub use fragment::mask_quoted;
pub use pattern::{is_secret_name, user_part_of};

use aho_corasick::{AhoCorasick, Input, MatchKind};
use parking_lot::{Mutex, RwLock};

/// What stands in place of a secret.
pub const MASK: &str = "***";

/// Shorter secrets are not searched for: replacing them would destroy the text and hide nothing.
const SECRET_BYTES_MIN: usize = 4;

/// Shorter secrets are replaced only where they stand alone, so that a password `test` leaves
/// `latest` readable.
const ANYWHERE_BYTES_MIN: usize = 8;

/// Shorter pieces of a secret are replaced only beside the secret as a whole.
const FRAGMENT_BYTES_MIN: usize = 8;

/// A single letter tells nothing.
const FRAGMENT_BYTES_MIN_BESIDE: usize = 2;

/// Values that configs give for "nothing" and that every log contains; the path of every component
/// begins with `root`.
const NEVER_SECRET: &[&str] = &["true", "false", "null", "none", "default", "root"];

/// A set of secrets and the search for them. There is one for the process.
#[derive(Default)]
pub struct Redactor {
    secrets: Mutex<BTreeMap<String, Form>>,
    search: RwLock<Option<Arc<Search>>>,
}

/// What a text that is searched for is of a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The secret, quoted or encoded in some way.
    Whole,
    /// What it has become within the Base64 of a longer text.
    InBase64,
}

/// Finds secrets and pieces of them.
struct Search {
    whole: AhoCorasick,
    /// In the order of the patterns of `whole`.
    secrets: Vec<(String, Form)>,
    /// What a long piece of a secret may begin with.
    beginnings: HashSet<[u8; FRAGMENT_BYTES_MIN]>,
}

impl Search {
    fn of(secrets: &BTreeMap<String, Form>) -> Self {
        let whole = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(secrets.keys())
            .expect("the patterns of a config are far below the automaton's limits");
        let secrets: Vec<_> = secrets
            .iter()
            .map(|(it, form)| (it.clone(), *form))
            .collect();
        let windows = wholes(&secrets)
            .flat_map(|it| it.as_bytes().array_windows::<FRAGMENT_BYTES_MIN>())
            .copied();
        Self {
            whole,
            beginnings: windows.collect(),
            secrets,
        }
    }

    /// The text with `mask` for every whole secret, and which ones they are.
    fn mask_whole(&self, text: &str, mask: &str) -> Option<(String, Vec<usize>)> {
        let mut masked = String::new();
        let mut patterns = Vec::new();
        let (mut copied, mut from) = (0, 0);
        while let Some(found) = self.whole.find(Input::new(text).range(from..)) {
            if found.len() < ANYWHERE_BYTES_MIN && !stands_alone(text, found.start(), found.end()) {
                from = found.start() + 1;
                continue;
            }
            let pattern = found.pattern().as_usize();
            let (start, end) = match self.secrets[pattern].1 {
                Form::Whole => (found.start(), found.end()),
                Form::InBase64 => base64_around(text, copied, found.start(), found.end()),
            };
            patterns.push(pattern);
            masked.push_str(&text[copied..start]);
            masked.push_str(mask);
            copied = end;
            from = end;
        }
        if patterns.is_empty() {
            return None;
        }
        masked.push_str(&text[copied..]);
        Some((masked, patterns))
    }

    /// The text with `mask` for every whole secret and for every piece of one that is quoted.
    fn mask(&self, text: &str, mask: &str) -> Option<String> {
        let (whole, patterns) = self.mask_whole(text, mask).unzip();
        let patterns = patterns.unwrap_or_default();
        let is_fragment = |piece: &str| {
            let mut beside = wholes(patterns.iter().map(|it| &self.secrets[*it]));
            self.has_long_piece(piece)
                || piece.len() >= FRAGMENT_BYTES_MIN_BESIDE && beside.any(|it| it.contains(piece))
        };
        let fragments = mask_quoted(whole.as_deref().unwrap_or(text), mask, is_fragment);
        fragments.or(whole)
    }

    fn has_long_piece(&self, piece: &str) -> bool {
        let beginning = piece.as_bytes().first_chunk();
        beginning.is_some_and(|it| self.beginnings.contains(it))
            && wholes(&self.secrets).any(|it| it.contains(piece))
    }
}

/// Those that are whole secrets.
fn wholes<'a>(
    secrets: impl IntoIterator<Item = &'a (String, Form)>,
) -> impl Iterator<Item = &'a String> {
    let whole = |(text, form): &'a (String, Form)| (*form == Form::Whole).then_some(text);
    secrets.into_iter().filter_map(whole)
}

impl Redactor {
    /// An empty set of its own, for tests.
    pub fn new() -> Self {
        Self::default()
    }

    /// The set of the process, which every log line, error text and metric label passes.
    pub fn global() -> &'static Self {
        static GLOBAL: LazyLock<Redactor> = LazyLock::new(Redactor::new);
        &GLOBAL
    }

    /// Registers the value of a secret field. Values under 4 bytes, and words such as `true`, are
    /// left out; values under 8 bytes are replaced only where they stand alone.
    pub fn add(&self, secret: &str) {
        self.add_all([secret]);
    }

    /// Registers several secrets at the cost of one.
    pub fn add_all<'a>(&self, secrets: impl IntoIterator<Item = &'a str>) {
        let mut known = self.secrets.lock();
        let before = known.len();
        let is_word = |text: &str| NEVER_SECRET.contains(&text.to_ascii_lowercase().as_str());
        for secret in secrets {
            for variant in variant::variants_of(secret) {
                if variant.len() >= SECRET_BYTES_MIN && !is_word(&variant) {
                    known.insert(variant, Form::Whole);
                }
            }
            if !is_word(secret.trim()) {
                for piece in variant::pieces_in_base64(secret) {
                    known.entry(piece).or_insert(Form::InBase64);
                }
            }
        }
        if known.len() > before {
            *self.search.write() = Some(Arc::new(Search::of(&known)));
        }
    }

    /// Registers what is secret in a URL, a list of URLs or a DSN: passwords, and user parts
    /// without a password, which are tokens.
    pub fn add_url(&self, url: &str) {
        let found = pattern::credentials_of(url);
        self.add_all(found.iter().map(String::as_str));
    }

    /// The text without secrets; borrowed when there were none.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let search = self.search.read().clone();
        match search.and_then(|it| it.mask(text, MASK)) {
            None => pattern::scrub(text),
            Some(masked) => match pattern::scrub(&masked) {
                Cow::Owned(scrubbed) => Cow::Owned(scrubbed),
                Cow::Borrowed(_) => Cow::Owned(masked),
            },
        }
    }

    /// The text of an error, or of anything else that is shown, without secrets.
    pub fn text_of(&self, value: &dyn fmt::Display) -> String {
        let text = value.to_string();
        match self.redact(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(redacted) => redacted,
        }
    }

    /// The text with `mask` for every registered secret; `None` when there is none in it.
    pub fn mask_known(&self, text: &str, mask: &str) -> Option<String> {
        let search = self.search.read().clone()?;
        search.mask_whole(text, mask).map(|(masked, _)| masked)
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

/// The forms in which texts hold a secret: quoted, escaped, encoded, and within the Base64 of a longer
/// text.
pub fn forms_of(secret: &str) -> Vec<String> {
    let mut forms = variant::variants_of(secret);
    forms.extend(variant::pieces_in_base64(secret));
    forms
}

/// The run of Base64 around a piece of it, which begins at `from` at the earliest.
fn base64_around(text: &str, from: usize, start: usize, end: usize) -> (usize, usize) {
    let bytes = text.as_bytes();
    let before = bytes[from..start].iter().rev();
    let behind = bytes[end..].iter();
    (
        start - before.take_while(|it| variant::is_base64(**it)).count(),
        end + behind.take_while(|it| variant::is_base64(**it)).count(),
    )
}

fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric());
    !joins(text[..start].chars().next_back()) && !joins(text[end..].chars().next())
}

#[cfg(test)]
mod tests;
