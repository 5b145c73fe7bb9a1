//! Settings, kinds of servers, runtimes, and servers that are left out.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cache_core::{BaseCache, Cache, Clock, ErrorKind, OnError, Timeout};
use cache_memcached::{EjectionPolicy, MemcachedCache};
use common::{AT_MOST, CALLS, MINUTE, cache, call_async, options, raw, runtime, server, timed};

#[test]
fn building_does_no_io() {
    for servers in ["203.0.113.1:1", "no-such-host.invalid", "/no/such/socket", "[2001:db8::1]"] {
        let (built, took) = timed(|| MemcachedCache::new(servers));
        assert!(took < Duration::from_millis(50), "{servers}: {took:?}");
        assert_eq!(built.unwrap().capabilities().max_value_size, Some(1 << 20));
    }
}

#[test]
fn bad_settings_are_named() {
    let builder = || MemcachedCache::builder("127.0.0.1:1");
    for (built, named) in [
        (MemcachedCache::new("g;h:99999"), "server 2 of 2 in the memcached location has a port"),
        (MemcachedCache::new(Vec::<String>::new()), "no memcached server"),
        (builder().operation_timeout(Duration::ZERO).build(), "timeout"),
        (builder().connect_timeout(Duration::ZERO).build(), "connect_timeout"),
        (builder().max_connections(0).build(), "max_connections"),
        (builder().max_connections(usize::MAX).build(), "max_connections"),
    ] {
        let e = built.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::InvalidCacheBackend, "{named}");
        assert!(e.to_string().contains(named), "{e}");
    }
    assert!(
        builder()
            .operation_timeout(Duration::MAX)
            .connect_timeout(Duration::MAX)
            .pool_wait(Duration::MAX)
            .build()
            .is_ok()
    );
}

#[test]
fn a_server_out_of_reach_is_named() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for server in [gone.as_str(), "no-such-host.invalid:7", "unix:/no/such/socket"] {
        let cache = Cache::new(MemcachedCache::builder(server).operation_timeout(common::T).build().unwrap());
        for (name, call) in CALLS {
            let e = call(&cache).unwrap_err();
            assert_eq!(e.kind(), ErrorKind::Unavailable, "{name} at {server}: {e}");
            assert!(e.to_string().contains(server.trim_start_matches("unix:")), "{e}");
        }
    }
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_unix_socket() {
    // Its own directory is short enough for a socket.
    let Some(server) = server() else { return };
    let path = server.dir().join("memcached.sock");
    let mut command = Command::new("memcached");
    command.arg("-s").arg(&path).args(["-u", "root", "-U", "0"]);
    let _process = Killed(command.spawn().unwrap());
    let begun = Instant::now();
    while std::os::unix::net::UnixStream::connect(&path).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(10), "no socket");
        std::thread::sleep(Duration::from_millis(5));
    }
    let path = path.to_str().unwrap();
    let runtime = runtime();
    for name in [path.to_owned(), format!("unix:{path}")] {
        let cache = Cache::new(MemcachedCache::new([name.as_str()]).unwrap());
        for (name, call) in CALLS {
            cache.set("warm", &1, MINUTE).unwrap();
            call(&cache).unwrap_or_else(|e| panic!("{name}: {e}"));
            cache.set("warm", &1, MINUTE).unwrap();
            runtime.block_on(call_async(&cache, name)).unwrap_or_else(|e| panic!("async {name}: {e}"));
        }
        let large = vec![7_u8; 900_000];
        cache.set_bytes("large", large.clone(), MINUTE).unwrap();
        assert!(runtime.block_on(cache.aget_bytes("large")).unwrap().unwrap() == large);
        cache.clear().unwrap();
    }
}

#[test]
fn a_host_by_name_and_ipv6() {
    let Some(server) = server() else { return };
    let named = Cache::new(MemcachedCache::new(format!("localhost:{}", server.address().port())).unwrap());
    named.set("k", &1, MINUTE).unwrap();
    let runtime = runtime();
    named.close().unwrap();
    assert_eq!(runtime.block_on(named.aget::<i64>("k")).unwrap(), Some(1));
    if TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    let six = conformance_tests::servers::Server::memcached(&["-l", "127.0.0.1,[::1]"]);
    let Ok(six) = six else { return };
    let text = format!("[::1]:{}", six.address().port());
    let cache = Cache::new(MemcachedCache::new(text.as_str()).unwrap());
    cache.set("k", &6, MINUTE).unwrap();
    assert!(raw(six.address(), b"get :1:k\r\n", "END\r\n").contains("\r\n6\r\n"));
}

/// A server that answers each line with what `answer` says, and notes the lines.
fn fake(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let (heard, answer) = (Arc::clone(&lines), Arc::new(answer));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let (heard, answer) = (Arc::clone(&heard), Arc::clone(&answer));
            std::thread::spawn(move || {
                let read = BufReader::new(stream.try_clone().unwrap());
                for line in read.lines().map_while(Result::ok) {
                    let reply = answer(&line);
                    heard.lock().unwrap().push(line);
                    if stream.write_all(reply.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, lines)
}

#[test]
fn an_old_server_is_named_and_sent_nothing() {
    let runtime = runtime();
    for said in
        ["VERSION 1.4.34", "VERSION 1.6.9", "ERROR", "-ERR unknown command", "HTTP/1.1 400 Bad Request"]
    {
        let (address, lines) = fake(move |_| format!("{said}\r\n"));
        let cache = cache(address);
        for (name, call) in CALLS {
            for e in [call(&cache).unwrap_err(), runtime.block_on(call_async(&cache, name)).unwrap_err()] {
                assert_eq!(e.kind(), ErrorKind::Rejected, "{name}: {e}");
                let text = e.to_string();
                assert!(
                    text.contains(said) && text.contains(&address.to_string()) && text.contains("1.6.10"),
                    "{text}"
                );
            }
        }
        assert!(lines.lock().unwrap().iter().all(|line| line == "version"), "something was sent to {said}");
    }
}

#[test]
fn replies_that_are_none() {
    let secret = "a cached value";
    for bad in [
        "VA x\r\n",
        "CLIENT_ERROR bad command line format\r\n",
        "VA 14 f16\r\na cached value!!\r\n",
        "a cached value\r\n",
        "HD\r\nHD\r\n",
        "VA 99999999999999999999\r\n",
        "EN\r\na cached value\r\n",
        "MN\r\n",
    ] {
        let (address, _) =
            fake(
                move |line| if line == "version" { "VERSION 1.6.18\r\n".to_owned() } else { bad.to_owned() },
            );
        let cache = cache(address);
        let results = [
            cache.get::<String>("k").map(drop),
            cache.get_many::<String, _>(["k", "l"]).map(drop),
            cache.clear(),
        ];
        for e in results.into_iter().map(Result::unwrap_err) {
            assert_eq!(e.kind(), ErrorKind::Rejected, "{bad:?}: {e}");
            assert!(!format!("{e} {e:?}").contains(secret), "{e:?}");
        }
    }
    // The answer to another command of the batch.
    let (address, _) = fake(|line| match line {
        "version" => "VERSION 1.6.18\r\n".to_owned(),
        _ => "VA 3 f16 O7\r\nxyz\r\n".to_owned(),
    });
    assert_eq!(cache(address).get_many::<String, _>(["k", "l"]).unwrap_err().kind(), ErrorKind::Rejected);
    let (address, _) = fake(|line| match line {
        "version" => "VERSION 1.6.18\r\n".to_owned(),
        _ => "SERVER_ERROR out of memory storing object\r\n".to_owned(),
    });
    let e = cache(address).touch("k", MINUTE).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Storage);
    assert!(e.to_string().contains("out of memory"), "{e}");
}

/// What a real server says while another client's `ma` replaces the item that is being read: the
/// old value with the new number.
#[test]
fn an_old_value_with_a_new_number_is_read_again() {
    let looks = AtomicUsize::new(0);
    let (address, lines) = fake(move |line| {
        let words: Vec<&str> = line.split(' ').collect();
        let torn = looks.load(Ordering::SeqCst) < 2;
        match words[..] {
            ["version"] => "VERSION 1.6.18\r\n".to_owned(),
            ["mg", _, "c", "u", number] => format!("HD c{} {number}\r\n", if torn { 7 } else { 8 }),
            ["mg", _, "v", "f", "c", "t", number] => {
                looks.fetch_add(1, Ordering::SeqCst);
                format!("VA 1 f2 c8 t-1 {number}\r\n{}\r\n", if torn { 1 } else { 5 })
            }
            ["ma", ..] | ["ms", ..] | ["md", ..] => "HD c9\r\n".to_owned(),
            _ => String::new(),
        }
    });
    assert_eq!(cache(address).incr("n").unwrap(), 6);
    let lines = lines.lock().unwrap();
    assert_eq!(lines.iter().filter(|line| line.starts_with("mg")).count(), 6, "{lines:?}");
    assert_eq!(lines.last().unwrap(), "ma :1:n MI D1 C8", "{lines:?}");
}

#[test]
fn one_cache_in_many_runtimes() {
    let Some(server) = server() else { return };
    let cache = Cache::new(
        options(server.address()).operation_timeout(10 * common::T).max_connections(2).build().unwrap(),
    );
    let single = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // One after another, each gone before the next.
    for n in 0..20 {
        single().block_on(cache.aset("k", &n, MINUTE)).unwrap();
        assert_eq!(single().block_on(cache.aget::<i32>("k")).unwrap(), Some(n));
    }
    // In turns, and the one that is not at work drives no socket.
    let (a, b) = (single(), single());
    for n in 0..20 {
        a.block_on(cache.aset("k", &n, MINUTE)).unwrap();
        assert_eq!(b.block_on(cache.aget::<i32>("k")).unwrap(), Some(n));
        assert_eq!(cache.get::<i32>("k").unwrap(), Some(n));
    }
    // The sync half inside of a runtime.
    a.block_on(async {
        cache.set("k", &1, MINUTE).unwrap();
        assert_eq!(cache.incr("k").unwrap(), 2);
        assert_eq!(cache.aget::<i32>("k").await.unwrap(), Some(2));
    });
    let connections = raw(server.address(), b"stats\r\n", "END\r\n");
    let now = connections.split("STAT curr_connections ").nth(1).unwrap().lines().next().unwrap();
    // Two of each half, the one that asks, and the server's listeners.
    assert!(now.parse::<u32>().unwrap() <= 8, "{now} connections are open");
}

#[test]
fn outside_of_a_runtime_there_is_an_error() {
    let Some(server) = server() else { return };
    let cache = cache(server.address());
    let degrading = Cache::builder(options(server.address()).build().unwrap())
        .on_error(OnError::Fallback)
        .build()
        .unwrap();
    for cache in [&cache, &degrading] {
        let e = futures_util::future::FutureExt::now_or_never(cache.aget::<i32>("k")).unwrap().unwrap_err();
        assert_eq!(e.kind(), ErrorKind::InvalidCacheBackend);
        assert!(e.to_string().contains("called outside of a tokio runtime: call it in one"), "{e}");
    }
    assert_eq!(degrading.degraded(), 0);
    assert_eq!(cache.get::<i32>("k").unwrap(), None);
}

#[test]
fn a_name_that_is_not_found_in_time() {
    // Many wait for one look-up; none waits longer than its time. One after another they would take 16 times
    // that; a busy machine makes some late.
    let cache = MemcachedCache::builder("no-such-host.invalid").operation_timeout(common::T).build().unwrap();
    let cache = Cache::new(cache);
    let late = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let begun = Instant::now();
                assert_eq!(cache.get::<i32>("k").unwrap_err().kind(), ErrorKind::Unavailable);
                late.fetch_add(usize::from(begun.elapsed() > 6 * AT_MOST), Ordering::Relaxed);
            });
        }
    });
    assert_eq!(late.into_inner(), 0);
}

#[test]
fn a_dead_node_is_an_error_or_left_out() {
    let servers: Option<Vec<_>> = (0..3).map(|_| server()).collect();
    let Some(mut servers) = servers else { return };
    let names: Vec<String> = servers.iter().map(|server| server.address().to_string()).collect();
    let (clock, hands) = Clock::manual();
    let strict = Cache::new(MemcachedCache::new(names.clone()).unwrap());
    let rules = EjectionPolicy { retry_attempts: 1, ..EjectionPolicy::default() };
    let lenient = Cache::new(MemcachedCache::builder(names).ejection(rules).clock(clock).build().unwrap());
    let keys: Vec<String> = (0..60).map(|n| format!("k{n}")).collect();
    let fill = || strict.set_many(keys.iter().map(|key| (key, 1)), MINUTE);
    fill().unwrap();
    assert_eq!(lenient.get_many::<i32, _>(&keys).unwrap().len(), 60);
    servers[1].kill();
    let lost: Vec<&String> = keys.iter().filter(|key| strict.get::<i32>(key).is_err()).collect();
    assert!((5..40).contains(&lost.len()), "{} of 60 keys on one of three", lost.len());
    assert_eq!(strict.get_many::<i32, _>(&keys).unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(fill().unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(strict.clear().unwrap_err().kind(), ErrorKind::Unavailable);
    // All the others were cleared all the same.
    assert!(keys.iter().filter_map(|key| strict.get::<i32>(key).ok()).all(|found| found.is_none()));

    let key = lost[0];
    let get = || lenient.get::<i32>(key).map_err(|e| (e.kind(), e.to_string().contains("left alone")));
    assert_eq!(get(), Err((ErrorKind::Unavailable, false)), "it failed");
    assert_eq!(get(), Err((ErrorKind::Unavailable, true)), "not asked");
    hands.advance(Duration::from_millis(1_100));
    assert_eq!(get(), Err((ErrorKind::Unavailable, false)), "tried again");
    hands.advance(Duration::from_millis(1_100));
    assert_eq!(get(), Err((ErrorKind::Unavailable, false)), "for the last time");
    assert_eq!(get(), Ok(None), "left out");
    lenient.set(key, &2, Timeout::Never).unwrap();
    assert_eq!(get(), Ok(Some(2)));
    assert_eq!(lenient.get_many::<i32, _>(&keys).unwrap().len(), 1);
    servers[1].restart().unwrap();
    hands.advance(Duration::from_secs(61));
    assert_eq!(get(), Ok(None), "it has its keys back, and is empty");
}
