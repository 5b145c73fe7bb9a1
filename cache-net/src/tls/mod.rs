//! TLS by rustls: one client configuration for the sync and the async half.

mod error;
mod pinned;
mod stream;

use std::fmt;
use std::io::{self, Read as _};
use std::sync::{Arc, OnceLock};

use cache_core::{Error, Result};
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use self::pinned::Pinned;
use crate::Address;
use crate::socket::Socket;

pub(crate) use error::{error, handshake_error, is_of_tls, of_tls};
pub(crate) use stream::handshake_async;

/// The certificates that a caller gave, in PEM. Its `Debug` shows none of them.
#[derive(Clone, Default)]
pub struct TlsOptions {
    /// What servers' certificates are checked against, in place of the system's. A server's self-signed certificate may
    /// be its own root.
    pub root_certificates: Option<Vec<u8>>,
    /// The certificate chain and the private key for a server that asks its clients for one.
    pub client_certificate: Option<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = |is: bool| if is { "given" } else { "default" };
        f.debug_struct("TlsOptions")
            .field("roots", &given(self.root_certificates.is_some()))
            .field("client", &given(self.client_certificate.is_some()))
            .finish()
    }
}

/// Checked certificates; the configuration is made on the first use, since the system's
/// certificates are files.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    roots: Option<Roots>,
    client: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    config: OnceLock<Arc<ClientConfig>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl TlsOptions {
    /// Checks the certificates. Reads no file.
    ///
    /// # Errors
    /// [`InvalidCacheBackend`](cache_core::ErrorKind::InvalidCacheBackend) for one that cannot be read, and for a key that
    /// does not fit its certificate.
    pub fn check(&self) -> Result<Tls> {
        let roots = self.root_certificates.as_deref().map(roots).transpose()?;
        let client = match &self.client_certificate {
            None => None,
            Some((chain, key)) => {
                let chain = certificates("client_certificate", chain)?;
                let key = PrivateKeyDer::from_pem_slice(key)
                    .map_err(|_| invalid("client_certificate", "has no private key in PEM"))?;
                Some((chain, key))
            }
        };
        let tls = Tls(Arc::new(Inner { roots, client, config: OnceLock::new() }));
        if tls.0.client.is_some() && tls.0.roots.is_some() {
            // Finds a key that does not fit its certificate before any I/O.
            tls.config()?;
        }
        Ok(tls)
    }
}

impl Tls {
    /// The configuration. The first call may read the system's certificates.
    fn config(&self) -> Result<Arc<ClientConfig>> {
        if let Some(config) = self.0.config.get() {
            return Ok(Arc::clone(config));
        }
        let unusable = |e: &dyn fmt::Display| Error::rejected(format!("TLS cannot be set up: {e}"));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|e| unusable(&e))?;
        let builder = match &self.0.roots {
            None => builder.with_root_certificates(system_roots()?),
            Some(Roots { store, certificates }) => {
                let chains = WebPkiServerVerifier::builder_with_provider(Arc::new(store.clone()), provider);
                let chains = chains.build().map_err(|e| unusable(&e))?;
                let certificates = certificates.clone();
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(Pinned { chains, certificates }))
            }
        };
        let config = match &self.0.client {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder
                .with_client_auth_cert(chain.clone(), key.clone_key())
                .map_err(|e| invalid("client_certificate", "cannot be used").with_source(e))?,
        };
        Ok(Arc::clone(self.0.config.get_or_init(|| Arc::new(config))))
    }
}

impl Tls {
    /// A session with the server at `address`, of which nothing was sent.
    pub(crate) fn client(&self, address: &Address) -> Result<ClientConnection> {
        let session = ClientConnection::new(self.config()?, server_name(address)?);
        session.map_err(|e| Error::rejected("TLS cannot be set up").with_source(e))
    }

    /// The same, for tokio's streams.
    pub(crate) fn connector(
        &self,
        address: &Address,
    ) -> Result<(tokio_rustls::TlsConnector, ServerName<'static>)> {
        Ok((self.config()?.into(), server_name(address)?))
    }
}

/// Shakes hands on a blocking stream.
pub(crate) fn handshake(
    session: ClientConnection,
    socket: Socket,
) -> io::Result<StreamOwned<ClientConnection, Socket>> {
    let mut stream = StreamOwned::new(session, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// Reads what has come on a stream that can no longer be written to.
pub(crate) fn read_only(
    stream: &mut StreamOwned<ClientConnection, Socket>,
    buffer: &mut [u8],
) -> io::Result<usize> {
    loop {
        match stream.conn.reader().read(buffer) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            outcome => return outcome,
        }
        stream.conn.read_tls(&mut stream.sock)?;
        stream.conn.process_new_packets().map_err(io::Error::other)?;
    }
}

/// The name that the certificate of the server at `address` must be for.
fn server_name(address: &Address) -> Result<ServerName<'static>> {
    let host = match address {
        Address::Tcp { host, .. } => host.as_str(),
        Address::Unix(_) => "localhost",
    };
    ServerName::try_from(host.to_owned()).map_err(|_| {
        Error::rejected(format!("no certificate can be for the host {host:?}; use its DNS name"))
    })
}

fn invalid(setting: &str, problem: &str) -> Error {
    Error::invalid_cache_backend(format!("{setting} {problem}; give certificates and keys in PEM"))
}

fn certificates(setting: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(invalid(setting, "has no certificate in PEM")),
    }
}

/// What a caller trusts.
struct Roots {
    store: RootCertStore,
    certificates: Vec<CertificateDer<'static>>,
}

fn roots(pem: &[u8]) -> Result<Roots> {
    let certificates = certificates("root_certificates", pem)?;
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        store.add(certificate.clone()).map_err(|e| {
            invalid("root_certificates", "has a certificate that cannot be read").with_source(e)
        })?;
    }
    Ok(Roots { store, certificates })
}

fn system_roots() -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        return Err(Error::rejected(
            "the system has no certificates to check a server's against; give some with root_certificates",
        ));
    }
    Ok(store)
}
