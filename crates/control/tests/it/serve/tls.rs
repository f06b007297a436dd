//! TLS of Vestry's own.

use std::{
    fs,
    io::{ErrorKind, Write},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use control::{Limits, Tls, TlsRefused, site::Site};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::{PATIENCE, Served, answer_head, blocking, wait_for_end};
use crate::{both, support::House};

fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/certificates").join(name)
}

/// A folder with links to one pair, as certbot and Kubernetes lay them out.
struct Links(tempfile::TempDir);

impl Links {
    fn to(pair: &str) -> Self {
        let links = Self(tempfile::tempdir().unwrap());
        for file in ["pem", "key"] {
            symlink(format!("now/{file}"), links.path(file)).unwrap();
        }
        links.swap(&kept(&format!("{pair}.pem")), &kept(&format!("{pair}.key")));
        links
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    /// Puts another pair in place with one rename.
    fn swap(&self, certificate: &Path, key: &Path) {
        let folder = self.path(&control::random::revision());
        fs::create_dir(&folder).unwrap();
        symlink(certificate, folder.join("pem")).unwrap();
        symlink(key, folder.join("key")).unwrap();
        symlink(&folder, self.path("next")).unwrap();
        fs::rename(self.path("next"), self.path("now")).unwrap();
    }

    fn read(&self) -> Tls {
        Tls::read(self.path("pem"), self.path("key")).unwrap()
    }
}

async fn served(house: &House, links: &Links) -> Served {
    let limits =
        Limits { certificate: Duration::from_millis(10), head: Duration::from_millis(300), ..Limits::default() };
    let site = Site::new([127, 0, 0, 1].into(), true, None, Vec::new());
    Served::with(house, limits, site, Some(links.read())).await
}

/// Asks for `/healthz` as a client that trusts this certificate only; the head of the answer.
async fn ask(served: &Served, trusted: &str) -> Result<String, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(kept(&format!("{trusted}.pem"))).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut stream = StreamOwned::new(connection, served.connect().await);
    blocking(move || match stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n") {
        Ok(()) => Ok(answer_head(&mut stream)),
        Err(error) => Err(error.downcast::<rustls::Error>().expect("TLS refuses, nothing else")),
    })
    .await
}

/// Waits until a client that trusts this certificate only is answered.
async fn until_shown(served: &Served, certificate: &str) {
    let shown = async { while ask(served, certificate).await.is_err() {} };
    tokio::time::timeout(PATIENCE, shown).await.expect("the new certificate is shown");
}

both! {
    async fn a_client_that_trusts_the_certificate_is_answered_over_tls_only(house) {
        let served = served(&house, &Links::to("one")).await;
        let answered = ask(&served, "one").await.unwrap();
        assert!(answered.starts_with("HTTP/1.1 200"), "{answered}");
        assert!(answered.contains("strict-transport-security: max-age="), "{answered}");
        assert!(ask(&served, "two").await.is_err());
        let mut plain = served.connect().await;
        plain.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        blocking(move || wait_for_end(&mut plain)).await;
        served.stop().await;
    }

    async fn a_handshake_that_does_not_end_is_cut_off(house) {
        let served = served(&house, &Links::to("one")).await;
        let mut silent = served.connect().await;
        blocking(move || wait_for_end(&mut silent)).await;
        served.stop().await;
    }

    async fn a_new_pair_is_taken_when_links_are_swapped_and_a_broken_one_is_not(house) {
        let links = Links::to("one");
        let served = served(&house, &links).await;
        ask(&served, "one").await.unwrap();
        links.swap(&kept("two.pem"), &kept("two.key"));
        until_shown(&served, "two").await;
        let empty = links.path("empty");
        fs::write(&empty, "").unwrap();
        for (certificate, key) in [
            (kept("one.pem"), kept("two.key")),
            (empty.clone(), kept("one.key")),
            (kept("one.pem"), empty),
            (links.path("missing"), kept("one.key")),
        ] {
            links.swap(&certificate, &key);
            // Long enough for several looks, each of which would show a wrong pair.
            for _ in 0..20 {
                ask(&served, "two").await.unwrap();
            }
        }
        links.swap(&kept("one.pem"), &kept("one.key"));
        until_shown(&served, "one").await;
        served.stop().await;
    }
}

#[test]
fn what_is_no_pair_is_refused_with_the_reason() {
    let read = |certificate: PathBuf, key: PathBuf| Tls::read(certificate, key).unwrap_err();
    assert!(matches!(read(kept("one.pem"), kept("two.key")), TlsRefused::Unfit(_)));
    assert!(matches!(read(kept("one.key"), kept("one.key")), TlsRefused::NoCertificate(_)));
    assert!(matches!(read(kept("one.pem"), kept("one.pem")), TlsRefused::NoKey(_)));
    let missing = read(kept("none.pem"), kept("one.key"));
    assert!(matches!(&missing, TlsRefused::Unreadable { error, .. } if error.kind() == ErrorKind::NotFound));
    assert!(missing.to_string().contains("none.pem"));
}
