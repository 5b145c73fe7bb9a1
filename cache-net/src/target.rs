//! [`Target`]: how to get to a server.

use std::time::Instant;

use crate::failure::{Cause, Failure};
use crate::{Address, Limits, Protocol};

/// A server as a new connection finds it.
pub(crate) struct Target<P> {
    pub(crate) protocol: P,
    pub(crate) address: Address,
    pub(crate) limits: Limits,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<crate::tls::Tls>,
    #[cfg(not(feature = "tls"))]
    pub(crate) tls: Option<std::convert::Infallible>,
}

impl<P: Protocol> Target<P> {
    /// When an attempt to connect ends, of a call that ends at `deadline`.
    pub(crate) fn until_connected(&self, deadline: Instant) -> Instant {
        deadline.min(Instant::now() + self.limits.connect_timeout)
    }

    /// What came of the handshake `hello`.
    pub(crate) fn check_handshake(
        &self,
        hello: &P::Request,
        shaken: Result<P::Answer, Failure<P::Malformed>>,
    ) -> Result<(), Failure<P::Malformed>> {
        let cause = match shaken {
            Ok(answer) => match self.protocol.check_handshake(hello, answer) {
                Ok(()) => return Ok(()),
                Err(e) => Cause::Unusable(e),
            },
            Err(failure) => match failure.cause {
                Cause::Malformed(why) => Cause::Unusable(self.protocol.malformed(hello, why)),
                cause => cause,
            },
        };
        Err(Failure::before(cause))
    }
}
