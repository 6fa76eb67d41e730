//! One key of a config: what it may say, and what Millrace does with it.

use super::value::Invalid;
use super::{Value, value};

/// The type of a key's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bool,
    String,
    Int,
    Short,
    Long,
    Double,
    /// Texts separated by commas.
    List,
    /// The name of a Java class.
    Class,
    /// A text that is never shown.
    Password,
}

impl Kind {
    /// Its number in a DescribeConfigs response.
    pub fn number(self) -> i8 {
        match self {
            Self::Bool => 1,
            Self::String => 2,
            Self::Int => 3,
            Self::Short => 4,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
            Self::Class => 8,
            Self::Password => 9,
        }
    }

    /// Kafka's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Bool => "boolean",
            Self::String => "string",
            Self::Int => "int",
            Self::Short => "short",
            Self::Long => "long",
            Self::Double => "double",
            Self::List => "list",
            Self::Class => "class",
            Self::Password => "password",
        }
    }
}

/// Which values of its type a key takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Check {
    Any,
    AtLeast(i64),
    /// Both ends are allowed, and one more value.
    Between {
        least: i64,
        most: i64,
        or: Option<i64>,
    },
    Fraction {
        least: f64,
        most: f64,
    },
    OneOf(&'static [&'static str]),
    OneOfAnyCase(&'static [&'static str]),
    ListOf(&'static [&'static str]),
    /// Not empty.
    Filled,
    /// `*`, or pairs such as `0:1`.
    Replicas,
}

/// Whether a broker takes a new value while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    ReadOnly,
    /// For one broker alone.
    PerBroker,
    /// For one broker or for all of them.
    ClusterWide,
}

impl Update {
    /// Kafka's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::PerBroker => "per-broker",
            Self::ClusterWide => "cluster-wide",
        }
    }
}

/// What Millrace does with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// What it says.
    Honoured,
    /// It is accepted and changes nothing, because of this.
    Unused(&'static str),
    /// Any value but the default is refused, because of this: what it asks for would be missed.
    Refused(&'static str),
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub name: &'static str,
    pub kind: Kind,
    /// As Kafka writes it; without it the key is not set.
    pub default: Option<&'static str>,
    pub check: Check,
    pub update: Update,
    pub effect: Effect,
    /// What it is for, in one sentence or two.
    pub doc: &'static str,
    /// Kafka does not have it.
    pub is_own: bool,
    /// For tests and experiments: not described unless it is set.
    pub is_internal: bool,
    /// Why its default or its update is not Kafka's.
    pub differs: Option<&'static str>,
    /// A file may say 2147483648, one more than an int holds; it means 2147483647.
    pub takes_2_gib: bool,
}

impl Key {
    /// Whether its values are secrets.
    pub fn is_sensitive(&self) -> bool {
        self.kind == Kind::Password
    }

    /// Whether a running broker takes a new value.
    pub fn is_dynamic(&self) -> bool {
        self.update != Update::ReadOnly
    }

    /// What a text says, if the key takes it.
    ///
    /// # Errors
    /// Why it does not take it.
    pub fn parse(&self, text: &str) -> Result<Value, Invalid> {
        let value = value::parse(self.kind, text)?;
        value::check(&self.check, &value)?;
        match self.effect {
            Effect::Refused(why) if !self.is_default(&value) => Err(Invalid::Unsupported(why)),
            _ => Ok(value),
        }
    }

    /// A text that the key takes, as it is stored and described.
    ///
    /// # Errors
    /// Why it does not take it.
    pub fn canonical(&self, text: &str) -> Result<String, Invalid> {
        match self.parse(text)? {
            // The digits of a double are those of its writer.
            Value::Double(_) => Ok(text.trim().to_owned()),
            value => Ok(value.to_string()),
        }
    }

    /// Whether a value says what the key says without it.
    fn is_default(&self, found: &Value) -> bool {
        let Some(default) = self.default else {
            return found.is_empty();
        };
        value::parse(self.kind, default).is_ok_and(|default| match (&default, found) {
            (Value::List(default), Value::List(found)) => {
                default.len() == found.len() && default.iter().all(|it| found.contains(it))
            }
            _ => default == *found,
        })
    }

    const fn of(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            default: None,
            check: Check::Any,
            update: Update::ReadOnly,
            effect: Effect::Honoured,
            doc: "",
            is_own: false,
            is_internal: false,
            differs: None,
            takes_2_gib: false,
        }
    }

    pub(super) const fn default(mut self, text: &'static str) -> Self {
        self.default = Some(text);
        self
    }

    pub(super) const fn at_least(mut self, least: i64) -> Self {
        self.check = Check::AtLeast(least);
        self
    }

    pub(super) const fn between(mut self, least: i64, most: i64) -> Self {
        let or = None;
        self.check = Check::Between { least, most, or };
        self
    }

    pub(super) const fn between_or(mut self, least: i64, most: i64, or: i64) -> Self {
        let or = Some(or);
        self.check = Check::Between { least, most, or };
        self
    }

    pub(super) const fn fraction(mut self, least: f64, most: f64) -> Self {
        self.check = Check::Fraction { least, most };
        self
    }

    pub(super) const fn one_of(mut self, words: &'static [&'static str]) -> Self {
        self.check = Check::OneOf(words);
        self
    }

    pub(super) const fn one_of_any_case(mut self, words: &'static [&'static str]) -> Self {
        self.check = Check::OneOfAnyCase(words);
        self
    }

    pub(super) const fn list_of(mut self, words: &'static [&'static str]) -> Self {
        self.check = Check::ListOf(words);
        self
    }

    pub(super) const fn filled(mut self) -> Self {
        self.check = Check::Filled;
        self
    }

    pub(super) const fn replicas(mut self) -> Self {
        self.check = Check::Replicas;
        self
    }

    pub(super) const fn per_broker(mut self) -> Self {
        self.update = Update::PerBroker;
        self
    }

    pub(super) const fn cluster_wide(mut self) -> Self {
        self.update = Update::ClusterWide;
        self
    }

    pub(super) const fn unused(mut self, why: &'static str) -> Self {
        self.effect = Effect::Unused(why);
        self
    }

    pub(super) const fn refused(mut self, why: &'static str) -> Self {
        self.effect = Effect::Refused(why);
        self
    }

    pub(super) const fn own(mut self) -> Self {
        self.is_own = true;
        self
    }

    pub(super) const fn internal(mut self) -> Self {
        self.is_internal = true;
        self
    }

    pub(super) const fn differs(mut self, why: &'static str) -> Self {
        self.differs = Some(why);
        self
    }

    pub(super) const fn up_to_2_gib(mut self) -> Self {
        self.takes_2_gib = true;
        self
    }

    pub(super) const fn doc(mut self, text: &'static str) -> Self {
        self.doc = text;
        self
    }
}

pub(super) const fn boolean(name: &'static str) -> Key {
    Key::of(name, Kind::Bool)
}

pub(super) const fn string(name: &'static str) -> Key {
    Key::of(name, Kind::String)
}

pub(super) const fn int(name: &'static str) -> Key {
    Key::of(name, Kind::Int)
}

pub(super) const fn short(name: &'static str) -> Key {
    Key::of(name, Kind::Short)
}

pub(super) const fn long(name: &'static str) -> Key {
    Key::of(name, Kind::Long)
}

pub(super) const fn double(name: &'static str) -> Key {
    Key::of(name, Kind::Double)
}

pub(super) const fn list(name: &'static str) -> Key {
    Key::of(name, Kind::List)
}

pub(super) const fn class(name: &'static str) -> Key {
    Key::of(name, Kind::Class)
}

pub(super) const fn password(name: &'static str) -> Key {
    Key::of(name, Kind::Password)
}
