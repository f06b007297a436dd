//! Where a control plane is.

use std::{fmt, net::IpAddr};

use ureq::http::{Uri, uri::Scheme};

use crate::{exit::Failure, text::escape};

/// Where a control plane listens unless it is told otherwise.
pub(crate) const DEFAULT: &str = "http://127.0.0.1:8460";

/// The address of a control plane: scheme, host and port, in lower case and without the scheme's own port, so that two
/// spellings of one address are equal. It is `https`, or `http` on this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Address(String);

impl Address {
    /// Reads an address as a person writes it.
    ///
    /// # Errors
    /// When it is none, when it holds more than scheme, host and port, and when tokens and values would travel
    /// unencrypted to another machine.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| {
            Failure::usage(format!("`{}` is not the address of a control plane: {why}", escape(text)))
                .help(format!("an address looks like https://vestry.example.org or {DEFAULT}"))
        };
        let uri: Uri = text.trim().parse().map_err(|_| wrong("it can't be read"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(wrong("it has no https:// in front"));
        };
        if authority.as_str().contains('@') {
            return Err(wrong("it holds a user name"));
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wrong("it goes on after the host and port"));
        }
        let host = authority.host().to_ascii_lowercase();
        let own_port = match scheme {
            scheme if *scheme == Scheme::HTTPS => 443,
            scheme if *scheme == Scheme::HTTP && is_this_machine(&host) => 80,
            scheme if *scheme == Scheme::HTTP => {
                return Err(wrong("plain http to another machine would show the token to the network")
                    .help("use https://, or log in on the machine itself"));
            }
            _ => return Err(wrong("its scheme is neither https nor http")),
        };
        let port = authority.port_u16().filter(|&port| port != own_port);
        Ok(Self(match port {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        }))
    }

    /// Whether what travels there is encrypted.
    pub(crate) fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }

    /// Whether it is on this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.0.parse::<Uri>().is_ok_and(|uri| uri.host().is_some_and(is_this_machine))
    }

    /// Its host.
    pub(crate) fn host(&self) -> Option<String> {
        self.0.parse::<Uri>().ok()?.host().map(str::to_owned)
    }

    /// The address of a path of the API; the path begins with `/`.
    pub(crate) fn api(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.0)
    }

    /// As text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a host names this machine whatever a name server says: a loopback address, or `localhost` (RFC 6761, 6.3).
fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// One segment of a path, with everything encoded that is not unreserved (RFC 3986, 2.3), so that no name typed by a
/// person can become another path.
pub(crate) fn segment(text: &str) -> String {
    let dots = text.bytes().all(|byte| byte == b'.');
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'.' if dots => encoded.push_str("%2E"),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_are_equal() {
        let table = [
            ("https://Vestry.Example.org/", "https://vestry.example.org"),
            ("https://vestry.example.org:443", "https://vestry.example.org"),
            (" http://127.0.0.1:8460/ ", "http://127.0.0.1:8460"),
            ("HTTP://localhost:80", "http://localhost"),
            ("http://[::1]:8460", "http://[::1]:8460"),
        ];
        for (written, read) in table {
            assert_eq!(Address::parse(written).unwrap().as_str(), read);
        }
    }

    #[test]
    fn a_token_never_travels_unencrypted_to_another_machine() {
        for address in
            ["http://vestry.example.org", "http://10.0.0.1:8460", "http://localhost.example.org", "http://0.0.0.0"]
        {
            let failure = Address::parse(address).unwrap_err();
            assert!(failure.message.contains("plain http"), "{address}: {}", failure.message);
        }
        for address in ["http://127.0.0.1", "http://127.8.8.8:1", "http://[::1]", "http://localhost:8460"] {
            assert!(Address::parse(address).unwrap().is_local(), "{address}");
        }
        assert!(!Address::parse("https://vestry.example.org").unwrap().is_local());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for address in
            ["", "vestry.example.org", "ftp://x", "https://a@b", "https://x/path", "https://x/?q", "127.0.0.1:1"]
        {
            assert!(Address::parse(address).is_err(), "{address}");
        }
    }

    #[test]
    fn a_typed_name_stays_one_segment() {
        assert_eq!(segment("HF_TOKEN"), "HF_TOKEN");
        assert_eq!(segment("../secrets?x#y"), "..%2Fsecrets%3Fx%23y");
        assert_eq!(segment(".."), "%2E%2E");
        assert_eq!(segment("é"), "%C3%A9");
    }
}
