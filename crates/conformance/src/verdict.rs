//! What became of a row.

use serde_json::{Value as Json, json};

/// How much of a text a report shows.
const SHOWN_CHARS: usize = 400;

/// How a row passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// It ran, and gave what it gives on Bento.
    Ran,
    /// It needs a component that is known and not in this build; its fields lint clean.
    Linted,
}

/// Why a row does not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It gives something else.
    Differs {
        /// What it gives on Bento.
        expected: String,
        /// What it gives here.
        actual: String,
    },
    /// What it is about is not in this build.
    NotBuilt(String),
    /// The row cannot be understood: an error of the runner or of the row, never of the product.
    Misread(String),
}

/// What became of a row.
pub type Verdict = Result<Pass, Failure>;

impl Failure {
    /// A row that gives something else.
    pub fn differs(expected: impl Into<String>, actual: impl Into<String>) -> Self {
        Self::Differs {
            expected: expected.into(),
            actual: actual.into(),
        }
    }

    /// As [`Failure::differs`], for JSON.
    pub fn differs_json(expected: &Json, actual: &Json) -> Self {
        Self::differs(expected.to_string(), actual.to_string())
    }

    /// A row that cannot be understood.
    pub fn misread(why: impl Into<String>) -> Self {
        Self::Misread(why.into())
    }
}

/// Passes when the two are equal.
pub fn equal(expected: &Json, actual: &Json) -> Verdict {
    if expected == actual {
        Ok(Pass::Ran)
    } else {
        Err(Failure::differs_json(expected, actual))
    }
}

/// A text, cut where it gets long.
pub fn bounded(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

/// How a worker tells a verdict to its supervisor.
pub fn to_json(verdict: &Verdict) -> Json {
    match verdict {
        Ok(Pass::Ran) => json!({"is": "ran"}),
        Ok(Pass::Linted) => json!({"is": "linted"}),
        Err(Failure::Differs { expected, actual }) => {
            json!({"is": "differs", "expected": bounded(expected), "actual": bounded(actual)})
        }
        Err(Failure::NotBuilt(why)) => json!({"is": "not built", "why": bounded(why)}),
        Err(Failure::Misread(why)) => json!({"is": "misread", "why": bounded(why)}),
    }
}

/// A verdict as a worker told it; `None` when it is none.
pub fn from_json(told: &Json) -> Option<Verdict> {
    let text = |field: &str| told[field].as_str().map(str::to_owned);
    Some(match told["is"].as_str()? {
        "ran" => Ok(Pass::Ran),
        "linted" => Ok(Pass::Linted),
        "differs" => Err(Failure::differs(text("expected")?, text("actual")?)),
        "not built" => Err(Failure::NotBuilt(text("why")?)),
        "misread" => Err(Failure::Misread(text("why")?)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_comes_through_as_it_was_told() {
        for verdict in [
            Ok(Pass::Ran),
            Ok(Pass::Linted),
            Err(Failure::differs("a", "b")),
            Err(Failure::NotBuilt("x".to_owned())),
            Err(Failure::misread("y")),
        ] {
            assert_eq!(from_json(&to_json(&verdict)), Some(verdict));
        }
        assert_eq!(from_json(&json!({"is": "fine"})), None);
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let text = "ä".repeat(1000);
        let shown = bounded(&text);
        assert!(shown.starts_with('ä') && shown.ends_with("… (2000 bytes)"));
        assert!(shown.chars().count() < 450);
        assert_eq!(bounded("short"), "short");
    }
}
