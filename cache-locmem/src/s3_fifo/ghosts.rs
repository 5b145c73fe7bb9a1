//! What has left the queues not long ago: eight bytes of each.

/// Ghosts of one group lie together: one look at memory finds all that may be meant.
const GROUP: usize = 8;

/// Slots in thousandths of the share. More than ghosts are kept, since groups fill unevenly.
const SLOTS: usize = 2_500;

/// By origin. A ghost from main says that main is too small, or chose badly, and that while it is close.
const KEPT: [usize; 2] = [super::KEPT, super::CLOSE];

/// The queue that a ghost has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Small = 0,
    Main = 1,
}

#[derive(Debug)]
pub(super) struct Ghosts {
    /// 31 bits of the hash, the origin, and the 32-bit number of its departure; 0 for none. The oldest of a
    /// group makes room for another. Nothing is allocated before the first departure.
    slots: Vec<[u64; GROUP]>,
    groups: usize,
    kept: [usize; 2],
    departures: [u32; 2],
}

impl Ghosts {
    pub(super) fn new(share: usize) -> Self {
        let groups = super::part(share, SLOTS).div_ceil(GROUP);
        let kept = KEPT.map(|thousandths| super::part(share, thousandths));
        // The first departure is number one: a ghost is never 0.
        Self { slots: Vec::new(), groups, kept, departures: [1, 1] }
    }

    /// Returns how many have left this queue, plus one, modulo 2^32.
    pub(super) const fn departures(&self, origin: Origin) -> u32 {
        self.departures[origin as usize]
    }

    pub(super) fn leave(&mut self, hash: u64, origin: Origin) {
        if self.slots.is_empty() {
            self.slots = vec![[0; GROUP]; self.groups];
        }
        let departure = self.departures[origin as usize];
        self.departures[origin as usize] = departure.wrapping_add(1).max(1);
        let ghost = (hash >> 33 << 33) | (origin as u64) << 32 | u64::from(departure);
        let group = self.group(hash);
        let ages = self.slots[group].map(|slot| if self.is_kept(slot) { self.age(slot) } else { usize::MAX });
        let oldest = (0..GROUP).max_by_key(|&slot| ages[slot]).unwrap_or_default();
        self.slots[group][oldest] = ghost;
    }

    /// Returns the queue that `hash` has left, and how many have left it since then.
    pub(super) fn find(&self, hash: u64) -> Option<(Origin, usize)> {
        let slots = self.slots.get(self.group(hash))?;
        let ghost = *slots.iter().find(|&&slot| self.is(slot, hash))?;
        Some((origin(ghost), self.age(ghost)))
    }

    /// Finds a ghost as [`Ghosts::find`] does, and removes it.
    pub(super) fn take(&mut self, hash: u64) -> Option<(Origin, usize)> {
        let found = self.find(hash)?;
        let group = self.group(hash);
        let place = self.slots[group].iter().position(|&slot| self.is(slot, hash))?;
        self.slots[group][place] = 0;
        Some(found)
    }

    fn is(&self, slot: u64, hash: u64) -> bool {
        slot >> 33 == hash >> 33 && self.is_kept(slot)
    }

    fn is_kept(&self, slot: u64) -> bool {
        slot != 0 && self.age(slot) <= self.kept[origin(slot) as usize]
    }

    fn age(&self, ghost: u64) -> usize {
        let now = self.departures[origin(ghost) as usize];
        now.wrapping_sub(ghost as u32) as usize
    }

    /// Chooses a group by bits that neither the shard nor the ghost's mark goes by.
    fn group(&self, hash: u64) -> usize {
        let spread = hash & u64::from(u32::MAX);
        ((u128::from(spread) * self.groups as u128) >> 32) as usize
    }
}

const fn origin(ghost: u64) -> Origin {
    if ghost >> 32 & 1 == 0 { Origin::Small } else { Origin::Main }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    /// A hash of this number, spread over all its bits.
    fn hash(n: u64) -> u64 {
        let mixed = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }

    #[test]
    fn a_ghost_is_found_once_with_its_age() {
        let mut ghosts = Ghosts::new(100);
        (0..50).for_each(|n| ghosts.leave(hash(n), Origin::Small));
        ghosts.leave(hash(1_000), Origin::Main);
        assert_eq!(ghosts.find(hash(0)), Some((Origin::Small, 50)));
        assert_eq!(ghosts.take(hash(49)), Some((Origin::Small, 1)));
        assert_eq!(ghosts.take(hash(49)), None);
        assert_eq!(ghosts.take(hash(1_000)), Some((Origin::Main, 1)));
        assert_eq!(ghosts.find(hash(2_000)), None);
    }

    #[test]
    fn ghosts_are_bounded_and_the_oldest_are_forgotten() {
        let mut ghosts = Ghosts::new(1_000);
        (0..50_000).for_each(|n| ghosts.leave(hash(n), Origin::Small));
        assert!(ghosts.slots.len() * GROUP <= 2_504, "{} slots", ghosts.slots.len() * GROUP);
        let kept = (0..50_000).filter(|&n| ghosts.find(hash(n)).is_some()).count();
        assert!((1_800..=2_000).contains(&kept), "{kept} ghosts");
        assert!((0..47_999).all(|n| ghosts.find(hash(n)).is_none()));
        let newest = (49_000..50_000).filter(|&n| ghosts.find(hash(n)).is_some()).count();
        assert!(newest >= 980, "{newest} of the newest 1,000");
    }
}
