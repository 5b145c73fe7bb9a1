//! What TLS errors mean to a caller, and the way out.

use std::io;

use cache_core::Error;
use rustls::{AlertDescription, CertificateError};

use crate::Protocol;

/// The error of TLS itself in `e`, if it is one.
pub(crate) fn of_tls(e: &io::Error) -> Option<&rustls::Error> {
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

fn unknown_client(server: &impl Protocol) -> Error {
    Error::rejected(format!(
        "{server} does not take this client: it wants a certificate that it knows; give client_certificate \
         with its key"
    ))
}

/// An error of TLS itself.
pub(crate) fn error<P: Protocol>(e: io::Error, server: &P) -> Error {
    let text = match of_tls(&e) {
        Some(rustls::Error::AlertReceived(alert)) if is_about_the_client(*alert) => {
            return unknown_client(server).with_source(e);
        }
        Some(rustls::Error::InvalidMessage(_)) => format!(
            "{server} does not speak TLS at this port; {}, or name its TLS port",
            server.without_tls()
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
    Error::rejected(text).with_source(e)
}

/// An error in the handshake.
pub(crate) fn handshake_error<P: Protocol>(e: io::Error, server: &P) -> Error {
    let otherwise = format!("if it does not speak TLS at this port, {}", server.without_tls());
    match e.kind() {
        _ if is_of_tls(&e) => error(e, server),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Error::unavailable(format!(
            "{server} did not answer the TLS handshake in time; {otherwise}, else see connect_timeout"
        )),
        _ => Error::unavailable(format!("{server} ended the TLS handshake; {otherwise}")).with_source(e),
    }
}
