//! Free TCP ports below the range from which the kernel takes ports for outgoing connections,
//! so that a port stays free between the moment it was found and the moment a server binds it.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// Ports that are handed out; Linux takes outgoing ports from 32768 upwards.
const RANGE: std::ops::Range<u32> = 17_000..32_000;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A TCP port of the loopback interface that nothing listens on.
///
/// Two processes start at different places of the range and a process never gets the same port
/// twice before it went round, so a clash needs two test processes and bad luck.
///
/// # Panics
/// When every port of the range is taken.
#[must_use]
pub fn free_port() -> u16 {
    let width = RANGE.end - RANGE.start;
    let start = std::process::id().wrapping_mul(2_654_435_761) % width;
    for _ in 0..width {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = RANGE.start + (start + step) % width;
        let port = u16::try_from(port).expect("the range ends below 65536");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("find a free port: all of {RANGE:?} are in use");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_in_use_is_not_handed_out() {
        let held: Vec<TcpListener> = (0..20)
            .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, free_port())).unwrap())
            .collect();
        let taken: Vec<u16> = held
            .iter()
            .map(|it| it.local_addr().unwrap().port())
            .collect();
        for _ in 0..200 {
            assert!(!taken.contains(&free_port()));
        }
    }
}
