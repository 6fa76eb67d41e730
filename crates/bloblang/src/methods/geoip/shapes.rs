//! What the objects of each lookup hold: names as Bento gives them, beside those of the database.
//!
//! Every member is always there: a text that is not known is empty, a number 0, a boolean false,
//! and names and lists are null.

use millrace_message::{Array, Object, Value};

use crate::eval_error::EvalError;

/// The result of one lookup.
pub(super) struct Shape {
    /// As errors call it.
    method: &'static str,
    /// The types of the databases that have it.
    databases: &'static [&'static str],
    fields: &'static [Field],
}

struct Field {
    name: &'static str,
    /// The name in the database.
    key: &'static str,
    kind: Kind,
}

enum Kind {
    Text,
    Number,
    Bool,
    /// The names in several languages.
    Names,
    Object(&'static [Field]),
    List(&'static [Field]),
}

const fn field(name: &'static str, key: &'static str, kind: Kind) -> Field {
    Field { name, key, kind }
}

impl Shape {
    /// Whether a database has this.
    pub fn check(&self, database: &str) -> Result<(), EvalError> {
        if self.databases.contains(&database) {
            return Ok(());
        }
        Err(EvalError::new(format!(
            "geoip2: the {} method does not support the {database} database",
            self.method
        )))
    }

    /// The result for a record.
    pub fn fill(&self, record: &Value) -> Value {
        object(self.fields, record)
    }
}

fn object(fields: &[Field], record: &Value) -> Value {
    let members = fields.iter().map(|field| {
        let found = record
            .get(field.key)
            .map(|it| it.into_owned())
            .unwrap_or_default();
        let value = match (&field.kind, found) {
            (Kind::Text, text @ Value::String(_)) => text,
            (Kind::Text, _) => Value::from_static(""),
            (Kind::Number, number) if number.as_f64().is_some() => number,
            (Kind::Number, _) => Value::I64(0),
            (Kind::Bool, bool) => Value::Bool(bool.as_bool() == Some(true)),
            (Kind::Names, names @ Value::Object(_)) => names,
            (Kind::Names, _) => Value::Null,
            (Kind::Object(fields), found) => object(fields, &found),
            (Kind::List(fields), Value::Array(list)) => list
                .iter()
                .map(|it| object(fields, &it))
                .collect::<Array>()
                .into(),
            (Kind::List(_), _) => Value::Null,
        };
        (field.name, value)
    });
    Value::Object(members.collect::<Object>())
}

pub(super) static CITY: Shape = Shape {
    method: "City",
    databases: CITY_DATABASES,
    fields: &[
        field(
            "City",
            "city",
            Kind::Object(&[
                field("Names", "names", Kind::Names),
                field("GeoNameID", "geoname_id", Kind::Number),
            ]),
        ),
        field(
            "Postal",
            "postal",
            Kind::Object(&[field("Code", "code", Kind::Text)]),
        ),
        field(
            "Continent",
            "continent",
            Kind::Object(&[
                field("Names", "names", Kind::Names),
                field("Code", "code", Kind::Text),
                field("GeoNameID", "geoname_id", Kind::Number),
            ]),
        ),
        field(
            "Subdivisions",
            "subdivisions",
            Kind::List(&[
                field("Names", "names", Kind::Names),
                field("IsoCode", "iso_code", Kind::Text),
                field("GeoNameID", "geoname_id", Kind::Number),
            ]),
        ),
        field(
            "RepresentedCountry",
            "represented_country",
            Kind::Object(&[
                field("Names", "names", Kind::Names),
                field("IsoCode", "iso_code", Kind::Text),
                field("Type", "type", Kind::Text),
                field("GeoNameID", "geoname_id", Kind::Number),
                field("IsInEuropeanUnion", "is_in_european_union", Kind::Bool),
            ]),
        ),
        field(
            "Country",
            "country",
            Kind::Object(&[
                field("Names", "names", Kind::Names),
                field("IsoCode", "iso_code", Kind::Text),
                field("GeoNameID", "geoname_id", Kind::Number),
                field("IsInEuropeanUnion", "is_in_european_union", Kind::Bool),
            ]),
        ),
        field(
            "RegisteredCountry",
            "registered_country",
            Kind::Object(&[
                field("Names", "names", Kind::Names),
                field("IsoCode", "iso_code", Kind::Text),
                field("GeoNameID", "geoname_id", Kind::Number),
                field("IsInEuropeanUnion", "is_in_european_union", Kind::Bool),
            ]),
        ),
        field(
            "Location",
            "location",
            Kind::Object(&[
                field("TimeZone", "time_zone", Kind::Text),
                field("Latitude", "latitude", Kind::Number),
                field("Longitude", "longitude", Kind::Number),
                field("MetroCode", "metro_code", Kind::Number),
                field("AccuracyRadius", "accuracy_radius", Kind::Number),
            ]),
        ),
        field(
            "Traits",
            "traits",
            Kind::Object(&[
                field("IsAnonymousProxy", "is_anonymous_proxy", Kind::Bool),
                field("IsSatelliteProvider", "is_satellite_provider", Kind::Bool),
            ]),
        ),
    ],
};

pub(super) static COUNTRY: Shape = Shape {
    method: "Country",
    databases: CITY_DATABASES,
    fields: &[
        field(
            "Continent",
            "continent",
            Kind::Object(&[
                field("Names", "names", Kind::Names),
                field("Code", "code", Kind::Text),
                field("GeoNameID", "geoname_id", Kind::Number),
            ]),
        ),
        field(
            "Country",
            "country",
            Kind::Object(&[
                field("Names", "names", Kind::Names),
                field("IsoCode", "iso_code", Kind::Text),
                field("GeoNameID", "geoname_id", Kind::Number),
                field("IsInEuropeanUnion", "is_in_european_union", Kind::Bool),
            ]),
        ),
        field(
            "RegisteredCountry",
            "registered_country",
            Kind::Object(&[
                field("Names", "names", Kind::Names),
                field("IsoCode", "iso_code", Kind::Text),
                field("GeoNameID", "geoname_id", Kind::Number),
                field("IsInEuropeanUnion", "is_in_european_union", Kind::Bool),
            ]),
        ),
        field(
            "RepresentedCountry",
            "represented_country",
            Kind::Object(&[
                field("Names", "names", Kind::Names),
                field("IsoCode", "iso_code", Kind::Text),
                field("Type", "type", Kind::Text),
                field("GeoNameID", "geoname_id", Kind::Number),
                field("IsInEuropeanUnion", "is_in_european_union", Kind::Bool),
            ]),
        ),
        field(
            "Traits",
            "traits",
            Kind::Object(&[
                field("IsAnonymousProxy", "is_anonymous_proxy", Kind::Bool),
                field("IsSatelliteProvider", "is_satellite_provider", Kind::Bool),
            ]),
        ),
    ],
};

pub(super) static ASN: Shape = Shape {
    method: "ASN",
    databases: &[
        "DBIP-ASN-Lite (compat=GeoLite2-ASN)",
        "GeoLite2-ASN",
        "GeoIP2-ISP",
        "GeoIP2-Precision-ISP",
    ],
    fields: &[
        field(
            "AutonomousSystemOrganization",
            "autonomous_system_organization",
            Kind::Text,
        ),
        field(
            "AutonomousSystemNumber",
            "autonomous_system_number",
            Kind::Number,
        ),
    ],
};

pub(super) static ENTERPRISE: Shape = Shape {
    method: "Enterprise",
    databases: &[
        "DBIP-ISP (compat=Enterprise)",
        "DBIP-Location-ISP (compat=Enterprise)",
        "GeoIP2-Enterprise",
    ],
    fields: &[
        field(
            "Continent",
            "continent",
            Kind::Object(&[
                field("Names", "names", Kind::Names),
                field("Code", "code", Kind::Text),
                field("GeoNameID", "geoname_id", Kind::Number),
            ]),
        ),
        field(
            "City",
            "city",
            Kind::Object(&[
                field("Names", "names", Kind::Names),
                field("GeoNameID", "geoname_id", Kind::Number),
                field("Confidence", "confidence", Kind::Number),
            ]),
        ),
        field(
            "Postal",
            "postal",
            Kind::Object(&[
                field("Code", "code", Kind::Text),
                field("Confidence", "confidence", Kind::Number),
            ]),
        ),
        field(
            "Subdivisions",
            "subdivisions",
            Kind::List(&[
                field("Names", "names", Kind::Names),
                field("IsoCode", "iso_code", Kind::Text),
                field("GeoNameID", "geoname_id", Kind::Number),
                field("Confidence", "confidence", Kind::Number),
            ]),
        ),
        field(
            "RepresentedCountry",
            "represented_country",
            Kind::Object(&[
                field("Names", "names", Kind::Names),
                field("IsoCode", "iso_code", Kind::Text),
                field("Type", "type", Kind::Text),
                field("GeoNameID", "geoname_id", Kind::Number),
                field("IsInEuropeanUnion", "is_in_european_union", Kind::Bool),
            ]),
        ),
        field(
            "Country",
            "country",
            Kind::Object(&[
                field("Names", "names", Kind::Names),
                field("IsoCode", "iso_code", Kind::Text),
                field("GeoNameID", "geoname_id", Kind::Number),
                field("Confidence", "confidence", Kind::Number),
                field("IsInEuropeanUnion", "is_in_european_union", Kind::Bool),
            ]),
        ),
        field(
            "RegisteredCountry",
            "registered_country",
            Kind::Object(&[
                field("Names", "names", Kind::Names),
                field("IsoCode", "iso_code", Kind::Text),
                field("GeoNameID", "geoname_id", Kind::Number),
                field("Confidence", "confidence", Kind::Number),
                field("IsInEuropeanUnion", "is_in_european_union", Kind::Bool),
            ]),
        ),
        field(
            "Traits",
            "traits",
            Kind::Object(&[
                field(
                    "AutonomousSystemOrganization",
                    "autonomous_system_organization",
                    Kind::Text,
                ),
                field("ConnectionType", "connection_type", Kind::Text),
                field("Domain", "domain", Kind::Text),
                field("ISP", "isp", Kind::Text),
                field("MobileCountryCode", "mobile_country_code", Kind::Text),
                field("MobileNetworkCode", "mobile_network_code", Kind::Text),
                field("Organization", "organization", Kind::Text),
                field("UserType", "user_type", Kind::Text),
                field(
                    "AutonomousSystemNumber",
                    "autonomous_system_number",
                    Kind::Number,
                ),
                field("StaticIPScore", "static_ip_score", Kind::Number),
                field("IsAnonymousProxy", "is_anonymous_proxy", Kind::Bool),
                field("IsLegitimateProxy", "is_legitimate_proxy", Kind::Bool),
                field("IsSatelliteProvider", "is_satellite_provider", Kind::Bool),
            ]),
        ),
        field(
            "Location",
            "location",
            Kind::Object(&[
                field("TimeZone", "time_zone", Kind::Text),
                field("Latitude", "latitude", Kind::Number),
                field("Longitude", "longitude", Kind::Number),
                field("MetroCode", "metro_code", Kind::Number),
                field("AccuracyRadius", "accuracy_radius", Kind::Number),
            ]),
        ),
    ],
};

pub(super) static ANONYMOUS_IP: Shape = Shape {
    method: "AnonymousIP",
    databases: &["GeoIP2-Anonymous-IP"],
    fields: &[
        field("IsAnonymous", "is_anonymous", Kind::Bool),
        field("IsAnonymousVPN", "is_anonymous_vpn", Kind::Bool),
        field("IsHostingProvider", "is_hosting_provider", Kind::Bool),
        field("IsPublicProxy", "is_public_proxy", Kind::Bool),
        field("IsResidentialProxy", "is_residential_proxy", Kind::Bool),
        field("IsTorExitNode", "is_tor_exit_node", Kind::Bool),
    ],
};

pub(super) static CONNECTION_TYPE: Shape = Shape {
    method: "ConnectionType",
    databases: &["GeoIP2-Connection-Type"],
    fields: &[field("ConnectionType", "connection_type", Kind::Text)],
};

pub(super) static DOMAIN: Shape = Shape {
    method: "Domain",
    databases: &["GeoIP2-Domain"],
    fields: &[field("Domain", "domain", Kind::Text)],
};

pub(super) static ISP: Shape = Shape {
    method: "ISP",
    databases: &["GeoIP2-ISP", "GeoIP2-Precision-ISP"],
    fields: &[
        field(
            "AutonomousSystemOrganization",
            "autonomous_system_organization",
            Kind::Text,
        ),
        field("ISP", "isp", Kind::Text),
        field("MobileCountryCode", "mobile_country_code", Kind::Text),
        field("MobileNetworkCode", "mobile_network_code", Kind::Text),
        field("Organization", "organization", Kind::Text),
        field(
            "AutonomousSystemNumber",
            "autonomous_system_number",
            Kind::Number,
        ),
    ],
};

const CITY_DATABASES: &[&str] = &[
    "DBIP-City-Lite",
    "DBIP-Country-Lite",
    "DBIP-Country",
    "DBIP-Location (compat=City)",
    "GeoLite2-City",
    "GeoIP2-City",
    "GeoIP2-City-Africa",
    "GeoIP2-City-Asia-Pacific",
    "GeoIP2-City-Europe",
    "GeoIP2-City-North-America",
    "GeoIP2-City-South-America",
    "GeoIP2-Precision-City",
    "GeoLite2-Country",
    "GeoIP2-Country",
    "DBIP-ISP (compat=Enterprise)",
    "DBIP-Location-ISP (compat=Enterprise)",
    "GeoIP2-Enterprise",
];
