//! Semantic versions, as the library `Masterminds/semver` reads and compares them.

use std::cmp::Ordering;
use std::fmt;
use std::rc::Rc;

use super::Type::Text;
use super::{Function, fail};
use crate::value::Val;

mod constraint;

use constraint::Constraints;

/// The longest version and the longest constraint, in bytes.
const LENGTH_MAX: usize = 4096;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("semver", &[Text], |call| {
        match Version::parse(&call.text(0)) {
            Ok(version) => Ok(Val::Version(Rc::new(version))),
            Err(reason) => fail(reason),
        }
    }),
    Function::new("semverCompare", &[Text, Text], |call| {
        let (constraint, version) = (call.text(0), call.text(1));
        call.step(constraint.len())?;
        if constraint.len() > LENGTH_MAX {
            return fail(format!("the constraint is longer than {LENGTH_MAX} bytes"));
        }
        let constraints = match Constraints::parse(&constraint) {
            Ok(constraints) => constraints,
            Err(reason) => return fail(reason),
        };
        match Version::parse(&version) {
            Ok(version) => Ok(Val::Bool(constraints.allow(&version))),
            Err(reason) => fail(reason),
        }
    }),
];

/// `1.2.3-prerelease+metadata`
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Version {
    pub major: u64,
    pub minor: u64,
    pub patch: u64,
    pub prerelease: String,
    pub metadata: String,
    /// As it was written.
    pub original: String,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.prerelease.is_empty() {
            write!(f, "-{}", self.prerelease)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

/// What a version may begin with: one number of it, and what is behind.
fn take_digits(text: &str) -> (&str, &str) {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at(length)
}

/// Names with dots between them, such as `beta.1`.
fn take_names(text: &str) -> Option<(&str, &str)> {
    let is_part = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'.');
    let length = text.bytes().take_while(|it| is_part(*it)).count();
    let (names, rest) = text.split_at(length);
    names
        .split('.')
        .all(|it| !it.is_empty())
        .then_some((names, rest))
}

impl Version {
    /// Reads a version, of which only the first number has to be there.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let invalid = || "invalid semantic version".to_owned();
        if text.len() > LENGTH_MAX {
            return Err(format!("the version is longer than {LENGTH_MAX} bytes"));
        }
        let number = |digits: &str| {
            digits.parse::<u64>().map_err(|_| {
                format!(
                    "error parsing version segment: strconv.ParseUint: parsing {digits:?}: \
                     value out of range"
                )
            })
        };
        let mut rest = text.strip_prefix('v').unwrap_or(text);
        let mut numbers = ["0"; 3];
        for (index, place) in numbers.iter_mut().enumerate() {
            let behind = match (index, rest.strip_prefix('.')) {
                (0, _) => rest,
                (_, Some(behind)) => behind,
                (_, None) => break,
            };
            let (digits, after) = take_digits(behind);
            if digits.is_empty() {
                return Err(invalid());
            }
            (*place, rest) = (digits, after);
        }
        let mut names = |mark: char| -> Result<&str, String> {
            let Some(behind) = rest.strip_prefix(mark) else {
                return Ok("");
            };
            let (names, after) = take_names(behind).ok_or_else(invalid)?;
            rest = after;
            Ok(names)
        };
        let prerelease = names('-')?.to_owned();
        let metadata = names('+')?.to_owned();
        if !rest.is_empty() {
            return Err(invalid());
        }
        let version = Self {
            major: number(numbers[0])?,
            minor: number(numbers[1])?,
            patch: number(numbers[2])?,
            prerelease,
            metadata,
            original: text.to_owned(),
        };
        let has_zeros = |it: &str| {
            it.len() > 1 && it.starts_with('0') && it.bytes().all(|it| it.is_ascii_digit())
        };
        match version.prerelease.split('.').any(has_zeros) {
            true => Err("version segment starts with 0".to_owned()),
            false => Ok(version),
        }
    }

    pub fn compare(&self, other: &Self) -> Ordering {
        let numbers = |it: &Self| (it.major, it.minor, it.patch);
        numbers(self)
            .cmp(&numbers(other))
            .then_with(|| compare_prereleases(&self.prerelease, &other.prerelease))
    }

    fn next(&self, major: u64, minor: u64, patch: u64) -> Self {
        let mut next = Self {
            major,
            minor,
            patch,
            ..Self::default()
        };
        let prefix = if self.original.starts_with('v') {
            "v"
        } else {
            ""
        };
        next.original = format!("{prefix}{next}");
        next
    }

    pub fn next_major(&self) -> Self {
        self.next(self.major.saturating_add(1), 0, 0)
    }

    pub fn next_minor(&self) -> Self {
        self.next(self.major, self.minor.saturating_add(1), 0)
    }

    /// The next patch; of a prerelease, what it leads to.
    pub fn next_patch(&self) -> Self {
        let patch = match self.prerelease.is_empty() {
            true => self.patch.saturating_add(1),
            false => self.patch,
        };
        self.next(self.major, self.minor, patch)
    }
}

/// A version without a prerelease is later than those with one.
fn compare_prereleases(left: &str, right: &str) -> Ordering {
    match (left.is_empty(), right.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let (mut left, mut right) = (left.split('.'), right.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(left), Some(right)) => compare_names(left, right),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Numbers are earlier than names.
fn compare_names(left: &str, right: &str) -> Ordering {
    match (left.parse::<u64>(), right.parse::<u64>()) {
        (Ok(left), Ok(right)) => left.cmp(&right),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => left.cmp(right),
    }
}
