//! Functions: what they are called, what they take, who carries them out.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use jiff::Zoned;
use regex::Regex;

use crate::meter::Meter;
use millrace_message::Text;

use crate::value::{Element, List, Map, MapKind, Str, Val};
use crate::{Fault, Host};

mod aes;
mod builtins;
mod cases;
mod casts;
mod comparison;
mod conversion;
mod crypto;
mod dates;
mod decimals;
mod defaults;
mod dicts;
mod durations;
mod encoding;
mod floats;
mod integers;
mod json;
mod lists;
mod merge;
pub(crate) mod methods;
mod passwords;
mod paths;
mod patterns;
mod random;
mod reflection;
mod refused;
pub(crate) mod semver;
mod strings;
mod system;
mod texts;
mod urls;
mod words;
mod wrapping;

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// `interface {}`: anything.
    Any,
    /// Anything, a missing value too.
    Value,
    Bool,
    Int,
    Uint32,
    Float,
    Text,
    Map,
    Time,
    Version,
}

impl Type {
    /// The name in Go.
    pub fn name(self) -> &'static str {
        match self {
            Type::Any => "interface {}",
            Type::Value => "reflect.Value",
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Uint32 => "uint32",
            Type::Float => "float64",
            Type::Text => "string",
            Type::Map => "map[string]interface {}",
            Type::Time => "time.Time",
            Type::Version => "*semver.Version",
        }
    }
}

/// What a function gives back, or why it does not.
pub(crate) type Answer = Result<Val, Fault>;

/// A function of the language.
pub(crate) struct Function {
    pub name: &'static str,
    pub parameters: &'static [Type],
    /// What follows the parameters, any number of them.
    pub rest: Option<Type>,
    /// Whether Go's function gives an `interface {}`.
    pub gives_any: bool,
    pub changes_maps: bool,
    pub run: fn(&mut Call<'_, '_>) -> Answer,
}

impl Function {
    const fn new(
        name: &'static str,
        parameters: &'static [Type],
        run: fn(&mut Call<'_, '_>) -> Answer,
    ) -> Self {
        Self {
            name,
            parameters,
            rest: None,
            gives_any: false,
            changes_maps: false,
            run,
        }
    }

    const fn rest(mut self, rest: Type) -> Self {
        self.rest = Some(rest);
        self
    }

    const fn gives_any(mut self) -> Self {
        self.gives_any = true;
        self
    }

    const fn changes_maps(mut self) -> Self {
        self.changes_maps = true;
        self
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Who carries a call out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Callee {
    Builtin(&'static Function),
    /// `and`: the first argument that is false, or the last.
    And,
    /// `or`: the first argument that is true, or the last.
    Or,
    /// `call`, of which the first argument would be a function, which no value is.
    Call,
    /// A function of the host, by its place, and what it takes.
    Host(usize, HostArgument),
}

impl Callee {
    pub fn changes_maps(self) -> bool {
        matches!(self, Callee::Builtin(function) if function.changes_maps)
    }
}

/// What a function of the host takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostArgument {
    /// Any value.
    Any,
    /// A string.
    Text,
}

/// A function of the host, as templates see it.
#[derive(Clone, Debug)]
pub struct HostFunction {
    /// What templates call it.
    pub name: Arc<str>,
    /// What it takes.
    pub argument: HostArgument,
}

/// The functions that a template may call.
pub(crate) struct Names<'a>(pub &'a [HostFunction]);

type Table = HashMap<&'static str, &'static Function>;

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let families = [
            builtins::FUNCTIONS,
            cases::FUNCTIONS,
            comparison::FUNCTIONS,
            conversion::FUNCTIONS,
            crypto::FUNCTIONS,
            dates::FUNCTIONS,
            defaults::FUNCTIONS,
            dicts::FUNCTIONS,
            durations::FUNCTIONS,
            encoding::FUNCTIONS,
            floats::FUNCTIONS,
            integers::FUNCTIONS,
            json::FUNCTIONS,
            lists::FUNCTIONS,
            merge::FUNCTIONS,
            passwords::FUNCTIONS,
            paths::FUNCTIONS,
            patterns::FUNCTIONS,
            random::FUNCTIONS,
            reflection::FUNCTIONS,
            semver::FUNCTIONS,
            strings::FUNCTIONS,
            system::FUNCTIONS,
            texts::FUNCTIONS,
            urls::FUNCTIONS,
            words::FUNCTIONS,
            wrapping::FUNCTIONS,
            aes::FUNCTIONS,
        ];
        let all = families.into_iter().flatten();
        all.map(|function| (function.name, function)).collect()
    })
}

/// Whether the language has a function of this name, be it one that is not supported.
pub(crate) fn is_known(name: &str) -> bool {
    matches!(name, "and" | "or" | "call")
        || table().contains_key(name)
        || refused::reason(name).is_some()
}

impl Names<'_> {
    /// The function of a name; the reason when it is known and not supported.
    pub fn find(&self, name: &str) -> Option<Result<Callee, &'static str>> {
        match name {
            "and" => return Some(Ok(Callee::And)),
            "or" => return Some(Ok(Callee::Or)),
            "call" => return Some(Ok(Callee::Call)),
            _ => {}
        }
        if let Some(function) = table().get(name) {
            return Some(Ok(Callee::Builtin(function)));
        }
        let of_host = self.0.iter().position(|it| *it.name == *name);
        if let Some(index) = of_host {
            return Some(Ok(Callee::Host(index, self.0[index].argument)));
        }
        refused::reason(name).map(Err)
    }

    /// The names of all that are supported.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        let host = self.0.iter().map(|it| &*it.name);
        let mut builtin: Vec<&str> = table().keys().copied().collect();
        builtin.sort_unstable();
        host.chain(["and", "call", "or"]).chain(builtin)
    }
}

/// What functions use of the run that calls them.
pub(crate) struct Run<'h> {
    pub meter: Rc<Meter>,
    pub host: &'h mut dyn Host,
    pub patterns: HashMap<Text, Regex>,
}

/// A call: arguments, which have the types that the function takes, and the run.
pub(crate) struct Call<'c, 'h> {
    pub values: &'c [Val],
    pub run: &'c mut Run<'h>,
}

const TYPED: &str = "arguments have the types of the parameters";

impl Call<'_, '_> {
    pub fn meter(&self) -> &Rc<Meter> {
        &self.run.meter
    }

    pub fn value(&self, index: usize) -> &Val {
        &self.values[index]
    }

    pub fn bytes(&self, index: usize) -> &[u8] {
        match &self.values[index] {
            Val::Str(text) => text.bytes(),
            _ => unreachable!("{TYPED}"),
        }
    }

    pub fn text(&self, index: usize) -> Cow<'_, str> {
        match &self.values[index] {
            Val::Str(text) => text.text(),
            _ => unreachable!("{TYPED}"),
        }
    }

    pub fn int(&self, index: usize) -> i64 {
        self.values[index].as_integer().expect(TYPED)
    }

    pub fn float(&self, index: usize) -> f64 {
        match &self.values[index] {
            Val::Float(float) => *float,
            _ => unreachable!("{TYPED}"),
        }
    }

    pub fn bool(&self, index: usize) -> bool {
        matches!(self.values[index], Val::Bool(true))
    }

    pub fn time(&self, index: usize) -> &Arc<Zoned> {
        match &self.values[index] {
            Val::Time(at) => at,
            _ => unreachable!("{TYPED}"),
        }
    }

    /// A map; a missing one is empty.
    pub fn map(&self, index: usize) -> Map {
        match &self.values[index] {
            Val::Map(map) => map.clone(),
            _ => Map::empty(MapKind::Any, self.meter()),
        }
    }

    pub fn step(&self, steps: usize) -> Result<(), Fault> {
        self.meter().step(steps)
    }

    /// Refuses to make so many bytes when there is no room for them, and takes steps for them.
    pub fn room(&self, bytes: usize) -> Result<(), Fault> {
        self.meter().room(bytes)?;
        self.step(bytes / 64)
    }

    /// A string.
    pub fn made(&self, bytes: impl Into<Vec<u8>>) -> Answer {
        Str::made(bytes.into(), self.meter()).map(Val::Str)
    }

    pub fn list(&self, values: Vec<Val>) -> Answer {
        List::made(values, Element::Any, self.meter()).map(Val::List)
    }

    /// A list of strings.
    pub fn texts<T: Into<Vec<u8>>>(&self, texts: impl IntoIterator<Item = T>) -> Answer {
        let mut values = Vec::new();
        for text in texts {
            self.meter().room(values.len() * size_of::<Val>())?;
            values.push(self.made(text)?);
        }
        List::made(values, Element::Text, self.meter()).map(Val::List)
    }
}

/// A fault with this reason.
fn fail<T>(reason: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::new(reason))
}

/// What Go says of a part of a text or list that there is not.
fn bounds(start: i64, end: Option<i64>, length: usize) -> Fault {
    let length_i64 = length as i64;
    Fault::new(match end {
        Some(end) if !(0..=length_i64).contains(&end) => {
            let of = if end < 0 {
                String::new()
            } else {
                format!(" with length {length}")
            };
            format!("runtime error: slice bounds out of range [:{end}]{of}")
        }
        Some(end) if start >= 0 => {
            format!("runtime error: slice bounds out of range [{start}:{end}]")
        }
        _ if start < 0 => format!("runtime error: slice bounds out of range [{start}:]"),
        _ => format!("runtime error: slice bounds out of range [{start}:{length}]"),
    })
}
