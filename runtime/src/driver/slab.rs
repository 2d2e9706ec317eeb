//! A vector with holes: values keep their index until they are removed.
//!
//! Safe, O(1), and it frees its memory when the last value goes.

/// Values by index; an index is used again after `remove`.
#[derive(Debug)]
pub(super) struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: usize,
    len: usize,
}

#[derive(Debug)]
enum Slot<T> {
    Full(T),
    /// The next free slot.
    Free(usize),
}

/// No free slot.
const END: usize = usize::MAX;
/// Room that is kept when the last value goes.
const KEEP: usize = 16;

impl<T> Slab<T> {
    pub(super) const fn new() -> Slab<T> {
        Slab {
            slots: Vec::new(),
            free: END,
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn insert(&mut self, value: T) -> usize {
        self.len += 1;
        if self.free == END {
            self.slots.push(Slot::Full(value));
            return self.slots.len() - 1;
        }
        let index = self.free;
        if let Slot::Free(next) = std::mem::replace(&mut self.slots[index], Slot::Full(value)) {
            self.free = next;
        }
        index
    }

    /// Takes a value out; `None` if there is none at `index`.
    pub(super) fn remove(&mut self, index: usize) -> Option<T> {
        let slot = self.slots.get_mut(index)?;
        if let Slot::Free(_) = slot {
            return None;
        }
        let Slot::Full(value) = std::mem::replace(slot, Slot::Free(self.free)) else {
            return None;
        };
        self.free = index;
        self.len -= 1;
        if self.len == 0 {
            self.free = END;
            self.slots.clear();
            if self.slots.capacity() > KEEP {
                self.slots = Vec::new();
            }
        }
        Some(value)
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        match self.slots.get_mut(index) {
            Some(Slot::Full(value)) => Some(value),
            _ => None,
        }
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().filter_map(|slot| match slot {
            Slot::Full(value) => Some(value),
            Slot::Free(_) => None,
        })
    }

    /// Takes all values out.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = T> + use<T> {
        self.free = END;
        self.len = 0;
        std::mem::take(&mut self.slots)
            .into_iter()
            .filter_map(|slot| match slot {
                Slot::Full(value) => Some(value),
                Slot::Free(_) => None,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_stay_and_are_used_again() {
        let mut slab = Slab::new();
        let (a, b, c) = (slab.insert('a'), slab.insert('b'), slab.insert('c'));
        assert_eq!(slab.remove(b), Some('b'));
        assert_eq!(slab.remove(b), None);
        assert_eq!(slab.get_mut(a), Some(&mut 'a'));
        assert_eq!(slab.insert('d'), b);
        assert_eq!(slab.iter_mut().map(|c| *c).collect::<String>(), "adc");
        assert_eq!(slab.remove(c), Some('c'));
        assert_eq!(slab.len(), 2);
    }

    #[test]
    fn the_last_value_takes_the_memory_with_it() {
        let mut slab = Slab::new();
        let all: Vec<usize> = (0..1000).map(|i| slab.insert(i)).collect();
        for index in all {
            slab.remove(index);
        }
        assert!(slab.slots.capacity() <= KEEP);
        assert_eq!(slab.insert(7), 0);
    }

    #[test]
    fn drain_empties() {
        let mut slab = Slab::new();
        let first = slab.insert(1);
        slab.insert(2);
        slab.remove(first);
        assert_eq!(slab.drain().collect::<Vec<_>>(), [2]);
        assert_eq!(slab.len(), 0);
    }
}
