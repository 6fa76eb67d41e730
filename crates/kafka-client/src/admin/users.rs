//! The users of SCRAM (KIP-554).

use bytes::Bytes;
use millrace_kafka_wire::api::alter_user_scram_credentials::{
    AlterUserScramCredentialsRequest, ScramCredentialDeletion, ScramCredentialUpsertion,
};
use millrace_kafka_wire::api::describe_user_scram_credentials::DescribeUserScramCredentialsRequest;
use millrace_sasl::{Hash, nonce, scram};

use crate::Result;
use crate::cluster::Cluster;
use crate::error::{Error, Reason};

/// A user, and by which hashes it may log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserInfo {
    pub name: String,
    /// With how often the password is hashed.
    pub credentials: Vec<(Hash, i32)>,
}

impl Cluster {
    /// All users.
    ///
    /// # Errors
    /// The broker does not tell them.
    pub async fn users(&self) -> Result<Vec<UserInfo>> {
        self.retry(|| self.ask_users()).await
    }

    async fn ask_users(&self) -> Result<Vec<UserInfo>> {
        type Ask = DescribeUserScramCredentialsRequest;
        let connection = self.any().await?;
        let response = connection.call(&Ask { users: None }).await?;
        Error::check(response.error_code, response.error_message.as_ref())
            .map_err(|error| connection.explain::<Ask>(error))?;
        let users = response.results.into_iter().map(|it| {
            let infos = it.credential_infos.iter();
            let known = |number| Hash::from_number(number);
            UserInfo {
                name: it.user.to_string(),
                credentials: infos
                    .filter_map(|it| Some((known(it.mechanism)?, it.iterations)))
                    .collect(),
            }
        });
        Ok(users.collect())
    }

    /// Gives a user a password, with a new salt. The password itself is not sent.
    ///
    /// # Errors
    /// The broker refuses.
    pub async fn set_password(
        &self,
        user: &str,
        hash: Hash,
        password: &str,
        iterations: i32,
    ) -> Result<()> {
        let salt = Bytes::copy_from_slice(&nonce());
        let salted = scram::salted(hash, password, &salt, iterations);
        let upsertion = ScramCredentialUpsertion {
            name: user.into(),
            mechanism: hash.number(),
            iterations,
            salt,
            salted_password: salted.into(),
        };
        self.alter_user(AlterUserScramCredentialsRequest {
            upsertions: vec![upsertion],
            ..AlterUserScramCredentialsRequest::default()
        })
        .await
    }

    /// Takes passwords of a user away: those that are known with these hashes.
    ///
    /// # Errors
    /// There is none, or the broker refuses.
    pub async fn delete_passwords(&self, user: &str, hashes: &[Hash]) -> Result<()> {
        let deletions = hashes.iter().map(|hash| ScramCredentialDeletion {
            name: user.into(),
            mechanism: hash.number(),
        });
        self.alter_user(AlterUserScramCredentialsRequest {
            deletions: deletions.collect(),
            ..AlterUserScramCredentialsRequest::default()
        })
        .await
    }

    async fn alter_user(&self, request: AlterUserScramCredentialsRequest) -> Result<()> {
        let connection = self.controller().await?;
        let response = connection.call(&request).await?;
        let explain = |error| connection.explain::<AlterUserScramCredentialsRequest>(error);
        let result = response.results.into_iter().next();
        let none = || explain(Error::new(Reason::Incomplete("leaves out the user")));
        let result = result.ok_or_else(none)?;
        Error::check(result.error_code, result.error_message.as_ref())
            .map_err(|error| explain(error.of(format!("user `{}`", result.user))))
    }
}
