//! A network of addresses, as `10.0.0.0/8`, or one address.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

/// A text that is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address and no network; write it as \"10.0.0.7\", \"10.0.0.0/8\" or \"fd00::/8\"")]
pub struct BadNetwork(String);

impl Network {
    /// Whether an address lies in it.
    pub fn holds(&self, address: IpAddr) -> bool {
        let bits_of = |address: IpAddr| match address.to_canonical() {
            IpAddr::V4(address) => (32, u128::from(address.to_bits())),
            IpAddr::V6(address) => (128, address.to_bits()),
        };
        let ((length, own), (other_length, other)) = (bits_of(self.address), bits_of(address));
        // A shift by all bits has no meaning of its own.
        length == other_length && (own ^ other).checked_shr(length - self.bits).unwrap_or(0) == 0
    }

    /// Whether every address lies in it.
    pub fn holds_all(&self) -> bool {
        self.bits == 0
    }
}

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let bad = || BadNetwork(text.to_owned());
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let length = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(length), |bits| bits.parse().map_err(|_| bad()))?;
        if bits > length {
            return Err(bad());
        }
        Ok(Self { address, bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lie_in_networks() {
        let holds = |network: &str, address: &str| network.parse::<Network>().unwrap().holds(address.parse().unwrap());
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("192.0.2.128/25", "192.0.2.200", "192.0.2.127"),
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("127.0.0.1/32", "::ffff:127.0.0.1", "::1"),
            ("fd00::/8", "fdff::1", "fe80::1"),
            ("::1", "::1", "::2"),
            ("0.0.0.0/0", "198.51.100.1", "::1"),
        ] {
            assert!(holds(network, inside), "{network} {inside}");
            assert!(!holds(network, outside), "{network} {outside}");
        }
        assert!("0.0.0.0/0".parse::<Network>().unwrap().holds_all());
        for text in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/", "10.0.0.0/-1", "localhost", "10.0.0.0/8/8"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
