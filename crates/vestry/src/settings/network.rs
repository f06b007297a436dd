//! How the control plane is reached: where it listens, under which address, encrypted by whom, through which proxies.

use std::{io, net::SocketAddr, path::PathBuf};

use control::{
    Tls,
    site::{Origin, Site},
};
use runtime::Cidr;

use crate::{address::Address, cli::serve::Reached, exit::Failure, text::escape};

/// How the control plane is reached.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct NetworkSettings {
    /// Where it listens.
    pub(crate) listen: SocketAddr,
    /// The address that people and programs use.
    pub(crate) public_url: Option<Address>,
    /// When it does TLS itself.
    pub(crate) tls: Option<TlsFiles>,
    /// The proxies that are believed for whom they speak.
    pub(crate) trusted_proxies: Vec<Cidr>,
}

/// The files of a certificate and of its key.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct TlsFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl TlsFiles {
    /// What is in them.
    ///
    /// # Errors
    /// When it can't be used.
    pub(crate) fn read(&self) -> Result<Tls, Failure> {
        Tls::read(self.certificate.clone(), self.key.clone()).map_err(|error| {
            Failure::not_configured(format!("{error}; nothing was started"))
                .help("--tls-cert takes the certificate with its chain, --tls-key its private key, both in PEM form")
        })
    }
}

impl NetworkSettings {
    /// The site that the control plane checks requests against.
    pub(crate) fn site(&self) -> Site {
        let public = self.public_url.as_ref().and_then(|address| Origin::parse(address.as_str()));
        Site::new(self.listen.ip(), self.tls.is_some(), public, self.trusted_proxies.clone())
    }

    /// Where the private key really lies, which no server may see.
    ///
    /// # Errors
    /// When that can't be found out.
    pub(crate) fn key_file(&self) -> io::Result<Option<PathBuf>> {
        self.tls.as_ref().map(|files| files.key.canonicalize()).transpose()
    }

    /// The address to tell people: the public one, or where it really listens.
    pub(crate) fn url(&self, listening: SocketAddr) -> String {
        match &self.public_url {
            Some(address) => address.to_string(),
            None => self.listening_url(listening),
        }
    }

    /// Where it really listens, as an address.
    pub(crate) fn listening_url(&self, listening: SocketAddr) -> String {
        format!("{}://{listening}", if self.tls.is_some() { "https" } else { "http" })
    }

    /// What the operator should be reminded of at every start.
    pub(crate) fn warning(&self) -> Option<&'static str> {
        let proxied = self.tls.is_none() && self.public_url.as_ref().is_some_and(Address::is_https);
        (proxied && self.trusted_proxies.is_empty()).then_some(
            "All that comes through the proxy counts as one address, so one guesser locks everybody out: name the \
             proxy with --trusted-proxy.",
        )
    }
}

/// Checks what flags, environment and file say together.
///
/// # Errors
/// When they don't fit together, and when other machines could read along.
pub(super) fn resolve(given: Reached) -> Result<NetworkSettings, Failure> {
    let listen = given.listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8460)));
    let public_url = given.public_url.as_deref().map(Address::parse).transpose()?;
    let tls = match (given.tls_cert, given.tls_key) {
        (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
        (None, None) => None,
        _ => {
            return Err(Failure::not_configured(
                "of --tls-cert and --tls-key only one was given, and each needs the other; nothing was started",
            ));
        }
    };
    let https = public_url.as_ref().map(Address::is_https);
    if tls.is_some() && https == Some(false) {
        return Err(Failure::not_configured(
            "the public address is http, and with --tls-cert Vestry answers https only; nothing was started",
        )
        .help("begin --public-url with https://"));
    }
    if !listen.ip().is_loopback() && https != Some(true) {
        return Err(Failure::not_configured(format!(
            "{listen} can be reached from other machines, and there is no https address for them; nothing was started"
        ))
        .help(BEYOND_LOOPBACK));
    }
    let trusted_proxies = given.trusted_proxy.iter().map(|proxy| {
        proxy.trim().parse().map_err(|()| {
            Failure::not_configured(format!("`{}` is no address and no network; nothing was started", escape(proxy)))
                .help("a trusted proxy looks like 192.0.2.7 or 10.0.0.0/8")
        })
    });
    Ok(NetworkSettings { listen, public_url, tls, trusted_proxies: trusted_proxies.collect::<Result<_, _>>()? })
}

const BEYOND_LOOPBACK: &str = "with a certificate:  --public-url https://vestry.example.org --tls-cert FILE --tls-key FILE\n\
    behind a proxy that does TLS:  --public-url https://vestry.example.org --trusted-proxy ADDRESS\n\
    or listen on 127.0.0.1, and reach it through an SSH tunnel";

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(arguments: &[&str]) -> Result<NetworkSettings, Failure> {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            reached: Reached,
        }
        let line = <Line as clap::Parser>::try_parse_from([&["vestry"], arguments].concat()).unwrap();
        resolve(line.reached)
    }

    #[test]
    fn it_never_listens_where_other_machines_could_read_along() {
        for listen in ["0.0.0.0:8460", "[::]:8460", "192.0.2.1:8460"] {
            for more in [&[][..], &["--tls-cert", "c", "--tls-key", "k"], &["--public-url", "http://localhost:8460"]] {
                let failure = reached(&[&["--listen", listen], more].concat()).unwrap_err();
                assert_eq!(failure.help.as_deref(), Some(BEYOND_LOOPBACK), "{listen} {more:?}");
                assert!(failure.message.starts_with(listen), "{}", failure.message);
            }
            let public = ["--listen", listen, "--public-url", "https://vestry.example.org"];
            assert!(reached(&public).is_ok());
            assert!(reached(&[&public[..], &["--tls-cert", "c", "--tls-key", "k"]].concat()).is_ok());
        }
        assert!(reached(&["--listen", "[::1]:1"]).is_ok());
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        for arguments in [
            &["--tls-cert", "c"][..],
            &["--tls-key", "k"],
            &["--tls-cert", "c", "--tls-key", "k", "--public-url", "http://localhost:8460"],
            &["--public-url", "http://vestry.example.org"],
            &["--public-url", "https://vestry.example.org/vestry"],
            &["--trusted-proxy", "proxy.example.org"],
            &["--trusted-proxy", "10.0.0.0/33"],
        ] {
            assert!(reached(arguments).is_err(), "{arguments:?}");
        }
    }

    #[test]
    fn proxies_are_named_one_by_one_or_in_a_list() {
        let several =
            reached(&["--trusted-proxy", "10.0.0.0/8,192.0.2.7", "--trusted-proxy", "2001:db8::/32"]).unwrap();
        assert_eq!(several.trusted_proxies.len(), 3);
    }

    #[test]
    fn a_proxy_that_nobody_trusts_is_spoken_of() {
        let public = ["--public-url", "https://vestry.example.org"];
        assert!(reached(&public).unwrap().warning().is_some());
        assert!(reached(&[&public[..], &["--trusted-proxy", "127.0.0.1"]].concat()).unwrap().warning().is_none());
        assert!(reached(&[&public[..], &["--tls-cert", "c", "--tls-key", "k"]].concat()).unwrap().warning().is_none());
        assert!(reached(&[]).unwrap().warning().is_none());
    }
}
