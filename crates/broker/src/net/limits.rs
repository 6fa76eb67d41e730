//! How many connections there may be: in all, and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::config::Connections;

/// Counts the connections of a broker.
#[derive(Clone, Default)]
pub struct Limits(Arc<Mutex<Counts>>);

#[derive(Default)]
struct Counts {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A connection that is counted, until it is dropped.
pub struct Admitted {
    limits: Limits,
    address: IpAddr,
}

impl Limits {
    /// Counts a connection, if there may be one more.
    ///
    /// # Errors
    /// The name of the setting that it would be too many for.
    pub fn admit(&self, address: IpAddr, config: &Connections) -> Result<Admitted, &'static str> {
        let mut counts = self.0.lock();
        if counts.all >= config.max {
            return Err("max.connections");
        }
        let own = config.max_per_ip_overrides.get(&address.to_string());
        let most = own.copied().unwrap_or(config.max_per_ip);
        let from_there = counts.by_address.get(&address).copied().unwrap_or(0);
        if from_there >= most {
            return Err("max.connections.per.ip");
        }
        counts.all += 1;
        counts.by_address.insert(address, from_there + 1);
        Ok(Admitted {
            limits: self.clone(),
            address,
        })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.lock().all
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut counts = self.limits.0.lock();
        counts.all -= 1;
        if let Some(left) = counts.by_address.get_mut(&self.address) {
            *left -= 1;
            if *left == 0 {
                counts.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::BrokerConfig;

    #[test]
    fn connections_are_counted_in_all_and_for_each_address() {
        let mut config = BrokerConfig::single(1, 0).connections;
        (config.max, config.max_per_ip) = (3, 2);
        config.max_per_ip_overrides.insert("127.0.0.9".into(), 0);
        let limits = Limits::default();
        let admit = |last: u8| limits.admit(IpAddr::from([127, 0, 0, last]), &config);
        let first = admit(1).unwrap();
        let _second = admit(1).unwrap();
        assert_eq!(admit(1).err(), Some("max.connections.per.ip"));
        assert_eq!(admit(9).err(), Some("max.connections.per.ip"));
        let _third = admit(2).unwrap();
        assert_eq!(admit(3).err(), Some("max.connections"));
        drop(first);
        assert_eq!(limits.count(), 2);
        assert!(admit(1).is_ok());
    }
}
