//! TLS: one client configuration for the sync and the async half.

use std::sync::{Arc, OnceLock};
use std::{fmt, io};

use cache_core::{Error, Result};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use crate::failure::rejected;
use crate::location::Server;

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
        let unusable = |e: &dyn fmt::Display| rejected(format!("TLS cannot be set up: {e}"));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|e| unusable(&e))?;
        let builder = match &self.0.roots {
            None => builder.with_root_certificates(system_roots()?),
            Some(Roots { store, certificates }) => {
                let chains = WebPkiServerVerifier::builder_with_provider(Arc::new(store.clone()), provider);
                let chains = chains.build().map_err(|e| unusable(&e))?;
                let pinned = certificates.clone();
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Verifier { chains, pinned }))
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

/// The name that a server's certificate must be for.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>> {
    ServerName::try_from(host.to_owned())
        .map_err(|_| rejected(format!("no certificate can be for the host {host:?}; use its DNS name")))
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

/// Checks a server's certificate as rustls does. It also takes a certificate that the caller has given as a root, byte
/// for byte, and that says of itself that it is an authority's: `openssl req -x509` makes such ones, and OpenSSL takes them
/// from servers.
///
/// The caller has named this very certificate, and the handshake proves that the server has its key: nobody can make
/// another that passes. Its name and its dates are checked.
#[derive(Debug)]
struct Verifier {
    chains: Arc<WebPkiServerVerifier>,
    pinned: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let checked =
            self.chains.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match checked {
            // The dates are looked at first; what is wrong with them has an error of its own.
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(_)))
                if self.pinned.iter().any(|pinned| pinned == end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chains.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chains.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
}

fn of_tls(e: &io::Error) -> Option<&rustls::Error> {
    e.get_ref()?.downcast_ref()
}

pub(crate) fn is_of_tls(e: &io::Error) -> bool {
    of_tls(e).is_some()
}

/// The alerts by which a server says that it does not like the client's certificate, or that there is none.
const fn is_about_the_client(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::CertificateRequired
            | AlertDescription::HandshakeFailure
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::DecryptError
            | AlertDescription::AccessDenied
    )
}

/// The same error. One that is about the client's certificate has the kind `PermissionDenied`: of an error that ends a
/// shared connection, its callers learn the kind alone.
pub(crate) fn with_kind(e: io::Error) -> io::Error {
    match of_tls(&e) {
        Some(rustls::Error::AlertReceived(alert)) if is_about_the_client(*alert) => {
            io::Error::new(io::ErrorKind::PermissionDenied, e)
        }
        _ => e,
    }
}

/// The error of a shared connection that ended in this way, where TLS was the cause.
pub(crate) fn failed_later(kind: io::ErrorKind, server: &Server) -> Option<Error> {
    (kind == io::ErrorKind::PermissionDenied).then(|| unknown_client(server))
}

fn unknown_client(server: &Server) -> Error {
    rejected(format!(
        "{server} does not take this client: it wants a certificate that it knows (tls-auth-clients); give \
         client_certificate with its key"
    ))
}

/// An error of TLS itself.
pub(crate) fn failed(e: io::Error, server: &Server) -> Error {
    let text = match of_tls(&e) {
        Some(rustls::Error::AlertReceived(alert)) if is_about_the_client(*alert) => {
            return unknown_client(server).with_source(e);
        }
        Some(rustls::Error::InvalidMessage(_)) => format!(
            "{server} does not speak TLS at this port; write redis:// in place of rediss://, or name its TLS port"
        ),
        Some(rustls::Error::InvalidCertificate(problem)) => match problem {
            // A known name with another key is an unknown authority too.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => format!(
                "the certificate of {server} is signed by an authority that this client does not know; give the \
                 authority's certificate as root_certificates"
            ),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => format!(
                "the certificate of {server} is for other hosts; name the server in the location as its \
                 certificate does"
            ),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                format!("the certificate of {server} has expired; renew it, or see the clock of this machine")
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                format!("the certificate of {server} is not valid yet; see the clock of this machine")
            }
            CertificateError::Other(_) => format!(
                "the certificate of {server} cannot be a server's; if it is self-signed, give that certificate \
                 itself as root_certificates"
            ),
            _ => format!("the certificate of {server} cannot be trusted"),
        },
        _ => format!("{server} and this client cannot agree on TLS"),
    };
    rejected(text).with_source(e)
}

/// An error in the handshake.
pub(crate) fn handshake(e: io::Error, server: &Server) -> Error {
    let otherwise = "if it does not speak TLS at this port, write redis:// in place of rediss://";
    match e.kind() {
        _ if is_of_tls(&e) => failed(e, server),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Error::unavailable(format!(
            "{server} did not answer the TLS handshake in time; {otherwise}, else see connect_timeout"
        )),
        _ => Error::unavailable(format!("{server} ended the TLS handshake; {otherwise}")).with_source(e),
    }
}

fn system_roots() -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        return Err(rejected(
            "the system has no certificates to check a server's against; give some with root_certificates",
        ));
    }
    Ok(store)
}
