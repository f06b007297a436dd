//! Under which address a control plane is reached, and who speaks for others.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use axum::http::{Uri, uri::Authority};
use runtime::Cidr;

/// Scheme, host and port under which people and programs reach a control plane.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    text: String,
    https: bool,
    host: String,
}

impl Origin {
    /// Reads `https://vestry.example.org`, with a port where it is not the scheme's own, in lower case, as browsers
    /// write origins; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let host = uri.host()?.to_owned();
        let https = uri.scheme_str()? == "https";
        let as_written = format!("{}://{}", uri.scheme_str()?, uri.authority()?);
        (as_written == text && text == text.to_lowercase()).then(|| Self { text: text.to_owned(), https, host })
    }

    /// Whether what travels there is encrypted.
    pub fn is_https(&self) -> bool {
        self.https
    }
}

/// How a control plane is reached. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Site(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    public: Option<Origin>,
    loopback: bool,
    tls: bool,
    trusted_proxies: Vec<Cidr>,
}

impl Site {
    /// A control plane that listens on this address, with TLS of its own or without, is reached under a public address
    /// if it has one, and believes these peers for whom they speak.
    pub fn new(listen: IpAddr, tls: bool, public: Option<Origin>, trusted_proxies: Vec<Cidr>) -> Self {
        Self(Arc::new(Parts { public, loopback: listen.is_loopback(), tls, trusted_proxies }))
    }

    /// A control plane for this machine alone.
    pub fn loopback() -> Self {
        Self::new(Ipv6Addr::LOCALHOST.into(), false, None, Vec::new())
    }

    /// Whether browsers reach it over https.
    pub fn is_https(&self) -> bool {
        self.0.public.as_ref().map_or(self.0.tls, Origin::is_https)
    }

    /// Whether a host, with its port or without, is one of its own: the public address's, and on loopback this
    /// machine's. Any other is a name that somebody else made point here, and its pages would count as Vestry's own.
    pub fn is_own_host(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        // Ports differ honestly, behind proxies and tunnels, and are nothing that a name server can forge.
        let name = authority.host().to_ascii_lowercase();
        let whole = authority.as_str().len() == name.len() || authority.port_u16().is_some();
        let public = self.0.public.as_ref().is_some_and(|public| public.host == name);
        whole && !host.contains('@') && (public || (self.0.loopback && is_this_machine(&name)))
    }

    /// Whether an `Origin` header names this control plane, for a request to one of its own hosts.
    pub fn is_own_origin(&self, origin: &str, host: &str) -> bool {
        let public = self.0.public.as_ref().is_some_and(|public| public.text == origin);
        let scheme = if self.0.tls { "https" } else { "http" };
        let local = self.0.loopback && host.parse::<Authority>().is_ok_and(|host| is_this_machine(host.host()));
        public || (local && origin.split_once("://") == Some((scheme, host)))
    }

    /// Whether a peer speaks for others.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.0.trusted_proxies.iter().any(|proxy| proxy.contains(peer))
    }

    /// Whose request it is: the peer, or whom trusted proxies name in `X-Forwarded-For`. Each proxy adds its own peer at
    /// the end, so it is read from there, and no further than the first who is not trusted.
    pub fn client<'a>(&self, peer: IpAddr, forwarded_for: impl DoubleEndedIterator<Item = &'a str>) -> IpAddr {
        let mut client = peer.to_canonical();
        let mut hops = forwarded_for.flat_map(|header| header.split(',')).rev();
        while self.trusts(client) {
            match hops.next().and_then(read_hop) {
                Some(hop) => client = hop,
                None => break,
            }
        }
        client
    }
}

/// One entry of `X-Forwarded-For`: an address, some proxies add the port.
fn read_hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let address = text.parse().ok().or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

/// Whether a host names this machine whatever a name server says (RFC 6761, 6.3).
fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The network that one guest has for themselves: of IPv6 everybody gets at least 64 bits.
pub(crate) fn own_network(address: IpAddr) -> Cidr {
    let Cidr { address, prefix } = Cidr::host(address.to_canonical());
    match address {
        IpAddr::V4(_) => Cidr { address, prefix },
        IpAddr::V6(six) => Cidr { address: Ipv6Addr::from_bits(six.to_bits() >> 64 << 64).into(), prefix: 64 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(listen: &str, tls: bool, public: Option<&str>, proxies: &[&str]) -> Site {
        let public = public.map(|public| Origin::parse(public).unwrap());
        let proxies = proxies.iter().map(|proxy| proxy.parse().unwrap()).collect();
        Site::new(listen.parse().unwrap(), tls, public, proxies)
    }

    #[test]
    fn on_loopback_this_machine_s_names_are_its_own_and_no_other() {
        let site = Site::loopback();
        for host in ["localhost", "LOCALHOST:8460", "127.0.0.1", "127.8.8.8:1", "[::1]:8460", "[::1]"] {
            assert!(site.is_own_host(host), "{host}");
        }
        for host in [
            "",
            "vestry.example.org",
            "localhost.example.org",
            "localhost@evil.test",
            "evil.test@localhost",
            "localhost:x",
            "localhost:",
            "localhost:99999",
            "localhost/",
            "localhost.",
            "192.0.2.1",
            "0.0.0.0",
            "[::ffff:127.0.0.1",
            "127.0.0.1, evil.test",
        ] {
            assert!(!site.is_own_host(host), "{host}");
        }
    }

    #[test]
    fn beyond_loopback_only_the_public_name_is_its_own() {
        let site = at("0.0.0.0", true, Some("https://vestry.example.org:8443"), &[]);
        for host in ["vestry.example.org", "Vestry.Example.ORG:8443", "vestry.example.org:443"] {
            assert!(site.is_own_host(host), "{host}");
        }
        for host in ["localhost", "127.0.0.1:8443", "example.org", "a.vestry.example.org", "vestry.example.org."] {
            assert!(!site.is_own_host(host), "{host}");
        }
    }

    #[test]
    fn an_origin_is_its_own_with_scheme_host_and_port() {
        let proxied = at("127.0.0.1", false, Some("https://vestry.example.org"), &[]);
        let table = [
            ("https://vestry.example.org", "vestry.example.org", true),
            ("https://vestry.example.org", "127.0.0.1:8460", true),
            ("http://127.0.0.1:8460", "127.0.0.1:8460", true),
            ("http://vestry.example.org", "vestry.example.org", false),
            ("https://vestry.example.org:444", "vestry.example.org:444", false),
            ("https://127.0.0.1:8460", "127.0.0.1:8460", false),
            ("http://127.0.0.1:8461", "127.0.0.1:8460", false),
            ("null", "127.0.0.1:8460", false),
            ("", "", false),
        ];
        for (origin, host, own) in table {
            assert_eq!(proxied.is_own_origin(origin, host), own, "{origin} at {host}");
        }
        assert!(at("127.0.0.1", true, None, &[]).is_own_origin("https://localhost:1", "localhost:1"));
        assert!(!at("127.0.0.1", true, None, &[]).is_own_origin("http://localhost:1", "localhost:1"));
        assert!(!at("0.0.0.0", true, None, &[]).is_own_origin("https://localhost:1", "localhost:1"));
    }

    #[test]
    fn only_trusted_proxies_say_for_whom_they_speak() {
        let proxies = ["192.0.2.0/24", "2001:db8::/32"];
        let site = at("0.0.0.0", false, Some("https://vestry.example.org"), &proxies);
        let table: &[(&str, &[&str], &str)] = &[
            ("198.51.100.7", &["203.0.113.1"], "198.51.100.7"),
            ("192.0.2.1", &[], "192.0.2.1"),
            ("192.0.2.1", &["203.0.113.1"], "203.0.113.1"),
            ("::ffff:192.0.2.1", &["::ffff:203.0.113.1"], "203.0.113.1"),
            ("2001:db8::1", &["2001:db9::7"], "2001:db9::7"),
            // What stands before the first untrusted one was written by it.
            ("192.0.2.1", &["203.0.113.9, 203.0.113.1"], "203.0.113.1"),
            ("192.0.2.1", &["203.0.113.9", "203.0.113.1, 192.0.2.2"], "203.0.113.1"),
            ("192.0.2.1", &["192.0.2.3,192.0.2.2"], "192.0.2.3"),
            ("192.0.2.1", &["203.0.113.1:4711"], "203.0.113.1"),
            ("192.0.2.1", &["[2001:db9::7]:4711"], "2001:db9::7"),
            ("192.0.2.1", &["203.0.113.9, unknown"], "192.0.2.1"),
            ("192.0.2.1", &["203.0.113.9, "], "192.0.2.1"),
        ];
        for (peer, headers, client) in table {
            let found = site.client(peer.parse().unwrap(), headers.iter().copied());
            assert_eq!(found, client.parse::<IpAddr>().unwrap(), "{peer} {headers:?}");
        }
    }

    #[test]
    fn an_ipv6_guest_is_known_by_64_bits() {
        let of = |text: &str| own_network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in ["", "vestry.example.org", "https://Vestry.example.org", "https://a/", "https://a/b", "https://a?b"]
        {
            assert_eq!(Origin::parse(text), None, "{text}");
        }
    }
}
