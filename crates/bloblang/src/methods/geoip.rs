//! Methods that look addresses up in a MaxMind database.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use millrace_formats::read_file;
use millrace_message::{Object, Value};

use super::target;
use crate::arguments::Arguments;
use crate::environment::Environment;
use crate::eval_error::EvalError;
use crate::registry::{Category, Method, Parameter, PreparedMethod, Status};

mod decode;
mod shapes;

use shapes::{ANONYMOUS_IP, ASN, CITY, CONNECTION_TYPE, COUNTRY, DOMAIN, ENTERPRISE, ISP, Shape};

const PATH: &[Parameter] = &[Parameter::string(
    "path",
    "The database file (`.mmdb`). It is read once, and held in memory.",
)];

macro_rules! lookup {
    ($name:literal, $summary:literal, $shape:expr) => {
        Method::prepared($name, $summary, |arguments, environment| {
            lookup(arguments, environment, $shape)
        })
        .category(Category::GeoIp)
        .status(Status::Experimental)
        .impure()
        .parameters(PATH)
    };
}

pub(super) const METHODS: &[Method] = &[
    lookup!(
        "geoip_city",
        "The city of the address: an object with `City`, `Country`, `Location` and more; what the database does not know is empty, 0 or null.",
        &CITY
    ),
    lookup!("geoip_country", "The country of the address.", &COUNTRY),
    lookup!("geoip_asn", "The autonomous system of the address.", &ASN),
    lookup!(
        "geoip_enterprise",
        "What an Enterprise database says about the address.",
        &ENTERPRISE
    ),
    lookup!(
        "geoip_anonymous_ip",
        "Whether the address belongs to a proxy, a VPN or the like.",
        &ANONYMOUS_IP
    ),
    lookup!(
        "geoip_connection_type",
        "How the address is connected.",
        &CONNECTION_TYPE
    ),
    lookup!(
        "geoip_domain",
        "The second level domain of the address.",
        &DOMAIN
    ),
    lookup!("geoip_isp", "The provider of the address.", &ISP),
];

type Database = maxminddb::Reader<Vec<u8>>;

/// The largest database that is read: the largest there are have half of it.
const DATABASE_BYTES_MAX: usize = 1 << 30;

/// The databases that are open: several methods, and several mappings, share one.
static OPEN: LazyLock<Mutex<HashMap<String, Weak<Database>>>> = LazyLock::new(Mutex::default);

fn open(path: &str) -> Result<Arc<Database>, EvalError> {
    let mut databases = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(database) = databases.get(path).and_then(Weak::upgrade) {
        return Ok(database);
    }
    let failed = |error: &dyn fmt::Display| EvalError::new(format!("open `{path}`: {error}"));
    let content = read_file(path, DATABASE_BYTES_MAX).map_err(|error| failed(&error))?;
    let database = Database::from_source(content).map_err(|error| failed(&error))?;
    let database = Arc::new(database);
    databases.retain(|_, held| held.strong_count() > 0);
    databases.insert(path.to_owned(), Arc::downgrade(&database));
    Ok(database)
}

fn lookup(
    arguments: &Arguments<'_>,
    environment: &Environment,
    shape: &'static Shape,
) -> Result<PreparedMethod, EvalError> {
    if environment.is_pure() {
        return Err(EvalError::new("files cannot be read in this context"));
    }
    let database = open(arguments.text(0)?)?;
    shape.check(&database.metadata().database_type)?;
    Ok(Box::new(move |target| {
        let text = target::text(&target)?;
        let address: IpAddr = text.parse().map_err(|_| {
            EvalError::new(format!(
                "value {text} does not appear to be a valid v4 or v6 IP address"
            ))
        })?;
        // A v4 address may be written as v6.
        let found = database
            .lookup(address.to_canonical())
            .and_then(|result| result.decode::<decode::Decoded>())
            .map_err(|error| EvalError::new(error.to_string()))?;
        let found = found.map_or_else(|| Value::Object(Object::new()), |decoded| decoded.0);
        Ok(shape.fill(&found))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text, or a number of a kind, as the format writes it.
    fn text(text: &str) -> Vec<u8> {
        let length = u8::try_from(text.len()).unwrap();
        let mut out = match length {
            0..=28 => vec![0x40 | length],
            _ => vec![0x40 | 29, length - 29],
        };
        out.extend_from_slice(text.as_bytes());
        out
    }

    fn map(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut out = vec![0xe0 | u8::try_from(members.len()).unwrap()];
        for (key, value) in members {
            out.extend(text(key));
            out.extend_from_slice(value);
        }
        out
    }

    const TRUE: [u8; 2] = [0x01, 0x07];

    fn u16(number: u8) -> Vec<u8> {
        vec![0xa1, number]
    }

    /// A database whose every address has the record.
    fn database(kind: &str, record: &[u8]) -> Vec<u8> {
        // One node, both sides of which point behind the 16 bytes after it.
        const POINTER: [u8; 3] = [0, 0, 1 + 16];
        let mut out = [POINTER, POINTER].concat();
        out.extend([0; 16]);
        out.extend_from_slice(record);
        out.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
        out.extend(map(&[
            ("binary_format_major_version", u16(2)),
            ("binary_format_minor_version", vec![0xa0]),
            ("build_epoch", vec![0x01, 0x02, 1]),
            ("database_type", text(kind)),
            ("description", map(&[])),
            ("ip_version", u16(4)),
            ("languages", vec![0x00, 0x04]),
            ("node_count", vec![0xc1, 1]),
            ("record_size", u16(24)),
        ]));
        out
    }

    fn city(record: &[u8], kind: &str) -> Value {
        let reader = maxminddb::Reader::from_source(database(kind, record)).unwrap();
        let address: IpAddr = "10.1.2.3".parse().unwrap();
        let found = reader.lookup(address).unwrap();
        let found = found.decode::<decode::Decoded>().unwrap().unwrap();
        CITY.fill(&found.0)
    }

    #[test]
    fn a_record_is_given_under_the_names_of_bento() {
        let record = map(&[
            ("city", map(&[("names", map(&[("en", text("London"))]))])),
            ("country", map(&[("is_in_european_union", TRUE.to_vec())])),
            ("location", map(&[("metro_code", u16(7))])),
        ]);
        let value = city(&record, "GeoIP2-City");
        let get = |path: &[&str]| {
            path.iter().fold(value.clone(), |value, key| {
                value
                    .get(key)
                    .map(|it| it.into_owned())
                    .unwrap_or_else(|| panic!("{path:?}"))
            })
        };
        assert_eq!(get(&["City", "Names", "en"]), Value::from("London"));
        assert_eq!(get(&["City", "GeoNameID"]), Value::I64(0));
        assert_eq!(get(&["Country", "IsInEuropeanUnion"]), Value::Bool(true));
        assert_eq!(get(&["Country", "IsoCode"]), Value::from(""));
        assert_eq!(get(&["Location", "MetroCode"]), Value::I64(7));
        assert_eq!(get(&["Subdivisions"]), Value::Null);
        assert_eq!(get(&["Continent", "Names"]), Value::Null);
    }

    #[test]
    fn a_database_is_shared_and_has_to_be_of_the_right_kind() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("isp.mmdb");
        std::fs::write(&path, database("GeoIP2-ISP", &map(&[("isp", text("A"))]))).unwrap();
        let path = path.to_string_lossy();
        let (one, two) = (open(&path).unwrap(), open(&path).unwrap());
        assert!(Arc::ptr_eq(&one, &two));
        assert!(ISP.check(&one.metadata().database_type).is_ok());
        let error = CITY.check(&one.metadata().database_type).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("does not support the GeoIP2-ISP database")
        );
        assert!(open("/nowhere.mmdb").is_err_and(|it| it.to_string().contains("/nowhere.mmdb")));
    }
}
