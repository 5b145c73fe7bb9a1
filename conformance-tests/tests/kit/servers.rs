//! Servers of a test's own come and go.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use conformance_tests::servers::{Server, or_skip};

const LONG: Duration = Duration::from_secs(20);

/// Sends a line and gives back the answer up to the end of a line.
fn ask(address: SocketAddr, question: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LONG))?;
    stream.write_all(question.as_bytes())?;
    let (mut answer, mut piece) = (Vec::new(), [0; 1_024]);
    while !answer.ends_with(b"\n") {
        let read = stream.read(&mut piece)?;
        if read == 0 {
            break;
        }
        answer.extend_from_slice(&piece[..read]);
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn lives(mut server: Server, set: &str, get: &str, held: &str) {
    let address = server.address();
    assert!(server.dir().is_dir() && server.dir().as_os_str().len() < 90);
    ask(address, set).unwrap();
    assert!(ask(address, get).unwrap().contains(held));
    server.pause();
    let begun = Instant::now();
    server.pause();
    assert!(begun.elapsed() < LONG / 2, "a paused server is found to be so");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    stream.write_all(get.as_bytes()).unwrap();
    assert!(stream.read(&mut [0; 9]).is_err(), "a paused server answers nothing");
    server.resume();
    stream.set_read_timeout(Some(LONG)).unwrap();
    assert!(stream.read(&mut [0; 9]).unwrap() > 0);
    ask(address, set).unwrap();
    server.restart().unwrap();
    assert_eq!(server.address(), address);
    assert!(!ask(address, get).unwrap().contains(held), "it comes back empty");
    drop(server);
    assert!(TcpStream::connect(address).is_err(), "dropped, it is gone");
}

#[test]
fn memcached_lives_and_dies() {
    let Some(server) = or_skip(Server::memcached(&[])) else { return };
    lives(server, "set k 0 0 4\r\nheld\r\n", "get k\r\n", "VALUE k");
}

#[test]
fn redis_lives_and_dies() {
    let Some(server) = or_skip(Server::redis(&[])) else { return };
    lives(server, "SET k held\r\n", "GET k\r\n", "$4");
}

#[test]
fn a_missing_program_is_not_found() {
    let missing = Server::start("no-such-server-program", |_, _| Vec::new());
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
}
