//! The machine's stack, the marks on it, and its memo.

use crate::error::Flaw;
use crate::read::item::Item;
use crate::read::machine::{Machine, UNDERFLOW};

const THROWN_AWAY: Flaw =
    Flaw::unsupported("it calls a function for its side effects, but nothing is executed here");

impl<'de> Machine<'de, '_> {
    #[inline]
    pub(super) fn push(&mut self, item: Item<'de>) -> Result<(), Flaw> {
        if self.stack.len() >= self.limits.stack() {
            return Err(Flaw::TOO_MANY);
        }
        self.stack.push(item);
        Ok(())
    }

    pub(super) fn top(&self) -> Result<Item<'de>, Flaw> {
        match self.stack.last() {
            Some(top) if self.stack.len() > self.fence => Ok(*top),
            _ => Err(UNDERFLOW),
        }
    }

    /// Checks that `count` items lie above the fence.
    pub(super) fn has(&self, count: usize) -> Result<usize, Flaw> {
        let below = self.stack.len().checked_sub(count).ok_or(UNDERFLOW)?;
        if below < self.fence { Err(UNDERFLOW) } else { Ok(below) }
    }

    pub(super) fn pop_array<const N: usize>(&mut self) -> Result<[Item<'de>; N], Flaw> {
        let below = self.has(N)?;
        let items = *self.stack.last_chunk().ok_or(UNDERFLOW)?;
        self.stack.truncate(below);
        Ok(items)
    }

    pub(super) fn mark(&mut self) -> Result<(), Flaw> {
        if self.marks.len() >= self.limits.stack() {
            return Err(Flaw::TOO_MANY);
        }
        self.fence = self.stack.len();
        self.marks.push(self.fence as u32);
        Ok(())
    }

    /// Takes the last mark away; how many items lie above it.
    pub(super) fn unmark(&mut self) -> Result<usize, Flaw> {
        let mark = self.marks.pop().ok_or(Flaw::malformed("an operation lacks its mark"))?;
        self.fence = self.marks.last().map_or(0, |&mark| mark as usize);
        Ok(self.stack.len() - mark as usize)
    }

    pub(super) fn put(&mut self, index: usize) -> Result<(), Flaw> {
        let item = Some(self.top()?);
        if index == self.memo.len() && index < self.longest_memo {
            self.memo.push(item);
            self.memoized += 1;
            return Ok(());
        }
        // No pickle has more places than bytes.
        if index >= self.longest_memo {
            return Err(Flaw::limit("its memo is larger than the limit allows"));
        }
        if index > self.memo.len() {
            self.memo.resize(index + 1, None);
        }
        if let Some(place) = self.memo.get_mut(index) {
            self.memoized += usize::from(place.is_none());
            *place = item;
        }
        Ok(())
    }

    pub(super) fn get(&mut self, index: usize) -> Result<(), Flaw> {
        let item = self.memo.get(index).copied().flatten();
        self.again(item.ok_or(Flaw::malformed("a memo's place that is empty"))?)
    }

    /// Pushes an item that has another place already.
    pub(super) fn again(&mut self, item: Item<'de>) -> Result<(), Flaw> {
        self.shared |= item.is_node();
        self.repeated += self.arena.text_len(&item);
        self.push(item)
    }

    pub(super) fn drop_top(&mut self) -> Result<(), Flaw> {
        if self.stack.len() == self.fence {
            return self.unmark().map(drop);
        }
        let [item] = self.pop_array()?;
        self.may_drop(&item)
    }

    pub(super) fn drop_marked(&mut self) -> Result<(), Flaw> {
        let count = self.unmark()?;
        let below = self.has(count)?;
        let dropped = self.stack.get(below..).unwrap_or_default();
        dropped.iter().try_for_each(|item| self.may_drop(item))?;
        self.stack.truncate(below);
        Ok(())
    }

    /// Refuses to drop an object that was made for a side effect. Python drops parts of a tuple or a
    /// frozenset that it finds in itself while it writes it: they are remembered, and so is the whole.
    fn may_drop(&self, item: &Item<'de>) -> Result<(), Flaw> {
        let Item::Object(row) = *item else { return Ok(()) };
        if !self.arena.may_be_called(row) {
            return Ok(());
        }
        let remembered = |place: &Item<'de>| matches!(*place, Item::Object(other) if other == row);
        Err(if self.memo.iter().flatten().any(remembered) { Flaw::RECURSIVE } else { THROWN_AWAY })
    }
}
