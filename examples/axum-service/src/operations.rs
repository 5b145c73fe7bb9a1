//! Metrics and health, for operators.

use axum::extract::State;
use axum::http::StatusCode;

use crate::App;

/// `GET /metrics`: the page that Prometheus reads, with the cache's hits, misses, errors and latencies.
pub(crate) async fn metrics(State(app): State<App>) -> String {
    // Sets the gauges of the store (`cache_entries`, `cache_bytes`). A store that fails shows in `cache_errors_total`.
    app.cache.ainfo().await.ok();
    app.metrics.render()
}

/// `GET /health`: 200 while the store answers, else 503. A load balancer asks it.
pub(crate) async fn health(State(app): State<App>) -> (StatusCode, String) {
    match app.cache.aping().await {
        Ok(_) => (StatusCode::OK, "ok\n".to_owned()),
        // An error of the cache names the server or the file, and never a key, a value or a password.
        Err(e) => (StatusCode::SERVICE_UNAVAILABLE, format!("the cache does not answer: {e}\n")),
    }
}
