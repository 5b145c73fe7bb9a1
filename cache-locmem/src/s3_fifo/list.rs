//! Two queues of entries, linked, so that an entry can leave from anywhere in O(1).

/// No place at all.
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queue {
    Small,
    Main,
}

#[derive(Debug)]
struct Node {
    hash: u64,
    before: u32,
    behind: u32,
    /// `None` while the place is free; `behind` is then the next free one.
    queue: Option<Queue>,
}

#[derive(Debug)]
struct Ends {
    front: u32,
    back: u32,
    len: usize,
}

impl Default for Ends {
    fn default() -> Self {
        Self { front: NONE, back: NONE, len: 0 }
    }
}

#[derive(Debug)]
pub(super) struct Lists {
    nodes: Vec<Node>,
    free: u32,
    small: Ends,
    main: Ends,
}

impl Default for Lists {
    fn default() -> Self {
        Self { nodes: Vec::new(), free: NONE, small: Ends::default(), main: Ends::default() }
    }
}

impl Lists {
    pub(super) const fn len(&self, queue: Queue) -> usize {
        match queue {
            Queue::Small => self.small.len,
            Queue::Main => self.main.len,
        }
    }

    pub(super) fn front(&self, queue: Queue) -> Option<u32> {
        let front = match queue {
            Queue::Small => self.small.front,
            Queue::Main => self.main.front,
        };
        (front != NONE).then_some(front)
    }

    pub(super) fn hash(&self, place: u32) -> Option<u64> {
        self.nodes.get(place as usize).map(|node| node.hash)
    }

    /// Adds a place at the back of `queue`.
    pub(super) fn push(&mut self, queue: Queue, hash: u64) -> u32 {
        let node = Node { hash, before: NONE, behind: NONE, queue: None };
        let place = match self.nodes.get_mut(self.free as usize) {
            Some(free) => {
                let place = self.free;
                self.free = free.behind;
                *free = node;
                place
            }
            None => {
                self.nodes.push(node);
                // Entries take over a hundred bytes each: there are not 2^32 in one shard.
                (self.nodes.len() - 1) as u32
            }
        };
        self.link(place, queue);
        place
    }

    pub(super) fn move_to_back(&mut self, place: u32, queue: Queue) {
        if self.unlink(place).is_some() {
            self.link(place, queue);
        }
    }

    /// Frees a place; where it was.
    pub(super) fn remove(&mut self, place: u32) -> Option<(Queue, u64)> {
        let left = self.unlink(place)?;
        let free = self.free;
        let node = self.nodes.get_mut(place as usize)?;
        node.behind = free;
        self.free = place;
        Some(left)
    }

    fn link(&mut self, place: u32, queue: Queue) {
        let ends = self.ends(queue);
        let last = std::mem::replace(&mut ends.back, place);
        ends.len += 1;
        if last == NONE {
            ends.front = place;
        } else {
            self.nodes[last as usize].behind = place;
        }
        let node = &mut self.nodes[place as usize];
        (node.before, node.behind, node.queue) = (last, NONE, Some(queue));
    }

    fn unlink(&mut self, place: u32) -> Option<(Queue, u64)> {
        let node = self.nodes.get_mut(place as usize)?;
        let queue = node.queue.take()?;
        let (before, behind, hash) = (node.before, node.behind, node.hash);
        match self.nodes.get_mut(before as usize) {
            Some(node) => node.behind = behind,
            None => self.ends(queue).front = behind,
        }
        match self.nodes.get_mut(behind as usize) {
            Some(node) => node.before = before,
            None => self.ends(queue).back = before,
        }
        self.ends(queue).len -= 1;
        Some((queue, hash))
    }

    const fn ends(&mut self, queue: Queue) -> &mut Ends {
        match queue {
            Queue::Small => &mut self.small,
            Queue::Main => &mut self.main,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(lists: &mut Lists, queue: Queue) -> Vec<u64> {
        std::iter::from_fn(|| lists.front(queue).and_then(|place| lists.remove(place)))
            .map(|(_, hash)| hash)
            .collect()
    }

    #[test]
    fn entries_leave_from_anywhere_and_places_are_used_again() {
        let mut lists = Lists::default();
        let places: Vec<u32> = (0..6).map(|n| lists.push(Queue::Small, n)).collect();
        lists.move_to_back(places[2], Queue::Main);
        lists.move_to_back(places[0], Queue::Main);
        lists.move_to_back(places[1], Queue::Small);
        for place in [places[4], places[5]] {
            assert!(lists.remove(place).is_some());
            assert_eq!(lists.remove(place), None, "a free place is nobody's");
        }
        lists.move_to_back(places[4], Queue::Main);
        lists.push(Queue::Main, 7);
        lists.push(Queue::Small, 8);
        assert_eq!((lists.len(Queue::Small), lists.len(Queue::Main)), (3, 3));
        assert_eq!(lists.nodes.len(), 6);
        assert_eq!(drain(&mut lists, Queue::Small), [3, 1, 8]);
        assert_eq!(drain(&mut lists, Queue::Main), [2, 0, 7]);
        assert_eq!((lists.len(Queue::Small), lists.len(Queue::Main)), (0, 0));
    }
}
