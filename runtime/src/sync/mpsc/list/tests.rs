use super::*;
use crate::telemetry::waits::Origin;

/// A list whose length telemetry may hear of.
fn new<T>() -> (List<T>, Head<T>) {
    List::new(Backlog::new(Origin::here(), 0))
}

fn finish<T>(list: &List<T>, head: &mut Head<T>) {
    // SAFETY: the tests' threads have ended, and the test returns.
    unsafe { head.free(list) };
}

fn blocks<T>(head: &Head<T>) -> usize {
    let mut n = 0;
    let mut at = Some(head.oldest);
    while let Some(block) = at {
        n += 1;
        // SAFETY: from the oldest on all are alive.
        at = unsafe { block.as_ref() }.next();
    }
    n
}

#[test]
fn messages_come_out_in_order_over_many_blocks() {
    let (list, mut head) = new();
    for i in 0..10 * SLOTS {
        list.push(i);
    }
    assert_eq!(head.len(&list), 10 * SLOTS);
    for i in 0..10 * SLOTS {
        assert_eq!(head.pop(&list), Some(i));
    }
    assert_eq!(head.pop(&list), None);
    finish(&list, &mut head);
}

#[test]
fn blocks_are_used_again() {
    let (list, mut head) = new();
    for i in 0..1_000 * SLOTS {
        list.push(i);
        assert_eq!(head.pop(&list), Some(i));
    }
    assert!(blocks(&head) <= 3, "{} blocks", blocks(&head));
    finish(&list, &mut head);
}

#[test]
fn positions_wrap_around() {
    let (mut list, mut head) = new();
    // Three blocks before the end of the numbers.
    let start = 0_usize.wrapping_sub(3 * STRIDE);
    list.tail = Tail(AtomicUsize::new(start));
    head.index = start;
    // SAFETY: the block is not shared yet.
    unsafe { Block::<usize>::reset(head.block, start) };
    for round in 0..7 * SLOTS {
        list.push(round);
        list.push(round + 1);
        assert_eq!(head.len(&list), 2);
        assert_eq!(head.pop(&list), Some(round));
        assert_eq!(head.pop(&list), Some(round + 1));
    }
    assert!(blocks(&head) <= 3);
    finish(&list, &mut head);
}

#[test]
fn push_tells_when_the_consumer_waits_at_a_block_boundary_too() {
    let (list, mut head) = new();
    for i in 0..2 * SLOTS + 3 {
        assert!(head.wait(&list), "nothing there at {i}");
        assert!(head.wait(&list), "a second announcement is no different");
        assert!(list.push(i), "waiting at {i}");
        assert!(!head.wait(&list), "ready at {i}");
        assert_eq!(head.pop(&list), Some(i));
        assert!(!list.push(i), "awake at {i}");
        assert_eq!(head.pop(&list), Some(i));
    }
    finish(&list, &mut head);
}

#[test]
fn closed_list_refuses_and_still_gives_what_it_has() {
    let (list, mut head) = new();
    assert_eq!(list.push_unless_closed(1), Ok(false));
    head.close(&list);
    head.close(&list);
    assert_eq!(list.push_unless_closed(2), Err(2));
    assert!(!head.is_drained());
    assert_eq!(head.len(&list), 1);
    assert_eq!(head.pop(&list), Some(1));
    assert!(head.is_drained());
    assert_eq!(head.pop(&list), None);
    finish(&list, &mut head);
}

#[test]
fn unpopped_messages_are_dropped_once() {
    use std::sync::Arc;
    let message = Arc::new(());
    let (list, mut head) = new();
    for _ in 0..SLOTS + 5 {
        list.push(message.clone());
    }
    drop(head.pop(&list));
    finish(&list, &mut head);
    assert_eq!(Arc::strong_count(&message), 1);
}
