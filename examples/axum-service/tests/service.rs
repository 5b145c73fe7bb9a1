//! The service as a process, over HTTP, on each store that one setting chooses.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::{Read as _, Write as _};

use common::{Response, Service};
use conformance_tests::servers::{Server, or_skip};

/// More requests than a test makes.
const UNLIMITED: u32 = 1_000_000;

/// Runs `check` with a cache in memory, on SQLite and on Redis.
fn on_each_store(check: impl Fn(&str)) {
    check("locmem://?max_entries=1000");
    let dir = tempfile::tempdir().unwrap();
    check(&format!("sqlite://{}/cache.db?max_entries=1000", dir.path().display()));
    if let Some(redis) = or_skip(Server::redis(&[])) {
        check(&format!("redis://{}/1", redis.address()));
    }
}

#[test]
fn a_read_is_cached_and_a_write_invalidates_it() {
    on_each_store(|url| {
        let service = Service::start(url, UNLIMITED);
        // All at once: the database is asked once.
        let bodies: Vec<String> = std::thread::scope(|threads| {
            let readers: Vec<_> =
                (0..20).map(|_| threads.spawn(|| service.get("/articles/1").body)).collect();
            readers.into_iter().map(|reader| reader.join().unwrap()).collect()
        });
        let expected = r#"{"title":"Hello","text":"An article."}"#;
        assert!(bodies.iter().all(|body| body == expected), "{url}: {bodies:?}");
        let computed = "cache_computed_total{cache=\"default\"}";
        assert_eq!(service.metric(computed), Some(1.0), "{url}");

        let changed = r#"{"title":"Hello","text":"A newer one."}"#;
        assert_eq!(service.send_json("PUT", "/articles/1", changed).status, 204, "{url}");
        assert_eq!(service.get("/articles/1").body, changed, "{url}");

        // What does not exist is cached too.
        let before = service.metric(computed).unwrap();
        assert_eq!(
            [service.get("/articles/2").status, service.get("/articles/2").status],
            [404, 404],
            "{url}"
        );
        assert_eq!(service.metric(computed), Some(before + 1.0), "{url}");
        assert_eq!(service.send_json("PUT", "/articles/2", changed).status, 204, "{url}");
        assert_eq!(service.get("/articles/2").body, changed, "{url}");
    });
}

#[test]
fn a_session_lasts_until_the_log_out() {
    on_each_store(|url| {
        let service = Service::start(url, UNLIMITED);
        assert_eq!(service.get("/me").status, 401, "{url}");
        let answer = service.send_json("POST", "/login", r#"{"user":"Ada"}"#);
        assert_eq!(answer.status, 204, "{url}");
        let cookie = answer.cookie();
        for attribute in ["httponly", "samesite=lax", "max-age=1800"] {
            assert!(answer.head.contains(attribute), "{url}: {}", answer.head);
        }
        assert_eq!(service.send("GET", "/me", &cookie, "").body, r#"{"user":"Ada"}"#, "{url}");
        for foreign in ["Cookie: session=1\r\n", "Cookie: session=00000000-0000-4000-8000-000000000000\r\n"] {
            assert_eq!(service.send("GET", "/me", foreign, "").status, 401, "{url}");
        }
        // A store outside of the process keeps it while the service restarts.
        service.terminate();
        service.wait_until_stopped();
        let service = Service::start(url, UNLIMITED);
        let kept = if url.starts_with("locmem") { 401 } else { 200 };
        assert_eq!(service.send("GET", "/me", &cookie, "").status, kept, "{url}");
        assert_eq!(service.send("POST", "/logout", &cookie, "").status, 204, "{url}");
        assert_eq!(service.send("GET", "/me", &cookie, "").status, 401, "{url}");
    });
}

#[test]
fn a_client_that_asks_too_often_is_told_to_wait() {
    on_each_store(|url| {
        let service = Service::start(url, 10);
        // A window may end in between, but not before every 10 of them.
        let refused = (0..1_000).map(|_| service.get("/me")).find(|answer| answer.status == 429);
        let refused = refused.unwrap();
        assert!(refused.head.contains("retry-after: 60"), "{url}: {}", refused.head);
        assert_eq!(service.get("/health").status, 200, "{url}");
    });
}

#[test]
fn prometheus_finds_the_caches_metrics() {
    on_each_store(|url| {
        let service = Service::start(url, UNLIMITED);
        service.get("/articles/1");
        service.get("/articles/1");
        let page = service.get("/metrics").body;
        for line in [
            "# TYPE cache_operation_duration_seconds histogram",
            "cache_operation_duration_seconds_bucket{cache=\"default\",operation=\"get\",le=\"+Inf\"}",
            "cache_hits_total{cache=\"default\"} ",
            "cache_misses_total{cache=\"default\"} ",
            "cache_computed_total{cache=\"default\"} 1",
            // The article, and the counter of the client.
            "cache_entries{cache=\"default\"} 2",
        ] {
            assert!(page.contains(line), "{url}: no {line} in {page}");
        }
    });
}

#[test]
fn a_request_that_has_begun_is_finished_before_the_service_stops() {
    on_each_store(|url| {
        let service = Service::start(url, UNLIMITED);
        let mut stream = service.connect();
        let article = r#"{"title":"Late","text":"In time."}"#;
        write!(
            stream,
            "PUT /articles/3 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
            article.len()
        )
        .unwrap();
        // The handler waits for the body now.
        let expected = "HTTP/1.1 100 Continue\r\n\r\n";
        let mut go_on = vec![0; expected.len()];
        stream.read_exact(&mut go_on).unwrap();
        assert_eq!(String::from_utf8_lossy(&go_on), expected);
        service.terminate();
        service.wait_until_closed();
        stream.write_all(article.as_bytes()).unwrap();
        assert_eq!(Response::read(stream).status, 204, "{url}");
        service.wait_until_stopped();
    });
}

#[test]
fn without_its_store_a_degrading_service_goes_on_and_says_so() {
    let Some(mut redis) = or_skip(Server::redis(&[])) else { return };
    let service = Service::start(&format!("redis://{}/1?on_error=fallback", redis.address()), UNLIMITED);
    assert_eq!(service.get("/health").status, 200);
    redis.kill();
    let health = service.get("/health");
    assert_eq!(health.status, 503, "{health:?}");
    assert!(health.body.contains("cannot be reached"), "{health:?}");
    assert_eq!(service.get("/articles/1").status, 200);
    assert!(service.metric("cache_degraded_total{cache=\"default\",operation=\"get\"}").unwrap() > 0.0);
}

#[test]
fn bad_settings_end_the_service_when_it_starts() {
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_axum-service"));
    program.env("CACHE_URL", "redsi://localhost").env("LISTEN", "127.0.0.1:0");
    let mut service = program.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while service.try_wait().unwrap().is_none() {
        if std::time::Instant::now() > deadline {
            service.kill().unwrap();
            panic!("it has not ended after a minute");
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let output = service.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("CACHE_URL") && said.contains("\"redsi\" is unknown"), "{said}");
}
