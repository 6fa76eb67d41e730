//! The enums of APIs and of errors.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};
use millrace_kafka_tables::Versions;

use super::{Folder, header};

/// `api_key.rs`.
pub fn api_key(folder: &Folder) -> Result<String> {
    let mut apis = Vec::new();
    for table in &folder.tables {
        let api = table.api.as_ref();
        let api = api.with_context(|| format!("{}.wire begins with no `api`", table.name))?;
        apis.push((api, &table.messages[0]));
    }
    apis.sort_by_key(|(api, _)| api.key);
    let (mut variants, mut names, mut rows) = (String::new(), String::new(), String::new());
    for (api, request) in apis {
        let name = &api.name;
        let advertised = api.advertised.map(pair);
        let Versions { first, last } = request.versions;
        let versions = match first == last {
            true => format!("version {first}"),
            false => format!("versions {first} to {last}"),
        };
        writeln!(variants, "/// Number {}, {versions}.", api.key)?;
        writeln!(variants, "{name} = {},", api.key)?;
        write!(names, "Self::{name},")?;
        writeln!(
            rows,
            "Self::{name} => Row {{ name: {name:?}, versions: {}, flexible: {:?}, advertised: {} }},",
            pair(request.versions),
            request.flexible,
            advertised.map_or("None".to_owned(), |it| format!("Some({it})")),
        )?;
    }
    Ok(format!(
        "{}
use crate::api_key::Row;

/// An API that the codec knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum ApiKey {{
    {variants}
}}

impl ApiKey {{
    /// All of them, in the order of their numbers.
    pub const ALL: &[Self] = &[{names}];

    pub(crate) const fn row(self) -> Row {{
        match self {{
            {rows}
        }}
    }}
}}
",
        header("api", "")
    ))
}

fn pair(versions: Versions) -> String {
    format!("({}, {})", versions.first, versions.last)
}

/// `error_code.rs`: `NUMBER NAME [retriable]` on each line.
pub fn error_code(text: &str) -> Result<String> {
    let (mut variants, mut all, mut names) = (String::new(), String::new(), String::new());
    let mut retriable = Vec::new();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    for (expected, line) in (-1..).zip(lines) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (number, name, about) = match words[..] {
            [number, name] => (number, name, ""),
            [number, name, "retriable"] => {
                retriable.push(format!("Self::{}", camel(name)));
                (number, name, ", retriable")
            }
            _ => bail!("errors.txt: `{line}` is not `NUMBER NAME [retriable]`"),
        };
        // The lookup by number needs that.
        if number.parse() != Ok(expected) {
            bail!("errors.txt: `{line}` stands where {expected} should");
        }
        let variant = camel(name);
        writeln!(variants, "/// {name}{about}.\n{variant} = {number},")?;
        write!(all, "Self::{variant},")?;
        writeln!(names, "Self::{variant} => {name:?},")?;
    }
    Ok(format!(
        "{}
/// An error of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum ErrorCode {{
    {variants}
}}

impl ErrorCode {{
    /// All of them, in the order of their numbers.
    pub const ALL: &[Self] = &[{all}];

    /// Kafka's name.
    pub const fn name(self) -> &'static str {{
        match self {{
            {names}
        }}
    }}

    /// Whether the same request may succeed later.
    pub const fn is_retriable(self) -> bool {{
        matches!(self, {})
    }}
}}
",
        header("errors.txt", ""),
        retriable.join("|"),
    ))
}

/// `NOT_LEADER` as `NotLeader`.
fn camel(name: &str) -> String {
    let word = |word: &str| word[..1].to_owned() + &word[1..].to_ascii_lowercase();
    name.split('_').map(word).collect()
}
