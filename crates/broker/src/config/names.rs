//! How keys are written in a file: with dots, with underscores, for one listener alone, and keys of
//! other times and other products.

use super::key::Key;
use super::keys;

/// What the name of a key means.
#[derive(Clone, Debug)]
pub enum Name {
    /// A key, by the name that it is kept under.
    Known {
        name: String,
        key: &'static Key,
    },
    /// It has no effect, because of this.
    Foreign(&'static str),
    Unknown,
}

/// How keys of one listener begin.
pub const LISTENER_PREFIX: &str = "listener.name.";

/// Keys beside `ssl.*` and `sasl.*` that one listener may have for itself.
const OF_LISTENERS: &[&str] = &[
    "connections.max.reauth.ms",
    "max.connection.creation.rate",
    "max.connections",
    "num.network.threads",
    "principal.builder.class",
];

/// Keys that one mechanism of one listener may have for itself.
const OF_MECHANISMS: &[&str] = &[
    "connections.max.reauth.ms",
    "sasl.jaas.config",
    "sasl.login.callback.handler.class",
    "sasl.login.class",
    "sasl.server.callback.handler.class",
];

/// Other names of keys.
const ALIASES: &[(&str, &str)] = &[("unclean.leader.election", "unclean.leader.election.enable")];

const REMOVED: &str = "Kafka 4 does not have it any more";
const PLUGIN: &str = "it belongs to a Java class, and there is no Java here";
const AUTHORIZER: &str = "access control is not built";

/// Keys that Kafka 4.3.1 does not list and that configs have all the same.
const FOREIGN: &[(&str, &str)] = &[
    ("advertised.host.name", REMOVED),
    ("advertised.port", REMOVED),
    ("allow.everyone.if.no.acl.found", AUTHORIZER),
    ("auto.include.jmx.reporter", REMOVED),
    ("broker.id.generation.enable", REMOVED),
    ("control.plane.listener.name", REMOVED),
    ("controlled.shutdown.max.retries", REMOVED),
    ("controlled.shutdown.retry.backoff.ms", REMOVED),
    ("delegation.token.master.key", REMOVED),
    ("eligible.leader.replicas.enable", REMOVED),
    ("group.coordinator.new.enable", REMOVED),
    ("group.share.enable", REMOVED),
    ("host.name", REMOVED),
    ("inter.broker.protocol.version", REMOVED),
    ("leader.imbalance.per.broker.percentage", REMOVED),
    ("log.message.downconversion.enable", REMOVED),
    ("log.message.format.version", REMOVED),
    ("log.message.timestamp.difference.max.ms", REMOVED),
    ("offsets.commit.required.acks", REMOVED),
    ("port", REMOVED),
    ("reserved.broker.max.id", REMOVED),
    ("super.users", AUTHORIZER),
];

/// How keys begin that other things read.
const FOREIGN_PREFIXES: &[(&str, &str)] = &[
    ("config.providers.", PLUGIN),
    ("confluent.", "it belongs to Confluent's distribution"),
    ("kafka.metrics.", PLUGIN),
    ("password.encoder.", REMOVED),
    ("rlmm.config.", PLUGIN),
    ("rsm.config.", PLUGIN),
    ("services.", "it belongs into the file of Docker Compose"),
    ("zookeeper.", REMOVED),
];

/// What a name in a file means. Kafka's names have dots; with underscores in their place they mean
/// the same.
pub fn find(written: &str) -> Name {
    if let Some(name) = of_listener(written) {
        return name;
    }
    let dotted = written.replace('_', ".");
    let alias = ALIASES.iter().find(|(alias, _)| *alias == dotted);
    let name = alias.map_or(dotted.as_str(), |(_, name)| name);
    if let Some(key) = keys::broker(name) {
        return Name::Known {
            name: key.name.to_owned(),
            key,
        };
    }
    let by_name = FOREIGN.iter().find(|(foreign, _)| *foreign == name);
    let by_prefix = || {
        let mut all = FOREIGN_PREFIXES.iter();
        all.find(|(prefix, _)| name.starts_with(prefix))
    };
    match by_name.or_else(by_prefix) {
        Some((_, why)) => Name::Foreign(why),
        None => Name::Unknown,
    }
}

/// What a key of one listener means, such as `listener.name.internal.ssl.keystore.location`;
/// nothing when the name begins in another way.
pub fn of_listener(written: &str) -> Option<Name> {
    let (listener, rest) = written.strip_prefix(LISTENER_PREFIX)?.split_once('.')?;
    let rest = rest.replace('_', ".");
    let is_its_own = |name: &str| {
        OF_LISTENERS.contains(&name) || name.starts_with("ssl.") || name.starts_with("sasl.")
    };
    let own = keys::broker(&rest).filter(|key| is_its_own(key.name));
    let of_mechanism = || {
        let (_, name) = rest.split_once('.')?;
        keys::broker(name).filter(|key| OF_MECHANISMS.contains(&key.name))
    };
    Some(match own.or_else(of_mechanism) {
        Some(key) => Name::Known {
            name: for_listener(listener, &rest),
            key,
        },
        None => Name::Unknown,
    })
}

/// What a key is called for one listener alone.
pub fn for_listener(listener: &str, key: &str) -> String {
    format!("{LISTENER_PREFIX}{}.{key}", listener.to_lowercase())
}

/// The key that a name stands for, also where it is for one listener alone.
pub fn key_of(name: &str) -> Option<&'static Key> {
    keys::broker(name).or_else(|| match of_listener(name)? {
        Name::Known { key, .. } => Some(key),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(written: &str) -> Option<String> {
        match find(written) {
            Name::Known { name, .. } => Some(name),
            _ => None,
        }
    }

    #[test]
    fn a_key_is_found_with_dots_with_underscores_and_by_its_other_name() {
        for (written, name) in [
            ("num.network.threads", "num.network.threads"),
            ("num_network_threads", "num.network.threads"),
            ("log.segment_bytes", "log.segment.bytes"),
            ("unclean.leader.election", "unclean.leader.election.enable"),
        ] {
            assert_eq!(name_of(written).as_deref(), Some(name));
        }
        assert!(matches!(find("num.network.thread"), Name::Unknown));
    }

    #[test]
    fn a_listener_has_keys_of_its_own() {
        let name = name_of("listener.name.SASL_SSL.plain.sasl.jaas.config");
        let expected = "listener.name.sasl_ssl.plain.sasl.jaas.config";
        assert_eq!(name.as_deref(), Some(expected));
        let key = key_of(expected).expect("a key");
        assert_eq!(key.name, "sasl.jaas.config");
        assert!(name_of("listener.name.a.max.connections").is_some());
        assert!(matches!(
            find("listener.name.a.num.partitions"),
            Name::Unknown
        ));
    }

    #[test]
    fn what_other_products_and_older_kafkas_have_is_known_as_that() {
        for name in [
            "zookeeper.connect",
            "zookeeper_connect",
            "log.message.format.version",
            "confluent.license",
            "services.broker-1.mem.limit",
        ] {
            assert!(matches!(find(name), Name::Foreign(_)), "{name}");
        }
    }
}
