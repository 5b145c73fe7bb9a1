//! `rediss://`: certificates made for the test, by the sync and by the async half.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(feature = "tls")]

mod common;

use std::time::Duration;
use std::{fs, io};

use cache_core::ErrorKind;
use cache_redis::{RedisCache, RedisOptions};
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

/// A server that speaks TLS only; `None` where its build has none.
fn start(authority: &Authority, clients: &'static str) -> Option<Server> {
    redis()?;
    let (certificate, key) = authority.sign("127.0.0.1");
    let root = authority.pem.clone();
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

fn at(server: &Server) -> RedisOptions {
    to(format!("rediss://{}/1", server.address()))
}

fn refusals(options: RedisOptions) -> [ErrorKind; 2] {
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
    // Idle for long enough to be looked at: what TLS itself sends is no reply.
    std::thread::sleep(Duration::from_millis(30));
    cache.set("n", &1, MINUTE).unwrap();
    run(async {
        assert_eq!(cache.aget::<String>("k").await.unwrap().as_deref(), Some(&*big));
        assert_eq!(cache.aincr("n", 1).await.unwrap(), 2);
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
    assert_eq!(run(cache.aincr("n", 1)).unwrap(), 2);
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

/// Rows 15 and 16 over TLS: the deadline covers the handshake too.
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
