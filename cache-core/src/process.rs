//! [`PerProcess`]: what a handle has of the operating system, apart for each process that uses it.

use std::sync::OnceLock;

/// A value for each process: the one that made a handle, and each child that it became by `fork`.
///
/// After `fork` a child has the descriptors and the locked mutexes of its parent, but none of the parent's other
/// threads. A connection that both use mixes up their replies, and a mutex that another thread held stays locked
/// for ever. So a backend keeps its connections, and the locks around them, in a `PerProcess`: the child finds
/// an empty one, and never closes or unlocks what is the parent's.
///
/// A call asks the system for the number of the process, about 50 ns.
///
/// ```
/// use std::sync::Mutex;
/// use cache_core::PerProcess;
///
/// let connections: PerProcess<Mutex<Vec<std::net::TcpStream>>> = PerProcess::new();
/// assert!(connections.get().lock().unwrap().is_empty());
/// ```
#[derive(Debug)]
pub struct PerProcess<T>(OnceLock<Box<Node<T>>>);

#[derive(Debug)]
struct Node<T> {
    process: u32,
    /// `None` only while it is dropped.
    value: Option<T>,
    /// Of a process that was forked from this one, or from one of its other children.
    next: OnceLock<Box<Self>>,
}

impl<T> PerProcess<T> {
    /// Holds nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// The values of the processes from which this one was forked, as they were then. Whatever is locked
    /// in them stays locked.
    pub fn inherited(&self) -> impl Iterator<Item = &T> {
        let here = std::process::id();
        self.nodes().filter(move |node| node.process != here).filter_map(|node| node.value.as_ref())
    }

    /// The value of this process; made by `make` on its first call.
    pub fn get_or_make(&self, make: impl Fn() -> T) -> &T {
        self.of(std::process::id(), make)
    }

    fn of(&self, process: u32, make: impl Fn() -> T) -> &T {
        let mut place = &self.0;
        loop {
            let Some(node) = place.get() else {
                // Made beside the lock, which a fork in the middle of `make` would leave held in the child. Where
                // another thread was faster, its value counts.
                let _ = place.set(Box::new(Node { process, value: Some(make()), next: OnceLock::new() }));
                continue;
            };
            match &node.value {
                Some(value) if node.process == process => return value,
                _ => place = &node.next,
            }
        }
    }

    fn nodes(&self) -> impl Iterator<Item = &Node<T>> {
        std::iter::successors(self.0.get(), |node| node.next.get()).map(|node| &**node)
    }
}

impl<T: Default> PerProcess<T> {
    /// The value of this process; made on its first call.
    pub fn get(&self) -> &T {
        self.get_or_make(T::default)
    }
}

impl<T> Default for PerProcess<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// What belongs to another process is forgotten: to close a connection would say goodbye in its name.
impl<T> Drop for Node<T> {
    fn drop(&mut self) {
        if self.process != std::process::id() {
            std::mem::forget(self.value.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn each_process_has_a_value_of_its_own() {
        let values: PerProcess<AtomicU32> = PerProcess::new();
        let here = std::process::id();
        values.get().store(1, Ordering::Relaxed);
        for child in [here + 1, here + 2] {
            assert_eq!(values.of(child, AtomicU32::default).swap(child, Ordering::Relaxed), 0);
        }
        assert_eq!(values.get().load(Ordering::Relaxed), 1);
        let inherited: Vec<u32> = values.inherited().map(|value| value.load(Ordering::Relaxed)).collect();
        assert_eq!(inherited, [here + 1, here + 2]);
    }

    #[test]
    fn only_what_is_of_this_process_is_dropped() {
        #[derive(Default)]
        struct Held(OnceLock<Arc<()>>);
        let alive = Arc::new(());
        let values: PerProcess<Held> = PerProcess::new();
        let here = std::process::id();
        for process in [here + 1, here, here + 2] {
            values.of(process, Held::default).0.set(Arc::clone(&alive)).unwrap();
        }
        assert_eq!(Arc::strong_count(&alive), 4);
        drop(values);
        assert_eq!(Arc::strong_count(&alive), 3, "one of the three was dropped");
    }
}
