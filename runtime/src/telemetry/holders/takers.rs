//! Who took permits of a semaphore, and how many permits there are.
//!
//! The latest taker is remembered in the semaphore, by plain stores to a cache line that the taker has
//! just written. In its [cell](super::cell) are the last few of those that waited for their permits, and
//! of those that others found when they began to wait: while nobody waits the cell is not touched, since
//! it lies in a line that another processor wrote last, and that costs as much as the semaphore. Permits move
//! between tasks, so who took them is not who has them. But this is certain: while a task waits for
//! one permit, the permits that were taken latest have not come back, unless they were handed to a
//! waiter that has not run since.

use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use super::MAY_MOVE;
use super::cell::{self, Cell, Taker};
use crate::telemetry::current;

/// See the module.
#[derive(Debug)]
pub(crate) struct Takers {
    latest: Taker,
    /// Null, or a cell of the table that is this semaphore's until it is dropped.
    cell: AtomicPtr<Cell>,
    /// Permits that there are: available, taken, and on their way to a waiter.
    total: AtomicUsize,
}

impl Takers {
    /// Of a semaphore with that many permits.
    pub(crate) const fn new(total: usize) -> Takers {
        Takers {
            latest: Taker::new(),
            cell: AtomicPtr::new(ptr::null_mut()),
            total: AtomicUsize::new(total),
        }
    }

    /// The task being polled on this thread has taken permits at that place.
    #[inline]
    pub(crate) fn taken(&self, place: &'static Location<'static>) {
        self.taken_with(0, place);
    }

    /// As [`taken`](Takers::taken), by an owned permit.
    #[inline]
    pub(crate) fn taken_to_move(&self, place: &'static Location<'static>) {
        self.taken_with(MAY_MOVE, place);
    }

    #[inline]
    fn taken_with(&self, mark: u64, place: &'static Location<'static>) {
        let task = match current::get().task {
            0 => 0,
            task => task | mark,
        };
        self.latest.store(task, ptr::from_ref(place).cast_mut());
    }

    /// The task being polled on this thread has waited, and gets its permits at that place.
    pub(crate) fn granted(&self, place: &'static Location<'static>) {
        self.granted_with(0, place);
    }

    /// As [`granted`](Takers::granted), for an owned permit.
    pub(crate) fn granted_to_move(&self, place: &'static Location<'static>) {
        self.granted_with(MAY_MOVE, place);
    }

    fn granted_with(&self, mark: u64, place: &'static Location<'static>) {
        if let Some(cell) = cell::of(&self.cell) {
            let task = current::get().task;
            cell.push(if task == 0 { 0 } else { task | mark }, place);
        }
    }

    /// Permits have come back and gone to waiters.
    #[cold]
    pub(crate) fn given_back(&self) {
        if let Some(cell) = cell::of(&self.cell) {
            cell.give_back();
        }
    }

    /// Permits have been added to those that there are.
    pub(crate) fn added(&self, permits: usize) {
        self.total.fetch_add(permits, Ordering::Relaxed);
        self.tell_total();
    }

    /// Permits have been taken away for good.
    pub(crate) fn forgotten(&self, permits: usize) {
        if permits == 0 {
            return;
        }
        self.total.fetch_sub(permits, Ordering::Relaxed);
        // That nobody has them is not the latest taker's doing.
        self.latest.store(0, ptr::null_mut());
        self.given_back();
        self.tell_total();
    }

    /// How many permits there are, whoever has them.
    pub(crate) fn total(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    fn tell_total(&self) {
        let Some(cell) = cell::of(&self.cell) else {
            return;
        };
        // Of several that come at once the one that sees the final number tells it last.
        let mut told = None;
        while told != Some(self.total()) {
            let total = self.total();
            cell.set_total(total);
            told = Some(total);
        }
    }

    /// A task waits for so many permits of the semaphore, which its notes name by `resource`. Makes
    /// visible who took them.
    pub(crate) fn waited_for(&self, resource: *const (), permits: usize) {
        let cell = cell::of(&self.cell).unwrap_or_else(|| {
            let cell = cell::give(&self.cell);
            cell.set_total(self.total());
            cell
        });
        let latest = self.latest.load();
        if cell.newest() != latest {
            // It took while nobody waited.
            cell.push_raw(latest.0, latest.1);
            cell.keep();
        }
        if permits > 1 {
            cell.set_many();
        }
        cell.name(resource);
    }
}

impl Drop for Takers {
    fn drop(&mut self) {
        cell::take_back(&mut self.cell);
    }
}

#[cfg(all(test, not(zokio_loom)))]
mod tests {
    use super::super::{CellView, all};
    use super::*;
    use crate::sync::test_util::{fresh_task, polling};

    fn seen(takers: &Takers) -> Option<CellView> {
        let resource = ptr::from_ref(takers).addr() as u64;
        all().find(|known| known.resource == resource)?.read()
    }

    fn wait_for(takers: &Takers) {
        takers.waited_for(ptr::from_ref(takers).cast(), 1);
    }

    fn tasks(takers: &Takers) -> Vec<u64> {
        let view = seen(takers).expect("a cell");
        view.takers.iter().map(|taken| taken.task).collect()
    }

    #[test]
    fn who_took_before_anybody_waited_shows_once_somebody_does() {
        let takers = Takers::new(1);
        let task = fresh_task();
        {
            let _polling = polling(task);
            takers.taken(Location::caller());
        }
        assert!(seen(&takers).is_none());
        wait_for(&takers);
        let view = seen(&takers).unwrap();
        assert_eq!((view.total, view.given_back), (Some(1), false));
        assert_eq!(
            (view.takers[0].task, view.takers[0].may_move),
            (task, false)
        );
        assert_eq!(view.takers[0].place.map(Location::file), Some(file!()));
        wait_for(&takers);
        assert_eq!(tasks(&takers), [task], "it is told once");
    }

    #[test]
    fn the_last_four_are_remembered_the_latest_first() {
        let takers = Takers::new(5);
        wait_for(&takers);
        let all: Vec<u64> = (0..6).map(|_| fresh_task()).collect();
        for &task in &all {
            let _polling = polling(task);
            takers.taken_to_move(Location::caller());
            takers.granted_to_move(Location::caller());
        }
        let latest: Vec<u64> = all.iter().rev().take(4).copied().collect();
        assert_eq!(tasks(&takers), latest);
        assert!(seen(&takers).unwrap().takers.iter().all(|t| t.may_move));
    }

    #[test]
    fn a_task_that_takes_again_elsewhere_is_told_with_the_new_place() {
        let takers = Takers::new(2);
        let _polling = polling(fresh_task());
        takers.taken(Location::caller());
        wait_for(&takers);
        takers.given_back();
        let place = Location::caller();
        takers.taken(place);
        wait_for(&takers);
        let view = seen(&takers).unwrap();
        assert_eq!(view.takers[0].place, Some(place));
        assert!(!view.given_back);
    }

    #[test]
    fn forgetting_nothing_is_no_event() {
        let takers = Takers::new(1);
        let _polling = polling(fresh_task());
        takers.taken(Location::caller());
        wait_for(&takers);
        takers.forgotten(0);
        assert!(!seen(&takers).unwrap().given_back);
    }

    #[test]
    fn permits_that_come_back_are_told_until_the_next_are_taken() {
        let takers = Takers::new(1);
        wait_for(&takers);
        let _polling = polling(fresh_task());
        takers.granted(Location::caller());
        takers.given_back();
        assert!(seen(&takers).unwrap().given_back);
        takers.granted(Location::caller());
        assert!(!seen(&takers).unwrap().given_back);
    }

    #[test]
    fn a_taker_is_told_no_more_after_one_without_a_name_and_after_permits_were_forgotten() {
        for forget in [false, true] {
            let takers = Takers::new(2);
            {
                let _polling = polling(fresh_task());
                takers.taken(Location::caller());
            }
            wait_for(&takers);
            if forget {
                takers.forgotten(1);
                assert!(seen(&takers).unwrap().given_back);
            } else {
                takers.taken(Location::caller());
            }
            wait_for(&takers);
            assert_eq!(tasks(&takers)[0], 0);
        }
    }

    #[test]
    fn the_total_follows_what_is_added_and_forgotten() {
        let takers = Takers::new(3);
        takers.forgotten(1);
        wait_for(&takers);
        assert_eq!(seen(&takers).unwrap().total, Some(2));
        takers.added(5);
        takers.forgotten(7);
        assert_eq!(seen(&takers).unwrap().total, Some(0));
    }

    #[test]
    fn a_taker_that_is_no_task_has_no_name() {
        let takers = Takers::new(1);
        wait_for(&takers);
        takers.granted(Location::caller());
        assert_eq!(tasks(&takers), [0]);
    }

    #[test]
    fn the_cell_of_a_dropped_semaphore_tells_nothing() {
        let takers = Box::new(Takers::new(1));
        let at = ptr::from_ref(&*takers);
        wait_for(&takers);
        drop(takers);
        let resource = at.addr() as u64;
        assert!(!all().any(|known| known.resource == resource));
    }
}
