//! A compiled query.

use std::fmt;
use std::ops::Range;

use jaq_core::data::JustLut;
use jaq_core::load::{Arena, File, Loader, span};
use jaq_core::{Compiler, Ctx, Vars, load};
use jaq_json::{Map, Val};
use millrace_message::{Error, Value};

use super::value;
use crate::processors::program::{Room, check_size, error};

type Data = JustLut<Val>;

pub(super) struct Program(jaq_core::Filter<Data>);

/// What is wrong with a query, and where.
pub(super) struct Complaint {
    pub range: Range<usize>,
    pub reason: String,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Program")
    }
}

/// Native filters that reach out of the query are replaced by such that find nothing there.
const REPLACED: &[&str] = &["env", "stderr_empty"];
const REPLACEMENTS: &str = "def env: {}; def stderr_empty: [] | .[];";
/// Formats that the crate leaves to its program.
const FORMATS: &str = r#"
def @csv: if isarray | not then error("\(.) cannot be written as CSV") end | map(
    if . == null then "" elif isstring then "\"" + gsub("\""; "\"\"") + "\""
    elif isnumber or isboolean then tostring
    else error("\(.) cannot be written in a row") end) | join(",");
def @tsv: if isarray | not then error("\(.) cannot be written as TSV") end | map(
    if . == null then "" elif isstring then
      gsub("\\\\"; "\\\\") | gsub("\t"; "\\t") | gsub("\r"; "\\r") | gsub("\n"; "\\n")
    elif isnumber or isboolean then tostring
    else error("\(.) cannot be written in a row") end) | join("\t");
"#;

impl Program {
    /// # Errors
    /// What is wrong with the query.
    pub fn compile(query: &str) -> Result<Self, Complaint> {
        check_size(query).map_err(|reason| Complaint {
            range: 0..query.len(),
            reason,
        })?;
        let own = |code| {
            let parsed = load::parse(code, |parser| parser.defs());
            parsed.expect("what is defined here is jq").into_iter()
        };
        let definitions = own(REPLACEMENTS)
            .chain(jaq_core::defs())
            .chain(jaq_std::defs())
            .chain(jaq_json::defs())
            .chain(own(FORMATS));
        let arena = Arena::default();
        let file = File {
            code: query,
            path: (),
        };
        let modules = Loader::new(definitions)
            .load(&arena, file)
            .map_err(|errors| not_loaded(query, errors))?;
        let natives = jaq_core::funs()
            .chain(jaq_std::funs())
            .chain(jaq_json::funs())
            .filter(|(name, ..)| !REPLACED.contains(name));
        let filter = Compiler::default()
            .with_funs(natives)
            .with_global_vars(["$metadata", "$ENV"])
            .compile(modules)
            .map_err(|errors| not_compiled(query, errors))?;
        Ok(Self(filter))
    }

    /// What the query gives for an input, in order.
    ///
    /// # Errors
    /// The query fails, stops by `halt`, or gives more than there is room for.
    pub fn run(&self, input: Val, metadata: Val, room: &mut Room) -> Result<Vec<Value>, Error> {
        let environment = Val::obj(Map::default());
        let cx = Ctx::<Data>::new(&self.0.lut, Vars::new([metadata, environment]));
        let mut values = Vec::new();
        for output in self.0.id.run((cx, input)) {
            let output = output.map_err(|exception| match exception.get_err() {
                Ok(failure) => error(failure),
                // `unwrap_valr` of the crate would end the process.
                Err(_) => error("the query stops by `halt`"),
            })?;
            values.push(value::into_value(output, 0, room)?);
        }
        Ok(values)
    }
}

fn not_loaded(query: &str, errors: load::Errors<&str, ()>) -> Complaint {
    let complaints = errors.into_iter().flat_map(|(_, error)| match error {
        load::Error::Io(errors) => errors
            .into_iter()
            .map(|(path, reason)| (path, format!("module `{path}`: {reason}")))
            .collect::<Vec<_>>(),
        load::Error::Lex(errors) => errors
            .into_iter()
            .map(|(expected, found)| (found, format!("expected {}", expected.as_str())))
            .collect(),
        load::Error::Parse(errors) => errors
            .into_iter()
            .map(|(expected, found)| (found, format!("expected {}", expected.as_str())))
            .collect(),
    });
    first(query, complaints)
}

fn not_compiled(query: &str, errors: jaq_core::compile::Errors<&str, ()>) -> Complaint {
    let complaints = errors.into_iter().flat_map(|(_, undefined)| {
        undefined.into_iter().map(|(name, kind)| {
            let reason = format!("there is no {} `{name}`", kind.as_str());
            (name, reason)
        })
    });
    first(query, complaints)
}

/// The first complaint, with its place when it is one of the query.
fn first<'s>(query: &str, mut complaints: impl Iterator<Item = (&'s str, String)>) -> Complaint {
    let Some((found, reason)) = complaints.next() else {
        return Complaint {
            range: 0..query.len(),
            reason: "it cannot be compiled".to_owned(),
        };
    };
    let is_within = query.as_bytes().as_ptr_range().contains(&found.as_ptr());
    Complaint {
        range: match is_within {
            true => span(query, found),
            false => query.len()..query.len(),
        },
        reason,
    }
}
