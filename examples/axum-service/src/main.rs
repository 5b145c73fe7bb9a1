//! Starts the service.
//!
//! ```sh
//! cargo run -p axum-service                                                  # in memory
//! CACHE_URL=redis://localhost:6379/1 cargo run -p axum-service               # on Redis
//! CACHE_URL='sqlite:///var/cache/app/cache.db?max_entries=100000' cargo run -p axum-service
//! cargo run -p axum-service -- cache.toml                                    # by a settings file
//! ```
//!
//! - `LISTEN`: the address, `127.0.0.1:3000` by default.
//! - `REQUESTS_PER_MINUTE`: how many requests a client may make, 600 by default.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum_service::{App, Article, Database, router};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use polycache::SECONDS_BUCKETS;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Before the first cache: a cache looks once whether somebody wants its metrics.
    let metrics = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Prefix("cache_".to_owned()), &SECONDS_BUCKETS)?
        .install_recorder()?;

    // A later source counts: memory, unless a file or the environment names another store. Sessions must not be
    // evicted, so the limit is higher than Django's 300 entries.
    let mut caches = polycache::caches().url("default", "locmem://?max_entries=100000");
    if let Some(file) = std::env::args_os().nth(1) {
        caches = caches.file(file);
    }
    let caches = caches.environment().build()?;

    let requests_per_minute = variable("REQUESTS_PER_MINUTE", "600").parse()?;
    let database = Arc::new(Database::new(Duration::from_millis(50)));
    database.save(1, Article { title: "Hello".to_owned(), text: "An article.".to_owned() }).await;
    let app = App { cache: caches.default_cache()?, database, requests_per_minute, metrics: metrics.clone() };

    // The exporter wants to sort what it has recorded now and then.
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            metrics.run_upkeep();
        }
    });

    let listener = TcpListener::bind(variable("LISTEN", "127.0.0.1:3000")).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let service = router(app).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stop_signal()?).await?;

    // No request is left: now the connections and files of the caches go.
    caches.aclose_all().await?;
    println!("stopped");
    Ok(())
}

fn variable(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

/// Waits for Ctrl-C or SIGTERM, which systemd, Docker and Kubernetes send. `axum` then takes no new connection and
/// finishes the requests that have begun.
fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
