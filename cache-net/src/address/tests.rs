use super::*;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;

use rustix::net::{bind, connect as connect_fd, getsockname, listen, socket};

const LONG: Duration = Duration::from_secs(20);

fn one_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn after(time: Duration) -> Instant {
    Instant::now() + time
}

/// An address whose queue of connections is full, so that the next one hangs; and what fills it.
fn dead(port: u16) -> (SocketAddr, Vec<OwnedFd>) {
    let address = SocketAddr::from(([127, 0, 0, 2], port));
    let server = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&server, &address).unwrap();
    listen(&server, 0).unwrap();
    let address = getsockname(&server).unwrap().try_into().unwrap();
    let mut held = vec![server];
    for _ in 0..3 {
        let client = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        rustix::io::ioctl_fionbio(&client, true).unwrap();
        // Those beyond the queue hang.
        let _ = connect_fd(&client, &address);
        held.push(client);
    }
    (address, held)
}

#[test]
fn a_dead_address_costs_its_share() {
    let live = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = live.local_addr().unwrap();
    let (dead, _held) = dead(0);
    let whole = Duration::from_secs(2);
    let in_place = |address, end| ready(open_in_place(address, end));
    let begun = Instant::now();
    let stream = cache_core::poll_now(first(vec![dead, to], after(whole), in_place)).unwrap();
    assert_eq!(stream.peer_addr().unwrap(), to);
    assert!(stream.nodelay().unwrap());
    assert!(begun.elapsed() >= whole / 2, "the first one is not dead");
    let stream = one_thread().block_on(first(vec![dead, to], after(whole), open)).unwrap();
    assert_eq!(stream.peer_addr().unwrap(), to);
    assert!(stream.nodelay().unwrap());
    // All dead: the whole time, and no more than that is shared.
    let short = Duration::from_millis(200);
    let begun = Instant::now();
    let e = cache_core::poll_now(first(vec![dead; 4], after(short), in_place)).unwrap_err();
    assert_eq!(e.kind(), io::ErrorKind::TimedOut);
    let e = one_thread().block_on(first(vec![dead; 4], after(short), open)).unwrap_err();
    assert_eq!(e.kind(), io::ErrorKind::TimedOut);
    assert!(begun.elapsed() >= short * 2 && begun.elapsed() < LONG, "{:?}", begun.elapsed());
}

#[test]
fn a_refusing_address_costs_nothing() {
    let live = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = live.local_addr().unwrap();
    // Nobody listens there.
    let refusing = SocketAddr::from(([127, 0, 0, 3], to.port()));
    let address = Address::Tcp { host: "127.0.0.3".to_owned(), port: to.port() };
    let begun = Instant::now();
    let end = after(LONG);
    cache_core::poll_now(first(vec![refusing, to], end, |a, e| ready(open_in_place(a, e)))).unwrap();
    one_thread().block_on(first(vec![refusing, to], end, open)).unwrap();
    for e in
        [address.connect_in_place(end).unwrap_err(), one_thread().block_on(address.connect(end)).unwrap_err()]
    {
        assert_eq!(e.kind(), io::ErrorKind::ConnectionRefused);
    }
    assert!(begun.elapsed() < LONG / 2);
}

/// Whatever would have come at once: a refusal, an answer of the resolver, a connection.
#[test]
fn no_time_left_is_a_timeout() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let unix = UnixListener::bind(&path).unwrap();
    let tcp = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = tcp.local_addr().unwrap().port();
    for address in [
        Address::Tcp { host: "127.0.0.1".to_owned(), port: 1 },
        Address::Tcp { host: "no-such-host.invalid".to_owned(), port: 1 },
        Address::Tcp { host: "127.0.0.1".to_owned(), port },
        Address::Tcp { host: "localhost".to_owned(), port },
        Address::Unix(path.clone()),
        Address::Unix(dir.path().join("none")),
    ] {
        let e = address.connect_in_place(Instant::now()).unwrap_err();
        assert_eq!(e.kind(), io::ErrorKind::TimedOut, "{address:?}: {e}");
        let e = one_thread().block_on(address.connect(Instant::now())).unwrap_err();
        assert_eq!(e.kind(), io::ErrorKind::TimedOut, "{address:?}: {e}");
    }
    // No connection was begun.
    unix.set_nonblocking(true).unwrap();
    tcp.set_nonblocking(true).unwrap();
    assert_eq!(unix.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_eq!(tcp.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

/// A Unix socket with a full queue, and what fills it.
fn full(path: &Path) -> (UnixListener, Vec<OwnedFd>) {
    let server = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    let address = SocketAddrUnix::new(path).unwrap();
    bind(&server, &address).unwrap();
    listen(&server, 1).unwrap();
    let mut held = Vec::new();
    loop {
        let client = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        rustix::io::ioctl_fionbio(&client, true).unwrap();
        match connect_fd(&client, &address) {
            Ok(()) => held.push(client),
            Err(e) => {
                assert_eq!(e, Errno::AGAIN);
                return (server.into(), held);
            }
        }
    }
}

#[test]
fn a_full_queue_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let (server, _held) = full(&path);
    let address = Address::Unix(path);
    let accepting = thread::spawn(move || {
        // Long enough that all have found it full.
        thread::sleep(Duration::from_millis(300));
        for stream in server.incoming().take(42) {
            let _ = stream.unwrap();
        }
        server
    });
    let runtime = one_thread();
    thread::scope(|scope| {
        let calls: Vec<_> = (0..20).map(|_| scope.spawn(|| address.connect_in_place(after(LONG)))).collect();
        runtime.block_on(async {
            let calls = (0..20).map(|_| {
                let address = address.clone();
                tokio::spawn(async move { address.connect(after(LONG)).await.map(drop) })
            });
            for call in calls.collect::<Vec<_>>() {
                call.await.unwrap().unwrap();
            }
        });
        for call in calls {
            call.join().unwrap().unwrap();
        }
    });
    drop(accepting.join().unwrap());
}

#[test]
fn a_queue_that_stays_full_is_a_timeout() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let (_server, _held) = full(&path);
    let address = Address::Unix(path);
    let time = Duration::from_millis(100);
    for mode in [Mode::Blocking, Mode::Async] {
        let begun = Instant::now();
        let e = match mode {
            Mode::Blocking => address.connect_in_place(after(time)).unwrap_err(),
            Mode::Async => one_thread().block_on(address.connect(after(time))).unwrap_err(),
        };
        assert_eq!(e.kind(), io::ErrorKind::TimedOut);
        assert!(e.to_string().contains("queue"), "{e}");
        assert!(begun.elapsed() >= time && begun.elapsed() < LONG, "{:?}", begun.elapsed());
    }
}

#[test]
fn a_unix_socket_without_a_server_fails_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let gone = dir.path().join("gone");
    drop(UnixListener::bind(&gone).unwrap());
    for (path, kind) in
        [(gone, io::ErrorKind::ConnectionRefused), (dir.path().join("none"), io::ErrorKind::NotFound)]
    {
        let (address, begun) = (Address::Unix(path), Instant::now());
        assert_eq!(address.connect_in_place(after(LONG)).unwrap_err().kind(), kind);
        let e = one_thread().block_on(address.connect(after(LONG))).unwrap_err();
        assert_eq!(e.kind(), kind);
        assert!(begun.elapsed() < LONG / 2);
    }
}
