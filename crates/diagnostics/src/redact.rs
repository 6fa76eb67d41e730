//! Keeps secrets out of everything that is printed.

use std::cmp::Reverse;
use std::collections::BTreeSet;

/// What stands in the place of a secret.
const MASK: &str = "***";

/// Values shorter than this are not replaced: they would occur everywhere by chance.
const MIN_SECRET_BYTES: usize = 3;

/// Replaces known secret strings in texts.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Longest first, so that a secret inside another one does not leave a part of it standing.
    secrets: BTreeSet<(Reverse<usize>, String)>,
}

impl Redactor {
    /// A redactor that knows no secret.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a secret. Values of fewer than three bytes are ignored.
    pub fn add(&mut self, secret: impl Into<String>) {
        let secret = secret.into();
        if secret.len() >= MIN_SECRET_BYTES {
            self.secrets.insert((Reverse(secret.len()), secret));
        }
    }

    /// Whether no secret is known.
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }

    /// Every secret.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(|(_, secret)| secret.as_str())
    }

    /// The text with every secret replaced by `***`.
    pub fn apply(&self, text: &str) -> String {
        self.replace(text, |_| MASK.to_owned())
    }

    /// The text with every character of a secret replaced by a star.
    pub fn apply_keeping_length(&self, text: &str) -> String {
        self.replace(text, |secret| "*".repeat(secret.chars().count()))
    }

    fn replace(&self, text: &str, mask: impl Fn(&str) -> String) -> String {
        let mut text = text.to_owned();
        for (_, secret) in &self.secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), &mask(secret));
            }
        }
        text
    }
}

impl Extend<String> for Redactor {
    fn extend<T: IntoIterator<Item = String>>(&mut self, iter: T) {
        iter.into_iter().for_each(|secret| self.add(secret));
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} secrets)", self.secrets.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_inside_another_secret_leaves_nothing_standing() {
        let mut redactor = Redactor::new();
        redactor.extend([
            "hunter2".to_owned(),
            "hunter2-prod".to_owned(),
            "ab".to_owned(),
        ]);
        assert_eq!(
            redactor.apply("amqp://u:hunter2-prod@h ab hunter2"),
            "amqp://u:***@h ab ***"
        );
        assert_eq!(format!("{redactor:?}"), "Redactor(2 secrets)");
    }
}
