//! Who a client is: an address, found behind proxies.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use actix_web::HttpRequest;
use actix_web::http::header::X_FORWARDED_FOR;
use ipnet::IpNet;

/// Whoever is counted as one client: an IPv4 address, or the /64 network of an IPv6 address, which is what one
/// subscriber gets (RFC 6177) and could change the rest of at will.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Client(IpAddr);

impl From<IpAddr> for Client {
    fn from(address: IpAddr) -> Self {
        /// The first half of an IPv6 address.
        const NETWORK: u128 = !0 << 64;
        match address.to_canonical() {
            IpAddr::V6(v6) => Self(Ipv6Addr::from_bits(v6.to_bits() & NETWORK).into()),
            v4 @ IpAddr::V4(_) => Self(v4),
        }
    }
}

impl Client {
    /// The client of this request: the peer, or whom trusted proxies name.
    pub(super) fn of(request: &HttpRequest, trusted: &[IpNet]) -> Self {
        // Only sockets without addresses have no peer; they are one client.
        let peer = request
            .peer_addr()
            .map_or(Ipv6Addr::UNSPECIFIED.into(), |peer| peer.ip());
        let forwarded = request.headers().get_all(X_FORWARDED_FOR);
        let lines: Vec<&str> = forwarded.map(|line| line.to_str().unwrap_or("?")).collect();
        behind_proxies(peer, &lines, trusted).into()
    }
}

/// Each proxy appends whom it got the request from, so the list is read from its end. Up to the first
/// address that is no trusted proxy it is true; whatever stands before that, the client may have written itself.
fn behind_proxies(peer: IpAddr, lines: &[&str], trusted: &[IpNet]) -> IpAddr {
    let mut nearest = peer.to_canonical();
    let mut named = lines.iter().rev().flat_map(|line| line.rsplit(','));
    while trusted.iter().any(|network| network.contains(&nearest)) {
        // What cannot be read ends the walk: the proxy before it stands for all who come that way.
        let Some(address) = named.next().and_then(|entry| address(entry.trim())) else {
            break;
        };
        nearest = address.to_canonical();
    }
    nearest
}

/// An address as proxies write it: alone, with a port, in brackets, or both.
fn address(entry: &str) -> Option<IpAddr> {
    let without_brackets = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    entry
        .parse()
        .ok()
        .or_else(|| {
            entry
                .parse()
                .ok()
                .map(|with_port: SocketAddr| with_port.ip())
        })
        .or_else(without_brackets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_trusted_proxies_say_is_believed() {
        let trusted: Vec<IpNet> = ["127.0.0.0/8", "10.0.0.0/8", "fd00::/8"]
            .map(|network| network.parse().unwrap())
            .into();
        let rows: &[(&str, &[&str], &str)] = &[
            // A stranger may write what they like.
            ("192.0.2.1", &["198.51.100.1"], "192.0.2.1"),
            ("192.0.2.1", &[], "192.0.2.1"),
            // One proxy, then two.
            ("127.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("127.0.0.1", &["198.51.100.1, 10.1.2.3"], "198.51.100.1"),
            ("127.0.0.1", &["198.51.100.1", "10.1.2.3"], "198.51.100.1"),
            ("::ffff:127.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("fd00::1", &["2001:db8::1"], "2001:db8::1"),
            // What the client wrote stands further left, and is not looked at.
            (
                "127.0.0.1",
                &["10.0.0.9, 203.0.113.5, 198.51.100.1"],
                "198.51.100.1",
            ),
            ("127.0.0.1", &["garbage, 198.51.100.1"], "198.51.100.1"),
            (
                "127.0.0.1",
                &["203.0.113.5", "198.51.100.1"],
                "198.51.100.1",
            ),
            // Proxies alone, or nobody named: the farthest that is known.
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &["10.0.0.1, 10.0.0.2"], "10.0.0.1"),
            // What cannot be read ends the walk.
            ("127.0.0.1", &["198.51.100.1, unknown"], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.1, , 10.0.0.1"], "10.0.0.1"),
            ("127.0.0.1", &[""], "127.0.0.1"),
            ("127.0.0.1", &["999.1.1.1"], "127.0.0.1"),
            // Ports and brackets.
            ("127.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("127.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("127.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
            ("127.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
        ];
        for (peer, lines, expected) in rows {
            let found = behind_proxies(peer.parse().unwrap(), lines, &trusted);
            assert_eq!(found.to_string(), *expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn a_subscriber_is_one_client() {
        let client = |text: &str| Client::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(
            client("2001:db8:1:2::1"),
            client("2001:db8:1:2:ffff:ffff:ffff:ffff")
        );
        assert_ne!(client("2001:db8:1:2::1"), client("2001:db8:1:3::1"));
        assert_eq!(client("192.0.2.1"), client("::ffff:192.0.2.1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
    }
}
