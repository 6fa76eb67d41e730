//! What AlterConfigs and IncrementalAlterConfigs change, or why they do not.

use std::collections::{BTreeMap, BTreeSet};

use millrace_diagnostics::{Severity, did_you_mean};
use millrace_kafka_wire::Str;
use millrace_kafka_wire::api::{alter_configs, incremental_alter_configs};
use millrace_kafka_wire::metadata::config::ConfigRecord;

use super::key::{Key, Kind, Update};
use super::resource::{Refusal, Resource};
use super::settings::Texts;
use super::{BrokerConfig, check_topic_override, check_topic_overrides, keys, names};

/// One setting that changes; without a value it is not set any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub name: String,
    pub value: Option<String>,
}

impl Change {
    /// The record of the metadata log that makes the change last; `node_id` is this broker's
    /// number.
    pub fn into_record(self, resource: &Resource, node_id: i32) -> ConfigRecord {
        let (resource_type, resource_name) = resource.on_the_wire(node_id);
        ConfigRecord {
            resource_type,
            resource_name: Str::from(resource_name),
            name: Str::from(self.name),
            value: self.value.map(Str::from),
        }
    }
}

/// What a request makes of the settings of one resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Altered {
    /// All that is set afterwards.
    pub overrides: Texts,
    /// What becomes records of the metadata log. For brokers it is all that was asked for, also
    /// what is as it was: they look at files again whose names did not change.
    pub changes: Vec<Change>,
}

/// What is wanted of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation<'a> {
    Set(&'a str),
    Delete,
    Append(&'a str),
    Subtract(&'a str),
}

/// Puts these settings in the place of all that are set.
///
/// # Errors
/// One of them is refused; then nothing changes.
pub fn alter(
    resource: &Resource,
    broker: &BrokerConfig,
    current: &Texts,
    entries: &[alter_configs::AlterableConfig],
) -> Result<Altered, Refusal> {
    let mut wanted = BTreeMap::new();
    for entry in entries {
        let text = valued(&entry.name, entry.value.as_ref())?;
        unique(&mut wanted, &entry.name, Operation::Set(text))?;
    }
    for name in current.keys() {
        wanted.entry(name.as_str()).or_insert(Operation::Delete);
    }
    apply(resource, broker, current, &wanted)
}

/// Changes single settings.
///
/// # Errors
/// One of the changes is refused; then nothing changes.
pub fn alter_incrementally(
    resource: &Resource,
    broker: &BrokerConfig,
    current: &Texts,
    entries: &[incremental_alter_configs::AlterableConfig],
) -> Result<Altered, Refusal> {
    let mut wanted = BTreeMap::new();
    for entry in entries {
        let text = || valued(&entry.name, entry.value.as_ref());
        let operation = match entry.config_operation {
            0 => Operation::Set(text()?),
            1 => Operation::Delete,
            2 => Operation::Append(text()?),
            3 => Operation::Subtract(text()?),
            other => {
                let message = format!("no change of `{}` has the number {other}", entry.name);
                return Err(Refusal::request(message));
            }
        };
        unique(&mut wanted, &entry.name, operation)?;
    }
    apply(resource, broker, current, &wanted)
}

fn valued<'a>(name: &str, value: Option<&'a Str>) -> Result<&'a str, Refusal> {
    let missing = || Refusal::request(format!("`{name}` has no value; deleting is its own change"));
    value.map(Str::as_str).ok_or_else(missing)
}

fn unique<'a>(
    wanted: &mut BTreeMap<&'a str, Operation<'a>>,
    name: &'a str,
    operation: Operation<'a>,
) -> Result<(), Refusal> {
    match wanted.insert(name, operation) {
        None => Ok(()),
        Some(_) => Err(Refusal::request(format!(
            "`{name}` stands in the request twice"
        ))),
    }
}

fn apply(
    resource: &Resource,
    broker: &BrokerConfig,
    current: &Texts,
    wanted: &BTreeMap<&str, Operation<'_>>,
) -> Result<Altered, Refusal> {
    let mut altered = Altered {
        overrides: current.clone(),
        changes: Vec::new(),
    };
    for (name, operation) in wanted {
        let value = match operation {
            Operation::Delete => None,
            _ => Some(new_value(resource, broker, current, name, *operation)?),
        };
        match &value {
            Some(text) => altered.overrides.insert((*name).to_owned(), text.clone()),
            None => altered.overrides.remove(*name),
        };
        let is_said_again = value.is_some() && !matches!(resource, Resource::Topic(_));
        if is_said_again || current.get(*name) != value.as_ref() {
            altered.changes.push(Change {
                name: (*name).to_owned(),
                value,
            });
        }
    }
    check_together(resource, broker, current, &altered.overrides)?;
    Ok(altered)
}

/// What a key says afterwards, as it is stored.
fn new_value(
    resource: &Resource,
    broker: &BrokerConfig,
    current: &Texts,
    name: &str,
    operation: Operation<'_>,
) -> Result<String, Refusal> {
    let key = match resource {
        Resource::Topic(_) => keys::topic(name),
        Resource::Broker | Resource::Cluster => Some(key_of_broker(resource, broker, name)?),
    };
    let text = match (operation, key) {
        (Operation::Append(items) | Operation::Subtract(items), Some(key)) => {
            if key.kind != Kind::List {
                let message = format!("`{name}` is not a list, to which items could be added");
                return Err(Refusal::config(message));
            }
            let now = current.get(name).map(String::as_str);
            let now = now.or(key.default).unwrap_or_default();
            let is_added = matches!(operation, Operation::Append(_));
            joined(now, items, is_added)
        }
        (Operation::Set(text) | Operation::Append(text) | Operation::Subtract(text), _) => {
            text.to_owned()
        }
        (Operation::Delete, _) => String::new(),
    };
    let Some(key) = key else {
        // It has no such key, and says what it might have been.
        return Err(Refusal::config(
            check_topic_override(name, &text).expect_err("the key is not known"),
        ));
    };
    key.canonical(&text).map_err(|reason| {
        let shown = if key.is_sensitive() {
            "(hidden)"
        } else {
            &text
        };
        let message = format!("Invalid value {shown} for configuration {name}: {reason}");
        match resource {
            Resource::Topic(_) => Refusal::config(message),
            Resource::Broker | Resource::Cluster => Refusal::request(message),
        }
    })
}

/// A list with items more or fewer.
fn joined(now: &str, items: &str, is_added: bool) -> String {
    let split = |text: &str| -> Vec<String> {
        let items = text.split(',').map(str::trim);
        items
            .filter(|it| !it.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let mut list = split(now);
    for item in split(items) {
        if !is_added {
            list.retain(|it| *it != item);
        } else if !list.contains(&item) {
            list.push(item);
        }
    }
    list.join(",")
}

/// The key of a broker that may be set while it runs.
fn key_of_broker(
    resource: &Resource,
    broker: &BrokerConfig,
    name: &str,
) -> Result<&'static Key, Refusal> {
    let Some(key) = names::key_of(name) else {
        let near = did_you_mean(name, keys::all_broker().map(|key| key.name));
        let near = near.map_or(String::new(), |it| format!(" ({it})"));
        let message = format!("Unknown broker config name: {name}{near}");
        return Err(Refusal::config(message));
    };
    if let Some(rest) = name.strip_prefix(names::LISTENER_PREFIX) {
        let listeners: BTreeSet<String> = broker
            .listeners
            .iter()
            .map(|it| it.name.to_lowercase())
            .collect();
        let listener = rest.split('.').next().unwrap_or_default();
        if !listeners.contains(listener) {
            let message = format!("`{name}` is for a listener that there is not");
            return Err(Refusal::request(message));
        }
    }
    let is_for_one = key.update == Update::PerBroker || key.is_sensitive();
    if !key.is_dynamic() {
        let message =
            format!("Cannot update `{name}` dynamically: it is read when the broker starts");
        return Err(Refusal::request(message));
    }
    if *resource == Resource::Cluster && is_for_one {
        let message = format!("`{name}` is set for one broker, whose id must be given");
        return Err(Refusal::request(message));
    }
    Ok(key)
}

/// Values that fit alone may not fit together.
fn check_together(
    resource: &Resource,
    broker: &BrokerConfig,
    current: &Texts,
    new: &Texts,
) -> Result<(), Refusal> {
    let mut settings = broker.settings.clone();
    match resource {
        Resource::Topic(_) => {
            // What was stored by another version and does not hold is no reason against the rest.
            let is_old = |name: &String, text: &String| {
                current.get(name) == Some(text) && check_topic_override(name, text).is_err()
            };
            let held = new.iter().filter(|(name, text)| !is_old(name, text));
            let held: Texts = held.map(|(a, b)| (a.clone(), b.clone())).collect();
            return check_topic_overrides(broker, &held).map_err(Refusal::config);
        }
        Resource::Broker => settings.set_dynamic(&broker.settings.cluster, new),
        Resource::Cluster => settings.set_dynamic(new, &broker.settings.broker),
    };
    let (_, complaints) = BrokerConfig::assemble(settings);
    let refused = complaints
        .into_iter()
        .find(|it| it.severity == Severity::Error);
    refused.map_or(Ok(()), |it| Err(Refusal::request(it.message)))
}

#[cfg(test)]
mod tests;
