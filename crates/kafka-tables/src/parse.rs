//! The notation: lines to a table.

use std::fmt;

use crate::model::{Api, Field, Kind, Message, Struct, Table, Type, Versions, is_type_name};

/// What is wrong with a table, and in which line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableError {
    /// From 1; 0 when it is no one line's.
    pub line: usize,
    pub reason: String,
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.reason),
            line => write!(f, "line {line}: {}", self.reason),
        }
    }
}

impl std::error::Error for TableError {}

impl Table {
    /// Reads one table; `name` is that of its file.
    ///
    /// # Errors
    /// A line breaks the notation or contradicts another.
    pub fn parse(name: &str, text: &str) -> Result<Self, TableError> {
        let mut parser = Parser::new(name);
        for (index, line) in text.lines().enumerate() {
            let placed = |reason| TableError {
                line: index + 1,
                reason,
            };
            parser.line(line).map_err(placed)?;
        }
        let mut table = parser.table;
        let placed = |reason| TableError { line: 0, reason };
        table.resolve().map_err(placed)?;
        Ok(table)
    }
}

/// A struct that lines are still added to.
struct Open {
    indent: usize,
    structure: usize,
}

struct Parser {
    table: Table,
    /// From the outermost to the innermost.
    open: Vec<Open>,
    /// Of the message that was begun last, which its structs belong to.
    versions: Option<Versions>,
    flexible: Option<i16>,
    /// A struct named by the field before, whose fields may follow deeper than this.
    named: Option<(usize, String, Versions)>,
    is_at_top: bool,
}

impl Parser {
    fn new(name: &str) -> Self {
        Self {
            table: Table {
                name: name.to_owned(),
                about: String::new(),
                api: None,
                messages: Vec::new(),
                structs: Vec::new(),
            },
            open: Vec::new(),
            versions: None,
            flexible: None,
            named: None,
            is_at_top: true,
        }
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let text = line.trim();
        if let Some(comment) = text.strip_prefix('#') {
            if self.is_at_top {
                let about = &mut self.table.about;
                if !about.is_empty() {
                    about.push(' ');
                }
                about.push_str(comment.trim());
            }
            return Ok(());
        }
        if text.is_empty() {
            return Ok(());
        }
        self.is_at_top = false;
        match line.len() - line.trim_start().len() {
            0 => self.head(text),
            indent => self.field(indent, text),
        }
    }

    /// A line without indentation begins something.
    fn head(&mut self, text: &str) -> Result<(), String> {
        self.open.clear();
        self.named = None;
        let words: Vec<&str> = text.split_whitespace().collect();
        match words[..] {
            ["api", key, name] => self.api(key, name),
            ["advertised", range] => {
                let api = self.table.api.as_mut();
                let api = api.ok_or("`advertised` stands after `api`")?;
                api.advertised = match range {
                    "none" => None,
                    range => Some(versions(range, None)?),
                };
                Ok(())
            }
            [role @ ("request" | "response"), ref rest @ ..] => {
                let api = self.table.api.as_ref();
                let api = api.ok_or_else(|| format!("a {role} without an `api`"))?;
                let suffix = if role == "request" {
                    "Request"
                } else {
                    "Response"
                };
                let name = format!("{}{suffix}", api.name);
                self.message(name, rest)
            }
            ["message", name, ref rest @ ..] => self.message(name.to_owned(), rest),
            ["struct", name] => {
                let versions = self.versions.ok_or("a struct before any message")?;
                self.structure(0, name, versions)
            }
            _ => Err(format!("`{text}` begins nothing that is known")),
        }
    }

    fn api(&mut self, key: &str, name: &str) -> Result<(), String> {
        if self.table.api.is_some() {
            return Err("a second `api`".into());
        }
        self.table.api = Some(Api {
            key: number(key)?,
            name: name.to_owned(),
            // The versions of the request, until `advertised` says otherwise.
            advertised: Some(Versions {
                first: -1,
                last: -1,
            }),
        });
        Ok(())
    }

    fn message(&mut self, name: String, words: &[&str]) -> Result<(), String> {
        let [range, options @ ..] = words else {
            return Err(format!("`{name}` says no versions"));
        };
        let versions = versions(range, None)?;
        let (mut flexible, mut id) = (None, None);
        for option in options.chunks(2) {
            match *option {
                ["flexible", first] => {
                    let first = first.strip_suffix('+').ok_or("`flexible` without `N+`")?;
                    flexible = Some(number(first)?);
                }
                ["id", word] => id = Some(number(word)?),
                _ => return Err(format!("`{}` is no option of a message", option.join(" "))),
            }
        }
        if flexible.is_some_and(|it| !versions.contains(it)) {
            return Err("`flexible` begins outside of the versions".into());
        }
        (self.versions, self.flexible) = (Some(versions), flexible);
        self.structure(0, &name, versions)?;
        self.table.messages.push(Message {
            name,
            versions,
            flexible,
            id,
        });
        Ok(())
    }

    /// Begins a struct whose fields stand deeper than `indent`.
    fn structure(&mut self, indent: usize, name: &str, versions: Versions) -> Result<(), String> {
        if !is_type_name(name) {
            return Err(format!("`{name}` is no name of a struct"));
        }
        if self.table.structs.iter().any(|it| it.name == name) {
            return Err(format!("`{name}` is defined twice"));
        }
        self.open.push(Open {
            indent,
            structure: self.table.structs.len(),
        });
        self.table.structs.push(Struct {
            name: name.to_owned(),
            versions,
            flexible: self.flexible,
            fields: Vec::new(),
            is_element: false,
        });
        Ok(())
    }

    fn field(&mut self, indent: usize, text: &str) -> Result<(), String> {
        if let Some((above, name, versions)) = self.named.take()
            && above < indent
        {
            self.structure(above, &name, versions)?;
        }
        while self.open.last().is_some_and(|it| it.indent >= indent) {
            self.open.pop();
        }
        let depth = self.open.len();
        let owner = self.open.last().ok_or("a field outside of a message")?;
        if indent != 2 * depth {
            return Err(format!(
                "fields of this depth are indented by {}",
                2 * depth
            ));
        }
        let owner = owner.structure;
        let around = self.table.structs[owner].versions;
        let field = field(text, around)?;
        if field.tag.is_some() && self.flexible.is_none() {
            return Err("a tagged field in a message that is never flexible".into());
        }
        let fields = &self.table.structs[owner].fields;
        if fields.iter().any(|it| it.name == field.name) {
            return Err(format!("a second field `{}`", field.name));
        }
        let (Type::One(kind) | Type::Array(kind)) = &field.kind;
        if let Kind::Struct(name) = kind {
            self.named = Some((indent, name.clone(), field.versions));
        }
        self.table.structs[owner].fields.push(field);
        Ok(())
    }
}

/// `NAME: TYPE [VERSIONS] [null [VERSIONS]] [= DEFAULT] [tag N] [ignorable] [plain]`.
fn field(text: &str, around: Versions) -> Result<Field, String> {
    let (name, rest) = text.split_once(':').ok_or("a field without `:`")?;
    let is_name = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_';
    if name.is_empty() || !name.chars().all(is_name) {
        return Err(format!("`{name}` is no name of a field"));
    }
    // The generated functions have variables of these names.
    if ["version", "flexible", "reader", "writer", "tags", "tag"].contains(&name) {
        return Err(format!("a field cannot be called `{name}`"));
    }
    let mut words = rest.split_whitespace().peekable();
    let word = words.next().ok_or("a field without a type")?;
    let element = word.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let kind = Kind::parse(element.unwrap_or(word));
    let kind = kind.ok_or_else(|| format!("`{word}` is no type"))?;
    let mut field = Field {
        name: name.to_owned(),
        kind: match element {
            Some(_) => Type::Array(kind),
            None => Type::One(kind),
        },
        versions: around,
        null: None,
        default: None,
        tag: None,
        ignorable: false,
        plain: false,
    };
    if let Some(range) = words.next_if(|it| is_range(it)) {
        field.versions = versions(range, Some(around))?;
    }
    while let Some(word) = words.next() {
        match word {
            "null" => {
                field.null = Some(match words.next_if(|it| is_range(it)) {
                    Some(range) => versions(range, Some(field.versions))?,
                    None => field.versions,
                });
            }
            "=" => field.default = Some(words.next().ok_or("`=` without a default")?.to_owned()),
            "tag" => {
                let tag = words.next().and_then(|it| it.parse().ok());
                // The count of tags takes one byte.
                let tag = tag.filter(|it| *it < 100_u8);
                field.tag = Some(tag.ok_or("`tag` without a number below 100")?);
            }
            "ignorable" => field.ignorable = true,
            "plain" => field.plain = true,
            other => return Err(format!("`{other}` is no option of a field")),
        }
    }
    Ok(field)
}

fn is_range(word: &str) -> bool {
    word.starts_with(|it: char| it.is_ascii_digit())
}

/// `3`, `3-5`, or `3+` for all from 3 that there are around it.
fn versions(word: &str, around: Option<Versions>) -> Result<Versions, String> {
    let range = if let Some(first) = word.strip_suffix('+') {
        let around = around.ok_or("versions of a message have an end")?;
        Versions {
            first: number(first)?,
            last: around.last,
        }
    } else if let Some((first, last)) = word.split_once('-') {
        Versions {
            first: number(first)?,
            last: number(last)?,
        }
    } else {
        let only = number(word)?;
        Versions {
            first: only,
            last: only,
        }
    };
    if range.first > range.last || around.is_some_and(|it| !it.covers(range)) {
        return Err(format!("`{word}` are no versions here"));
    }
    Ok(range)
}

fn number(word: &str) -> Result<i16, String> {
    word.parse().map_err(|_| format!("`{word}` is no number"))
}
