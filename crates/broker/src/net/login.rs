//! The login of a client (SASL): nothing else of it is read before.
//!
//! Source: KIP-43, KIP-84, KIP-152, KIP-368.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millrace_kafka_wire::api::sasl_authenticate::{
    SaslAuthenticateRequest, SaslAuthenticateResponse,
};
use millrace_kafka_wire::api::sasl_handshake::{SaslHandshakeRequest, SaslHandshakeResponse};
use millrace_kafka_wire::{
    ApiKey, ErrorCode, Message, Reader, read_request_header, write_response,
};
use millrace_sasl::scram::{Exchange, Step};
use millrace_sasl::{Hash, Mechanism, plain};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::sleep;

use super::connection::{Peer, send};
use super::frames::Frames;
use super::session::Session;
use crate::api::{self, Answer};
use crate::broker::Broker;
use crate::config::SaslServer;

/// How the messages of a mechanism travel.
#[derive(Clone, Copy)]
enum Wrapping {
    /// As requests and responses.
    Requests,
    /// As they are, each behind its size: what SaslHandshake of version 0 leads to.
    Bare,
}

/// Why a client is not let in.
type Denial = Box<dyn std::error::Error + Send + Sync>;

/// The header of a request, and what is behind it.
struct Asked {
    version: i16,
    correlation_id: i32,
    body: Reader,
}

/// A login that is to go on.
pub struct Renewing {
    pub session: Session,
    /// The request by which the client began to log in again.
    pub first: Bytes,
}

/// One client that logs in.
struct Login<'a, S> {
    stream: &'a mut S,
    frames: &'a mut Frames,
    broker: &'a Arc<Broker>,
    peer: &'a Arc<Peer>,
    sasl: &'a SaslServer,
    /// What the client may not change when it logs in again.
    earlier: Option<Session>,
    first: Option<Bytes>,
}

/// Lets a client log in; who it is, or `None` when it has closed the connection.
///
/// # Errors
/// The connection broke, or the client is not let in: it has been told.
pub async fn log_in<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    frames: &mut Frames,
    broker: &Arc<Broker>,
    peer: &Arc<Peer>,
    sasl: &SaslServer,
    renewing: Option<Renewing>,
) -> io::Result<Option<Session>> {
    let (earlier, first) = renewing.map(|it| (it.session, it.first)).unzip();
    let mut login = Login {
        stream,
        frames,
        broker,
        peer,
        sasl,
        earlier,
        first,
    };
    let Some((mechanism, wrapping)) = login.choose().await? else {
        return Ok(None);
    };
    let lasting = sasl.lasting(mechanism);
    let user = match mechanism {
        Mechanism::Plain => login.plain(wrapping, lasting).await?,
        Mechanism::Scram(hash) => login.scram(hash, wrapping, lasting).await?,
    };
    Ok(user.map(|user| Session::new(user, mechanism, lasting)))
}

impl<S: AsyncRead + AsyncWrite + Unpin> Login<'_, S> {
    /// Answers what may be asked before, until the client has chosen a mechanism.
    async fn choose(&mut self) -> io::Result<Option<(Mechanism, Wrapping)>> {
        loop {
            let Some(frame) = self.next().await? else {
                return Ok(None);
            };
            let (key, mut asked) = header(&frame)?;
            match key {
                ApiKey::ApiVersions => self.tell_versions(frame).await?,
                ApiKey::SaslHandshake => {
                    let request = SaslHandshakeRequest::read(&mut asked.body, asked.version);
                    let request = request.map_err(io::Error::other)?;
                    return self.agree(&asked, &request.mechanism).await.map(Some);
                }
                other => return Err(too_early(other)),
            }
        }
    }

    async fn tell_versions(&mut self, frame: Bytes) -> io::Result<()> {
        let work = api::begin(self.broker, self.peer, frame);
        let work = work.ok_or_else(|| io::Error::other("a request is malformed"))?;
        match work.answer.await {
            Answer::Frame(frame) => send(self.stream, frame).await,
            Answer::Nothing | Answer::Close => Err(io::Error::other("it cannot be answered")),
        }
    }

    async fn agree(&mut self, asked: &Asked, name: &str) -> io::Result<(Mechanism, Wrapping)> {
        let offered = &self.sasl.mechanisms;
        let chosen = Mechanism::of(name).filter(|it| match &self.earlier {
            Some(earlier) => *it == earlier.mechanism,
            None => offered.contains(it),
        });
        let error = match chosen {
            Some(_) => ErrorCode::None,
            None => ErrorCode::UnsupportedSaslMechanism,
        };
        let response = SaslHandshakeResponse {
            error_code: error.number(),
            mechanisms: offered.iter().map(|it| it.name().into()).collect(),
        };
        self.respond(ApiKey::SaslHandshake, asked, &response)
            .await?;
        let chosen = chosen.ok_or_else(|| {
            io::Error::other("it wants to log in by a mechanism that is not offered here")
        })?;
        let wrapping = match asked.version {
            0 => Wrapping::Bare,
            _ => Wrapping::Requests,
        };
        Ok((chosen, wrapping))
    }

    async fn plain(
        &mut self,
        wrapping: Wrapping,
        lasting: Option<Duration>,
    ) -> io::Result<Option<String>> {
        let Some((message, asked)) = self.message(wrapping).await? else {
            return Ok(None);
        };
        let users = &self.sasl.plain_users;
        let password = |user: &str| users.get(user).map(|it| it.expose().as_str());
        match plain::check(&message, password) {
            Ok(user) => {
                let user = user.to_owned();
                self.let_in(asked.as_ref(), Bytes::new(), &user, lasting)
                    .await?;
                Ok(Some(user))
            }
            Err(denied) => Err(self.deny(asked.as_ref(), denied).await?),
        }
    }

    async fn scram(
        &mut self,
        hash: Hash,
        wrapping: Wrapping,
        lasting: Option<Duration>,
    ) -> io::Result<Option<String>> {
        let mut exchange = Exchange::new(hash, self.broker.random_bytes());
        loop {
            let Some((message, asked)) = self.message(wrapping).await? else {
                return Ok(None);
            };
            let image = self.broker.metadata().image();
            let find = |user: &str| image.credential(user, hash).cloned();
            match exchange.step(&message, find) {
                Ok(Step::Challenge(answer)) => {
                    self.answer(asked.as_ref(), answer.into(), None).await?;
                }
                Ok(Step::LoggedIn { user, answer }) => {
                    self.let_in(asked.as_ref(), answer.into(), &user, lasting)
                        .await?;
                    return Ok(Some(user));
                }
                Err(denied) => return Err(self.deny(asked.as_ref(), denied).await?),
            }
        }
    }

    /// The next message of the mechanism, and the request that it came in.
    async fn message(&mut self, wrapping: Wrapping) -> io::Result<Option<(Bytes, Option<Asked>)>> {
        let Some(frame) = self.next().await? else {
            return Ok(None);
        };
        if let Wrapping::Bare = wrapping {
            return Ok(Some((frame, None)));
        }
        let (key, mut asked) = header(&frame)?;
        if key != ApiKey::SaslAuthenticate {
            return Err(too_early(key));
        }
        let request = SaslAuthenticateRequest::read(&mut asked.body, asked.version);
        let request = request.map_err(io::Error::other)?;
        Ok(Some((request.auth_bytes, Some(asked))))
    }

    /// Tells a client that it has logged in, and how long that holds.
    async fn let_in(
        &mut self,
        asked: Option<&Asked>,
        auth_bytes: Bytes,
        user: &str,
        lasting: Option<Duration>,
    ) -> io::Result<()> {
        if (self.earlier.as_ref()).is_some_and(|earlier| earlier.user != user) {
            let reason = "the client logs in again as another user";
            return Err(self.deny(asked, reason).await?);
        }
        self.answer(asked, auth_bytes, lasting).await
    }

    async fn answer(
        &mut self,
        asked: Option<&Asked>,
        auth_bytes: Bytes,
        lasting: Option<Duration>,
    ) -> io::Result<()> {
        let Some(asked) = asked else {
            let size = u32::try_from(auth_bytes.len()).map_err(io::Error::other)?;
            self.stream.write_u32(size).await?;
            self.stream.write_all(&auth_bytes).await?;
            return self.stream.flush().await;
        };
        let lasting = lasting.map_or(0, |it| i64::try_from(it.as_millis()).unwrap_or(i64::MAX));
        let response = SaslAuthenticateResponse {
            auth_bytes,
            session_lifetime_ms: lasting,
            ..SaslAuthenticateResponse::default()
        };
        self.respond(ApiKey::SaslAuthenticate, asked, &response)
            .await
    }

    /// Tells a client that it is not let in, late: who guesses passwords is slowed down. Returns why
    /// the connection ends.
    async fn deny(
        &mut self,
        asked: Option<&Asked>,
        reason: impl Into<Denial>,
    ) -> io::Result<io::Error> {
        let reason = reason.into();
        let delay = self.broker.config().connections.failed_login_delay_ms;
        sleep(Duration::from_millis(delay)).await;
        if let Some(asked) = asked {
            let response = SaslAuthenticateResponse {
                error_code: ErrorCode::SaslAuthenticationFailed.number(),
                error_message: Some(format!("Authentication failed: {reason}").into()),
                ..SaslAuthenticateResponse::default()
            };
            self.respond(ApiKey::SaslAuthenticate, asked, &response)
                .await?;
        }
        Ok(io::Error::other(reason))
    }

    async fn respond(
        &mut self,
        key: ApiKey,
        asked: &Asked,
        response: &impl Message,
    ) -> io::Result<()> {
        let frame = write_response(key, asked.version, asked.correlation_id, response);
        send(self.stream, frame.map_err(io::Error::other)?).await
    }

    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let frame = self.frames.next(self.stream).await?;
        Ok(frame.map(|it| it.bytes))
    }
}

fn header(frame: &Bytes) -> io::Result<(ApiKey, Asked)> {
    let mut body = Reader::new(frame.clone());
    let header = read_request_header(&mut body).map_err(io::Error::other)?;
    let key = ApiKey::from_number(header.request_api_key);
    let key = key.ok_or_else(|| io::Error::other("a request of no API"))?;
    let asked = Asked {
        version: header.request_api_version,
        correlation_id: header.correlation_id,
        body,
    };
    Ok((key, asked))
}

fn too_early(key: ApiKey) -> io::Error {
    io::Error::other(format!("{key} came before the login"))
}
