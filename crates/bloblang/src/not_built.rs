//! What Bento's language has and this build has not: a mapping that uses one of these is refused
//! with the reason, and the reference can say so. A test holds the lists against Bento's.

/// Functions that are not built.
pub const FUNCTIONS: &[&str] = &["fake", "flow_id"];

/// Methods that are not built.
pub const METHODS: &[&str] = &[
    "compare_argon2",
    "compare_bcrypt",
    "decrypt_aes",
    "diff",
    "encrypt_aes",
    "geoip_anonymous_ip",
    "geoip_asn",
    "geoip_city",
    "geoip_connection_type",
    "geoip_country",
    "geoip_domain",
    "geoip_enterprise",
    "geoip_isp",
    "json_path",
    "json_schema",
    "parse_jwt_es256",
    "parse_jwt_es384",
    "parse_jwt_es512",
    "parse_jwt_rs256",
    "parse_jwt_rs384",
    "parse_jwt_rs512",
    "parse_parquet",
    "patch",
    "sign_jwt_es256",
    "sign_jwt_es384",
    "sign_jwt_es512",
    "sign_jwt_rs256",
    "sign_jwt_rs384",
    "sign_jwt_rs512",
    "slug",
];
