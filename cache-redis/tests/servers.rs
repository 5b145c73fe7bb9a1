//! Servers as they are really set up: passwords, users, sockets, databases, replicas, Redis' own
//! bytes; and servers that do not speak Redis at all.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use cache_core::{BaseCache as _, Cache, DEFAULT_TIMEOUT, ErrorKind, Timeout};
use cache_redis::RedisCache;
use common::{MINUTE, at, backend, build, cache, inline, redis, run, shown, to};
use conformance_tests::faults::record;
use conformance_tests::servers::{Server, or_skip};

fn works(cache: &Cache<RedisCache>) {
    cache.set("k", "text", MINUTE).unwrap();
    assert_eq!(cache.get::<String>("k").unwrap().as_deref(), Some("text"));
    run(async {
        cache.aset("n", &1, MINUTE).await.unwrap();
        assert_eq!(cache.aincr_by("n", 41).await.unwrap(), 42);
    });
    assert_eq!(cache.incr("n").unwrap(), 43);
}

/// The kinds of the errors of both halves, whose messages do not hold `secret`.
fn refused(cache: &Cache<RedisCache>, secret: &str) -> [ErrorKind; 2] {
    [cache.get::<i64>("k").unwrap_err(), run(cache.aget::<i64>("k")).unwrap_err()].map(|e| {
        assert!(!shown(&e).contains(secret), "{}", shown(&e));
        e.kind()
    })
}

#[test]
fn passwords_and_users() {
    let Some(server) = or_skip(Server::redis(&["--requirepass", "hunter2"])) else { return };
    let address = server.address();
    works(&build(to(format!("redis://:hunter2@{address}"))));
    works(&build(to(format!("redis://default:hunter2@{address}/3"))));
    for url in [
        format!("redis://{address}"),
        format!("redis://:hunter3@{address}/2"),
        format!("redis://hunter3@{address}"),
    ] {
        let kinds = refused(&build(to(url.clone())), "hunter3");
        assert_eq!(kinds, [ErrorKind::Rejected; 2], "{url}");
    }
}

#[test]
fn a_user_with_few_permissions() {
    let user = "user app on >pw@1 ~:1:* +get +set +eval +evalsha +exists +incrby +ping";
    let words: Vec<&str> = user.split(' ').collect();
    let mut extra = vec!["--user"];
    extra.extend(&words[1..]);
    let Some(server) = or_skip(Server::redis(&extra)) else { return };
    let cache = build(to(format!("redis://app:pw%401@{}", server.address())));
    works(&cache);
    let error = cache.clear().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.to_string().contains("FLUSHDB"), "{error}");
    assert_eq!(cache.with_version(2).set("k", &1, MINUTE).unwrap_err().kind(), ErrorKind::Rejected);
}

#[cfg(unix)]
#[test]
fn a_unix_socket() {
    let started = Server::start("redis-server", |port, dir| {
        let socket = dir.join("redis.sock");
        let mut words: Vec<std::ffi::OsString> =
            ["--save", "", "--bind", "127.0.0.1", "--port"].iter().map(Into::into).collect();
        words.extend([port.to_string().into(), "--unixsocket".into(), socket.into()]);
        words.extend(["--dir".into(), dir.into()]);
        words
    });
    let Some(server) = or_skip(started) else { return };
    let path = server.dir().join("redis.sock");
    // It listens there a moment later than at its port.
    let begun = Instant::now();
    while std::os::unix::net::UnixStream::connect(&path).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20));
        thread::sleep(Duration::from_millis(5));
    }
    let cache = build(to(format!("unix://{}?db=2", path.display())));
    works(&cache);
    assert_eq!(inline(server.address(), "DBSIZE", "\r\n"), ":0\r\n", "database 0");
    let timeout = Duration::from_millis(200);
    let url = format!("redis+unix://{}", path.display());
    let slow = build(to(url).operation_timeout(timeout));
    server.pause();
    let begun = Instant::now();
    assert_eq!(refused(&slow, "hunter2"), [ErrorKind::Unavailable; 2]);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    server.resume();
    let missing = build(to("unix:///no/such/socket"));
    assert_eq!(refused(&missing, "hunter2"), [ErrorKind::Unavailable; 2]);
}

/// A server whose queue of new connections is full takes them a moment later.
#[cfg(target_os = "linux")]
#[test]
fn a_full_queue_of_a_unix_socket_is_waited_for() {
    use std::os::unix::net::{UnixListener, UnixStream};

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("redis.sock");
    let cache = build(to(format!("unix://{}", path.display())).connect_timeout(Duration::from_secs(20)));
    let quick = build(to(format!("unix://{}", path.display())).connect_timeout(Duration::from_millis(200)));
    for is_async in [false, true] {
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        // Fills the queue: nobody takes these.
        let waiting = UnixStream::connect(&path).unwrap();
        let ask = |cache: &Cache<RedisCache>| {
            if is_async { run(cache.aget::<i64>("k")) } else { cache.get::<i64>("k") }
        };
        let begun = Instant::now();
        let error = ask(&quick).unwrap_err();
        let waited = begun.elapsed();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(
            waited >= Duration::from_millis(200),
            "async: {is_async}: expected that the full queue is waited for, 200 ms long, and the call ended after {waited:?}: \
             {error}"
        );
        thread::scope(|scope| {
            let asked = scope.spawn(|| ask(&cache));
            // Whether it waits already or comes later, it is answered.
            thread::sleep(Duration::from_millis(50));
            drop(listener.accept().unwrap());
            let (mut stream, _) = listener.accept().unwrap();
            assert!(stream.read(&mut [0; 100]).unwrap() > 0);
            stream.write_all(b"$-1\r\n").unwrap();
            assert_eq!(asked.join().unwrap().unwrap(), None);
        });
        drop(waiting);
    }
}

#[test]
fn clear_spares_the_other_databases() {
    let Some(server) = redis() else { return };
    let database = |number: u8| build(to(format!("redis://{}/{number}", server.address())));
    let caches: Vec<Cache<RedisCache>> = (0..16).map(database).collect();
    for (backend, is_async) in [("redis", false), ("redis async", true)] {
        let (mut lost, mut left) = (0, 0);
        for cleared in [0, 7] {
            caches.iter().for_each(|cache| cache.set("k", &1, MINUTE).unwrap());
            if is_async { run(caches[cleared].aclear()) } else { caches[cleared].clear() }.unwrap();
            for (number, cache) in caches.iter().enumerate() {
                let there = cache.has_key("k").unwrap();
                lost += u64::from(number != cleared && !there);
                left += u64::from(number == cleared && there);
            }
        }
        record(25, backend, 30, lost, &format!("{lost} entries of other databases lost"));
        assert_eq!((lost, left), (0, 0), "{backend}");
    }
}

/// A clock that jumps: the server is told how long, and never until when, so the two clocks need not agree.
#[test]
fn no_command_holds_a_date() {
    let Some(server) = redis() else { return };
    let cache = cache(server.address());
    inline(server.address(), "CONFIG SET slowlog-log-slower-than 0 slowlog-max-len 1000", "OK");
    let lifetime = Duration::from_secs(40 * 86_400);
    cache.set("k", "v", lifetime).unwrap();
    cache.add("l", "v", lifetime).unwrap();
    cache.set_many([("m", "v")], lifetime).unwrap();
    cache.touch("k", lifetime).unwrap();
    run(async {
        cache.aset("k", "v", lifetime).await.unwrap();
        cache.aadd("n", "v", lifetime).await.unwrap();
        cache.aset_many([("m", "v")], lifetime).await.unwrap();
        cache.atouch("k", lifetime).await.unwrap();
    });
    // The oldest, which is listed last, is the command that began it.
    let logged = inline(server.address(), "SLOWLOG GET -1", "slowlog-max-len");
    let words: Vec<&str> = logged.split("\r\n").collect();
    let milliseconds = lifetime.as_millis().to_string();
    for (backend, expected) in [("redis", 8), ("redis async", 8)] {
        let told = words.iter().filter(|word| **word == milliseconds).count();
        let dates =
            words.iter().filter(|word| ["PXAT", "EXAT", "PEXPIREAT", "EXPIREAT"].contains(word)).count();
        record(22, backend, 4, dates as u64, "lifetimes and no dates are sent");
        assert_eq!((told, dates), (expected, 0), "{logged}");
    }
}

#[test]
fn databases_are_locations() {
    let Some(server) = redis() else { return };
    let options = |number| to(format!("redis://{}/{number}", server.address()));
    let database = |number| build(options(number));
    let (one, two) = (database(1), database(2));
    one.set("k", &1, MINUTE).unwrap();
    two.set("k", &2, MINUTE).unwrap();
    one.clear().unwrap();
    assert_eq!((one.get::<i64>("k").unwrap(), two.get::<i64>("k").unwrap()), (None, Some(2)));
    let entries = |number| backend(&options(number)).entries().unwrap();
    assert_eq!((entries(1), entries(2)), (Some(0), Some(1)));
    assert_eq!(refused(&database(99), "hunter2"), [ErrorKind::Rejected; 2]);
}

/// As Django: the first takes the writes, the others are read.
#[test]
fn reads_go_to_replicas() {
    let Some(primary) = redis() else { return };
    let port = primary.address().port().to_string();
    let replica =
        || or_skip(Server::redis(&["--replicaof", "127.0.0.1", &port, "--repl-diskless-sync-delay", "0"]));
    let (Some(first), Some(second)) = (replica(), replica()) else { return };
    let cache = build(to([
        format!("redis://{}", primary.address()),
        format!("redis://{}", first.address()),
        format!("redis://{}", second.address()),
    ]));
    cache.set("n", &7, MINUTE).unwrap();
    let begun = Instant::now();
    for replica in [&first, &second] {
        while !inline(replica.address(), "EXISTS :1:n", "\r\n").contains(":1") {
            assert!(begun.elapsed() < Duration::from_secs(8), "the replicas do not come up");
            thread::sleep(Duration::from_millis(20));
        }
    }
    inline(primary.address(), "CONFIG RESETSTAT", "OK");
    for _ in 0..40 {
        assert_eq!(cache.get::<i64>("n").unwrap(), Some(7));
        assert!(cache.has_key("n").unwrap());
        assert_eq!(cache.get_many::<i64, _>(["n"]).unwrap().len(), 1);
    }
    let gets = |server: &Server| {
        let stats = inline(server.address(), "INFO commandstats", "\r\n\r\n");
        let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_get:calls="));
        line.and_then(|line| line.split(',').next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    assert_eq!(gets(&primary), 0);
    assert!(gets(&first) > 0 && gets(&second) > 0 && gets(&first) + gets(&second) == 40);
    assert_eq!(cache.incr("n").unwrap(), 8);
    let read_only = self::cache(first.address());
    let error = read_only.set("n", &1, MINUTE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(read_only.incr("n").unwrap_err().kind(), ErrorKind::Unavailable);
}

/// What Django and `redis-cli` find: decimal integers, the codec's bytes, Redis' own lifetimes.
#[test]
fn the_bytes_on_the_wire() {
    let Some(server) = redis() else { return };
    let cache = cache(server.address());
    let ask = |command: &str| inline(server.address(), command, "\r\n");
    cache.set("n", &-42, Timeout::Never).unwrap();
    assert_eq!(inline(server.address(), "GET :1:n", "42\r\n"), "$3\r\n-42\r\n");
    assert_eq!(ask("PTTL :1:n"), ":-1\r\n");
    cache.touch("n", Duration::from_micros(1_500_500)).unwrap();
    let left: i64 = ask("PTTL :1:n")[1..].trim().parse().unwrap();
    assert!((1000..=1501).contains(&left), "{left}");
    cache.set("d", "text", DEFAULT_TIMEOUT).unwrap();
    assert!(ask("TTL :1:d").starts_with(":300") || ask("TTL :1:d").starts_with(":299"));
    assert!(cache.touch("n", Timeout::Never).unwrap() && cache.touch("n", Timeout::Never).unwrap());
    assert_eq!(ask("PTTL :1:n"), ":-1\r\n");
    assert!(!cache.touch("absent", Timeout::Never).unwrap());
    // Values of other programs: a list is not the cache's, and is not counted on.
    ask("RPUSH :1:list a");
    ask("SET :1:text hello");
    assert_eq!(cache.get::<i64>("list").unwrap(), None);
    assert_eq!(cache.get_many::<i64, _>(["list", "n"]).unwrap(), [("n", -42)]);
    assert_eq!(cache.incr("list").unwrap_err().kind(), ErrorKind::NotAnInteger);
    assert_eq!(cache.incr("text").unwrap_err().kind(), ErrorKind::NotAnInteger);
    // A double would round this.
    ask("SET :1:big 9007199254740993");
    assert_eq!(cache.incr_by("big", 0).unwrap(), 9_007_199_254_740_993);
    // Far beyond what Redis can add to its clock.
    for days in [365_u64 * 100, 365 * 1_000_000, u64::MAX / 86_400] {
        cache.set("long", &1, Duration::from_secs(days * 86_400)).unwrap();
        assert!(cache.touch("long", Duration::from_secs(days * 86_400)).unwrap());
        assert!(cache.has_key("long").unwrap());
    }
}

/// The server forgets its scripts.
#[test]
fn scripts_are_sent_again() {
    let Some(server) = redis() else { return };
    let cache = cache(server.address());
    cache.set("n", &0, MINUTE).unwrap();
    for round in 1..=3 {
        inline(server.address(), "SCRIPT FLUSH", "OK");
        assert_eq!(cache.incr("n").unwrap(), 2 * round - 1);
        inline(server.address(), "SCRIPT FLUSH", "OK");
        assert_eq!(run(cache.aincr("n")).unwrap(), 2 * round);
        inline(server.address(), "SCRIPT FLUSH", "OK");
        assert_eq!(cache.incr_version("n").unwrap(), 2);
        assert_eq!(cache.with_version(2).decr_version("n").unwrap(), 1);
    }
}

#[test]
fn a_server_out_of_memory() {
    let Some(server) = redis() else { return };
    let cache = cache(server.address());
    cache.set("n", &1, MINUTE).unwrap();
    inline(server.address(), "CONFIG SET maxmemory 1", "OK");
    for error in [
        cache.set("k", "hunter2", MINUTE).unwrap_err(),
        cache.set_many([("k", "hunter2")], MINUTE).unwrap_err(),
        cache.incr("n").unwrap_err(),
        run(cache.aset("k", "hunter2", MINUTE)).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Storage, "{error}");
        assert!(!shown(&error).contains("hunter2"));
    }
    assert_eq!(cache.get::<i64>("n").unwrap(), Some(1));
    inline(server.address(), "CONFIG SET maxmemory 0", "OK");
    assert_eq!(cache.incr("n").unwrap(), 2);
}

/// Something else listens there.
#[test]
fn a_server_that_is_no_redis() {
    for greeting in ["HTTP/1.1 400 Bad Request\r\n\r\n", "\x15\x03\x03\x00\x02\x02\x46", "*1\r\n+secret\r\n"]
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(greeting.as_bytes());
            }
        });
        let kinds = refused(&build(at(address)), "secret");
        assert_eq!(kinds, [ErrorKind::Rejected; 2], "{greeting:?}");
    }
}

#[test]
fn nobody_is_there() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cache = cache(free);
    let begun = Instant::now();
    assert_eq!(refused(&cache, "hunter2"), [ErrorKind::Unavailable; 2]);
    assert_eq!(cache.incr("n").unwrap_err().kind(), ErrorKind::Unavailable, "nothing was sent");
    assert_eq!(run(cache.aincr("n")).unwrap_err().kind(), ErrorKind::Unavailable, "nothing was sent");
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert!(cache.get::<i64>("n").unwrap_err().to_string().contains(&free.to_string()));
}

/// Another program's: Redis keeps an integer as its digits.
#[test]
fn an_integer_beyond_64_bits_is_read_or_says_how() {
    let Some(server) = redis() else { return };
    let cache = cache(server.address());
    for n in [i128::from(u64::MAX), i128::from(i64::MIN) - 1, 12_345_678_901_234_567_890_123] {
        assert!(inline(server.address(), &format!("SET :1:n {n}"), "OK").contains("OK"));
        assert_eq!(cache.get::<i128>("n").unwrap(), Some(n));
        assert_eq!(run(cache.aget::<i128>("n")).unwrap(), Some(n));
        assert_eq!(run(cache.aget_many::<i128, _>(["n"])).unwrap(), [("n", n)]);
        for error in [
            cache.get::<i64>("n").unwrap_err(),
            run(cache.aget::<i64>("n")).unwrap_err(),
            cache.get_many::<String, _>(["n"]).unwrap_err(),
            run(cache.aget_bytes("n")).unwrap_err(),
        ] {
            assert_eq!((error.kind(), error.key()), (ErrorKind::Decode, Some(":1:n")));
            let text = error.to_string();
            assert!(text.contains("i128") && text.contains("`cachectl decode`"), "{text}");
            assert!(!text.contains(&n.to_string()), "it shows the value: {text}");
        }
    }
}
