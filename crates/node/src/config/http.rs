//! The `http` block: the HTTP server of the service.

use millrace_spec::{Secret, Spec};

/// The HTTP server of the service.
#[derive(Clone, Debug, Spec)]
pub struct HttpConfig {
    /// Whether there is one.
    #[spec(default = true)]
    pub enabled: bool,
    /// Where it listens.
    #[spec(default = "0.0.0.0:4195")]
    pub address: String,
    /// A prefix under which every path can be reached too.
    #[spec(default = "/bento")]
    pub root_path: String,
    /// Whether the config and profiles can be read from it.
    #[spec(default = false)]
    pub debug_endpoints: bool,
    /// The file of the server's certificate chain; with `key_file` it serves TLS.
    #[spec(default = "", advanced)]
    pub cert_file: String,
    /// The file of the server's private key.
    #[spec(default = "", advanced)]
    pub key_file: String,
    /// Which web pages of other origins may use it.
    #[spec(advanced)]
    pub cors: CorsConfig,
    /// Who may use it.
    #[spec(advanced)]
    pub basic_auth: BasicAuthConfig,
}

/// Which web pages of other origins may use a server.
#[derive(Clone, Debug, Spec)]
pub struct CorsConfig {
    /// Whether there are any.
    #[spec(default = false)]
    pub enabled: bool,
    /// The origins, such as `https://example.com`; `*` for all.
    #[spec(default = [])]
    pub allowed_origins: Vec<String>,
    /// Headers they may send beside Accept, Accept-Language, Content-Language and Origin.
    #[spec(default = [])]
    pub allowed_headers: Vec<String>,
    /// Methods they may use.
    #[spec(default = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])]
    pub allowed_methods: Vec<String>,
}

/// A user and a password that a server asks for.
#[derive(Clone, Debug, Spec)]
pub struct BasicAuthConfig {
    /// Whether it asks.
    #[spec(default = false)]
    pub enabled: bool,
    /// What browsers show.
    #[spec(default = "restricted")]
    pub realm: String,
    /// The user.
    #[spec(default = "")]
    pub username: String,
    /// The hash of the password, in base64.
    #[spec(default = "")]
    pub password_hash: Secret<String>,
    /// How the hash was made.
    #[spec(default = "sha256")]
    pub algorithm: HashAlgorithm,
    /// The salt of `scrypt`, in base64.
    #[spec(default = "")]
    pub salt: Secret<String>,
}

/// How the hash of a password was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
pub enum HashAlgorithm {
    /// MD5: for old hashes only.
    Md5,
    /// SHA-256.
    Sha256,
    /// bcrypt.
    Bcrypt,
    /// scrypt with a salt.
    Scrypt,
}
