//! The cell under loom: the value is handed over, one setter wins, no wake-up is lost.

use loom::sync::Arc;
use loom::thread;

use super::SetOnce;
use crate::sync::test_util::models::{Tracked, block_on};

#[test]
fn loom_set_against_a_wait_hands_the_value_over() {
    loom::model(|| {
        let cell = Arc::new(SetOnce::new());
        let setting = {
            let cell = cell.clone();
            thread::spawn(move || cell.set(Tracked::new(7)).is_ok())
        };
        assert_eq!(block_on(cell.wait()).get(), 7);
        assert!(setting.join().unwrap());
    });
}

#[test]
fn loom_two_sets_and_the_one_refused_finds_the_value() {
    loom::model(|| {
        let cell = Arc::new(SetOnce::new());
        let set = |cell: &SetOnce<Tracked>, value| match cell.set(Tracked::new(value)) {
            Ok(()) => 1,
            Err(_) => {
                assert_ne!(cell.get().unwrap().get(), value);
                0
            }
        };
        let other = {
            let cell = cell.clone();
            thread::spawn(move || set(&cell, 1))
        };
        let sets = set(&cell, 2);
        assert_eq!(sets + other.join().unwrap(), 1);
    });
}
