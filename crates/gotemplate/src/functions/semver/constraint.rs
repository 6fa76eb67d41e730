//! Constraints on versions: `>= 1.2, < 2 || ^3.1`.

use std::cmp::Ordering;

use super::{Version, take_names};

/// Alternatives, each of constraints that all have to hold.
#[derive(Debug)]
pub(super) struct Constraints(Vec<Vec<Constraint>>);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operator {
    /// Nothing, or `=`: as `~` when parts are left out.
    Same,
    Not,
    Greater,
    Less,
    GreaterOrSame,
    LessOrSame,
    Tilde,
    Caret,
}

/// What of a version stands for all numbers, being left out or `x`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Open {
    Nothing,
    Patch,
    Minor,
    All,
}

#[derive(Debug)]
struct Constraint {
    operator: Operator,
    version: Version,
    open: Open,
}

/// The longest operators first.
const OPERATORS: [(&str, Operator); 11] = [
    ("!=", Operator::Not),
    (">=", Operator::GreaterOrSame),
    ("=>", Operator::GreaterOrSame),
    ("<=", Operator::LessOrSame),
    ("=<", Operator::LessOrSame),
    ("~>", Operator::Tilde),
    ("=", Operator::Same),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
];

impl Constraints {
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let alternatives: Result<Vec<_>, String> = text.split("||").map(alternative).collect();
        alternatives.map(Self)
    }

    pub fn allow(&self, version: &Version) -> bool {
        self.0.iter().any(|all| {
            // Prereleases are meant only where one is named.
            let takes_prereleases = all.iter().any(|it| !it.version.prerelease.is_empty());
            (version.prerelease.is_empty() || takes_prereleases)
                && all.iter().all(|it| it.allows(version))
        })
    }
}

fn alternative(text: &str) -> Result<Vec<Constraint>, String> {
    let improper = || format!("improper constraint: {text}");
    let mut constraints = Vec::new();
    let mut rest = text.trim_start();
    loop {
        let (constraint, after) = constraint(rest).ok_or_else(improper)?;
        let behind = after.trim_start();
        // `1.2 - 3.4`
        let hyphen = behind
            .strip_prefix('-')
            .filter(|it| it.starts_with(char::is_whitespace));
        if let Some(upper) = hyphen.filter(|_| behind.len() < after.len()) {
            let (upper, after) =
                constraint_without_operator(upper.trim_start()).ok_or_else(improper)?;
            constraints.push(Constraint {
                operator: Operator::GreaterOrSame,
                ..constraint?
            });
            constraints.push(Constraint {
                operator: Operator::LessOrSame,
                ..upper?
            });
            rest = after;
        } else {
            constraints.push(constraint?);
            rest = after;
        }
        let behind = rest.trim_start();
        if behind.is_empty() {
            return Ok(constraints);
        }
        rest = match behind.strip_prefix(',') {
            Some(behind) => behind.trim_start(),
            None if behind.len() < rest.len() => behind,
            None => return Err(improper()),
        };
    }
}

type Taken<'a> = (Result<Constraint, String>, &'a str);

/// A constraint and what is behind it; nothing when there is none.
fn constraint(text: &str) -> Option<Taken<'_>> {
    let found = OPERATORS.iter().find(|(mark, _)| text.starts_with(mark));
    let (operator, rest) = match found {
        Some((mark, operator)) => (*operator, text[mark.len()..].trim_start()),
        None => (Operator::Same, text),
    };
    let (constraint, rest) = constraint_without_operator(rest)?;
    Some((constraint.map(|it| Constraint { operator, ..it }), rest))
}

fn constraint_without_operator(text: &str) -> Option<Taken<'_>> {
    let mut rest = text.strip_prefix('v').unwrap_or(text);
    let is_part = |it: u8| it.is_ascii_digit() || matches!(it, b'x' | b'X' | b'*');
    let mut parts: Vec<&str> = Vec::new();
    while parts.len() < 3 {
        let behind = match (parts.is_empty(), rest.strip_prefix('.')) {
            (true, _) => rest,
            (false, Some(behind)) => behind,
            (false, None) => break,
        };
        let length = behind.bytes().take_while(|it| is_part(*it)).count();
        if length == 0 {
            if parts.is_empty() {
                return None;
            }
            break;
        }
        parts.push(&behind[..length]);
        rest = &behind[length..];
    }
    let mut suffix = String::new();
    let mut prerelease = "";
    for mark in ['-', '+'] {
        if let Some((names, after)) = rest.strip_prefix(mark).and_then(take_names) {
            if mark == '-' {
                prerelease = names;
            }
            suffix.push(mark);
            suffix.push_str(names);
            rest = after;
        }
    }
    let is_open = |index: usize| {
        parts
            .get(index)
            .is_none_or(|it| matches!(*it, "x" | "X" | "*"))
    };
    let suffix = match prerelease.is_empty() {
        true => String::new(),
        false => format!("-{prerelease}"),
    };
    let (open, text) = if is_open(0) {
        (Open::All, format!("0.0.0{suffix}"))
    } else if is_open(1) {
        (Open::Minor, format!("{}.0.0{suffix}", parts[0]))
    } else if is_open(2) {
        (Open::Patch, format!("{}.{}.0{suffix}", parts[0], parts[1]))
    } else {
        (Open::Nothing, format!("{}{suffix}", parts.join(".")))
    };
    let constraint = Version::parse(&text)
        .map(|version| Constraint {
            operator: Operator::Same,
            version,
            open,
        })
        .map_err(|_| "constraint parser error".to_owned());
    Some((constraint, rest))
}

impl Constraint {
    fn allows(&self, version: &Version) -> bool {
        let own = &self.version;
        let order = version.compare(own);
        let leaves_minor = self.open == Open::Minor;
        let leaves_patch = self.open == Open::Patch;
        match self.operator {
            Operator::Same if self.open == Open::Nothing => order == Ordering::Equal,
            Operator::Same | Operator::Tilde => self.is_near(version, order),
            Operator::Not => self.is_other(version, order),
            Operator::Less => order == Ordering::Less,
            Operator::GreaterOrSame => order != Ordering::Less,
            Operator::LessOrSame if self.open == Open::Nothing => order != Ordering::Greater,
            Operator::LessOrSame => {
                version.major < own.major
                    || version.major == own.major && (version.minor <= own.minor || leaves_minor)
            }
            Operator::Greater if self.open == Open::Nothing => order == Ordering::Greater,
            Operator::Greater => {
                if version.major != own.major {
                    version.major > own.major
                } else if leaves_minor {
                    false
                } else if leaves_patch {
                    version.minor > own.minor
                } else {
                    order == Ordering::Greater
                }
            }
            Operator::Caret => {
                if order == Ordering::Less {
                    false
                } else if own.major > 0 || leaves_minor {
                    version.major == own.major
                } else if version.major > 0 {
                    false
                } else if own.minor > 0 || leaves_patch {
                    version.minor == own.minor
                } else if version.minor > 0 {
                    false
                } else {
                    version.patch == own.patch
                }
            }
        }
    }

    /// Not below, and with the same major and minor number.
    fn is_near(&self, version: &Version, order: Ordering) -> bool {
        let own = &self.version;
        if order == Ordering::Less {
            return false;
        }
        let is_zero = (own.major, own.minor, own.patch) == (0, 0, 0);
        if is_zero && !matches!(self.open, Open::Minor | Open::Patch) {
            return true;
        }
        version.major == own.major && (version.minor == own.minor || self.open == Open::Minor)
    }

    fn is_other(&self, version: &Version, order: Ordering) -> bool {
        let own = &self.version;
        if self.open == Open::Nothing {
            return order != Ordering::Equal;
        }
        if own.major != version.major {
            return true;
        }
        if self.open == Open::Minor {
            return false;
        }
        if own.minor != version.minor {
            return true;
        }
        if self.open == Open::Patch {
            return (!version.prerelease.is_empty() || !own.prerelease.is_empty())
                && version.prerelease != own.prerelease;
        }
        own.patch != version.patch || order != Ordering::Equal
    }
}
