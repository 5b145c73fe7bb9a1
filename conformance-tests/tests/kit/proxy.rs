//! The fault proxy does what it says.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use conformance_tests::proxy::{Fault, Proxy};

/// A server that answers each byte with ten of the same.
fn tenfold() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut byte = [0];
                while stream.read_exact(&mut byte).is_ok() && stream.write_all(&[byte[0]; 10]).is_ok() {}
            });
        }
    });
    Ok(address)
}

fn exchange(stream: &mut TcpStream, byte: u8) -> io::Result<Vec<u8>> {
    stream.write_all(&[byte])?;
    let mut answer = Vec::new();
    let mut piece = [0; 10];
    while answer.len() < 10 {
        let read = stream.read(&mut piece)?;
        if read == 0 {
            break;
        }
        answer.extend_from_slice(&piece[..read]);
    }
    Ok(answer)
}

#[test]
fn it_does_what_each_fault_says() {
    let proxy = Proxy::start(tenfold().unwrap()).unwrap();
    let connect = || {
        let stream = TcpStream::connect(proxy.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        stream
    };
    let mut stream = connect();
    assert_eq!(exchange(&mut stream, 1).unwrap(), [1; 10]);
    assert_eq!(exchange(&mut stream, 2).unwrap(), [2; 10]);
    assert_eq!((proxy.accepted(), proxy.sent(), proxy.turns()), (1, 2, 2));
    for cut in 0..10 {
        let mut stream = connect();
        proxy.set(Fault::CutReply(cut));
        assert_eq!(exchange(&mut stream, 3).unwrap(), vec![3; cut], "cut after {cut}");
    }
    assert_eq!(exchange(&mut stream, 4).unwrap(), [4; 10], "the other connections go on");
    proxy.set(Fault::Dribble(Duration::from_millis(2)));
    assert_eq!(exchange(&mut stream, 5).unwrap(), [5; 10]);
    proxy.set(Fault::Blackhole);
    assert!(exchange(&mut stream, 6).is_err());
    proxy.set(Fault::None);
    assert!(exchange(&mut stream, 6).map_or(true, |answer| answer.is_empty()), "what it lost stays lost");
    let mut stream = connect();
    proxy.set(Fault::StallRequest(0));
    assert!(exchange(&mut connect(), 7).is_err());
    assert_eq!(exchange(&mut connect(), 8).unwrap(), [8; 10]);
    proxy.set(Fault::Refuse);
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    assert!(exchange(&mut connect(), 9).map_or(true, |answer| answer.is_empty()));
    proxy.set(Fault::None);
    assert_eq!(exchange(&mut connect(), 10).unwrap(), [10; 10]);
}
