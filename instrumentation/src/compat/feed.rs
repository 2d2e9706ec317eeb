//! Who watches, and when the next look is due.
//!
//! All clients see the same views. A look is taken at each interval while there is somebody to see
//! it and nobody has paused; what a look and the messages about it cost is kept below one twentieth
//! of a core by looking less often.
//!
//! Shutdown: [`Feed::finish`] shows everybody a last view and ends all streams.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tonic::Status;
use tonic::codegen::tokio_stream::Stream;
use zokio::sync::Notify;
use zokio::telemetry::{TaskDetail, now_ns};
use zokio_console_proto::tokio_console::instrument::{State as Temporalities, Temporality};
use zokio_console_proto::tokio_console::tasks::TaskDetails;

use super::updates::Updates;
use super::view::View;
use super::wire::{self, Anchor};
use crate::mailbox::Mailbox;
use crate::sampler::{REST, Sampler, look_when_due, next_due};
use zokio::telemetry::CaptureOptions;

/// Streams of each sort at one time.
pub(super) const MAX_WATCHERS: usize = 32;

/// See the module.
pub(super) struct Feed {
    sampler: Arc<Sampler>,
    interval: Duration,
    state: Mutex<State>,
    /// Something came that may make the next look due earlier.
    changed: Notify,
    /// Time that looks and messages took since the latest look began.
    spent_ns: Arc<AtomicU64>,
}

struct State {
    watchers: Vec<Weak<Mailbox<Arc<View>>>>,
    details: Vec<DetailsWatcher>,
    temporalities: Vec<Weak<Mailbox<Temporalities>>>,
    /// While somebody watches.
    latest: Option<Arc<View>>,
    paused: bool,
    closed: bool,
    /// Due times are multiples of the interval from here on.
    epoch: Instant,
    due: Instant,
}

struct DetailsWatcher {
    task: u64,
    /// Polls in what was sent last.
    sent_polls: u64,
    anchor: Anchor,
    mailbox: Weak<Mailbox<TaskDetails>>,
}

/// Why there is no stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    TooMany,
    NoSuchTask,
}

impl Feed {
    pub(super) fn new(sampler: Arc<Sampler>, interval: Duration) -> Feed {
        let now = Instant::now();
        Feed {
            sampler,
            interval,
            state: Mutex::new(State {
                watchers: Vec::new(),
                details: Vec::new(),
                temporalities: Vec::new(),
                latest: None,
                paused: false,
                closed: false,
                epoch: now,
                due: now,
            }),
            changed: Notify::new(),
            spent_ns: Arc::default(),
        }
    }

    /// A stream of updates that begins with all there is.
    pub(super) fn watch_updates(&self) -> Result<Updates, Refusal> {
        let mailbox = Arc::new(Mailbox::default());
        let mut state = self.lock();
        state.forget_gone();
        if state.watchers.len() >= MAX_WATCHERS {
            return Err(Refusal::TooMany);
        }
        if let Some(view) = &state.latest {
            mailbox.put(Arc::clone(view));
        }
        if state.closed {
            mailbox.close();
        }
        state.watchers.push(Arc::downgrade(&mailbox));
        drop(state);
        self.changed.notify_one();
        Ok(Updates::new(mailbox, Arc::clone(&self.spent_ns)))
    }

    /// A stream about one task that ends when the task does.
    pub(super) fn watch_details(&self, task: u64) -> Result<Letters<TaskDetails>, Refusal> {
        let detail = self.sampler.runtimes().task_detail(0, task);
        let detail = detail.ok_or(Refusal::NoSuchTask)?;
        let mailbox = Arc::new(Mailbox::default());
        let anchor = Anchor::now();
        mailbox.put(wire::task_details(&detail, now_ns(), anchor));
        let mut state = self.lock();
        state.forget_gone();
        if state.details.len() >= MAX_WATCHERS {
            return Err(Refusal::TooMany);
        }
        if state.closed {
            mailbox.close();
        }
        state.details.push(DetailsWatcher {
            task,
            sent_polls: polls(&detail),
            anchor,
            mailbox: Arc::downgrade(&mailbox),
        });
        drop(state);
        self.changed.notify_one();
        Ok(Letters(mailbox))
    }

    /// A stream that says whether updates are paused, now and whenever that changes.
    pub(super) fn watch_temporality(&self) -> Result<Letters<Temporalities>, Refusal> {
        let mailbox = Arc::new(Mailbox::default());
        let mut state = self.lock();
        state.forget_gone();
        if state.temporalities.len() >= MAX_WATCHERS {
            return Err(Refusal::TooMany);
        }
        mailbox.put(state.temporality());
        if state.closed {
            mailbox.close();
        }
        state.temporalities.push(Arc::downgrade(&mailbox));
        Ok(Letters(mailbox))
    }

    /// Pauses or resumes, for everybody.
    pub(super) fn set_paused(&self, paused: bool) {
        let mut state = self.lock();
        if state.paused == paused {
            return;
        }
        state.paused = paused;
        let temporality = state.temporality();
        let all = state.temporalities.iter().filter_map(Weak::upgrade);
        all.for_each(|mailbox| mailbox.put(temporality));
        drop(state);
        self.changed.notify_one();
    }

    /// Looks whenever a look is due. Never returns; dropping it loses nothing.
    pub(super) async fn run(&self) {
        look_when_due(
            &self.changed,
            || self.lock().next_due(),
            |now| self.look(now),
        )
        .await;
    }

    /// A last look for everybody, then the end of all streams.
    pub(super) fn finish(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.forget_gone();
        let look = state.is_anybody_served();
        drop(state);
        if look {
            self.look(Instant::now());
        }
        let state = self.lock();
        let watchers = state.watchers.iter().filter_map(Weak::upgrade);
        watchers.for_each(|mailbox| mailbox.close());
        let details = state.details.iter().filter_map(|d| d.mailbox.upgrade());
        details.for_each(|mailbox| mailbox.close());
        let temporalities = state.temporalities.iter().filter_map(Weak::upgrade);
        temporalities.for_each(|mailbox| mailbox.close());
    }

    fn look(&self, now: Instant) {
        let mut state = self.lock();
        let began = Instant::now();
        if !state.watchers.is_empty() {
            let samples = self
                .sampler
                .runtimes()
                .capture_with(&[], CaptureOptions::new());
            let before = state.latest.take().unwrap_or_default();
            let view = Arc::new(View::new(&samples, now_ns(), &before));
            for watcher in state.watchers.iter().filter_map(Weak::upgrade) {
                watcher.put(Arc::clone(&view));
            }
            state.latest = Some(view);
        }
        if !state.paused {
            state
                .details
                .retain_mut(|watcher| self.send_details(watcher));
        }
        let spent = self.spent_ns.swap(0, Ordering::Relaxed);
        let spent = began.elapsed() + Duration::from_nanos(spent);
        let due = next_due(state.epoch, now, self.interval);
        state.due = due.max(now + spent * (REST + 1));
    }

    /// False: there will be no more of them.
    fn send_details(&self, watcher: &mut DetailsWatcher) -> bool {
        let Some(mailbox) = watcher.mailbox.upgrade() else {
            return false;
        };
        let Some(detail) = self.sampler.runtimes().task_detail(0, watcher.task) else {
            mailbox.close();
            return false;
        };
        let polls = polls(&detail);
        if polls != watcher.sent_polls {
            watcher.sent_polls = polls;
            mailbox.put(wire::task_details(&detail, now_ns(), watcher.anchor));
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Polls in the histograms that are sent.
fn polls(detail: &TaskDetail) -> u64 {
    detail.poll_time.as_ref().map_or(0, |h| h.count)
}

impl State {
    fn temporality(&self) -> Temporalities {
        let temporality = if self.paused {
            Temporality::Paused
        } else {
            Temporality::Live
        };
        Temporalities {
            temporality: temporality.into(),
        }
    }

    fn forget_gone(&mut self) {
        self.watchers.retain(|w| w.strong_count() > 0);
        self.details.retain(|d| d.mailbox.strong_count() > 0);
        self.temporalities.retain(|t| t.strong_count() > 0);
        if self.watchers.is_empty() {
            self.latest = None;
        }
    }

    /// Whether there is somebody for whom a look would be taken now.
    fn is_anybody_served(&self) -> bool {
        if self.paused {
            // A client that comes during a pause is shown once what there is.
            return !self.watchers.is_empty() && self.latest.is_none();
        }
        !self.watchers.is_empty() || !self.details.is_empty()
    }

    fn next_due(&mut self) -> Option<Instant> {
        self.forget_gone();
        self.is_anybody_served().then_some(self.due)
    }
}

/// A stream of what is put into a mailbox, the newest at a time. Dropping it ends the subscription.
#[derive(Debug)]
pub(crate) struct Letters<T>(Arc<Mailbox<T>>);

impl<T> Stream for Letters<T> {
    type Item = Result<T, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let taken = self.0.poll_take(cx);
        taken.map(|taken| taken.map(|(letter, _)| Ok(letter)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtimes::Runtimes;
    use std::future::pending;
    use std::task::Waker;
    use zokio::runtime::{Builder, Runtime};

    fn feed() -> (Feed, Runtime) {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let runtimes = Arc::new(Runtimes::default());
        runtimes.attach(runtime.handle());
        let sampler = Arc::new(Sampler::new(runtimes, Arc::default()));
        (Feed::new(sampler, Duration::from_millis(100)), runtime)
    }

    fn next<S: Stream + Unpin>(stream: &mut S) -> Poll<Option<S::Item>> {
        Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop()))
    }

    fn paused(stream: &mut Letters<Temporalities>) -> bool {
        match next(stream) {
            Poll::Ready(Some(Ok(state))) => state.temporality() == Temporality::Paused,
            other => panic!("{other:?}"),
        }
    }

    fn is_due(feed: &Feed) -> bool {
        feed.lock().next_due().is_some()
    }

    #[test]
    fn nothing_is_due_or_kept_when_nobody_watches() {
        let (feed, _runtime) = feed();
        assert!(!is_due(&feed));
        let state = feed.watch_temporality().unwrap();
        assert!(!is_due(&feed));
        let updates = feed.watch_updates().unwrap();
        assert!(is_due(&feed));
        feed.look(Instant::now());
        assert!(feed.lock().latest.is_some());
        drop((updates, state));
        assert!(!is_due(&feed));
        assert!(feed.lock().latest.is_none());
    }

    #[test]
    fn a_late_client_is_shown_the_latest_view_at_once() {
        let (feed, _runtime) = feed();
        let mut first = feed.watch_updates().unwrap();
        assert!(next(&mut first).is_pending());
        feed.look(Instant::now());
        assert!(next(&mut first).is_ready());
        let mut second = feed.watch_updates().unwrap();
        assert!(next(&mut second).is_ready());
    }

    #[test]
    fn a_pause_stops_the_looks_and_everybody_is_told_once() {
        let (feed, _runtime) = feed();
        let _updates = feed.watch_updates().unwrap();
        let mut state = feed.watch_temporality().unwrap();
        assert!(!paused(&mut state));
        feed.look(Instant::now());
        feed.set_paused(true);
        feed.set_paused(true);
        assert!(paused(&mut state));
        assert!(next(&mut state).is_pending());
        assert!(!is_due(&feed));
        feed.set_paused(false);
        assert!(!paused(&mut state));
        assert!(is_due(&feed));
    }

    #[test]
    fn a_client_that_comes_during_a_pause_learns_of_it_and_is_shown_one_view() {
        let (feed, _runtime) = feed();
        feed.set_paused(true);
        assert!(paused(&mut feed.watch_temporality().unwrap()));
        let mut updates = feed.watch_updates().unwrap();
        assert!(is_due(&feed));
        feed.look(Instant::now());
        assert!(next(&mut updates).is_ready());
        assert!(!is_due(&feed));
    }

    #[test]
    fn details_come_when_there_is_something_new_and_end_with_the_task() {
        let (feed, runtime) = feed();
        let (to, from) = zokio::sync::oneshot::channel::<()>();
        let task = runtime.spawn(from);
        let id = task.id().to_string().parse().unwrap();
        runtime.block_on(zokio::task::yield_now());
        let mut details = feed.watch_details(id).unwrap();
        assert!(
            matches!(next(&mut details), Poll::Ready(Some(Ok(d))) if d.task_id.unwrap().id == id)
        );
        feed.look(Instant::now());
        assert!(next(&mut details).is_pending());
        to.send(()).unwrap();
        runtime.block_on(task).unwrap().unwrap();
        feed.look(Instant::now());
        assert!(matches!(next(&mut details), Poll::Ready(None)));
        assert_eq!(feed.watch_details(id).unwrap_err(), Refusal::NoSuchTask);
        assert!(!is_due(&feed));
    }

    #[test]
    fn streams_beyond_the_most_are_refused_until_one_ends() {
        let (feed, runtime) = feed();
        let task = runtime.spawn(pending::<()>());
        let id = task.id().to_string().parse().unwrap();
        let mut updates: Vec<_> = (0..MAX_WATCHERS)
            .map(|_| feed.watch_updates().unwrap())
            .collect();
        let mut details: Vec<_> = (0..MAX_WATCHERS)
            .map(|_| feed.watch_details(id).unwrap())
            .collect();
        let states: Vec<_> = (0..MAX_WATCHERS)
            .map(|_| feed.watch_temporality().unwrap())
            .collect();
        assert_eq!(feed.watch_updates().unwrap_err(), Refusal::TooMany);
        assert_eq!(feed.watch_details(id).unwrap_err(), Refusal::TooMany);
        assert_eq!(feed.watch_temporality().unwrap_err(), Refusal::TooMany);
        drop((updates.pop(), details.pop(), states));
        assert!(feed.watch_updates().is_ok() && feed.watch_details(id).is_ok());
        assert!(feed.watch_temporality().is_ok());
    }

    #[test]
    fn the_end_brings_a_last_view_and_ends_all_streams() {
        let (feed, runtime) = feed();
        let task = runtime.spawn(pending::<()>());
        let mut updates = feed.watch_updates().unwrap();
        let mut details = feed
            .watch_details(task.id().to_string().parse().unwrap())
            .unwrap();
        let mut state = feed.watch_temporality().unwrap();
        feed.finish();
        assert!(matches!(next(&mut updates), Poll::Ready(Some(_))));
        assert!(matches!(next(&mut updates), Poll::Ready(None)));
        assert!(matches!(next(&mut details), Poll::Ready(Some(_))));
        assert!(matches!(next(&mut details), Poll::Ready(None)));
        assert!(!paused(&mut state));
        assert!(matches!(next(&mut state), Poll::Ready(None)));
        let mut late = feed.watch_updates().unwrap();
        while next(&mut late).map(|item| item.is_some()) == Poll::Ready(true) {}
        assert!(matches!(next(&mut late), Poll::Ready(None)));
    }

    #[test]
    fn looks_that_cost_much_are_taken_less_often() {
        let (feed, _runtime) = feed();
        let _updates = feed.watch_updates().unwrap();
        feed.spent_ns.store(50_000_000, Ordering::Relaxed);
        let now = Instant::now();
        feed.look(now);
        assert!(feed.lock().due >= now + Duration::from_secs(1));
    }
}
