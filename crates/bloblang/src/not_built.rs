//! What Bento's language has and this build has not: a mapping that uses one of these is refused
//! with the reason, and the reference can say so. A test holds the lists against Bento's.

/// Functions that are not built.
pub const FUNCTIONS: &[&str] = &["fake", "flow_id"];

/// Methods that are not built.
pub const METHODS: &[&str] = &[
    "geoip_anonymous_ip",
    "geoip_asn",
    "geoip_city",
    "geoip_connection_type",
    "geoip_country",
    "geoip_domain",
    "geoip_enterprise",
    "geoip_isp",
    "parse_parquet",
    "slug",
];
