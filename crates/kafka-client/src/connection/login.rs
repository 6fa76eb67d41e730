//! The login of a client (SASL; KIP-43, KIP-84, KIP-152).

use bytes::Bytes;
use millrace_kafka_wire::api::sasl_authenticate::SaslAuthenticateRequest;
use millrace_kafka_wire::api::sasl_handshake::SaslHandshakeRequest;
use millrace_sasl::{Mechanism, nonce, plain, scram};

use super::Connection;
use crate::Result;
use crate::error::{Error, Reason};
use crate::settings::Login;

/// Logs in on a connection that has done nothing yet.
///
/// # Errors
/// The broker does not offer the mechanism, does not let the client in, or does not prove that it
/// knows the password, where the mechanism lets it.
pub async fn log_in(connection: &Connection, login: &Login) -> Result<()> {
    let request = SaslHandshakeRequest {
        mechanism: login.mechanism.name().into(),
    };
    let agreed = connection.call(&request).await?;
    let offered: Vec<&str> = agreed.mechanisms.iter().map(|it| it.as_str()).collect();
    let offered = format!("the broker offers {}", offered.join(", "));
    Error::check(agreed.error_code, Some(&offered.into()))
        .map_err(|error| connection.explain::<SaslHandshakeRequest>(error))?;
    match login.mechanism {
        Mechanism::Plain => {
            let message = plain::message(&login.user, &login.password);
            tell(connection, message).await.map(drop)
        }
        Mechanism::Scram(hash) => {
            let mut client = scram::Client::new(hash, &login.user, &login.password, nonce());
            let mistaken =
                |what| connection.error::<SaslAuthenticateRequest>(Reason::Incomplete(what));
            let challenge = tell(connection, client.first()).await?;
            let proof = client.prove(&challenge).map_err(mistaken)?;
            let last = tell(connection, proof).await?;
            client.verify(&last).map_err(mistaken)
        }
    }
}

/// Sends a message of the mechanism; the answer to it.
async fn tell(connection: &Connection, message: String) -> Result<Bytes> {
    let auth_bytes = Bytes::from(message);
    let answer = connection
        .call(&SaslAuthenticateRequest { auth_bytes })
        .await?;
    Error::check(answer.error_code, answer.error_message.as_ref())
        .map_err(|error| connection.explain::<SaslAuthenticateRequest>(error))?;
    Ok(answer.auth_bytes)
}
