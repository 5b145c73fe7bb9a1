//! TLS: one client configuration for the sync and the async half.

use std::fmt;
use std::sync::{Arc, OnceLock};

use cache_core::{Error, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

/// What a caller gave, in PEM.
#[derive(Clone, Default)]
pub(crate) struct TlsOptions {
    pub(crate) roots: Option<Vec<u8>>,
    pub(crate) client: Option<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = |is: bool| if is { "given" } else { "default" };
        f.debug_struct("TlsOptions")
            .field("roots", &given(self.roots.is_some()))
            .field("client", &given(self.client.is_some()))
            .finish()
    }
}

/// Checked certificates; the configuration is made on the first use, since the system's
/// certificates are files.
#[derive(Clone)]
pub(crate) struct Tls(Arc<Inner>);

struct Inner {
    roots: Option<RootCertStore>,
    client: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    config: OnceLock<Arc<ClientConfig>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl TlsOptions {
    pub(crate) fn check(&self) -> Result<Tls> {
        let roots = self.roots.as_deref().map(roots).transpose()?;
        let client = match &self.client {
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
    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>> {
        if let Some(config) = self.0.config.get() {
            return Ok(Arc::clone(config));
        }
        let roots = self.0.roots.clone().map_or_else(system_roots, Ok)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| crate::failure::rejected("TLS cannot be set up").with_source(e))?
            .with_root_certificates(roots);
        let config = match &self.0.client {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder
                .with_client_auth_cert(chain.clone(), key.clone_key())
                .map_err(|e| invalid("client_certificate", "cannot be used").with_source(e))?,
        };
        Ok(Arc::clone(self.0.config.get_or_init(|| Arc::new(config))))
    }
}

/// The name that a server's certificate must be for.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>> {
    ServerName::try_from(host.to_owned()).map_err(|_| {
        crate::failure::rejected(format!("no certificate can be for the host {host:?}; use its DNS name"))
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

fn roots(pem: &[u8]) -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    for certificate in certificates("root_certificates", pem)? {
        store.add(certificate).map_err(|e| {
            invalid("root_certificates", "has a certificate that cannot be read").with_source(e)
        })?;
    }
    Ok(store)
}

fn system_roots() -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        return Err(crate::failure::rejected(
            "the system has no certificates to check a server's against; give some with root_certificates",
        ));
    }
    Ok(store)
}
