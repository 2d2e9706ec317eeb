//! Memory that is never freed, so that readers may look at it at any time: as many entries as were
//! ever in use at a time.

use parking_lot::Mutex;

const CHUNK: usize = 256;

/// What there is before anything is noted.
pub(super) trait Empty: Sized + 'static {
    const EMPTY: Self;
}

/// Entries, made by the chunk when first needed. Whoever has taken one may write to it.
pub(super) struct Leaked<T: Empty>(Mutex<Table<T>>);

struct Table<T: 'static> {
    chunks: Vec<&'static [T; CHUNK]>,
    free: Vec<&'static T>,
}

impl<T: Empty + Sync> Leaked<T> {
    pub(super) const fn new() -> Leaked<T> {
        Leaked(Mutex::new(Table {
            chunks: Vec::new(),
            free: Vec::new(),
        }))
    }

    /// An entry that nobody else has.
    pub(super) fn take(&self) -> &'static T {
        self.0.lock().take()
    }

    /// So many of them.
    pub(super) fn take_into(&self, taken: &mut Vec<&'static T>, number: usize) {
        let mut table = self.0.lock();
        taken.extend((0..number).map(|_| table.take()));
    }

    /// The entry is free for another.
    pub(super) fn give_back(&self, entry: &'static T) {
        self.0.lock().free.push(entry);
    }

    /// All of them are.
    pub(super) fn give_back_all(&self, entries: impl Iterator<Item = &'static T>) {
        self.0.lock().free.extend(entries);
    }

    /// All entries that were ever taken, and some that were not yet.
    pub(super) fn all(&self) -> impl Iterator<Item = &'static T> + use<T> {
        let chunks = self.0.lock().chunks.clone();
        chunks.into_iter().flatten()
    }
}

impl<T: Empty> Table<T> {
    fn take(&mut self) -> &'static T {
        if self.free.is_empty() {
            let chunk: &'static [T; CHUNK] = Box::leak(Box::new([const { T::EMPTY }; CHUNK]));
            self.chunks.push(chunk);
            self.free.extend(chunk);
        }
        self.free.pop().expect("a chunk was just added")
    }
}
