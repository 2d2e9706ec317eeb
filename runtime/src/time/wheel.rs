//! A hierarchical timing wheel: who is due when, in ticks.
//!
//! Pure: the present is passed in, nothing here reads a clock, wakes a task or takes a lock.
//!
//! Six levels of 64 slots. A slot of level *l* spans 64^*l* ticks, so that the wheel spans 2³⁶
//! ticks (two years of milliseconds). An entry lies on the level of the highest base-64 digit in
//! which its tick differs from the wheel's `elapsed`, in the slot of its own digit there. Hence,
//! below the top level:
//!
//! - an occupied slot's digit is greater than `elapsed`'s on that level, and all higher digits are
//!   equal: the lowest occupied level holds the earliest entries, its lowest occupied slot first;
//! - moving `elapsed` up to (not into) the next occupied slot keeps that true.
//!
//! An entry beyond the span lies on the top level; when its slot comes round it is put in again,
//! once in two years. When `elapsed` reaches a slot of a higher level, the slot's entries move
//! down (at most five times in an entry's life) and those whose tick has come fire. Nothing fires
//! before its tick.
//!
//! Insertion and removal take constant time: slots are circular doubly linked lists, threaded
//! through the entries by index. The entries live in a vector rather than in the futures, so
//! that no code here is unsafe and a moved or leaked future does no harm. A fired entry keeps its
//! place, empty, until its owner gives the [`Key`] back.

const LEVELS: usize = 6;
const SLOT_BITS: usize = 6;
const SLOTS: usize = 1 << SLOT_BITS;
const SLOT_MASK: u64 = SLOTS as u64 - 1;
/// Ticks that the wheel spans.
const SPAN: u64 = 1 << (LEVELS * SLOT_BITS);
/// No entry.
const NIL: u32 = u32::MAX;
/// Room that is kept when the last entry goes.
const KEEP: usize = 1024;

/// Entries of type `T` by the tick at which they are due.
#[derive(Debug)]
pub(crate) struct Wheel<T> {
    elapsed: u64,
    levels: [Level; LEVELS],
    entries: Vec<Entry<T>>,
    free: u32,
    /// Entries in slots.
    waiting: usize,
    /// Entries in slots and fired ones whose keys have not been given back.
    held: usize,
}

#[derive(Debug, Clone, Copy)]
struct Level {
    occupied: u64,
    heads: [u32; SLOTS],
}

#[derive(Debug)]
struct Entry<T> {
    when: u64,
    /// `None` once fired.
    value: Option<T>,
    prev: u32,
    /// In the list of free entries: the next one.
    next: u32,
    level: u8,
    slot: u8,
}

/// An entry's owner's handle on it; must be given back with [`Wheel::remove`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Key(u32);

/// A slot that comes next.
struct Slot {
    level: usize,
    slot: usize,
    at: u64,
}

impl<T> Wheel<T> {
    /// An empty wheel whose time is 0.
    pub(crate) const fn new() -> Wheel<T> {
        Wheel {
            elapsed: 0,
            levels: [Level {
                occupied: 0,
                heads: [NIL; SLOTS],
            }; LEVELS],
            entries: Vec::new(),
            free: NIL,
            waiting: 0,
            held: 0,
        }
    }

    /// Entries that wait.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.waiting
    }

    /// Tells an empty wheel the time, so that new entries begin on low levels. A wheel with
    /// entries waits for [`advance`](Wheel::advance).
    pub(crate) fn catch_up(&mut self, now: u64) {
        if self.waiting == 0 {
            self.elapsed = self.elapsed.max(now);
        }
    }

    /// Adds an entry, unless its tick has come: then the value comes back.
    pub(crate) fn insert(&mut self, when: u64, value: T) -> Result<Key, T> {
        if when <= self.elapsed {
            return Err(value);
        }
        let entry = Entry {
            when,
            value: Some(value),
            prev: NIL,
            next: NIL,
            level: 0,
            slot: 0,
        };
        let index = if self.free == NIL {
            assert!(self.entries.len() < NIL as usize, "more than 2^32 timers");
            self.entries.push(entry);
            self.entries.len() as u32 - 1
        } else {
            let index = self.free;
            self.free = self.entries[index as usize].next;
            self.entries[index as usize] = entry;
            index
        };
        self.waiting += 1;
        self.held += 1;
        self.link(index);
        Ok(Key(index))
    }

    /// Takes an entry out; `None` if it has fired.
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let Key(index) = key;
        let value = self.entries[index as usize].value.take();
        if value.is_some() {
            self.unlink(index);
            self.waiting -= 1;
        }
        self.entries[index as usize].next = self.free;
        self.free = index;
        self.held -= 1;
        if self.held == 0 {
            self.free = NIL;
            self.entries.clear();
            if self.entries.capacity() > KEEP {
                self.entries = Vec::new();
            }
        }
        value
    }

    /// An entry's value; `None` if it has fired.
    pub(crate) fn get_mut(&mut self, key: &Key) -> Option<&mut T> {
        self.entries[key.0 as usize].value.as_mut()
    }

    /// A tick before which nothing is due: exact for entries on the lowest level, the beginning
    /// of their slot for others. `None` for an empty wheel.
    pub(crate) fn next(&self) -> Option<u64> {
        self.next_slot().map(|slot| slot.at)
    }

    /// Moves the time to `now` and fires, in the order of their ticks, all entries due by then.
    pub(crate) fn advance(&mut self, now: u64, mut fire: impl FnMut(u64, T)) {
        while let Some(slot) = self.next_slot()
            && slot.at <= now
        {
            self.elapsed = slot.at;
            self.empty_slot(&slot, &mut fire);
        }
        self.elapsed = self.elapsed.max(now);
    }

    /// Fires all entries, due or not.
    pub(crate) fn fire_all(&mut self, mut fire: impl FnMut(u64, T)) {
        self.levels = [Level {
            occupied: 0,
            heads: [NIL; SLOTS],
        }; LEVELS];
        self.waiting = 0;
        for entry in &mut self.entries {
            if let Some(value) = entry.value.take() {
                fire(entry.when, value);
            }
        }
    }

    fn empty_slot(&mut self, slot: &Slot, fire: &mut impl FnMut(u64, T)) {
        let level = &mut self.levels[slot.level];
        let head = std::mem::replace(&mut level.heads[slot.slot], NIL);
        level.occupied &= !(1 << slot.slot);
        let mut index = head;
        loop {
            let entry = &mut self.entries[index as usize];
            let next = entry.next;
            if entry.when <= self.elapsed {
                self.waiting -= 1;
                if let Some(value) = entry.value.take() {
                    fire(entry.when, value);
                }
            } else {
                self.link(index);
            }
            if next == head {
                return;
            }
            index = next;
        }
    }

    fn next_slot(&self) -> Option<Slot> {
        let level = self.levels.iter().position(|level| level.occupied != 0)?;
        let shift = level * SLOT_BITS;
        let current = (self.elapsed >> shift) & SLOT_MASK;
        // The current slot comes last: what lies in it (on the top level only) is a round away.
        let ahead = self.levels[level].occupied.rotate_right(current as u32 + 1);
        let slot = (current + 1 + u64::from(ahead.trailing_zeros())) & SLOT_MASK;
        let round = 1 << (shift + SLOT_BITS);
        let mut at = (self.elapsed & !(round - 1)) + (slot << shift);
        if at <= self.elapsed {
            debug_assert_eq!(level, LEVELS - 1, "only the top level goes round");
            at += round;
        }
        Some(Slot {
            level,
            slot: slot as usize,
            at,
        })
    }

    /// Puts an entry, linked nowhere, into its slot.
    fn link(&mut self, index: u32) {
        let when = self.entries[index as usize].when;
        // At least 1, so that the lowest level is found; at most what the wheel spans.
        let differing = ((self.elapsed ^ when) | 1).min(SPAN - 1);
        let level = differing.ilog2() as usize / SLOT_BITS;
        let slot = ((when >> (level * SLOT_BITS)) & SLOT_MASK) as usize;
        let head = self.levels[level].heads[slot];
        let (prev, next) = if head == NIL {
            self.levels[level].heads[slot] = index;
            self.levels[level].occupied |= 1 << slot;
            (index, index)
        } else {
            let last = self.entries[head as usize].prev;
            self.entries[last as usize].next = index;
            self.entries[head as usize].prev = index;
            (last, head)
        };
        let entry = &mut self.entries[index as usize];
        entry.prev = prev;
        entry.next = next;
        entry.level = level as u8;
        entry.slot = slot as u8;
    }

    fn unlink(&mut self, index: u32) {
        let entry = &self.entries[index as usize];
        let (prev, next) = (entry.prev, entry.next);
        let level = &mut self.levels[entry.level as usize];
        let slot = entry.slot as usize;
        if next == index {
            level.heads[slot] = NIL;
            level.occupied &= !(1 << slot);
            return;
        }
        if level.heads[slot] == index {
            level.heads[slot] = next;
        }
        self.entries[prev as usize].next = next;
        self.entries[next as usize].prev = prev;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn fired(wheel: &mut Wheel<u32>, now: u64) -> Vec<(u64, u32)> {
        let mut all = Vec::new();
        wheel.advance(now, |when, value| all.push((when, value)));
        all
    }

    #[test]
    fn fires_at_its_tick_and_not_before() {
        for when in [
            1,
            63,
            64,
            65,
            4095,
            4096,
            4097,
            262_144,
            1 << 30,
            SPAN - 1,
            SPAN,
            SPAN + 1,
        ] {
            let mut wheel = Wheel::new();
            let _key = wheel.insert(when, 7).unwrap();
            assert!(wheel.next().unwrap() <= when);
            assert_eq!(fired(&mut wheel, when - 1), []);
            assert_eq!(fired(&mut wheel, when), [(when, 7)], "{when}");
            assert_eq!(wheel.next(), None);
        }
    }

    #[test]
    fn tick_in_the_past_comes_back() {
        let mut wheel = Wheel::new();
        wheel.catch_up(10);
        assert_eq!(wheel.insert(10, 'a'), Err('a'));
        assert_eq!(wheel.insert(0, 'b'), Err('b'));
        assert!(wheel.insert(11, 'c').is_ok());
    }

    #[test]
    fn fires_in_the_order_of_ticks_across_levels() {
        let mut wheel = Wheel::new();
        let ticks = [5000, 3, 70, 4096, 64, 200_000, 3];
        for (i, when) in ticks.into_iter().enumerate() {
            wheel.insert(when, i as u32).unwrap();
        }
        let order: Vec<u64> = fired(&mut wheel, 1 << 20)
            .into_iter()
            .map(|(w, _)| w)
            .collect();
        assert_eq!(order, [3, 3, 64, 70, 4096, 5000, 200_000]);
    }

    #[test]
    fn same_tick_fires_first_in_first_out() {
        let mut wheel = Wheel::new();
        let _keys: Vec<Key> = (0..5).map(|i| wheel.insert(9, i).unwrap()).collect();
        let order: Vec<u32> = fired(&mut wheel, 9).into_iter().map(|(_, v)| v).collect();
        assert_eq!(order, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn removed_entry_does_not_fire_and_fired_entry_removes_to_none() {
        let mut wheel = Wheel::new();
        let (a, b, c) = (
            wheel.insert(9, 1).unwrap(),
            wheel.insert(9, 2).unwrap(),
            wheel.insert(9, 3).unwrap(),
        );
        assert_eq!(wheel.remove(b), Some(2));
        assert_eq!(fired(&mut wheel, 9), [(9, 1), (9, 3)]);
        assert_eq!(wheel.get_mut(&a), None);
        assert_eq!(wheel.remove(a), None);
        assert_eq!(wheel.remove(c), None);
        assert_eq!(wheel.held, 0);
    }

    #[test]
    fn beyond_the_span_waits_whole_rounds() {
        let mut wheel = Wheel::new();
        let when = 5 * SPAN + 12_345;
        let key = wheel.insert(when, 1).unwrap();
        let mut looks = 0;
        while wheel.get_mut(&key).is_some() {
            let next = wheel.next().unwrap();
            assert!(next <= when);
            fired(&mut wheel, next);
            looks += 1;
        }
        assert!(looks < 20, "{looks} looks");
        assert_eq!(wheel.elapsed, when);
    }

    #[test]
    fn farthest_tick_of_all_is_accepted() {
        let mut wheel = Wheel::new();
        let key = wheel.insert(u64::MAX, 1).unwrap();
        assert_eq!(fired(&mut wheel, 1 << 50), []);
        assert_eq!(wheel.remove(key), Some(1));
    }

    #[test]
    fn top_level_wraps_round() {
        let mut wheel = Wheel::new();
        wheel.catch_up(SPAN - 1);
        let _key = wheel.insert(SPAN + 5, 1).unwrap();
        assert_eq!(fired(&mut wheel, SPAN + 4), []);
        assert_eq!(fired(&mut wheel, SPAN + 5), [(SPAN + 5, 1)]);
    }

    #[test]
    fn memory_goes_with_the_last_entry() {
        let mut wheel = Wheel::new();
        let keys: Vec<Key> = (0..10_000)
            .map(|i| wheel.insert(100 + i, 0).unwrap())
            .collect();
        for key in keys {
            wheel.remove(key);
        }
        assert_eq!(wheel.entries.capacity(), 0);
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn fire_all_empties_the_wheel() {
        let mut wheel = Wheel::new();
        let near = wheel.insert(1, 1).unwrap();
        let far = wheel.insert(SPAN * 2, 2).unwrap();
        let mut all = Vec::new();
        wheel.fire_all(|_, value| all.push(value));
        all.sort_unstable();
        assert_eq!(
            (all.as_slice(), wheel.len(), wheel.next()),
            ([1, 2].as_slice(), 0, None)
        );
        assert_eq!((wheel.remove(near), wheel.remove(far)), (None, None));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Insert(u64),
        Remove(usize),
        Advance(u64),
    }

    fn distance() -> impl Strategy<Value = u64> {
        prop_oneof![
            0..70u64,
            0..5_000u64,
            0..300_000u64,
            0..(1u64 << 32),
            0..(3 * SPAN)
        ]
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => distance().prop_map(Step::Insert),
            2 => any::<usize>().prop_map(Step::Remove),
            3 => distance().prop_map(Step::Advance),
        ];
        prop::collection::vec(step, 1..120)
    }

    proptest! {
        /// Against the obvious model: a sorted map.
        #[test]
        fn behaves_as_a_sorted_map(steps in steps(), start in 0..(1u64 << 45)) {
            let mut wheel = Wheel::new();
            wheel.catch_up(start);
            let mut now = start;
            let mut model: BTreeMap<(u64, u32), ()> = BTreeMap::new();
            let mut keys: Vec<(Key, u64, u32)> = Vec::new();
            for (id, step) in (0u32..).zip(steps) {
                match step {
                    Step::Insert(distance) => {
                        let when = now + distance;
                        match wheel.insert(when, id) {
                            Ok(key) => {
                                prop_assert!(distance > 0);
                                model.insert((when, id), ());
                                keys.push((key, when, id));
                            }
                            Err(_) => prop_assert_eq!(distance, 0),
                        }
                    }
                    Step::Remove(choice) if !keys.is_empty() => {
                        let (key, when, id) = keys.swap_remove(choice % keys.len());
                        let waited = model.remove(&(when, id)).is_some();
                        prop_assert_eq!(wheel.remove(key), waited.then_some(id));
                    }
                    Step::Remove(_) => {}
                    Step::Advance(distance) => {
                        now += distance;
                        let mut got = fired(&mut wheel, now);
                        let ticks: Vec<u64> = got.iter().map(|(when, _)| *when).collect();
                        prop_assert!(ticks.is_sorted());
                        got.sort_unstable();
                        let later = model.split_off(&(now + 1, 0));
                        let due: Vec<_> = std::mem::replace(&mut model, later).into_keys().collect();
                        prop_assert_eq!(got, due);
                    }
                }
                prop_assert_eq!(wheel.len(), model.len());
                let earliest = model.keys().next().map(|(when, _)| *when);
                match (wheel.next(), earliest) {
                    (Some(next), Some(earliest)) => prop_assert!(now < next && next <= earliest),
                    (next, earliest) => prop_assert_eq!(next, earliest),
                }
            }
        }
    }
}
