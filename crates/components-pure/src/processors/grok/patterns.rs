//! The patterns that expressions refer to by name, and what an expression is when its references
//! are replaced.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use millrace_component::read_whole;
use millrace_message::Error;

/// Patterns may refer to each other so that they grow without end; nothing real is nearly as long.
const EXPANDED_MAX: usize = 1 << 20;
/// All patterns together, with their references replaced.
const ALL_MAX: usize = 64 << 20;
/// How many patterns may stand within each other.
const DEPTH_MAX: usize = 100;
/// The largest file of patterns, in bytes.
const FILE_MAX: usize = 16 << 20;

/// How a part is written into the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Int,
    Float,
}

/// A pattern or an expression whose references are replaced.
#[derive(Clone, Debug)]
pub(super) struct Expanded {
    /// The regular expression, in Go's syntax; a named reference is a group `(?P<field>...)`, where
    /// the field may have dots and several groups may have the same name.
    pub regex: String,
    /// The types of fields that are not texts.
    pub types: HashMap<String, Type>,
}

/// What is wrong with a pattern or an expression.
#[derive(Debug)]
pub(super) struct Complaint {
    pub place: Place,
    pub reason: String,
    pub help: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) enum Place {
    Expression(usize),
    Pattern(String),
}

impl Complaint {
    pub fn new(place: Place, reason: impl Into<String>) -> Self {
        Self {
            place,
            reason: reason.into(),
            help: None,
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Expression(index) => write!(f, "expression {index}: {}", self.reason)?,
            Place::Pattern(name) => write!(f, "pattern `{name}`: {}", self.reason)?,
        }
        match &self.help {
            Some(help) => write!(f, ": {help}"),
            None => Ok(()),
        }
    }
}

/// Patterns by name, with all references replaced.
pub(super) struct Patterns {
    known: HashMap<String, Expanded>,
    /// Bytes of all of them.
    size: usize,
    named_only: bool,
}

impl Patterns {
    pub fn new(named_only: bool) -> Self {
        Self {
            known: HashMap::new(),
            size: 0,
            named_only,
        }
    }

    /// Adds the default patterns.
    pub fn add_defaults(&mut self) {
        self.add(defaults())
            .expect("the default patterns refer to each other alone");
    }

    /// Adds patterns, which may refer to each other in any order, and to those that are there. A
    /// later one replaces an earlier one of this call; none replaces one that was there before.
    ///
    /// # Errors
    /// A pattern refers to one that is not there, or to itself, or has become too long.
    pub fn add<'a>(
        &mut self,
        patterns: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), Complaint> {
        let new: HashMap<&str, &str> = patterns.into_iter().collect();
        let mut names: Vec<&str> = new.keys().copied().collect();
        names.sort_unstable();
        for name in names {
            self.resolve(name, &new, &mut Vec::new())?;
        }
        Ok(())
    }

    /// Adds a pattern after those that it refers to; `within` are the patterns that wait for it.
    fn resolve<'a>(
        &mut self,
        name: &'a str,
        new: &HashMap<&'a str, &'a str>,
        within: &mut Vec<&'a str>,
    ) -> Result<(), Complaint> {
        if self.known.contains_key(name) {
            return Ok(());
        }
        let Some(&text) = new.get(name) else {
            // Who refers to it complains.
            return Ok(());
        };
        if within.contains(&name) {
            let reason = format!("refers to itself ({} -> {name})", within.join(" -> "));
            return Err(Complaint::new(Place::Pattern(name.to_owned()), reason));
        }
        if within.len() >= DEPTH_MAX {
            let reason = format!("stands within {DEPTH_MAX} patterns that refer to each other");
            return Err(Complaint::new(Place::Pattern(name.to_owned()), reason));
        }
        within.push(name);
        for (_, reference) in references(text) {
            self.resolve(reference.pattern, new, within)?;
        }
        within.pop();
        let expanded = self.expand(text, &Place::Pattern(name.to_owned()))?;
        self.size = self.size.saturating_add(expanded.regex.len());
        if self.size > ALL_MAX {
            let reason = format!("makes all patterns longer than {ALL_MAX} bytes together");
            return Err(Complaint::new(Place::Pattern(name.to_owned()), reason));
        }
        self.known.insert(name.to_owned(), expanded);
        Ok(())
    }

    /// Replaces the references of a text.
    ///
    /// # Errors
    /// A reference is to no pattern or gives an unknown type, or the result is too long.
    pub fn expand(&self, text: &str, place: &Place) -> Result<Expanded, Complaint> {
        let mut regex = String::with_capacity(text.len());
        let mut types = HashMap::new();
        // What a text says itself is stronger than what its patterns say.
        let mut own_types = HashMap::new();
        let mut rest = 0;
        for (range, reference) in references(text) {
            let Some(pattern) = self.known.get(reference.pattern) else {
                return Err(self.unknown(reference.pattern, place));
            };
            let field = reference.field.unwrap_or(reference.pattern);
            if let Some(name) = reference.type_name {
                own_types.insert(field.to_owned(), named_type(name, place)?);
            }
            for (field, kind) in &pattern.types {
                types.entry(field.clone()).or_insert(*kind);
            }
            regex.push_str(&text[rest..range.start]);
            rest = range.end;
            if self.named_only && reference.field.is_none() {
                regex.push_str("(?:");
            } else {
                regex.push_str(&format!("(?P<{field}>"));
            }
            regex.push_str(&pattern.regex);
            regex.push(')');
            if regex.len() > EXPANDED_MAX {
                let reason =
                    format!("is longer than {EXPANDED_MAX} bytes with its references replaced");
                return Err(Complaint::new(place.clone(), reason));
            }
        }
        regex.push_str(&text[rest..]);
        types.extend(own_types);
        Ok(Expanded { regex, types })
    }

    fn unknown(&self, name: &str, place: &Place) -> Complaint {
        let mut complaint = Complaint::new(place.clone(), format!("there is no pattern `{name}`"));
        let upper = name.to_uppercase();
        complaint.help = Some(match self.known.contains_key(&upper) {
            true => format!("the pattern `{upper}` may be meant"),
            false => {
                "define it in `pattern_definitions` or in a file of `pattern_paths`".to_owned()
            }
        });
        complaint
    }
}

fn named_type(name: &str, place: &Place) -> Result<Type, Complaint> {
    match name.to_ascii_lowercase().as_str() {
        "int" => Ok(Type::Int),
        "float" => Ok(Type::Float),
        "string" => Ok(Type::Text),
        _ => {
            let mut complaint =
                Complaint::new(place.clone(), format!("the type `{name}` is not known"));
            complaint.help = Some("a type is `int`, `float` or `string`".to_owned());
            Err(complaint)
        }
    }
}

/// `%{PATTERN}`, `%{PATTERN:field}` or `%{PATTERN:field:type}`.
struct Reference<'a> {
    pattern: &'a str,
    field: Option<&'a str>,
    type_name: Option<&'a str>,
}

/// The references of a text and where they stand; what is not of their form is text.
fn references(text: &str) -> impl Iterator<Item = (std::ops::Range<usize>, Reference<'_>)> {
    let starts = text.match_indices("%{").map(|(start, _)| start);
    starts.filter_map(|start| {
        // Looked at as far as a reference can go: a text may be full of beginnings.
        let rest = &text[start + 2..];
        let is_inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-:".contains(byte);
        let length = rest.bytes().take_while(is_inner).count();
        let inner = &rest[..length];
        rest[length..].starts_with('}').then_some(())?;
        let is_name = |name: &&str| {
            let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
            !name.is_empty() && name.bytes().all(is_part)
        };
        let mut parts = inner.split(':');
        let reference = Reference {
            pattern: parts.next().filter(is_name)?,
            field: parts.next(),
            type_name: parts.next(),
        };
        let is_whole = parts.next().is_none()
            && reference.field.iter().all(is_name)
            && reference.type_name.iter().all(is_name);
        is_whole.then_some((start..start + 2 + inner.len() + 1, reference))
    })
}

/// The default patterns.
fn defaults() -> impl Iterator<Item = (&'static str, &'static str)> {
    static IPV6: LazyLock<String> = LazyLock::new(ipv6);
    let lines = include_str!("patterns.txt").lines();
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .chain([("IPV6", IPV6.as_str())])
}

/// Whether a default pattern has this name.
pub(super) fn is_default(name: &str) -> bool {
    defaults().any(|(default, _)| default == name)
}

/// An address of eight groups, where `::` stands for one or more of them and the last two may be an
/// IPv4 address; a zone may follow.
fn ipv6() -> String {
    const GROUP: &str = "[0-9A-Fa-f]{1,4}";
    const OCTET: &str = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)";
    let ipv4 = format!(r"{OCTET}(?:\.{OCTET}){{3}}");
    let mut forms = vec![
        format!("(?:{GROUP}:){{7}}(?:{GROUP}|:)"),
        format!("(?:{GROUP}:){{6}}(?::{GROUP}|{ipv4}|:)"),
    ];
    // So many groups, then `::`, then as many as there is room for.
    for before in (1..=5).rev() {
        let (room, room_before_ipv4) = (7 - before, 5 - before);
        forms.push(format!(
            "(?:{GROUP}:){{{before}}}(?:(?::{GROUP}){{1,{room}}}|(?::{GROUP}){{0,{room_before_ipv4}}}:{ipv4}|:)"
        ));
    }
    forms.push(format!(
        ":(?:(?::{GROUP}){{1,7}}|(?::{GROUP}){{0,5}}:{ipv4}|:)"
    ));
    format!("(?:{})(?:%.+)?", forms.join("|"))
}

/// The patterns of files, in order.
///
/// # Errors
/// A path leads nowhere, a file cannot be read or is too large, or a line holds no pattern.
pub(super) fn read_files(paths: &[String]) -> Result<Vec<(String, String)>, Error> {
    let mut patterns = Vec::new();
    for path in paths {
        for file in files(path).map_err(|error| error.context("`pattern_paths`"))? {
            read_file(&file, &mut patterns)
                .map_err(|error| error.context(format_args!("patterns of `{}`", file.display())))?;
        }
    }
    Ok(patterns)
}

/// The files of a path: itself, those of the folder, or those that the wildcards match.
fn files(path: &str) -> Result<Vec<PathBuf>, Error> {
    let pattern: Cow<'_, str> = match Path::new(path) {
        folder if folder.is_dir() => {
            format!("{}/*", glob::Pattern::escape(path.trim_end_matches('/'))).into()
        }
        _ if path.contains(['*', '?', '[']) => path.into(),
        file => return Ok(vec![file.to_owned()]),
    };
    let found = glob::glob(&pattern)
        .map_err(|error| Error::fatal(format!("pattern `{pattern}`: {error}")))?;
    let mut files = Vec::new();
    for file in found {
        let file = file.map_err(|error| Error::fatal(format!("read a folder: {error}")))?;
        if file.is_file() {
            files.push(file);
        }
    }
    Ok(files)
}

fn read_file(path: &Path, patterns: &mut Vec<(String, String)>) -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::fatal(error.to_string());
    let file = File::open(path).map_err(failed)?;
    let content = read_whole(file, FILE_MAX, 0)
        .map_err(failed)?
        .ok_or_else(|| Error::fatal(format!("the file is larger than {FILE_MAX} bytes")))?;
    let content = String::from_utf8(content).map_err(|_| Error::fatal("the file is no UTF-8"))?;
    for (number, line) in content.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, pattern) = line.split_once(' ').ok_or_else(|| {
            Error::fatal(format!("line {} is no name, space and pattern", number + 1))
        })?;
        patterns.push((name.to_owned(), pattern.to_owned()));
    }
    Ok(())
}
