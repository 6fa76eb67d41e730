//! The side of the server.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use ring::digest;
use subtle::ConstantTimeEq;

use super::{Credential, ITERATIONS, sign, xor};
use crate::{Denied, Hash};

/// One client that logs in.
pub struct Exchange {
    hash: Hash,
    /// The server's part of the nonce.
    nonce: String,
    state: State,
}

enum State {
    Begins,
    /// The client knows its salt.
    Proves(Box<Challenged>),
    Ended,
}

struct Challenged {
    user: String,
    credential: Credential,
    /// There is no such user, and the credential is one that nobody can satisfy.
    is_unknown: bool,
    /// What the channel binding must repeat, in Base64.
    header: String,
    nonce: String,
    /// The messages so far, as they are signed.
    signed: String,
}

/// What a message of the client leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// The answer to send; the client proves itself next.
    Challenge(String),
    /// The client is this user; the answer proves the server.
    LoggedIn { user: String, answer: String },
}

impl Exchange {
    /// With 16 random bytes that were used for nothing else.
    pub fn new(hash: Hash, random: [u8; 16]) -> Self {
        Self {
            hash,
            nonce: BASE64.encode(random),
            state: State::Begins,
        }
    }

    /// Takes a message of the client. `find` knows the credentials of users; one that it does not
    /// know is challenged all the same, so that a stranger does not learn who there is.
    ///
    /// # Errors
    /// The client is not let in.
    pub fn step(
        &mut self,
        message: &[u8],
        find: impl FnOnce(&str) -> Option<Credential>,
    ) -> Result<Step, Denied> {
        let message = std::str::from_utf8(message).map_err(|_| Denied::Malformed)?;
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Begins => {
                let (challenged, answer) = self.challenge(message, find)?;
                self.state = State::Proves(Box::new(challenged));
                Ok(Step::Challenge(answer))
            }
            State::Proves(challenged) => self.verify(*challenged, message),
            State::Ended => Err(Denied::Malformed),
        }
    }

    fn challenge(
        &self,
        message: &str,
        find: impl FnOnce(&str) -> Option<Credential>,
    ) -> Result<(Challenged, String), Denied> {
        let first = First::parse(message).ok_or(Denied::Malformed)?;
        if first.identity.as_ref().is_some_and(|it| *it != first.user) {
            return Err(Denied::OtherIdentity);
        }
        let found = find(&first.user);
        let is_unknown = found.is_none();
        let credential = found.unwrap_or_else(|| self.unknown(&first.user));
        let nonce = format!("{}{}", first.nonce, self.nonce);
        let salt = BASE64.encode(&credential.salt);
        let answer = format!("r={nonce},s={salt},i={}", credential.iterations);
        let challenged = Challenged {
            user: first.user,
            credential,
            is_unknown,
            header: BASE64.encode(first.header),
            nonce,
            signed: format!("{},{answer}", first.bare),
        };
        Ok((challenged, answer))
    }

    /// A credential for a user that does not exist: the same for the same name, as a real one.
    fn unknown(&self, user: &str) -> Credential {
        let salt = sign(self.hash, process_secret(), user.as_bytes());
        Credential {
            salt: Bytes::copy_from_slice(&salt.as_ref()[..16]),
            stored_key: Bytes::from(vec![0; self.hash.size()]),
            server_key: Bytes::from(vec![0; self.hash.size()]),
            iterations: *ITERATIONS.start(),
        }
    }

    fn verify(&self, challenged: Challenged, message: &str) -> Result<Step, Denied> {
        let last = Last::parse(message).ok_or(Denied::Malformed)?;
        if last.binding != challenged.header {
            return Err(Denied::Malformed);
        }
        if last.nonce != challenged.nonce {
            return Err(Denied::Nonce);
        }
        let proof = BASE64.decode(last.proof).map_err(|_| Denied::Malformed)?;
        let signed = format!("{},{}", challenged.signed, last.without_proof);
        let signature = sign(
            self.hash,
            &challenged.credential.stored_key,
            signed.as_bytes(),
        );
        if proof.len() != signature.as_ref().len() {
            return Err(Denied::Malformed);
        }
        let client_key = xor(&proof, signature.as_ref());
        let stored_key = digest::digest(self.hash.digest(), &client_key);
        let expected = &challenged.credential.stored_key;
        let is_right = bool::from(stored_key.as_ref().ct_eq(expected));
        if challenged.is_unknown || !is_right {
            return Err(Denied::Credentials);
        }
        let proven = sign(
            self.hash,
            &challenged.credential.server_key,
            signed.as_bytes(),
        );
        Ok(Step::LoggedIn {
            user: challenged.user,
            answer: format!("v={}", BASE64.encode(proven.as_ref())),
        })
    }
}

/// A key that this process alone has, for the salts of users that do not exist.
fn process_secret() -> &'static [u8] {
    static SECRET: OnceLock<[u8; 16]> = OnceLock::new();
    SECRET.get_or_init(crate::nonce)
}

/// `n,a=IDENTITY,n=USER,r=NONCE,…`
struct First<'a> {
    /// What stands before the bare message.
    header: &'a str,
    identity: Option<String>,
    /// The message without it.
    bare: &'a str,
    user: String,
    nonce: &'a str,
}

impl<'a> First<'a> {
    fn parse(message: &'a str) -> Option<Self> {
        let (binding, rest) = message.split_once(',')?;
        let (identity, bare) = rest.split_once(',')?;
        // `p` binds to a channel, which no mechanism here offers.
        if !matches!(binding, "n" | "y") {
            return None;
        }
        let identity = match identity {
            "" => None,
            named => Some(name(named.strip_prefix("a=")?)?),
        };
        // Extensions follow the nonce; `m` before it would have to be understood.
        let (user, rest) = bare.strip_prefix("n=")?.split_once(',')?;
        let nonce = rest.strip_prefix("r=")?.split(',').next()?;
        Some(Self {
            header: &message[..message.len() - bare.len()],
            identity,
            bare,
            user: name(user).filter(|it| !it.is_empty())?,
            nonce: Some(nonce).filter(|it| is_nonce(it))?,
        })
    }
}

/// `c=BINDING,r=NONCE,…,p=PROOF`
struct Last<'a> {
    binding: &'a str,
    nonce: &'a str,
    proof: &'a str,
    without_proof: &'a str,
}

impl<'a> Last<'a> {
    fn parse(message: &'a str) -> Option<Self> {
        let (without_proof, proof) = message.rsplit_once(",p=")?;
        let (binding, rest) = without_proof.strip_prefix("c=")?.split_once(',')?;
        let nonce = rest.strip_prefix("r=")?.split(',').next()?;
        Some(Self {
            binding,
            nonce,
            proof,
            without_proof,
        })
    }
}

/// A name in which `=2C` stands for a comma and `=3D` for `=`.
fn name(written: &str) -> Option<String> {
    let mut parts = written.split('=');
    let mut name = parts.next()?.to_owned();
    for part in parts {
        let (sign, rest) = match part {
            _ if part.starts_with("2C") => (',', &part[2..]),
            _ if part.starts_with("3D") => ('=', &part[2..]),
            _ => return None,
        };
        name.push(sign);
        name.push_str(rest);
    }
    Some(name)
}

fn is_nonce(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|it| it.is_ascii_graphic() && it != b',')
}

#[cfg(test)]
mod tests {
    use super::super::Client;
    use super::*;

    /// The example of RFC 7677, section 3.
    #[test]
    fn the_example_of_the_standard_is_accepted_to_the_byte() {
        let salt = BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let credential = Credential::of_password(Hash::Sha256, "pencil", salt.into(), 4096);
        let mut exchange = Exchange::new(Hash::Sha256, [0; 16]);
        exchange.nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0".into();
        let find = |user: &str| (user == "user").then(|| credential.clone());
        let challenge = exchange.step(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO", find);
        assert_eq!(
            challenge,
            Ok(Step::Challenge(
                "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                 s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
                    .into()
            ))
        );
        let last = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                    p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        let done = exchange.step(last.as_bytes(), |_| None);
        assert_eq!(
            done,
            Ok(Step::LoggedIn {
                user: "user".into(),
                answer: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=".into(),
            })
        );
        let again = exchange.step(last.as_bytes(), |_| None);
        assert_eq!(again, Err(Denied::Malformed));
    }

    fn log_in(hash: Hash, user: &str, password: &str, header: &str) -> Result<Step, Denied> {
        let find = |name: &str| {
            let salt = Bytes::from_static(b"some salt");
            let is_known = name == "a,b=c";
            is_known.then(|| Credential::of_password(hash, "right", salt, 4096))
        };
        let mut exchange = Exchange::new(hash, [7; 16]);
        let mut client = Client::new(hash, user, password, [1; 16]);
        client.header = header.to_owned();
        client.bare = format!("n={user},r={}", client.nonce);
        let Step::Challenge(challenge) = exchange.step(client.first().as_bytes(), find)? else {
            panic!("nobody has proved anything");
        };
        let last = client.prove(challenge.as_bytes()).unwrap();
        exchange.step(last.as_bytes(), |_| None)
    }

    #[test]
    fn who_proves_the_password_is_let_in_and_nobody_else() {
        for hash in Hash::ALL {
            let done = log_in(hash, "a=2Cb=3Dc", "right", "n,,");
            assert!(matches!(done, Ok(Step::LoggedIn { user, .. }) if user == "a,b=c"));
            assert!(log_in(hash, "a=2Cb=3Dc", "right", "y,a=a=2Cb=3Dc,").is_ok());
            for (user, password, header, denied) in [
                ("a=2Cb=3Dc", "wrong", "n,,", Denied::Credentials),
                ("nobody", "right", "n,,", Denied::Credentials),
                ("a=2Cb=3Dc", "right", "n,a=root,", Denied::OtherIdentity),
                ("a=2Cb=3Dc", "right", "p=tls-unique,,", Denied::Malformed),
                ("a=2cb", "right", "n,,", Denied::Malformed),
                ("", "right", "n,,", Denied::Malformed),
            ] {
                assert_eq!(log_in(hash, user, password, header), Err(denied), "{user}");
            }
        }
    }

    #[test]
    fn a_user_that_does_not_exist_is_challenged_like_one_that_does() {
        let challenge = |user: &str| {
            let mut exchange = Exchange::new(Hash::Sha256, [7; 16]);
            let first = format!("n,,n={user},r=client");
            match exchange.step(first.as_bytes(), |_| None) {
                Ok(Step::Challenge(challenge)) => challenge,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(challenge("nobody"), challenge("nobody"));
        assert_ne!(challenge("nobody"), challenge("somebody"));
    }

    #[test]
    fn what_is_no_message_of_the_mechanism_is_refused() {
        for message in [
            "",
            ",",
            "n,,",
            "n,,n=a",
            "n,,r=b,n=a",
            "n,,n=a,r=",
            "n,,n=a,r=\u{e9}",
            "n,x,n=a,r=b",
            "x,,n=a,r=b",
            "n,,m=x,n=a,r=b",
        ] {
            let mut exchange = Exchange::new(Hash::Sha512, [7; 16]);
            let refused = exchange.step(message.as_bytes(), |_| None);
            assert_eq!(refused, Err(Denied::Malformed), "{message}");
        }
    }

    #[test]
    fn the_second_message_must_repeat_the_nonce_and_the_header() {
        for (last, denied) in [
            ("", Denied::Malformed),
            ("c=biws,r=client", Denied::Malformed),
            ("c=AAAA,r=client,p=AAAA", Denied::Malformed),
            ("c=biws,r=other,p=AAAA", Denied::Nonce),
            // Its beginning is right, and its end.
            (
                "c=biws,r=clientclientBwcHBwcHBwcHBwcHBwcHBw==,p=AAAA",
                Denied::Nonce,
            ),
        ] {
            let mut exchange = Exchange::new(Hash::Sha256, [7; 16]);
            exchange.step(b"n,,n=a,r=client", |_| None).unwrap();
            let refused = exchange.step(last.as_bytes(), |_| None);
            assert_eq!(refused, Err(denied), "{last}");
        }
    }
}
