//! The cell under loom: one value is made, and all see it.

use std::future::{pending, ready};

use loom::sync::Arc;
use loom::thread;

use super::OnceCell;
use crate::sync::test_util::models::{Tracked, block_on, cancel};

#[test]
fn loom_two_that_initialise_see_one_value() {
    loom::model(|| {
        let cell = Arc::new(OnceCell::new());
        let get = |cell: &OnceCell<Tracked>, mine| {
            block_on(cell.get_or_init(|| ready(Tracked::new(mine)))).get()
        };
        let other = {
            let cell = cell.clone();
            thread::spawn(move || get(&cell, 1))
        };
        let mine = get(&cell, 2);
        assert_eq!(mine, other.join().unwrap());
    });
}

/// One that gives up while it makes the value lets the other make it.
#[test]
fn loom_cancelled_initialisation_lets_another_try() {
    loom::model(|| {
        let cell = Arc::new(OnceCell::new());
        let cancelled = {
            let cell = cell.clone();
            thread::spawn(move || cancel(cell.get_or_init(pending)))
        };
        let value = block_on(cell.get_or_init(|| ready(Tracked::new(1))));
        assert_eq!(value.get(), 1);
        cancelled.join().unwrap();
    });
}

/// A value that is set while another asks: both see the same, and a refusal tells why.
#[test]
fn loom_set_against_an_initialisation() {
    loom::model(|| {
        let cell = Arc::new(OnceCell::new());
        let setting = {
            let cell = cell.clone();
            thread::spawn(move || cell.set(Tracked::new(1)).is_ok())
        };
        let value = block_on(cell.get_or_init(|| ready(Tracked::new(2)))).get();
        let set = setting.join().unwrap();
        assert_eq!(value, if set { 1 } else { 2 });
    });
}
