//! Functions that Sprig has and this build does not.

/// Why a function is not supported; nothing for other names.
pub(super) fn reason(name: &str) -> Option<&'static str> {
    Some(match name {
        "getHostByName" => "a template asks no network",
        "genPrivateKey"
        | "genCA"
        | "genCAWithKey"
        | "genSelfSignedCert"
        | "genSelfSignedCertWithKey"
        | "genSignedCert"
        | "genSignedCertWithKey"
        | "buildCustomCert" => "keys and certificates are made by tools for that",
        _ => return None,
    })
}
