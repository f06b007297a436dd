//! The certificate and its key, read again when their files change.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use aws_lc_rs::digest::{Context, SHA256};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::{task::AbortHandle, time::interval};
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

/// A certificate with its chain, and its private key, in two PEM files.
#[derive(Debug)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    shown: Arc<Shown>,
    seen: Vec<u8>,
}

/// Why a certificate and a key can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsRefused {
    /// One of the files can't be read.
    #[error("{} can't be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// There is no certificate in its file.
    #[error("{} holds no certificate in PEM form", .0.display())]
    NoCertificate(PathBuf),
    /// There is no private key in its file, or only an encrypted one.
    #[error("{} holds no private key in PEM form, or an encrypted one", .0.display())]
    NoKey(PathBuf),
    /// The two don't fit together, or one is of a kind that can't be used.
    #[error("certificate and key can't be used together: {0}")]
    Unfit(rustls::Error),
}

/// The pair that is shown to clients now.
struct Shown(RwLock<Arc<CertifiedKey>>);

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown")
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// Ends its task when it is dropped.
pub(super) struct Looking(AbortHandle);

impl Drop for Looking {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Tls {
    /// Reads both files.
    ///
    /// # Errors
    /// Why they can't be used.
    pub fn read(certificate: PathBuf, key: PathBuf) -> Result<Self, TlsRefused> {
        let files = Files::read(&certificate, &key)?;
        let shown = Arc::new(Shown(RwLock::new(Arc::new(files.pair(&certificate, &key)?))));
        Ok(Self { certificate, key, shown, seen: files.digest() })
    }

    /// The certificate itself, without the rest of its chain.
    pub(super) fn leaf(&self) -> CertificateDer<'static> {
        let shown = self.shown.0.read().unwrap_or_else(PoisonError::into_inner);
        shown.cert.first().cloned().expect("a pair without a certificate is refused")
    }

    /// What answers handshakes, and the task that looks at the files again and again until it is dropped.
    pub(super) fn kept_current(mut self, every: Duration) -> (TlsAcceptor, Looking) {
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has the protocol versions it was built with")
            .with_no_client_auth();
        let mut config = config.with_cert_resolver(self.shown.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let looking = tokio::spawn(async move {
            let mut again = interval(every);
            loop {
                again.tick().await;
                self.look_again();
            }
        });
        (TlsAcceptor::from(Arc::new(config)), Looking(looking.abort_handle()))
    }

    /// Takes the new pair when the files have changed, wherever links now lead; keeps the old one when that is broken.
    fn look_again(&mut self) {
        // Content, not times: links are swapped, and files are copied with the times of others.
        let read = Files::read(&self.certificate, &self.key);
        let digest = read.as_ref().map_or_else(|error| error.to_string().into_bytes(), Files::digest);
        if std::mem::replace(&mut self.seen, digest.clone()) == digest {
            return;
        }
        match read.and_then(|files| files.pair(&self.certificate, &self.key)) {
            Ok(pair) => {
                *self.shown.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair);
                tracing::info!("the certificate was read again");
            }
            Err(error) => tracing::error!(%error, "the new certificate can't be used; the old one is kept"),
        }
    }
}

/// What stands in the two files.
struct Files {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl Files {
    fn read(certificate: &Path, key: &Path) -> Result<Self, TlsRefused> {
        let read =
            |path: &Path| fs::read(path).map_err(|error| TlsRefused::Unreadable { path: path.to_owned(), error });
        Ok(Self { certificate: read(certificate)?, key: Zeroizing::new(read(key)?) })
    }

    fn digest(&self) -> Vec<u8> {
        let mut digest = Context::new(&SHA256);
        for file in [&self.certificate, &*self.key] {
            digest.update(&(file.len() as u64).to_be_bytes());
            digest.update(file);
        }
        digest.finish().as_ref().to_vec()
    }

    fn pair(&self, certificate: &Path, path: &Path) -> Result<CertifiedKey, TlsRefused> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| TlsRefused::NoCertificate(certificate.to_owned()))?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| TlsRefused::NoKey(path.to_owned()))?;
        CertifiedKey::from_der(chain, key, &default_provider()).map_err(TlsRefused::Unfit)
    }
}
