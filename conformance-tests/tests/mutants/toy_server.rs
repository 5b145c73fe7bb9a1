//! A small server with a protocol of one line of JSON each way, for the mutants of [`toy_client`](crate::toy_client):
//! the test program runs itself as it.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cache_core::{CodecId, Payload};
use conformance_tests::servers::Server;
use serde::{Deserialize, Serialize};

/// The argument that makes the test program a server; the port follows.
const SERVE: &str = "--toy-server";

/// A payload on the wire: kind, codec, bytes, and the number of an integer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Value(u8, u8, Vec<u8>, i64);

impl From<&Payload> for Value {
    fn from(payload: &Payload) -> Self {
        let (kind, CodecId(codec)) = payload.tags();
        let number = if let Payload::Int(number) = payload { *number } else { 0 };
        Self(kind as u8, codec, payload.bytes().to_vec(), number)
    }
}

impl Value {
    pub(crate) fn payload(self) -> Payload {
        let Self(kind, codec, bytes, number) = self;
        Payload::from_parts(kind, codec, Bytes::from(bytes)).unwrap_or(Payload::Int(number))
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Ask {
    Get(Vec<String>),
    Set(Vec<(String, Value)>, Option<Duration>),
    Add(String, Value, Option<Duration>),
    Touch(String, Option<Duration>),
    Delete(Vec<String>),
    Incr(String, i64),
    Rename(String, String),
    Clear,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Values(Vec<Option<Value>>),
    Done(bool),
    Sum(i64),
    NotFound,
    NotAnInteger,
    Overflow,
}

/// A server process of this program's own.
pub(crate) fn start() -> std::io::Result<Server> {
    Server::start(std::env::current_exe()?, |port: u16, _: &Path| vec![SERVE.into(), port.to_string().into()])
}

/// In a process that was started as a server, serves until it is killed.
pub(crate) fn serve_if_told() {
    let mut arguments = std::env::args().skip_while(|argument| argument != SERVE).skip(1);
    let Some(port) = arguments.next().and_then(|port| port.parse().ok()) else { return };
    let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) else { std::process::exit(1) };
    let entries = Arc::new(Entries::default());
    for stream in listener.incoming().flatten() {
        let entries = Arc::clone(&entries);
        // A client that goes away ends its thread.
        thread::spawn(move || serve(&entries, stream));
    }
}

fn serve(entries: &Entries, stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut replies = stream.try_clone()?;
    for line in BufReader::new(stream).lines() {
        let mut reply = serde_json::to_vec(&entries.answer(serde_json::from_str(&line?)?))?;
        reply.push(b'\n');
        replies.write_all(&reply)?;
    }
    Ok(())
}

type Entry = (Value, Option<Instant>);

#[derive(Default)]
struct Entries(Mutex<HashMap<String, Entry>>);

impl Entries {
    fn live(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        entries.retain(|_, (_, deadline)| deadline.is_none_or(|deadline| now < deadline));
        entries
    }

    fn answer(&self, ask: Ask) -> Answer {
        let mut entries = self.live();
        let deadline =
            |lifetime: Option<Duration>| lifetime.and_then(|time| Instant::now().checked_add(time));
        match ask {
            Ask::Get(keys) => Answer::Values(
                keys.iter().map(|key| entries.get(key).map(|(value, _)| value.clone())).collect(),
            ),
            Ask::Set(values, lifetime) => {
                let deadline = deadline(lifetime);
                entries.extend(values.into_iter().map(|(key, value)| (key, (value, deadline))));
                Answer::Done(true)
            }
            Ask::Add(key, value, lifetime) => {
                let absent = !entries.contains_key(&key);
                if absent {
                    entries.insert(key, (value, deadline(lifetime)));
                }
                Answer::Done(absent)
            }
            Ask::Touch(key, lifetime) => {
                let there = entries.get_mut(&key).map(|entry| entry.1 = deadline(lifetime));
                Answer::Done(there.is_some())
            }
            Ask::Delete(keys) => {
                let gone = keys.iter().filter(|key| entries.remove(*key).is_some()).count();
                Answer::Done(gone > 0)
            }
            Ask::Incr(key, delta) => match entries.get_mut(&key) {
                None => Answer::NotFound,
                Some((Value(0, _, _, number), _)) => match number.checked_add(delta) {
                    Some(sum) => {
                        *number = sum;
                        Answer::Sum(sum)
                    }
                    None => Answer::Overflow,
                },
                Some(_) => Answer::NotAnInteger,
            },
            Ask::Rename(from, to) => {
                let entry = entries.remove(&from);
                Answer::Done(entry.map(|entry| entries.insert(to, entry)).is_some())
            }
            Ask::Clear => {
                entries.clear();
                Answer::Done(true)
            }
        }
    }
}
