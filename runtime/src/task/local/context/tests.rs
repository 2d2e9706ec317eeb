use std::future::{pending, ready};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Wake;
use std::thread;

use super::*;

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn spawn<F: Future + 'static>(context: &Context, future: F) -> JoinHandle<F::Output> {
    context.spawn(&spawning_runtime(), future, None, Location::caller())
}

/// The right to run the only task that is queued.
fn take(context: &Context) -> Runnable {
    context
        .tasks
        .borrow_mut()
        .pop_front()
        .expect("a task is queued")
}

#[test]
fn close_waits_for_a_task_that_another_thread_is_about_to_push() {
    let context = Context::new(false);
    let handle = spawn(&context, pending::<()>());
    let on_its_way = take(&context);
    let (queue, closed) = (context.queue.clone(), Arc::new(AtomicBool::new(false)));
    let over = closed.clone();
    let pusher = thread::spawn(move || {
        while !queue.has_waiter() {
            if over.load(Ordering::SeqCst) {
                return false;
            }
            thread::yield_now();
        }
        queue.push(on_its_way);
        true
    });
    context.close();
    closed.store(true, Ordering::SeqCst);
    assert!(pusher.join().unwrap(), "it was waited for");
    assert!(context.is_empty() && handle.is_finished());
}

#[test]
fn shut_down_leaves_a_task_that_is_about_to_be_pushed_to_a_later_turn() {
    let context = Context::new(false);
    let handle = spawn(&context, pending::<()>());
    let on_its_way = take(&context);
    context.shut_down();
    assert!(!context.is_empty() && !handle.is_finished());
    context.queue.push(on_its_way);
    assert!(!context.run_turn());
    assert!(context.is_empty() && handle.is_finished());
}

#[test]
fn turn_takes_what_was_pushed_behind_what_was_there() {
    let context = Context::new(false);
    let first = spawn(&context, ready(()));
    let pushed = take(&context);
    let second = spawn(&context, ready(()));
    context.queue.push(pushed);
    context.look_around(Waker::noop());
    let order: Vec<_> = context
        .tasks
        .borrow()
        .iter()
        .map(|task| task.header().task_id())
        .collect();
    assert_eq!(order, [second.id(), first.id()]);
    assert!(!context.run_turn());
    assert!(first.is_finished() && second.is_finished());
}

#[test]
fn push_wakes_the_waker_of_the_turn_once() {
    let context = Context::new(false);
    let wakes = Arc::new(Wakes::default());
    let _handles = [spawn(&context, ready(())), spawn(&context, ready(()))];
    let tasks = [take(&context), take(&context)];
    context.look_around(&Waker::from(wakes.clone()));
    for task in tasks {
        context.queue.push(task);
    }
    assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    context.look_around(&Waker::from(wakes.clone()));
    assert!(!context.run_turn());
    assert!(context.is_empty());
}

#[test]
fn task_pushed_between_two_turns_of_one_poll_is_run_in_it() {
    let context = Context::new(false);
    let handle = spawn(&context, ready(()));
    let pushed = take(&context);
    context.look_around(Waker::noop());
    context.queue.push(pushed);
    assert!(!context.run_turn());
    assert!(handle.is_finished());
}

#[test]
fn wake_on_the_set_s_thread_outside_of_the_set_goes_through_its_queue() {
    let context = Context::new(false);
    let handle = spawn(&context, pending::<()>());
    assert!(!context.run_turn());
    let abort = handle.abort_handle();
    abort.abort();
    assert!(context.tasks.borrow().is_empty());
    context.look_around(Waker::noop());
    assert_eq!(context.tasks.borrow().len(), 1);
    assert!(!context.run_turn());
    assert!(handle.is_finished());
}

#[test]
fn wake_within_the_set_goes_to_its_own_queue_and_wakes_nobody() {
    let context = Context::new(false);
    let wakes = Arc::new(Wakes::default());
    let handle = spawn(&context, pending::<()>());
    context.look_around(&Waker::from(wakes.clone()));
    assert!(!context.run_turn());
    {
        let _driving = context.drive();
        handle.abort();
    }
    assert_eq!(context.tasks.borrow().len(), 1);
    assert_eq!(wakes.0.load(Ordering::Relaxed), 0);
    context.close();
}
