//! [`Pool`]: runs calls of a backend that may block on a pool of threads, for async callers.

#[cfg(feature = "thread-pool")]
pub(super) use self::real::Pool;

/// Without the feature `thread-pool` no backend can ask for the pool: `AsyncWay::ThreadPool` does not exist. So no
/// call can block an executor because the feature is off.
#[cfg(not(feature = "thread-pool"))]
#[derive(Clone, Copy)]
pub(super) enum Pool {}

#[cfg(not(feature = "thread-pool"))]
impl Pool {
    pub(super) fn run<T>(self, _call: impl FnOnce() -> T + Send + 'static) -> std::future::Ready<T> {
        match self {}
    }
}

#[cfg(feature = "thread-pool")]
mod real {
    use std::future::Future;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// The pool of the `blocking` crate, in a process that has its threads.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Pool(());

    impl Pool {
        /// Returns the pool if its threads are in this process: they stay behind when a process forks. The child
        /// then calls the backend in place.
        pub(in super::super) fn here() -> Option<Self> {
            /// The process that used the pool first.
            static USED_BY: AtomicU32 = AtomicU32::new(0);
            let here = std::process::id();
            match USED_BY.compare_exchange(0, here, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => Some(Self(())),
                Err(process) => (process == here).then_some(Self(())),
            }
        }

        /// Runs `call` on a thread of the pool. It runs to its end even if the future is dropped.
        #[expect(clippy::unused_self, reason = "a pool is the proof that its threads exist here")]
        pub(in super::super) fn run<T: Send + 'static>(
            self,
            call: impl FnOnce() -> T + Send + 'static,
        ) -> impl Future<Output = T> + Send {
            blocking::unblock(call)
        }
    }
}
