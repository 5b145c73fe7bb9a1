//! `rediss://`: certificates made for the test, by the sync and by the async half.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![cfg(feature = "tls")]

mod common;

use std::time::Duration;
use std::{fs, io};

use cache_core::ErrorKind;
use cache_redis::{RedisCache, RedisCacheBuilder};
use common::{MINUTE, bound, build, quickest, redis, run, shown, to};
use conformance_tests::proxy::{Fault, Proxy};
use conformance_tests::servers::{Server, or_skip};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// A root and what it has signed, in PEM.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // A name of its own: what it signs is not signed by itself.
        params.distinguished_name.push(DnType::CommonName, "the root of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A certificate for `name`, and its key.
    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// A server that speaks TLS only; `None` if its build has none.
fn start(authority: &Authority, clients: &'static str) -> Option<Server> {
    start_with(authority.sign("127.0.0.1"), authority.pem.clone(), clients)
}

/// With a certificate and its key, which knows clients by `root`.
fn start_with((certificate, key): (String, String), root: String, clients: &'static str) -> Option<Server> {
    redis()?;
    let started = Server::start("redis-server", move |port, dir| {
        for (name, pem) in [("cert", &certificate), ("key", &key), ("root", &root)] {
            fs::write(dir.join(name), pem).unwrap();
        }
        let port = port.to_string();
        let mut words: Vec<std::ffi::OsString> = [
            "--port",
            "0",
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--tls-auth-clients",
            clients,
            "--tls-port",
            &port,
            // Few enough bytes for a test that sends more.
            "--proto-max-bulk-len",
            "20mb",
        ]
        .iter()
        .map(Into::into)
        .collect();
        for (word, name) in
            [("--tls-cert-file", "cert"), ("--tls-key-file", "key"), ("--tls-ca-cert-file", "root")]
        {
            words.extend([word.into(), dir.join(name).into()]);
        }
        words.extend(["--dir".into(), dir.into()]);
        words
    });
    or_skip(
        started.map_err(|e| io::Error::new(io::ErrorKind::NotFound, format!("a redis-server with TLS: {e}"))),
    )
}

fn at(server: &Server) -> RedisCacheBuilder {
    to(format!("rediss://{}/1", server.address()))
}

/// The errors of both halves.
fn errors(options: RedisCacheBuilder) -> [cache_core::Error; 2] {
    let cache = build(options);
    let calls = [("sync", cache.get::<i64>("k")), ("async", run(cache.aget::<i64>("k")))];
    calls.map(|(half, done)| match done {
        Ok(_) => panic!("{half}: expected that no connection is made, and the call works"),
        Err(error) => error,
    })
}

fn are_rejected(options: RedisCacheBuilder, words: &[&str]) {
    for error in errors(options) {
        assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
        for word in words {
            assert!(error.to_string().contains(word), "{word}: {error}");
        }
    }
}

/// A certificate for 127.0.0.1 that signs itself, as `openssl req -x509` makes it, or is not an authority's.
fn self_signed(is_ca: bool, change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "self-signed");
    if is_ca {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// OpenSSL takes both kinds.
#[test]
fn a_self_signed_certificate_is_its_own_root() {
    for is_ca in [true, false] {
        let both = self_signed(is_ca, |_| {});
        let root = both.0.clone();
        let Some(server) = start_with(both, root.clone(), "no") else { return };
        let cache = build(at(&server).root_certificates(root.as_str()));
        cache.set("n", &1, MINUTE).unwrap_or_else(|e| panic!("is_ca {is_ca}: {e}"));
        assert_eq!(run(cache.aincr("n")).unwrap(), 2);
        // Its name is looked at,
        let by_name = to(format!("rediss://localhost:{}", server.address().port()));
        are_rejected(by_name.root_certificates(root.as_str()), &["other hosts"]);
        // and no other of the same name is taken for it.
        let (other, _) = self_signed(is_ca, |_| {});
        assert_eq!(refusals(at(&server).root_certificates(other.as_str())), [ErrorKind::Rejected; 2]);
        assert_eq!(refusals(at(&server)), [ErrorKind::Rejected; 2], "by the system's");
    }
}

/// So are its dates.
#[test]
fn a_self_signed_certificate_that_has_expired_is_refused() {
    let both = self_signed(true, |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    });
    let root = both.0.clone();
    let Some(server) = start_with(both, root.clone(), "no") else { return };
    are_rejected(at(&server).root_certificates(root.as_str()), &["has expired"]);
}

#[test]
fn each_refusal_names_the_way_out() {
    let (authority, other) = (Authority::new(), Authority::new());
    let Some(server) = start(&authority, "no") else { return };
    let pem = authority.pem.as_str();
    are_rejected(at(&server).root_certificates(other.pem.as_str()), &["root_certificates"]);
    are_rejected(at(&server), &["root_certificates"]);
    let by_name = to(format!("rediss://localhost:{}", server.address().port()));
    are_rejected(by_name.root_certificates(pem), &["other hosts"]);
    // Without TLS here.
    for error in errors(to(format!("redis://{}", server.address()))) {
        assert!(error.to_string().contains("rediss://"), "{error}");
    }
    // Without TLS there: it waits for the end of a line, and may find one.
    let Some(plain) = redis() else { return };
    for _ in 0..8 {
        let no_tls = at(&plain).root_certificates(pem).operation_timeout(Duration::from_millis(500));
        for error in errors(no_tls) {
            assert!(error.to_string().contains("write redis://"), "{error}");
        }
    }
    // It wants to know its clients.
    let Some(strict) = start(&authority, "yes") else { return };
    are_rejected(at(&strict).root_certificates(pem), &["client_certificate"]);
    let (certificate, key) = other.sign("client");
    are_rejected(
        at(&strict).root_certificates(pem).client_certificate(certificate, key),
        &["client_certificate"],
    );
}

/// The limit of a server that closes in the middle of what it reads.
#[test]
fn a_value_beyond_the_servers_limit_is_too_large() {
    let authority = Authority::new();
    let Some(server) = start(&authority, "no") else { return };
    let cache = build(at(&server).root_certificates(authority.pem.as_str()));
    let large = "x".repeat(40 << 20);
    for _ in 0..5 {
        cache.set("k", "old", MINUTE).unwrap();
        for (half, outcome) in
            [("sync", cache.set("k", &large, MINUTE)), ("async", run(cache.aset("k", &large, MINUTE)))]
        {
            let error = outcome.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ValueTooLarge, "{half}: {error}");
            assert!(!cache.has_key("k").unwrap());
        }
    }
}

fn refusals(options: RedisCacheBuilder) -> [ErrorKind; 2] {
    let cache = build(options);
    [cache.get::<i64>("k").unwrap_err(), run(cache.aget::<i64>("k")).unwrap_err()].map(|e| e.kind())
}

#[test]
fn both_halves_speak_it() {
    let authority = Authority::new();
    let Some(server) = start(&authority, "no") else { return };
    let cache = build(at(&server).root_certificates(authority.pem.as_str()));
    let big = "x".repeat(1 << 20);
    cache.set("k", &big, MINUTE).unwrap();
    assert_eq!(cache.get::<String>("k").unwrap().as_deref(), Some(&*big));
    // Idle for long enough to be checked: TLS's own messages are not replies.
    std::thread::sleep(Duration::from_millis(30));
    cache.set("n", &1, MINUTE).unwrap();
    run(async {
        assert_eq!(cache.aget::<String>("k").await.unwrap().as_deref(), Some(&*big));
        assert_eq!(cache.aincr("n").await.unwrap(), 2);
    });
    let keys: Vec<String> = (0..2000).map(|n| format!("k{n}")).collect();
    cache.set_many(keys.iter().map(|key| (key, 1)), MINUTE).unwrap();
    assert_eq!(cache.get_many::<i64, _>(&keys).unwrap().len(), 2000);
}

#[test]
fn strangers_are_refused() {
    let (authority, other) = (Authority::new(), Authority::new());
    let Some(server) = start(&authority, "no") else { return };
    let pem = authority.pem.as_str();
    assert_eq!(refusals(at(&server).root_certificates(other.pem.as_str())), [ErrorKind::Rejected; 2]);
    let by_name = to(format!("rediss://localhost:{}", server.address().port()));
    assert_eq!(refusals(by_name.root_certificates(pem)), [ErrorKind::Rejected; 2], "the wrong name");
    let plain = to(format!("redis://{}", server.address()));
    assert!(refusals(plain).iter().all(|kind| [ErrorKind::Rejected, ErrorKind::Unavailable].contains(kind)));
    let Some(without) = redis() else { return };
    // It waits for the end of what it takes for a command, so there may be nothing to see.
    let no_tls = at(&without).root_certificates(pem).operation_timeout(Duration::from_millis(300));
    assert!(refusals(no_tls).iter().all(|kind| [ErrorKind::Rejected, ErrorKind::Unavailable].contains(kind)));
}

#[test]
fn clients_may_show_a_certificate() {
    let authority = Authority::new();
    let Some(server) = start(&authority, "yes") else { return };
    let options = at(&server).root_certificates(authority.pem.as_str());
    let kinds = refusals(options.clone());
    assert!(
        kinds.iter().all(|kind| [ErrorKind::Rejected, ErrorKind::Unavailable].contains(kind)),
        "{kinds:?}"
    );
    let (certificate, key) = authority.sign("client");
    let cache = build(options.client_certificate(certificate, key));
    cache.set("n", &1, MINUTE).unwrap();
    assert_eq!(run(cache.aincr("n")).unwrap(), 2);
}

#[test]
fn certificates_are_checked_at_build() {
    let authority = Authority::new();
    let (certificate, key) = authority.sign("client");
    let (_, other_key) = authority.sign("other");
    let options = || RedisCache::builder("rediss://h").root_certificates(authority.pem.as_str());
    assert!(options().client_certificate(certificate.as_str(), key.as_str()).build().is_ok());
    for wrong in [
        RedisCache::builder("rediss://h").root_certificates("no PEM"),
        options().client_certificate("no PEM", key.as_str()),
        options().client_certificate(certificate.as_str(), "no PEM"),
        options().client_certificate(certificate.as_str(), other_key.as_str()),
    ] {
        let error = wrong.clone().build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidCacheBackend);
        assert!(!format!("{wrong:?} {}", shown(&error)).contains("PRIVATE"));
    }
}

/// A dribbling server and a cut reply over TLS: the deadline covers the handshake too.
#[test]
fn deadlines_hold() {
    let authority = Authority::new();
    let Some(server) = start(&authority, "no") else { return };
    let proxy = Proxy::start(server.address()).unwrap();
    let timeout = Duration::from_millis(300);
    let options = to(format!("rediss://{}", proxy.address()));
    let cache = build(
        options.root_certificates(authority.pem.as_str()).operation_timeout(timeout).max_connections(1),
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let patient = |call: &dyn Fn() -> Result<(), cache_core::Error>| (0..9).any(|_| call().is_ok());
    for fault in [Fault::Blackhole, Fault::Dribble(timeout / 4)] {
        for connected in [false, true] {
            proxy.set(Fault::None);
            cache.close().unwrap();
            if connected {
                assert!(patient(&|| cache.set("k", &1, MINUTE)));
                assert!(patient(&|| runtime.block_on(cache.aset("k", &1, MINUTE))));
            }
            proxy.set(fault);
            let sync = quickest(|| {
                assert_eq!(cache.get::<i64>("k").unwrap_err().kind(), ErrorKind::Unavailable);
            });
            let native = quickest(|| {
                let outcome = runtime.block_on(cache.aget::<i64>("k"));
                assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Unavailable);
            });
            assert!(sync <= bound(timeout) && native <= bound(timeout), "{fault:?}: {sync:?}, {native:?}");
        }
    }
    proxy.set(Fault::None);
    assert!(patient(&|| cache.get::<i64>("k").map(drop)));
}
