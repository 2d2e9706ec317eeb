//! How many connections there may be, and which of them have to go.
//!
//! A connection is a *newcomer* until a request of it has passed the gate: then it has *settled*.
//! There are at most [`Limits::connections`] in all, of which at most [`Limits::newcomers`] are
//! newcomers. Whoever comes when either number is reached takes the place of the newcomer that has
//! been here longest. So clients that connect and hold on, with half a handshake or half a header,
//! push out each other and keep nobody waiting. A newcomer also has to settle within
//! [`Limits::settle_within`].
//!
//! If all places belong to settled connections, some more are let in to be *turned away*: every
//! request of theirs is answered with the reason. They push out each other, too.
//!
//! Who is pushed out and has asked already gets its answer: there is [`FAREWELL`] for that. Only if so
//! many are on their way out that there are twice as many connections as there may be is the next one
//! closed without a word.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use zokio::sync::Notify;
use zokio::time::Instant;

use crate::security::Refusal;

/// From being pushed out to the end.
const FAREWELL: Duration = Duration::from_millis(20);

/// What connections may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) connections: usize,
    pub(crate) newcomers: usize,
    pub(crate) turned_away: usize,
    /// From being accepted to the first request that is let through; a TLS handshake is part of it.
    pub(crate) settle_within: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 256,
            newcomers: 128,
            turned_away: 16,
            settle_within: Duration::from_secs(10),
        }
    }
}

/// All connections.
#[derive(Debug)]
pub(crate) struct Connections {
    limits: Limits,
    state: Mutex<State>,
    left: Notify,
}

#[derive(Debug, Default)]
struct State {
    next_number: u64,
    /// Oldest first.
    newcomers: VecDeque<Newcomer>,
    settled: BTreeSet<u64>,
    /// Oldest first.
    turned_away: VecDeque<Newcomer>,
    /// All places that are not dropped yet, also of connections that are being closed.
    places: usize,
}

#[derive(Debug)]
struct Newcomer {
    number: u64,
    must_go: Arc<Notify>,
}

/// One connection's place. Dropping it frees it.
#[derive(Debug)]
pub(crate) struct Place {
    connections: Arc<Connections>,
    number: u64,
    is_turned_away: bool,
    must_go: Arc<Notify>,
    pub(crate) settle_until: Instant,
}

impl Connections {
    pub(crate) fn new(limits: Limits) -> Connections {
        Connections {
            limits,
            state: Mutex::default(),
            left: Notify::new(),
        }
    }

    /// A place for a new connection, if need be that of another. `None`: close it.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Place> {
        let limits = self.limits;
        let mut guard = self.state();
        let state = &mut *guard;
        if state.places >= 2 * limits.connections + limits.turned_away {
            return None;
        }
        let all = state.newcomers.len() + state.settled.len();
        let is_turned_away = state.settled.len() >= limits.connections;
        let (queue, is_full) = match is_turned_away {
            true => {
                let is_full = state.turned_away.len() >= limits.turned_away;
                (&mut state.turned_away, is_full)
            }
            false => {
                let is_full =
                    all >= limits.connections || state.newcomers.len() >= limits.newcomers;
                (&mut state.newcomers, is_full)
            }
        };
        if is_full && let Some(oldest) = queue.pop_front() {
            oldest.must_go.notify_one();
        }
        let number = state.next_number;
        let must_go = Arc::new(Notify::new());
        queue.push_back(Newcomer {
            number,
            must_go: Arc::clone(&must_go),
        });
        state.next_number += 1;
        state.places += 1;
        Some(Place {
            connections: Arc::clone(self),
            number,
            is_turned_away,
            must_go,
            settle_until: Instant::now() + limits.settle_within,
        })
    }

    /// Waits until no connection is left.
    pub(crate) async fn all_gone(&self) {
        while self.state().places > 0 {
            self.left.notified().await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether it was there.
fn remove(queue: &mut VecDeque<Newcomer>, number: u64) -> bool {
    let found = queue.iter().position(|n| n.number == number);
    found.and_then(|i| queue.remove(i)).is_some()
}

impl Place {
    /// What the connection is to be told, if it is here only for that: there is no place.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        let most = self.connections.limits.connections;
        self.is_turned_away.then_some(Refusal::Full(most))
    }

    /// A request has passed the gate: the connection may stay.
    pub(crate) fn settle(&self) {
        let mut state = self.connections.state();
        if remove(&mut state.newcomers, self.number) {
            state.settled.insert(self.number);
        }
    }

    /// Returns when the connection has to go, to make room or because it has not settled `grace`
    /// after the time for that.
    pub(crate) async fn overdue(&self, grace: Duration) {
        zokio::select! {
            () = self.must_go.notified() => return zokio::time::sleep(FAREWELL).await,
            () = zokio::time::sleep_until(self.settle_until + grace) => {}
        }
        if self.connections.state().settled.contains(&self.number) {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut guard = self.connections.state();
        let state = &mut *guard;
        if self.is_turned_away {
            remove(&mut state.turned_away, self.number);
        } else if !remove(&mut state.newcomers, self.number) {
            // Not there either: it had to go.
            state.settled.remove(&self.number);
        }
        state.places -= 1;
        drop(guard);
        self.connections.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future as _;
    use std::pin::pin;
    use std::task::{Context, Waker};

    fn connections() -> Arc<Connections> {
        Arc::new(Connections::new(Limits {
            connections: 3,
            newcomers: 2,
            turned_away: 1,
            settle_within: Duration::from_secs(10),
        }))
    }

    fn has_to_go(place: &Place) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        pin!(place.must_go.notified()).poll(&mut cx).is_ready()
    }

    fn in_runtime(test: impl FnOnce()) {
        let runtime = zokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async { test() });
    }

    #[test]
    fn a_newcomer_too_many_takes_the_place_of_the_oldest() {
        in_runtime(|| {
            let connections = connections();
            let first = connections.enter().unwrap();
            let second = connections.enter().unwrap();
            let third = connections.enter().unwrap();
            assert!(has_to_go(&first) && !has_to_go(&second) && !has_to_go(&third));
            assert_eq!(third.refusal(), None);
            // Too late for the first.
            first.settle();
            assert!(connections.state().settled.is_empty());
        });
    }

    #[test]
    fn settled_connections_are_never_pushed_out() {
        in_runtime(|| {
            let connections = connections();
            let settled: Vec<Place> = (0..3)
                .map(|_| {
                    let place = connections.enter().unwrap();
                    place.settle();
                    place
                })
                .collect();
            let turned_away = connections.enter().unwrap();
            let another = connections.enter().unwrap();
            assert_eq!(turned_away.refusal(), Some(Refusal::Full(3)));
            assert_eq!(another.refusal(), Some(Refusal::Full(3)));
            assert!(has_to_go(&turned_away) && !has_to_go(&another));
            let on_their_way_out = [connections.enter(), connections.enter()];
            assert!(
                connections.enter().is_none(),
                "twice as many as there may be"
            );
            assert!(!settled.iter().any(has_to_go));
            drop((turned_away, another, on_their_way_out));
            drop(settled);
            assert_eq!(connections.enter().unwrap().refusal(), None);
            assert_eq!(connections.state().places, 0);
        });
    }

    #[zokio::test(start_paused = true)]
    async fn a_newcomer_has_to_settle_in_time_and_a_settled_one_may_stay() {
        let connections = connections();
        let idle = connections.enter().unwrap();
        let busy = connections.enter().unwrap();
        busy.settle();
        idle.overdue(Duration::ZERO).await;
        assert!(Instant::now() >= idle.settle_until);
        let overdue = busy.overdue(Duration::ZERO);
        assert!(
            zokio::time::timeout(Duration::from_secs(3_600), overdue)
                .await
                .is_err()
        );
    }

    #[zokio::test(start_paused = true)]
    async fn who_is_pushed_out_has_the_time_for_an_answer() {
        let connections = connections();
        let first = connections.enter().unwrap();
        let _others = [connections.enter(), connections.enter()];
        let pushed_out = Instant::now();
        first.overdue(Duration::ZERO).await;
        assert_eq!(pushed_out.elapsed(), FAREWELL);
    }

    #[zokio::test]
    async fn all_are_gone_when_the_last_place_is_dropped() {
        let connections = connections();
        let place = connections.enter().unwrap();
        let gone = zokio::spawn({
            let connections = Arc::clone(&connections);
            async move { connections.all_gone().await }
        });
        zokio::task::yield_now().await;
        assert!(!gone.is_finished());
        drop(place);
        gone.await.unwrap();
    }
}
