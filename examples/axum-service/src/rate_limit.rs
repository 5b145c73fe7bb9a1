//! A limit on the requests of each client, shared by all instances of the service that share the cache.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use polycache::{Cache, ErrorKind};

use crate::App;
use crate::failure::Failure;

/// A client's counter starts again when its window has passed.
const WINDOW: Duration = Duration::from_secs(60);

/// Lets a request through, or answers it with 429.
///
/// A cache that fails lets everybody through: a limit is not worth an outage.
pub(crate) async fn limit(
    State(app): State<App>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Result<Response, Failure> {
    let key = format!("requests:{}", client.ip());
    match count(&app.cache, &key).await {
        Ok(requests) if requests > app.requests_per_minute => Err(Failure::TooManyRequests(WINDOW)),
        _ => Ok(next.run(request).await),
    }
}

/// The number of requests in the client's window, this one included.
///
/// `add` starts the window where there is none, and `incr` keeps its lifetime. Both are atomic on every store, so no
/// request is lost however many arrive at once.
async fn count(cache: &Cache, key: &str) -> polycache::Result<i64> {
    loop {
        cache.aadd(key, &0, WINDOW).await?;
        match cache.aincr(key).await {
            // The window ended between the two calls.
            Err(e) if e.kind() == ErrorKind::KeyNotFound => {}
            counted => return counted,
        }
    }
}
