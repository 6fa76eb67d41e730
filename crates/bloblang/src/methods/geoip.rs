//! Methods that look addresses up in a MaxMind database.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

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

/// The databases that are open: several methods, and several mappings, share one.
static OPEN: LazyLock<Mutex<HashMap<String, Weak<Database>>>> = LazyLock::new(Mutex::default);

fn open(path: &str) -> Result<Arc<Database>, EvalError> {
    let mut databases = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(database) = databases.get(path).and_then(Weak::upgrade) {
        return Ok(database);
    }
    let database = Database::open_readfile(path)
        .map_err(|error| EvalError::new(format!("open `{path}`: {error}")))?;
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
