//! Ways to authenticate that are read, and refused.

use millrace_spec::{Secret, Spec};

/// Name and password for the digest scheme, which is refused.
#[derive(Clone, Debug, Spec)]
#[expect(dead_code, reason = "any value but the default is refused")]
pub(crate) struct DigestAuth {
    /// Whether to authenticate by it.
    #[spec(
        default = false,
        unsupported = "digest authentication is not part of this build; use `basic_auth`"
    )]
    enabled: bool,
    /// The name.
    #[spec(default = "")]
    username: String,
    /// The password.
    #[spec(default = "")]
    password: Secret<String>,
}

/// SPNEGO, which is refused.
#[derive(Clone, Debug, Spec)]
#[expect(dead_code, reason = "any value but the default is refused")]
pub(crate) struct Negotiate {
    /// Whether to authenticate by it.
    #[spec(default = false, unsupported = "SPNEGO is not part of this build")]
    enabled: bool,
    /// Which implementation to use.
    #[spec(
        default = "pure",
        unsupported = "SPNEGO is not part of this build",
        options("sspi", "pure")
    )]
    api: String,
    /// Whether `user` is used only when there is no ticket.
    #[spec(default = false, unsupported = "SPNEGO is not part of this build")]
    user_only_for_fallback: bool,
    /// The user.
    user: NegotiateUser,
    /// The tickets.
    kerberos: NegotiateKerberos,
}

/// The user of SPNEGO.
#[derive(Clone, Debug, Spec)]
#[expect(dead_code, reason = "any value but the default is refused")]
pub(crate) struct NegotiateUser {
    /// The domain.
    #[spec(default = "", unsupported = "SPNEGO is not part of this build")]
    domain: String,
    /// The name.
    #[spec(default = "", unsupported = "SPNEGO is not part of this build")]
    name: String,
    /// The password.
    #[spec(default = "", unsupported = "SPNEGO is not part of this build")]
    password: Secret<String>,
}

/// The tickets of SPNEGO.
#[derive(Clone, Debug, Spec)]
#[expect(dead_code, reason = "any value but the default is refused")]
pub(crate) struct NegotiateKerberos {
    /// The config file.
    #[spec(default = "", unsupported = "SPNEGO is not part of this build")]
    config_file_path: String,
    /// The ticket cache.
    #[spec(default = "", unsupported = "SPNEGO is not part of this build")]
    ccname: String,
}
