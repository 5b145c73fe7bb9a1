//! An axum service with a cache. Each file has one subject:
//!
//! - `articles.rs`: a cached read, and the write that invalidates it.
//! - `rate_limit.rs`: a limit on the requests of each client, with `add` and `incr`.
//! - `sessions.rs`: sessions that end when nobody uses them, with `touch`.
//! - `operations.rs`: the metrics for Prometheus, and the health check.
//! - `main.rs`: the settings, and graceful shutdown.
//!
//! Nothing here knows which store the cache is on: `CACHE_URL` decides.

mod articles;
mod database;
mod failure;
mod operations;
mod rate_limit;
mod sessions;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use metrics_exporter_prometheus::PrometheusHandle;
use polycache::Cache;

pub use crate::database::{Article, Database};

/// What every handler can reach. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub cache: Cache,
    pub database: Arc<Database>,
    /// How many requests a client may make in a minute.
    pub requests_per_minute: i64,
    pub metrics: PrometheusHandle,
}

/// The service. Its server has to pass on the clients' addresses
/// (`into_make_service_with_connect_info::<SocketAddr>`): the rate limit goes by them.
pub fn router(app: App) -> Router {
    let limited = Router::new()
        .route("/articles/{id}", get(articles::show).put(articles::save))
        .route("/login", post(sessions::log_in))
        .route("/me", get(sessions::me))
        .route("/logout", post(sessions::log_out))
        .layer(from_fn_with_state(app.clone(), rate_limit::limit));
    // Not limited: a monitoring system has to get through, above all when there is much to do.
    let operations =
        Router::new().route("/health", get(operations::health)).route("/metrics", get(operations::metrics));
    limited.merge(operations).with_state(app)
}
