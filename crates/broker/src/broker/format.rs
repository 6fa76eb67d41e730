//! Formatting a data directory before a broker runs on it, with the first users in it: over a
//! listener that asks for a login nobody could make them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use millrace_kafka_wire::Str;
use millrace_log::Files;
use millrace_sasl::Hash;
use millrace_sasl::scram::{Credential, ITERATIONS};

use super::open::Dirs;
use super::start::refuse_copies;
use super::{Random, StartError};
use crate::api::credential_record;
use crate::config::BrokerConfig;
use crate::metadata::bootstrap;

/// A user that is to be there from the beginning.
#[derive(Clone)]
pub struct NewUser {
    pub name: String,
    hash: Hash,
    secret: Secret,
    /// As the user says it; else a random one.
    salt: Option<Vec<u8>>,
    iterations: i32,
}

#[derive(Clone)]
enum Secret {
    Password(String),
    Salted(Vec<u8>),
}

impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("NewUser");
        shown.field("name", &self.name).finish_non_exhaustive()
    }
}

impl NewUser {
    /// Reads what Kafka's `--add-scram` takes: `SCRAM-SHA-256=[name=alice,password=…]`, perhaps with
    /// `iterations`, `salt` and `saltedpassword` (both in Base64).
    ///
    /// # Errors
    /// It is not of this form. The reason quotes nothing of it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mechanism, fields) = text
            .split_once('=')
            .and_then(|(mechanism, rest)| {
                let fields = rest.trim().strip_prefix('[')?.strip_suffix(']')?;
                Some((mechanism.trim(), fields))
            })
            .ok_or("it is not of the form SCRAM-SHA-256=[name=…,password=…]")?;
        let mut hashes = Hash::ALL.into_iter();
        let hash = hashes
            .find(|it| it.mechanism() == mechanism)
            .ok_or("its mechanism is neither SCRAM-SHA-256 nor SCRAM-SHA-512")?;
        let mut fields = fields_of(fields)?;
        let name = fields.remove("name").filter(|it| !it.is_empty());
        let name = name.ok_or("it has no `name`")?;
        let salt = fields
            .remove("salt")
            .map(|it| base64("salt", &it))
            .transpose()?;
        let secret = match (fields.remove("password"), fields.remove("saltedpassword")) {
            (Some(password), None) if !password.is_empty() => Secret::Password(password),
            (None, Some(salted)) if salt.is_some() => {
                let salted = base64("saltedpassword", &salted)?;
                if salted.len() != hash.size() {
                    return Err("`saltedpassword` has not the size of the mechanism's hash".into());
                }
                Secret::Salted(salted)
            }
            (None, Some(_)) => return Err("`saltedpassword` needs `salt`".into()),
            _ => return Err("it must have either `password` or `saltedpassword`".into()),
        };
        let iterations = match fields.remove("iterations") {
            None => *ITERATIONS.start(),
            Some(text) => text
                .parse()
                .ok()
                .filter(|it| ITERATIONS.contains(it))
                .ok_or_else(|| {
                    let (least, most) = (ITERATIONS.start(), ITERATIONS.end());
                    format!("`iterations` must be from {least} to {most}")
                })?,
        };
        match fields.is_empty() {
            true => Ok(Self {
                name,
                hash,
                secret,
                salt,
                iterations,
            }),
            false => Err(
                "only `name`, `password`, `iterations`, `salt` and `saltedpassword` may be in it"
                    .into(),
            ),
        }
    }

    fn credential(&self, random: &Random) -> Credential {
        let salt = self
            .salt
            .clone()
            .unwrap_or_else(|| (random.lock())().to_vec());
        let salt = Bytes::from(salt);
        match &self.secret {
            Secret::Password(password) => {
                Credential::of_password(self.hash, password, salt, self.iterations)
            }
            Secret::Salted(hashed) => {
                Credential::of_salted(self.hash, hashed, salt, self.iterations)
            }
        }
    }
}

fn fields_of(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut fields = BTreeMap::new();
    for field in text.split(',') {
        let (name, value) = field
            .split_once('=')
            .ok_or("a field is not of the form name=value")?;
        let value = value.trim();
        let quoted = value.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        let value = quoted.unwrap_or(value).to_owned();
        if fields.insert(name.trim().to_owned(), value).is_some() {
            return Err("a field stands there twice".into());
        }
    }
    Ok(fields)
}

fn base64(field: &str, text: &str) -> Result<Vec<u8>, String> {
    let bytes = BASE64.decode(text).ok().filter(|it| !it.is_empty());
    bytes.ok_or_else(|| format!("`{field}` is not Base64"))
}

/// What was formatted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formatted {
    pub cluster_id: Str,
}

/// Makes empty directories those of a new cluster with this broker and these users.
///
/// # Durability
/// All of it is on the medium on return. After a crash before, the directories are nobody's, and are
/// formatted anew.
///
/// # Errors
/// See [`StartError`]; `Formatted` when a directory belongs to a cluster already.
pub fn format(
    config: &BrokerConfig,
    files: &Arc<dyn Files>,
    now: i64,
    random: &Random,
    users: &[NewUser],
) -> Result<Formatted, StartError> {
    refuse_copies(config, &**files)?;
    let dirs = Dirs::take(config, files, random)?;
    if !dirs.is_new {
        return Err(StartError::Formatted {
            dir: config.metadata_log_dir.clone(),
        });
    }
    let (mut log, image) = dirs.open_metadata(files, config.metadata_snapshots, now)?;
    let mut records = Vec::new();
    // A format that was cut off has left them there.
    if image.features.is_empty() {
        records.extend(bootstrap());
    }
    for user in users {
        let credential = user.credential(random);
        records.push(credential_record(
            user.name.as_str().into(),
            user.hash,
            credential,
        ));
    }
    log.append(&records, now)?;
    log.sync()?;
    log.close()?;
    dirs.own(config.node_id)?;
    Ok(Formatted {
        cluster_id: dirs.cluster_id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_read_as_kafka_reads_it() {
        let user = NewUser::parse("SCRAM-SHA-256=[name=alice,password=\"secret\"]").unwrap();
        assert_eq!((user.name.as_str(), user.iterations), ("alice", 4096));
        assert!(matches!(user.secret, Secret::Password(it) if it == "secret"));
        let salted = BASE64.encode([7; 64]);
        let text = format!(
            "SCRAM-SHA-512=[name=bob,iterations=8192,salt=c2FsdA==,saltedpassword={salted}]"
        );
        let user = NewUser::parse(&text).unwrap();
        assert_eq!((user.hash, user.iterations), (Hash::Sha512, 8192));
        assert_eq!(user.salt.as_deref(), Some(&b"salt"[..]));
    }

    #[test]
    fn what_is_no_user_is_refused_without_quoting_it() {
        for text in [
            "",
            "hunter2",
            "PLAIN=[name=a,password=hunter2]",
            "SCRAM-SHA-256=name=a,password=hunter2",
            "SCRAM-SHA-256=[password=hunter2]",
            "SCRAM-SHA-256=[name=,password=hunter2]",
            "SCRAM-SHA-256=[name=a]",
            "SCRAM-SHA-256=[name=a,password=]",
            "SCRAM-SHA-256=[name=a,password=hunter2,password=hunter2]",
            "SCRAM-SHA-256=[name=a,password=hunter2,iterations=5]",
            "SCRAM-SHA-256=[name=a,password=hunter2,salt=hunter2!]",
            "SCRAM-SHA-256=[name=a,saltedpassword=hunter2]",
            "SCRAM-SHA-256=[name=a,salt=c2FsdA==,saltedpassword=AAAA]",
            "SCRAM-SHA-256=[name=a,password=hunter2,hunter2=b]",
        ] {
            let refused = NewUser::parse(text).unwrap_err();
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }
}
