//! Values under small numbers that are reused.

/// A table of values, each under the key that [`insert`](Slab::insert) gives it.
#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Slab<T> {
        Slab {
            places: Vec::new(),
            free: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The key of the next value.
    pub(super) fn next_key(&self) -> usize {
        self.free.last().copied().unwrap_or(self.places.len())
    }

    /// The value's key, and the value where it is.
    pub(super) fn insert(&mut self, value: T) -> (usize, &mut T) {
        let key = self.next_key();
        if self.free.pop().is_none() {
            self.places.push(None);
        }
        (key, self.places[key].insert(value))
    }

    pub(super) fn remove(&mut self, key: usize) -> Option<T> {
        let value = self.places.get_mut(key)?.take()?;
        self.free.push(key);
        Some(value)
    }

    /// The values by key.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().flatten()
    }

    /// Takes all values out.
    pub(super) fn take(&mut self) -> impl Iterator<Item = T> + use<T> {
        self.free.clear();
        std::mem::take(&mut self.places).into_iter().flatten()
    }
}

#[cfg(all(test, not(zokio_loom)))]
mod tests {
    use super::*;

    #[test]
    fn keys_are_reused_and_name_one_value_at_a_time() {
        let mut slab = Slab::new();
        let (a, _) = slab.insert("a");
        slab.insert("b");
        assert_eq!(slab.remove(a), Some("a"));
        assert_eq!(slab.remove(a), None);
        assert_eq!(slab.next_key(), a);
        let (c, value) = slab.insert("c");
        assert_eq!((c, *value), (a, "c"));
        assert_eq!(slab.len(), 2);
        assert_eq!(slab.iter().collect::<Vec<_>>(), [&"c", &"b"]);
    }

    #[test]
    fn a_slab_that_was_taken_is_empty_and_begins_anew() {
        let mut slab = Slab::new();
        slab.insert(1);
        let (two, _) = slab.insert(2);
        slab.remove(two);
        assert_eq!(slab.take().collect::<Vec<_>>(), [1]);
        assert!(slab.is_empty());
        assert_eq!((slab.next_key(), slab.remove(0)), (0, None));
    }
}
