//! The rules of the crate, each in both halves, against toy servers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use cache_core::{Error, ErrorKind, Mode, poll_now};
use cache_net::{Address, Call, CallError, Limits, RetrySafety, Server};
use common::{LONG, Lines, two_threads};

const MODES: [Mode; 2] = [Mode::Blocking, Mode::Async];

/// Old enough for a refusal to count.
const GROWN: Duration = Duration::from_millis(260);

/// What a toy server does with a line.
enum Act {
    Say(&'static str),
    /// Says it a moment later.
    SayLater(&'static str, Duration),
    /// Says that many bytes, slowly.
    SayLong(usize),
    SayBlock(usize),
    Close,
    Hang,
}

/// A server of lines on a port of its own. It runs until the test's process ends.
struct Toy {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Toy {
    /// `act` is told the number of the connection, from 0 on, and the line.
    fn start(act: impl Fn(usize, &str) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let (counted, act) = (Arc::clone(&connections), Arc::new(act));
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let (number, act) = (counted.fetch_add(1, Ordering::SeqCst), Arc::clone(&act));
                thread::spawn(move || serve(stream, |line| act(number, line)));
            }
        });
        Self { port, connections }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn server(&self, limits: Limits) -> Server<Lines> {
        let address = Address::Tcp { host: "127.0.0.1".to_owned(), port: self.port };
        Server::new(Lines::default(), address, limits)
    }
}

fn serve(stream: TcpStream, act: impl Fn(&str) -> Act) {
    stream.set_nodelay(true).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let mut out = stream;
    let mut line = String::new();
    while lines.read_line(&mut line).is_ok_and(|count| count > 0) {
        let said = match act(line.trim_end()) {
            Act::Say(text) => writeln!(out, "{text}"),
            Act::SayLater(text, time) => {
                thread::sleep(time);
                writeln!(out, "{text}")
            }
            Act::SayLong(length) => long(&mut out, length),
            Act::SayBlock(length) => writeln!(out, "${length}")
                .and_then(|()| out.write_all(&vec![b'x'; length]))
                .and_then(|()| out.write_all(b"\r\n")),
            Act::Close => return,
            Act::Hang => loop {
                thread::park();
            },
        };
        if said.is_err() {
            return;
        }
        line.clear();
    }
}

fn long(out: &mut TcpStream, length: usize) -> std::io::Result<()> {
    let pieces = 20;
    writeln!(out, "${length}")?;
    for _ in 0..pieces {
        out.write_all(&vec![b'x'; length / pieces])?;
        thread::sleep(Duration::from_millis(50));
    }
    out.write_all(b"\r\n")
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.operation_timeout = LONG;
    limits
}

/// A caller of one half.
struct Caller {
    mode: Mode,
    runtime: tokio::runtime::Runtime,
}

impl Caller {
    fn new(mode: Mode) -> Self {
        Self { mode, runtime: two_threads() }
    }

    fn ask(
        &self,
        server: &Server<Lines>,
        line: &str,
        safety: RetrySafety,
        within: Duration,
    ) -> Result<String, CallError> {
        let call = Call::new(self.mode, within);
        let line = line.to_owned();
        let asked = server.call(call, &line, safety);
        let answer = match self.mode {
            Mode::Blocking => poll_now(asked),
            Mode::Async => self.runtime.block_on(asked),
        };
        answer.map(Option::unwrap)
    }

    fn must(&self, server: &Server<Lines>, line: &str) -> String {
        self.ask(server, line, RetrySafety::Idempotent, LONG).map_err(Error::from).unwrap()
    }
}

#[test]
fn one_deadline_covers_connecting_waiting_and_reading() {
    for mode in MODES {
        let caller = Caller::new(mode);
        let toy = Toy::start(|_, _| Act::Hang);
        let server = toy.server(limits());
        let (begun, within) = (Instant::now(), Duration::from_millis(300));
        let e = caller.ask(&server, "k", RetrySafety::Idempotent, within).unwrap_err();
        assert!(begun.elapsed() >= within && begun.elapsed() < LONG, "{mode:?}: {:?}", begun.elapsed());
        assert_eq!(e.error.kind(), ErrorKind::Unavailable, "{mode:?}: {}", e.error);
        assert!(e.is_unreachable, "{mode:?}");
        assert_eq!(toy.connections(), 1, "{mode:?}: a call that is late is not repeated");
    }
}

#[test]
fn a_wrong_server_is_left_and_the_call_repeated_once() {
    for mode in MODES {
        for (said, safety, repeated) in [
            ("refused", RetrySafety::Idempotent, true),
            // Nothing of it was carried out.
            ("refused", RetrySafety::Once, true),
            ("refused in part", RetrySafety::Idempotent, true),
            ("refused in part", RetrySafety::Once, false),
            ("broken", RetrySafety::Step, true),
            ("broken", RetrySafety::AnswerOnce, false),
            ("out of step", RetrySafety::Step, true),
            ("out of step", RetrySafety::Once, false),
            ("ends", RetrySafety::Idempotent, false),
        ] {
            let name = format!("{mode:?}, {said}, {safety:?}");
            let caller = Caller::new(mode);
            let toy = Toy::start(move |number, line| match (number, line) {
                (0, "k") => Act::Say(said),
                (0, _) => Act::Say("first"),
                _ => Act::Say("second"),
            });
            let server = toy.server(limits());
            assert_eq!(caller.must(&server, "hello"), "first", "{name}");
            thread::sleep(GROWN);
            let answer = caller.ask(&server, "k", safety, LONG).map_err(Error::from).unwrap();
            assert_eq!(answer, if repeated { "second" } else { said }, "{name}");
            assert_eq!(caller.must(&server, "k"), "second", "{name}: the connection was kept");
            assert_eq!(toy.connections(), 2, "{name}: connections");
        }
    }
}

#[test]
fn a_server_that_goes_on_refusing_is_asked_twice_and_no_more() {
    for mode in MODES {
        let caller = Caller::new(mode);
        let toy = Toy::start(|_, _| Act::Say("broken"));
        let server = toy.server(limits());
        assert_eq!(caller.must(&server, "k"), "broken", "{mode:?}");
        assert_eq!(toy.connections(), 2, "{mode:?}: attempts of one call");
        // A young connection is kept, so that a server that is loading is not connected to with every call.
        let toy = Toy::start(|_, _| Act::Say("refused"));
        let server = toy.server(limits());
        for _ in 0..5 {
            assert_eq!(caller.must(&server, "k"), "refused", "{mode:?}");
        }
        assert!(toy.connections() <= 2, "{mode:?}: {} connections", toy.connections());
    }
}

#[test]
fn a_connection_that_ended_while_idle_is_replaced() {
    for mode in MODES {
        for safety in [RetrySafety::Idempotent, RetrySafety::AnswerOnce, RetrySafety::Once, RetrySafety::Step]
        {
            let caller = Caller::new(mode);
            let toy = Toy::start(|number, line| match (number, line) {
                (0, "bye") => Act::Say("bye"),
                (0, _) => Act::Close,
                _ => Act::Say("second"),
            });
            let server = toy.server(limits());
            assert_eq!(caller.must(&server, "bye"), "bye");
            thread::sleep(Duration::from_millis(20));
            // It closes when it is asked: whether that was carried out nobody knows.
            let answer = caller.ask(&server, "k", safety, LONG);
            let name = format!("{mode:?}, {safety:?}");
            match answer {
                Ok(answer) => assert!(safety.is_repeatable() && answer == "second", "{name}: {answer}"),
                Err(e) => {
                    let kind = if safety.must_be_known() {
                        ErrorKind::OutcomeUnknown
                    } else {
                        ErrorKind::Unavailable
                    };
                    assert!(!safety.is_repeatable(), "{name}: {}", e.error);
                    assert_eq!(e.error.kind(), kind, "{name}: {}", e.error);
                }
            }
            assert_eq!(caller.must(&server, "k"), "second", "{name}");
        }
    }
}

#[test]
fn a_new_connection_that_is_closed_is_an_error_and_not_repeated() {
    for mode in MODES {
        let caller = Caller::new(mode);
        let toy = Toy::start(|_, _| Act::Close);
        let server = toy.server(limits());
        let e = caller.ask(&server, "k", RetrySafety::Idempotent, LONG).unwrap_err();
        assert_eq!(e.error.kind(), ErrorKind::Unavailable, "{mode:?}: {}", e.error);
        assert!(e.error.to_string().contains("closed the connection"), "{mode:?}: {}", e.error);
        assert_eq!(toy.connections(), 1, "{mode:?}");
    }
}

#[test]
fn a_connection_begins_with_the_handshake() {
    for mode in MODES {
        let caller = Caller::new(mode);
        let toy = Toy::start(|number, line| match line {
            "hello" if number == 0 => Act::Say("go away"),
            "hello" => Act::Say("welcome"),
            _ => Act::Say("done"),
        });
        let address = Address::Tcp { host: "127.0.0.1".to_owned(), port: toy.port };
        let server = Server::new(Lines { hello: Some("hello") }, address, limits());
        let e = caller.ask(&server, "k", RetrySafety::Once, LONG).unwrap_err();
        assert_eq!(e.error.kind(), ErrorKind::Rejected, "{mode:?}: {}", e.error);
        assert!(!e.is_unreachable, "{mode:?}");
        assert_eq!(caller.must(&server, "k"), "done", "{mode:?}");
    }
}

#[test]
fn what_comes_unasked_is_nobodys_answer() {
    for mode in MODES {
        let caller = Caller::new(mode);
        let toy =
            Toy::start(|number, _| if number == 0 { Act::Say("own\nforeign") } else { Act::Say("second") });
        let server = toy.server(limits());
        for _ in 0..3 {
            if let Ok(answer) = caller.ask(&server, "k", RetrySafety::Idempotent, LONG) {
                assert_ne!(answer, "foreign", "{mode:?}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(caller.must(&server, "k"), "second", "{mode:?}");
    }
}

#[test]
fn behind_an_answer_that_is_the_last_nothing_is_anybodys_answer() {
    for mode in MODES {
        for said in ["out of step\nforeign", "ends\nforeign"] {
            let caller = Caller::new(mode);
            let toy = Toy::start(move |_, line| match line {
                "bad" => Act::SayLater(said, Duration::from_millis(50)),
                _ => Act::Say("own"),
            });
            let server = Arc::new(toy.server(limits()));
            // Tasks that share a connection, or threads that do not.
            let ask = |line: &'static str, safety| {
                let server = Arc::clone(&server);
                async move { server.call(Call::new(mode, LONG), &line.to_owned(), safety).await }
            };
            let (bad, other) = caller.runtime.block_on(async {
                let bad = tokio::spawn(ask("bad", RetrySafety::Once));
                while toy.connections() == 0 {
                    tokio::task::yield_now().await;
                }
                let other = tokio::spawn(ask("k", RetrySafety::Idempotent));
                (bad.await.unwrap(), other.await.unwrap())
            });
            let answers = [bad, other].map(|call| call.map_err(Error::from).unwrap().unwrap());
            assert!(said.starts_with(&answers[0]), "{mode:?}: {answers:?} of {said:?}");
            assert_eq!(answers[1], "own", "{mode:?}, behind {said:?}");
        }
    }
}

/// A server that is full.
#[test]
fn what_a_server_says_before_it_is_asked_is_the_answer() {
    for mode in MODES {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                stream.write_all(b"ends\n").unwrap();
            }
        });
        let caller = Caller::new(mode);
        for hello in [None, Some("hello")] {
            for _ in 0..50 {
                let address = Address::Tcp { host: "127.0.0.1".to_owned(), port };
                let server = Server::new(Lines { hello }, address, limits());
                match caller.ask(&server, "k", RetrySafety::Once, LONG) {
                    Ok(answer) => assert_eq!(answer, "ends", "{mode:?}"),
                    Err(e) => {
                        let text = e.error.to_string();
                        assert!(
                            text.contains("does not let this client in: Some(\"ends\")"),
                            "{mode:?}: {text}"
                        );
                    }
                }
            }
        }
    }
}

/// Callers of one half, each on a thread or a task of its own; the longest call.
fn crowd(mode: Mode, server: &Arc<Server<Lines>>, lines: Vec<(&'static str, usize)>) -> Vec<Duration> {
    let caller = Caller::new(mode);
    let ask = move |server: Arc<Server<Lines>>, line: &'static str, length: usize| async move {
        let begun = Instant::now();
        let line = format!("{line}{}", "x".repeat(length));
        server
            .call(Call::new(mode, LONG), &line, RetrySafety::Idempotent)
            .await
            .map_err(Error::from)
            .unwrap();
        begun.elapsed()
    };
    let begin = Arc::new(Barrier::new(lines.len()));
    let calls: Vec<_> = lines
        .into_iter()
        .map(|(line, length)| {
            let (server, begin) = (Arc::clone(server), Arc::clone(&begin));
            let handle = caller.runtime.handle().clone();
            thread::spawn(move || {
                begin.wait();
                match mode {
                    Mode::Blocking => poll_now(ask(server, line, length)),
                    Mode::Async => handle.block_on(ask(server, line, length)),
                }
            })
        })
        .collect();
    calls.into_iter().map(|call| call.join().unwrap()).collect()
}

#[test]
fn a_long_value_does_not_delay_other_calls() {
    for mode in MODES {
        let toy = Toy::start(|_, line| match line {
            "long" => Act::SayLong(4_000_000),
            _ => Act::Say("short"),
        });
        let server = Arc::new(toy.server(limits()));
        let caller = Caller::new(mode);
        caller.must(&server, "short");
        let taken = thread::scope(|scope| {
            let long = scope.spawn(|| crowd(mode, &server, vec![("long", 0)]));
            // The head of the long answer has come by now.
            thread::sleep(Duration::from_millis(300));
            let short = crowd(mode, &server, vec![("short", 0); 4]);
            (long.join().unwrap()[0], short.into_iter().max().unwrap())
        });
        assert!(
            taken.1 < taken.0 / 2,
            "{mode:?}: a short call took {:?} beside a long one of {:?}",
            taken.1,
            taken.0
        );
    }
}

/// Runs `future` without ever sleeping, so that it goes on in the very moment in which it can.
fn spin<F: Future>(runtime: &tokio::runtime::Runtime, future: F) -> F::Output {
    let _entered = runtime.enter();
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
        std::hint::spin_loop();
    }
}

#[test]
fn long_values_one_after_the_other_need_no_second_connection() {
    for mode in MODES {
        let toy = Toy::start(|_, line| match line {
            "long" => Act::SayBlock(300_000),
            _ => Act::Say("done"),
        });
        let server = Arc::new(toy.server(limits()));
        // Long, and still written in one go.
        let lines = ["x".repeat(70_000), "long".to_owned(), "short".to_owned()];
        let calls = async {
            for _ in 0..1_000 {
                for line in &lines {
                    let asked = server.call(Call::new(mode, LONG), line, RetrySafety::Idempotent);
                    asked.await.map_err(Error::from).unwrap();
                }
            }
        };
        match mode {
            Mode::Blocking => poll_now(calls),
            Mode::Async => spin(&two_threads(), calls),
        }
        assert_eq!(toy.connections(), 1, "{mode:?}");
    }
}

#[test]
fn no_more_connections_than_allowed_and_none_is_lost() {
    for mode in MODES {
        let toy = Toy::start(|_, line| match line.len() {
            0..100 => Act::SayLater("short", Duration::from_millis(20)),
            _ => Act::SayLater("long", Duration::from_millis(20)),
        });
        let mut few = limits();
        few.max_connections = 3;
        let server = Arc::new(toy.server(few));
        for _ in 0..3 {
            let lines = [("a", 0), ("b", 100_000), ("c", 0), ("d", 200_000)].repeat(5);
            crowd(mode, &server, lines);
        }
        assert!(toy.connections() <= 3 * 3, "{mode:?}: {} connections", toy.connections());
        if mode == Mode::Blocking {
            assert!(toy.connections() <= 3, "{} connections", toy.connections());
        }
    }
}

#[test]
fn sync_callers_wait_in_order_and_no_longer_than_the_pool_allows() {
    let toy = Toy::start(|_, _| Act::SayLater("done", Duration::from_millis(400)));
    let mut one = limits();
    one.max_connections = 1;
    one.pool_wait = Some(Duration::from_millis(50));
    let server = Arc::new(toy.server(one));
    let first = {
        let server = Arc::clone(&server);
        thread::spawn(move || Caller::new(Mode::Blocking).must(&server, "k"))
    };
    while toy.connections() == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    let begun = Instant::now();
    let e = Caller::new(Mode::Blocking).ask(&server, "k", RetrySafety::Once, LONG).unwrap_err();
    assert!(begun.elapsed() < Duration::from_millis(350), "{:?}", begun.elapsed());
    assert_eq!(e.error.kind(), ErrorKind::Unavailable);
    assert!(e.error.to_string().contains("max_connections") && !e.is_unreachable, "{}", e.error);
    assert_eq!(first.join().unwrap(), "done");
}

#[test]
fn outside_of_a_runtime_the_async_half_is_a_typed_error() {
    let toy = Toy::start(|_, _| Act::Say("k"));
    let server = toy.server(limits());
    let outcome = poll_now(server.call(Call::new(Mode::Async, LONG), &"k".to_owned(), RetrySafety::Once));
    let e = outcome.unwrap_err().error;
    assert_eq!(e.kind(), ErrorKind::InvalidCacheBackend);
    assert!(e.to_string().contains("outside of a tokio runtime"), "{e}");
}

#[test]
fn a_closed_server_opens_anew() {
    for mode in MODES {
        let caller = Caller::new(mode);
        let toy = Toy::start(|number, _| Act::Say(if number == 0 { "first" } else { "second" }));
        let server = toy.server(limits());
        assert_eq!(caller.must(&server, "k"), "first");
        server.close();
        assert_eq!(caller.must(&server, "k"), "second", "{mode:?}");
    }
}

#[test]
fn a_crowd_shares_one_connection_and_a_runtime_that_ends_takes_it_along() {
    let toy = Toy::start(|_, _| Act::Say("done"));
    let server = Arc::new(toy.server(limits()));
    for round in 1..=3 {
        crowd(Mode::Async, &server, vec![("k", 0); 20]);
        assert_eq!(toy.connections(), round, "a connection for each runtime");
    }
}
