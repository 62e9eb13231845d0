//! How often somebody may be wrong: per address and per name.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::secret::sha256;

/// At once, and then one more in so many seconds, from one address: an office behind one address has many people.
const OF_ADDRESS: (NonZeroU32, u64) = (NonZeroU32::MIN.saturating_add(19), 6);

/// For one name, from wherever: at most 2,900 guesses a day.
const OF_NAME: (NonZeroU32, u64) = (NonZeroU32::MIN.saturating_add(9), 30);

/// Past so many addresses or names, those that are not limited any more are forgotten.
const MANY: usize = 10_000;

/// Who was wrong of late.
pub(super) struct Limits {
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    names: DefaultKeyedRateLimiter<[u8; 32]>,
}

impl Limits {
    pub(super) fn new() -> Self {
        Self { addresses: RateLimiter::keyed(quota(OF_ADDRESS)), names: RateLimiter::keyed(quota(OF_NAME)) }
    }

    /// Counts an attempt to sign in under a name.
    ///
    /// # Errors
    /// After how long the next attempt is allowed.
    pub(super) fn attempt(&self, address: Option<IpAddr>, name: &str) -> Result<(), Duration> {
        self.failure(address)?;
        count(&self.names, &sha256(name))
    }

    /// Counts a wrong token or header.
    ///
    /// # Errors
    /// After how long the next attempt is allowed.
    pub(super) fn failure(&self, address: Option<IpAddr>) -> Result<(), Duration> {
        count(&self.addresses, &network(address))
    }
}

fn quota((burst, seconds): (NonZeroU32, u64)) -> Quota {
    Quota::with_period(Duration::from_secs(seconds)).unwrap_or_else(|| Quota::per_minute(burst)).allow_burst(burst)
}

fn count<K: Clone + Eq + std::hash::Hash>(limiter: &DefaultKeyedRateLimiter<K>, key: &K) -> Result<(), Duration> {
    if limiter.len() > MANY {
        limiter.retain_recent();
    }
    limiter.check_key(key).map_err(|until| until.wait_time_from(DefaultClock::default().now()))
}

/// Whoever has one address of IPv6 has the 2⁶⁴ of its network.
fn network(address: Option<IpAddr>) -> IpAddr {
    match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        Some(address) => address,
        None => Ipv6Addr::UNSPECIFIED.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_limited_wherever_it_is_tried_from() {
        let limits = Limits::new();
        let address = |last: u8| Some(IpAddr::from([192, 0, 2, last]));
        for last in 0..10 {
            assert_eq!(limits.attempt(address(last), "jane"), Ok(()));
        }
        let wait = limits.attempt(address(10), "jane").unwrap_err();
        assert!(wait > Duration::from_secs(20) && wait <= Duration::from_secs(30), "{wait:?}");
        assert_eq!(limits.attempt(address(10), "john"), Ok(()));
    }

    #[test]
    fn an_address_is_limited_whatever_it_tries() {
        let limits = Limits::new();
        for number in 0..20 {
            let address = format!("2001:db8::{number:x}").parse().unwrap();
            assert_eq!(limits.attempt(Some(address), &number.to_string()), Ok(()));
        }
        assert!(limits.attempt(Some("2001:db8::ffff".parse().unwrap()), "other").is_err(), "the same network");
        assert_eq!(limits.failure(Some("2001:db8:0:1::1".parse().unwrap())), Ok(()));
        assert_eq!(limits.failure(None), Ok(()));
    }
}
