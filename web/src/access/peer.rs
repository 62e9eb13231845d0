//! Where a request comes from.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer {
    /// The other end of the connection.
    pub(super) socket: Option<IpAddr>,
    /// The client behind it, where the other end is a listed proxy.
    pub(super) client: Option<IpAddr>,
}

impl Peer {
    /// `is_listed` says of which addresses `X-Forwarded-For` is believed.
    pub(super) fn of(extensions: &Extensions, headers: &HeaderMap, is_listed: impl Fn(IpAddr) -> bool) -> Self {
        let connected = extensions.get::<ConnectInfo<SocketAddr>>();
        let socket = connected.map(|ConnectInfo(address)| address.ip().to_canonical());
        let client = socket.map(|socket| client(socket, headers, is_listed));
        Self { socket, client }
    }
}

/// The last address that no listed proxy has: each proxy appends the one it was asked by, and clients may write what they like
/// before.
fn client(socket: IpAddr, headers: &HeaderMap, is_listed: impl Fn(IpAddr) -> bool) -> IpAddr {
    let forwarded = headers.get_all("x-forwarded-for").into_iter().filter_map(|header| header.to_str().ok());
    let hops: Vec<&str> = forwarded.flat_map(|header| header.split(',')).map(str::trim).collect();
    let mut client = socket;
    for hop in hops.into_iter().rev() {
        if !is_listed(client) {
            break;
        }
        match hop.parse::<IpAddr>() {
            Ok(address) => client = address.to_canonical(),
            Err(_) => break,
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client_of(socket: &str, forwarded: &[&str]) -> String {
        let (mut headers, mut extensions) = (HeaderMap::new(), Extensions::new());
        for header in forwarded {
            headers.append("x-forwarded-for", header.parse().unwrap());
        }
        extensions.insert(ConnectInfo(SocketAddr::new(socket.parse().unwrap(), 1)));
        let is_listed = |address: IpAddr| address.to_string().starts_with("10.");
        Peer::of(&extensions, &headers, is_listed).client.unwrap().to_string()
    }

    #[test]
    fn only_listed_proxies_are_believed() {
        assert_eq!(client_of("192.0.2.1", &["198.51.100.1"]), "192.0.2.1");
        assert_eq!(client_of("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client_of("::ffff:10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client_of("10.0.0.1", &["198.51.100.9, 198.51.100.1, 10.0.0.2"]), "198.51.100.1");
        assert_eq!(client_of("10.0.0.1", &["198.51.100.9", "198.51.100.1"]), "198.51.100.1");
        assert_eq!(client_of("10.0.0.1", &["<junk>"]), "10.0.0.1");
        assert_eq!(client_of("10.0.0.1", &[]), "10.0.0.1");
        let none = Peer::of(&Extensions::new(), &HeaderMap::new(), |_| true);
        assert_eq!(none, Peer { socket: None, client: None });
    }
}
