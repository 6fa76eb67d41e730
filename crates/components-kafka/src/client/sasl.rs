//! The fields of logins, as the two families of components spell them.

use millrace_kafka_client::{Hash, Login, Mechanism};
use millrace_spec::{Node, OrderedMap, ReadContext, Secret, Spec, codes};

/// By which mechanism a client proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
pub enum MechanismName {
    /// No login.
    None,
    /// The password is told: encrypt the connection.
    #[spec(rename = "PLAIN")]
    Plain,
    /// The password is proved and not told (RFC 5802), with SHA-256.
    #[spec(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// The password is proved and not told (RFC 5802), with SHA-512.
    #[spec(rename = "SCRAM-SHA-512")]
    ScramSha512,
    /// Tokens of OAuth 2; not supported.
    #[spec(rename = "OAUTHBEARER")]
    OAuthBearer,
    /// Signatures of AWS; not supported.
    #[spec(rename = "AWS_MSK_IAM")]
    AwsMskIam,
}

impl MechanismName {
    /// The mechanism; none for no login, and for those that are refused.
    fn mechanism(self) -> Option<Mechanism> {
        match self {
            Self::Plain => Some(Mechanism::Plain),
            Self::ScramSha256 => Some(Mechanism::Scram(Hash::Sha256)),
            Self::ScramSha512 => Some(Mechanism::Scram(Hash::Sha512)),
            Self::None | Self::OAuthBearer | Self::AwsMskIam => None,
        }
    }
}

fn refuse_mechanism(mechanism: &MechanismName, node: &Node, cx: &mut ReadContext) {
    if let MechanismName::OAuthBearer | MechanismName::AwsMskIam = mechanism {
        let name = mechanism.name();
        let message = format!("mechanism {name} is not supported: this build has no tokens");
        cx.error(codes::NOT_SUPPORTED, node.span, message).help =
            Some("use SCRAM-SHA-256, SCRAM-SHA-512 or PLAIN".to_owned());
    }
}

/// The login of `kafka`.
#[derive(Clone, Debug, Spec)]
#[expect(dead_code, reason = "any value but the default is refused")]
pub struct Sasl {
    /// The mechanism.
    #[spec(default = "none", lint = refuse_mechanism)]
    mechanism: MechanismName,
    /// The name of the user.
    #[spec(default = "", example = "${USER}")]
    user: String,
    /// The password of the user.
    #[spec(default = "", example = "${PASSWORD}")]
    password: Secret<String>,
    /// A token of OAUTHBEARER; not supported.
    #[spec(default = "", unsupported = "OAUTHBEARER is not part of this build")]
    access_token: Secret<String>,
    /// A cache that holds a token of OAUTHBEARER; not supported.
    #[spec(default = "", unsupported = "OAUTHBEARER is not part of this build")]
    token_cache: String,
    /// The key of the token in its cache; not supported.
    #[spec(default = "", unsupported = "OAUTHBEARER is not part of this build")]
    token_key: String,
    /// Where tokens of OAUTHBEARER are fetched; not supported.
    #[spec(advanced, since = "1.18.0")]
    oauth2: ExtendedOAuth2,
    /// Signatures of AWS; not supported.
    aws: Aws,
}

impl Sasl {
    /// Who the client is.
    pub fn login(&self) -> Option<Login> {
        let mechanism = self.mechanism.mechanism()?;
        Some(login(mechanism, &self.user, &self.password))
    }
}

/// A login of `kafka_franz`.
#[derive(Clone, Debug, Spec)]
#[expect(dead_code, reason = "any value but the default is refused")]
pub struct NamedSasl {
    /// The mechanism.
    #[spec(lint = refuse_mechanism)]
    mechanism: MechanismName,
    /// The name of the user.
    #[spec(default = "")]
    username: String,
    /// The password of the user.
    #[spec(default = "")]
    password: Secret<String>,
    /// A token of OAUTHBEARER; not supported.
    #[spec(default = "", unsupported = "OAUTHBEARER is not part of this build")]
    token: Secret<String>,
    /// Where tokens of OAUTHBEARER are fetched; not supported.
    #[spec(advanced, since = "1.18.0")]
    oauth2: OAuth2,
    /// What is sent beside a token of OAUTHBEARER; not supported.
    #[spec(default = {}, unsupported = "OAUTHBEARER is not part of this build")]
    extensions: OrderedMap<Node>,
    /// Signatures of AWS; not supported.
    aws: Aws,
}

/// Who the client is: the only login of a list that is one.
pub fn first_login(logins: &[NamedSasl]) -> Option<Login> {
    logins.iter().find_map(|it| {
        let mechanism = it.mechanism.mechanism()?;
        Some(login(mechanism, &it.username, &it.password))
    })
}

/// A lint: complains of several logins.
#[allow(clippy::ptr_arg, reason = "the signature of a field lint")]
pub fn one_login(logins: &Vec<NamedSasl>, node: &Node, cx: &mut ReadContext) {
    let used = logins
        .iter()
        .filter(|it| it.mechanism != MechanismName::None);
    if used.count() > 1 {
        let message = "sasl names several mechanisms, and one is used";
        cx.error(codes::NOT_SUPPORTED, node.span, message).help =
            Some("leave the one that the brokers have".to_owned());
    }
}

fn login(mechanism: Mechanism, user: &str, password: &Secret<String>) -> Login {
    Login {
        mechanism,
        user: user.to_owned(),
        password: password.expose().clone(),
    }
}

/// Where tokens are fetched, which is refused.
#[derive(Clone, Debug, Spec)]
#[expect(dead_code, reason = "any value but the default is refused")]
struct OAuth2 {
    /// Whether tokens are fetched.
    #[spec(default = false, unsupported = "OAUTHBEARER is not part of this build")]
    enabled: bool,
    /// Who this client is.
    #[spec(default = "", unsupported = "OAUTHBEARER is not part of this build")]
    client_key: String,
    /// The secret of this client.
    #[spec(default = "", unsupported = "OAUTHBEARER is not part of this build")]
    client_secret: Secret<String>,
    /// Who gives tokens.
    #[spec(default = "", unsupported = "OAUTHBEARER is not part of this build")]
    token_url: String,
    /// What a token is to be good for.
    #[spec(
        default = [],
        advanced,
        unsupported = "OAUTHBEARER is not part of this build"
    )]
    scopes: Vec<String>,
    /// Further parameters of the request for a token.
    #[spec(
        default = {},
        advanced,
        unsupported = "OAUTHBEARER is not part of this build"
    )]
    endpoint_params: OrderedMap<Node>,
}

/// Where tokens are fetched, which is refused.
#[derive(Clone, Debug, Spec)]
#[expect(dead_code, reason = "any value but the default is refused")]
struct ExtendedOAuth2 {
    #[spec(flatten)]
    oauth2: OAuth2,
    /// What is sent beside a token.
    #[spec(
        default = {},
        advanced,
        unsupported = "OAUTHBEARER is not part of this build"
    )]
    extensions: OrderedMap<Node>,
}

/// Signatures of AWS, which are refused.
#[derive(Clone, Debug, Spec)]
#[expect(dead_code, reason = "any value but the default is refused")]
struct Aws {
    /// The region.
    #[spec(default = "", unsupported = "AWS_MSK_IAM is not part of this build")]
    region: String,
    /// Another address of the API.
    #[spec(default = "", unsupported = "AWS_MSK_IAM is not part of this build")]
    endpoint: String,
    /// Who signs.
    #[spec(advanced)]
    credentials: AwsCredentials,
}

/// Who signs, which is refused.
#[derive(Clone, Debug, Spec)]
#[expect(dead_code, reason = "any value but the default is refused")]
struct AwsCredentials {
    /// A profile of the file of credentials.
    #[spec(default = "", unsupported = "AWS_MSK_IAM is not part of this build")]
    profile: String,
    /// The name of the key.
    #[spec(default = "", unsupported = "AWS_MSK_IAM is not part of this build")]
    id: String,
    /// The key.
    #[spec(default = "", unsupported = "AWS_MSK_IAM is not part of this build")]
    secret: Secret<String>,
    /// The token of a session.
    #[spec(default = "", unsupported = "AWS_MSK_IAM is not part of this build")]
    token: Secret<String>,
    /// Whether the role of the machine is taken.
    #[spec(default = false, unsupported = "AWS_MSK_IAM is not part of this build")]
    from_ec2_role: bool,
    /// A role to assume.
    #[spec(default = "", unsupported = "AWS_MSK_IAM is not part of this build")]
    role: String,
    /// What is told when the role is assumed.
    #[spec(default = "", unsupported = "AWS_MSK_IAM is not part of this build")]
    role_external_id: String,
    /// How long before their end credentials are renewed.
    #[spec(default = "", unsupported = "AWS_MSK_IAM is not part of this build")]
    expiry_window: String,
}
