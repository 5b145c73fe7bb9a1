//! What the service does as time goes by, without waiting: the cache takes its time from a clock that the test moves.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::connect_info::MockConnectInfo;
use axum::http::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use axum::http::{Request, Response, StatusCode};
use axum_service::{App, Article, Database, router};
use metrics_exporter_prometheus::PrometheusBuilder;
use polycache::{Cache, Clock, LocMemCache, ManualClock};
use tower::ServiceExt as _;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// The service in this process, and the clock of its cache.
fn app() -> (App, ManualClock) {
    let (clock, hands) = Clock::manual();
    let cache = Cache::new(LocMemCache::builder().clock(clock).build().unwrap()).erase();
    let metrics = PrometheusBuilder::new().build_recorder().handle();
    let database = Arc::new(Database::new(Duration::ZERO));
    (App { cache, database, requests_per_minute: 3, metrics }, hands)
}

/// The service as a client at this address meets it.
fn from(app: &App, address: [u8; 4]) -> Router {
    router(app.clone()).layer(MockConnectInfo(SocketAddr::from((address, 50_000))))
}

async fn send(client: &Router, request: Request<Body>) -> Response<Body> {
    client.clone().oneshot(request).await.unwrap()
}

async fn get(client: &Router, path: &str, cookie: &str) -> Response<Body> {
    send(client, Request::get(path).header(COOKIE, cookie).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_client_may_ask_again_when_its_window_has_passed() {
    let (app, clock) = app();
    let (one, other) = (from(&app, [192, 0, 2, 1]), from(&app, [192, 0, 2, 2]));
    let status = async |client: &Router| get(client, "/articles/1", "").await.status();
    for _ in 0..3 {
        assert_eq!(status(&one).await, StatusCode::NOT_FOUND);
        clock.advance(19 * SECOND);
    }
    // 57 seconds after the first request, which began the window: later ones do not make it longer.
    assert_eq!(status(&one).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(status(&other).await, StatusCode::NOT_FOUND);
    clock.advance(3 * SECOND);
    assert_eq!(status(&one).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_session_ends_half_an_hour_after_its_last_use() {
    let (app, clock) = app();
    let client = from(&app, [192, 0, 2, 1]);
    let log_in = Request::post("/login").header(CONTENT_TYPE, "application/json");
    let answer = send(&client, log_in.body(Body::from(r#"{"user":"Ada"}"#)).unwrap()).await;
    let cookie = answer.headers()[SET_COOKIE].to_str().unwrap().to_owned();
    for _ in 0..3 {
        clock.advance(29 * MINUTE);
        assert_eq!(get(&client, "/me", &cookie).await.status(), StatusCode::OK);
    }
    clock.advance(30 * MINUTE);
    assert_eq!(get(&client, "/me", &cookie).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_change_past_the_cache_shows_after_five_minutes() {
    let (app, clock) = app();
    let article = |text: &str| Article { title: "Hello".to_owned(), text: text.to_owned() };
    let shown = async || {
        let client = from(&app, [192, 0, 2, 1]);
        let body = get(&client, "/articles/1", "").await.into_body();
        String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap()
    };
    app.database.save(1, article("old")).await;
    assert!(shown().await.contains("old"));
    app.database.save(1, article("new")).await;
    clock.advance(300 * SECOND - Duration::from_millis(1));
    assert!(shown().await.contains("old"));
    clock.advance(Duration::from_millis(1));
    assert!(shown().await.contains("new"));
}
