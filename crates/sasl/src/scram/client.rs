//! The side of the client.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::digest;
use subtle::ConstantTimeEq;

use super::{ITERATIONS, salted, sign, xor};
use crate::Hash;

/// How often a server may have the client hash at most: more would be an attack.
const ITERATIONS_MAX: i32 = *ITERATIONS.end() * 64;

/// No channel is bound, and the user is whom it acts for.
const HEADER: &str = "n,,";

/// A client that logs in.
pub struct Client {
    hash: Hash,
    password: String,
    pub(super) nonce: String,
    /// What stands before the first message.
    pub(super) header: String,
    /// The first message without it.
    pub(super) bare: String,
    /// How the server proves itself, once it is known.
    expected: Option<String>,
}

impl Client {
    /// With 16 random bytes that were used for nothing else.
    pub fn new(hash: Hash, user: &str, password: &str, random: [u8; 16]) -> Self {
        let nonce = BASE64.encode(random);
        let user = user.replace('=', "=3D").replace(',', "=2C");
        Self {
            hash,
            password: password.to_owned(),
            header: HEADER.to_owned(),
            bare: format!("n={user},r={nonce}"),
            nonce,
            expected: None,
        }
    }

    /// The first message.
    pub fn first(&self) -> String {
        format!("{}{}", self.header, self.bare)
    }

    /// The second message, to the server's challenge. Takes milliseconds.
    ///
    /// # Errors
    /// The challenge is none.
    pub fn prove(&mut self, challenge: &[u8]) -> Result<String, &'static str> {
        const NONE: &str = "is no challenge of the mechanism";
        let challenge = std::str::from_utf8(challenge).map_err(|_| NONE)?;
        let mut fields = challenge.split(',');
        let mut field = |name: &str| fields.next().and_then(|it| it.strip_prefix(name));
        let nonce = field("r=").filter(|it| it.starts_with(&self.nonce));
        let nonce = nonce.filter(|it| it.len() > self.nonce.len()).ok_or(NONE)?;
        let salt = field("s=").and_then(|it| BASE64.decode(it).ok());
        let salt = salt.ok_or(NONE)?;
        let iterations = field("i=").and_then(|it| it.parse::<i32>().ok());
        let iterations = iterations.filter(|it| (1..=ITERATIONS_MAX).contains(it));
        let salted = salted(self.hash, &self.password, &salt, iterations.ok_or(NONE)?);
        let without_proof = format!("c={},r={nonce}", BASE64.encode(&self.header));
        let signed = format!("{},{challenge},{without_proof}", self.bare);
        let client_key = sign(self.hash, &salted, b"Client Key");
        let stored_key = digest::digest(self.hash.digest(), client_key.as_ref());
        let signature = sign(self.hash, stored_key.as_ref(), signed.as_bytes());
        let proof = xor(client_key.as_ref(), signature.as_ref());
        let server_key = sign(self.hash, &salted, b"Server Key");
        let expected = sign(self.hash, server_key.as_ref(), signed.as_bytes());
        self.expected = Some(format!("v={}", BASE64.encode(expected.as_ref())));
        Ok(format!("{without_proof},p={}", BASE64.encode(proof)))
    }

    /// Checks the server's last message: that it knows the password, too.
    ///
    /// # Errors
    /// It does not.
    pub fn verify(&self, last: &[u8]) -> Result<(), &'static str> {
        // Extensions may follow.
        let proof = last.split(|it| *it == b',').next().unwrap_or_default();
        let expected = self.expected.as_deref().unwrap_or_default().as_bytes();
        match !expected.is_empty() && bool::from(proof.ct_eq(expected)) {
            true => Ok(()),
            false => Err("does not prove that the server was told of the password"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Credential, Exchange, Step};
    use super::*;

    /// The example of RFC 7677, section 3.
    #[test]
    fn the_example_of_the_standard_is_made_to_the_byte() {
        let mut client = Client::new(Hash::Sha256, "user", "pencil", [0; 16]);
        client.nonce = "rOprNGfwEbeRWgbNEkqO".into();
        client.bare = "n=user,r=rOprNGfwEbeRWgbNEkqO".into();
        assert_eq!(client.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let challenge = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                          s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        assert_eq!(
            client.prove(challenge).unwrap(),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert!(
            client
                .verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
                .is_ok()
        );
        for wrong in ["", "v=", "v=AAAA", "e=other-error"] {
            assert!(client.verify(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn client_and_server_agree_on_users_and_passwords_of_any_kind() {
        for (user, password) in [("a", "b"), ("a,b=c", "=,"), ("ünïcode", "\u{1f511}")] {
            for hash in Hash::ALL {
                let credential = Credential::of_password(hash, password, "salt".into(), 4096);
                let find = |name: &str| (name == user).then(|| credential.clone());
                let mut client = Client::new(hash, user, password, [1; 16]);
                let mut server = Exchange::new(hash, [2; 16]);
                let Ok(Step::Challenge(challenge)) = server.step(client.first().as_bytes(), find)
                else {
                    panic!("a user is challenged");
                };
                let proof = client.prove(challenge.as_bytes()).unwrap();
                let Ok(Step::LoggedIn {
                    user: found,
                    answer,
                }) = server.step(proof.as_bytes(), |_| None)
                else {
                    panic!("the password is right");
                };
                assert_eq!(found, user);
                assert!(client.verify(answer.as_bytes()).is_ok());
            }
        }
    }

    #[test]
    fn a_challenge_that_is_none_is_refused_before_anything_is_hashed() {
        let mut client = Client::new(Hash::Sha256, "a", "b", [1; 16]);
        let nonce = client.nonce.clone();
        for challenge in [
            String::new(),
            "r=other,s=AAAA,i=4096".into(),
            format!("r={nonce},s=AAAA,i=4096"),
            format!("r={nonce}x,s=!,i=4096"),
            format!("r={nonce}x,s=AAAA,i=0"),
            format!("r={nonce}x,s=AAAA,i=2147483647"),
            format!("r={nonce}x,s=AAAA"),
            format!("m=x,r={nonce}x,s=AAAA,i=4096"),
        ] {
            assert!(client.prove(challenge.as_bytes()).is_err(), "{challenge}");
        }
        assert!(client.verify(b"").is_err());
    }
}
