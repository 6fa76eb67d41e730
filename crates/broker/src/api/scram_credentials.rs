//! DescribeUserScramCredentials and AlterUserScramCredentials (KIP-554): the users of SCRAM.

use std::collections::BTreeMap;

use millrace_kafka_wire::api::alter_user_scram_credentials::{
    AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse,
    AlterUserScramCredentialsResult, ScramCredentialDeletion, ScramCredentialUpsertion,
};
use millrace_kafka_wire::api::describe_user_scram_credentials::{
    CredentialInfo, DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse,
    DescribeUserScramCredentialsResult,
};
use millrace_kafka_wire::metadata::{
    MetadataRecord, RemoveUserScramCredentialRecord, UserScramCredentialRecord,
};
use millrace_kafka_wire::{ErrorCode, Str};
use millrace_sasl::Hash;
use millrace_sasl::scram::{Credential, ITERATIONS};

use super::Call;
use crate::metadata::Image;
use crate::partitions::Refused;

pub async fn describe(
    call: Call,
    request: DescribeUserScramCredentialsRequest,
) -> DescribeUserScramCredentialsResponse {
    let image = call.broker.metadata().image();
    let mut users: BTreeMap<&Str, Vec<CredentialInfo>> = BTreeMap::new();
    for (user, hash, credential) in image.credentials() {
        users.entry(user).or_default().push(CredentialInfo {
            mechanism: hash.number(),
            iterations: credential.iterations,
        });
    }
    let results = match request.users.as_deref() {
        None | Some([]) => {
            let all = users.into_iter();
            all.map(|(user, infos)| described(user, infos)).collect()
        }
        Some(named) => {
            let mut results = Vec::new();
            for (at, user) in named.iter().enumerate() {
                let is_twice = named[..at].contains(user);
                results.push(match users.get(&user.name) {
                    _ if is_twice => refused(&user.name, ErrorCode::DuplicateResource),
                    None => refused(&user.name, ErrorCode::ResourceNotFound),
                    Some(infos) => described(&user.name, infos.clone()),
                });
            }
            results
        }
    };
    DescribeUserScramCredentialsResponse {
        results,
        ..DescribeUserScramCredentialsResponse::default()
    }
}

fn described(user: &Str, infos: Vec<CredentialInfo>) -> DescribeUserScramCredentialsResult {
    DescribeUserScramCredentialsResult {
        user: user.clone(),
        credential_infos: infos,
        ..DescribeUserScramCredentialsResult::default()
    }
}

fn refused(user: &Str, code: ErrorCode) -> DescribeUserScramCredentialsResult {
    let why = match code {
        ErrorCode::DuplicateResource => "the user is named more than once",
        _ => "the user has no such credential",
    };
    DescribeUserScramCredentialsResult {
        user: user.clone(),
        error_code: code.number(),
        error_message: Some(why.into()),
        ..DescribeUserScramCredentialsResult::default()
    }
}

/// What is asked for one user.
#[derive(Clone)]
enum Wanted {
    Delete(ScramCredentialDeletion),
    Set(ScramCredentialUpsertion),
}

impl Wanted {
    fn user(&self) -> &Str {
        match self {
            Self::Delete(it) => &it.name,
            Self::Set(it) => &it.name,
        }
    }

    fn mechanism(&self) -> i8 {
        match self {
            Self::Delete(it) => it.mechanism,
            Self::Set(it) => it.mechanism,
        }
    }

    /// The record that does it.
    fn record(&self, image: &Image) -> Result<MetadataRecord, Refused> {
        if self.user().is_empty() {
            let code = ErrorCode::UnacceptableCredential;
            return Err(Refused::new(code, "the name of the user is empty"));
        }
        let hash = Hash::from_number(self.mechanism()).ok_or_else(|| {
            let code = ErrorCode::UnsupportedSaslMechanism;
            Refused::new(code, "the mechanism is not known")
        })?;
        match self {
            Self::Delete(it) => delete(it, hash, image),
            Self::Set(it) => set(it, hash),
        }
    }
}

fn delete(
    wanted: &ScramCredentialDeletion,
    hash: Hash,
    image: &Image,
) -> Result<MetadataRecord, Refused> {
    if image.credential(&wanted.name, hash).is_none() {
        let code = ErrorCode::ResourceNotFound;
        return Err(Refused::new(code, "the user has no such credential"));
    }
    let record = RemoveUserScramCredentialRecord {
        name: wanted.name.clone(),
        mechanism: hash.number(),
    };
    Ok(MetadataRecord::RemoveUserScramCredential(record))
}

fn set(wanted: &ScramCredentialUpsertion, hash: Hash) -> Result<MetadataRecord, Refused> {
    let unacceptable = |reason: &str| Refused::new(ErrorCode::UnacceptableCredential, reason);
    if !ITERATIONS.contains(&wanted.iterations) {
        let (least, most) = (ITERATIONS.start(), ITERATIONS.end());
        return Err(unacceptable(&format!(
            "the iterations are not from {least} to {most}"
        )));
    }
    if wanted.salt.is_empty() {
        return Err(unacceptable("the salt is empty"));
    }
    if wanted.salted_password.len() != hash.size() {
        return Err(unacceptable(
            "the salted password has not the size of the mechanism's hash",
        ));
    }
    let salt = wanted.salt.clone();
    let credential = Credential::of_salted(hash, &wanted.salted_password, salt, wanted.iterations);
    Ok(record(wanted.name.clone(), hash, credential))
}

/// The record that gives a user a credential.
pub fn record(name: Str, hash: Hash, credential: Credential) -> MetadataRecord {
    MetadataRecord::UserScramCredential(UserScramCredentialRecord {
        name,
        mechanism: hash.number(),
        salt: credential.salt,
        stored_key: credential.stored_key,
        server_key: credential.server_key,
        iterations: credential.iterations,
    })
}

pub async fn alter(
    call: Call,
    request: AlterUserScramCredentialsRequest,
) -> AlterUserScramCredentialsResponse {
    let deletions = request.deletions.into_iter().map(Wanted::Delete);
    let upsertions = request.upsertions.into_iter().map(Wanted::Set);
    let wanted: Vec<_> = deletions.chain(upsertions).collect();
    let mut users: Vec<Str> = Vec::new();
    for it in &wanted {
        if !users.contains(it.user()) {
            users.push(it.user().clone());
        }
    }
    let named = users.clone();
    let decide = move |image: &Image| {
        let mut records = Vec::new();
        let mut results = Vec::new();
        for user in &named {
            let decided = decide(user, &wanted, image);
            results.push(decided.as_ref().err().cloned());
            records.extend(decided.unwrap_or_default());
        }
        (records, results)
    };
    let results = call.broker.metadata().change(decide).await;
    let results = results.unwrap_or_else(|refused| vec![Some(refused); users.len()]);
    let results = users.into_iter().zip(results);
    let results = results.map(|(user, refused)| AlterUserScramCredentialsResult {
        user,
        error_code: refused
            .as_ref()
            .map_or(ErrorCode::None, |it| it.code)
            .number(),
        error_message: refused.map(|it| it.reason.into()),
    });
    AlterUserScramCredentialsResponse {
        results: results.collect(),
        ..AlterUserScramCredentialsResponse::default()
    }
}

/// All that is asked for a user, or nothing of it.
fn decide(user: &Str, wanted: &[Wanted], image: &Image) -> Result<Vec<MetadataRecord>, Refused> {
    let own: Vec<&Wanted> = wanted.iter().filter(|it| it.user() == user).collect();
    let mut records = Vec::new();
    for (at, one) in own.iter().enumerate() {
        if own[..at].iter().any(|it| it.mechanism() == one.mechanism()) {
            let reason = "the user's credential is named more than once";
            return Err(Refused::new(ErrorCode::DuplicateResource, reason));
        }
        records.push(one.record(image)?);
    }
    Ok(records)
}
