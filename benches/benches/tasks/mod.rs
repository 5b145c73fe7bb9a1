//! What the areas of servers share: calls in tasks, the four operations, and Django.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use benches::{Contender, Python};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tokio::runtime::{Builder, Runtime};

/// How long entries live.
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// The operations that are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Get,
    Set,
    GetMany,
    SetMany,
}

impl Op {
    pub(crate) const ALL: [Self; 4] = [Self::Get, Self::Set, Self::GetMany, Self::SetMany];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
            Self::GetMany => "get_many(100)",
            Self::SetMany => "set_many(100)",
        }
    }

    /// Of `python/servers.py`.
    const fn function(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
            Self::GetMany => "get_many",
            Self::SetMany => "set_many",
        }
    }
}

/// Where the calls of async contenders run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) tasks: usize,
    pub(crate) name: &'static str,
    one_thread: bool,
}

impl Shape {
    /// One task on one thread is what a call costs; fifty on two is what the client can do.
    pub(crate) const ALONE: [Self; 2] = [
        Self { tasks: 1, name: "async, 1 task, 1 thread", one_thread: true },
        Self { tasks: 1, name: "async, 1 task, 2 threads", one_thread: false },
    ];
    pub(crate) const CROWD: Self = Self { tasks: 50, name: "async, 50 tasks, 2 threads", one_thread: false };

    /// How the throughput grows from one task to the crowd: plain calls alone.
    pub(crate) const BETWEEN: [Self; 2] = [
        Self { tasks: 5, name: "async, 5 tasks, 2 threads", one_thread: false },
        Self { tasks: 20, name: "async, 20 tasks, 2 threads", one_thread: false },
    ];

    /// What is measured in this shape.
    pub(crate) const fn ops(self) -> &'static [Op] {
        if self.tasks == 1 || self.is_crowd() { &Op::ALL } else { &[Op::Get, Op::Set] }
    }

    /// Whether what a client can do at the most is measured, which the goals are about.
    pub(crate) const fn is_crowd(self) -> bool {
        self.tasks == Self::CROWD.tasks
    }

    pub(crate) fn runtime(self) -> Runtime {
        let mut builder =
            if self.one_thread { Builder::new_current_thread() } else { Builder::new_multi_thread() };
        builder.worker_threads(2).enable_all().build().unwrap()
    }
}

/// Calls `work` on one processor, with all the threads and processes that it starts. To wake a server on
/// another one takes 40 to 60 µs on many machines, more than a call, and comes and goes.
pub(crate) fn on_one_processor(work: impl FnOnce()) {
    let all = sched_getaffinity(None).unwrap();
    let mut one = CpuSet::new();
    one.set((0..CpuSet::MAX_CPU).find(|&processor| all.is_set(processor)).unwrap());
    sched_setaffinity(None, &one).unwrap();
    work();
    sched_setaffinity(None, &all).unwrap();
}

/// A contender whose calls are made by `tasks` concurrent tasks, each of which awaits its own calls one after
/// another. `call` gets the number of the task and of the call.
pub(crate) fn in_tasks<'a, F, C>(name: &str, runtime: &'a Runtime, tasks: usize, call: C) -> Contender<'a>
where
    C: Fn(usize, usize) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let call = Arc::new(call);
    Contender::timed(name, move |calls| {
        let each = calls.div_ceil(tasks as u64);
        let took = runtime.block_on(async {
            let start = Instant::now();
            let running: Vec<_> = (0..tasks)
                .map(|task| {
                    let call = Arc::clone(&call);
                    tokio::spawn(async move {
                        for n in 0..each {
                            call(task, task + n as usize).await;
                        }
                    })
                })
                .collect();
            for one in running {
                one.await.unwrap();
            }
            start.elapsed()
        });
        took.mul_f64(calls as f64 / (each * tasks as u64) as f64)
    })
}

/// The least that server and system take: `at_once` requests in one write to a bare socket, and their replies of
/// `length` bytes each, which nobody parses.
pub(crate) fn floor<'a>(address: &str, request: &[u8], length: usize, at_once: usize) -> Contender<'a> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let requests = request.repeat(at_once);
    let mut replies = vec![0; length * at_once];
    Contender::timed("a bare socket", move |calls| {
        let rounds = calls.div_ceil(at_once as u64);
        let start = Instant::now();
        for _ in 0..rounds {
            stream.write_all(&requests).unwrap();
            stream.read_exact(&mut replies).unwrap();
        }
        start.elapsed().mul_f64(calls as f64 / (rounds * at_once as u64) as f64)
    })
    .floor()
}

/// Django's cache on the server at `location`. Returns `None` and prints the reason if Python is missing.
pub(crate) fn django(kind: &str, location: &str) -> Option<Mutex<Python>> {
    let python = django_tests::python::or_skip()?;
    Some(Mutex::new(Python::start(&python, "servers.py", &[kind, location])))
}

/// Django's `op`, where there is a Django.
pub(crate) fn django_peer<'a>(
    name: &str,
    python: Option<&'a Mutex<Python>>,
    op: Op,
) -> Option<Contender<'a>> {
    let python = python?;
    Some(Contender::timed(name, move |calls| python.lock().unwrap().run(op.function(), calls)))
}
