//! Who watches what, and when the next look is due.
//!
//! Viewers with equal wishes (interval, runtimes, query) form a group. When a group is due, the
//! counters of the runtimes and the rows of the group's window are read, and the view goes to the
//! mailbox of each viewer, which takes it when it has room to send. The [message](view) is made once
//! for all viewers that were sent the same before. Without viewers no look is taken.
//!
//! Which tasks are the rows of a window only a look at all tasks can tell: the [ranking
//! pass](ranking), which serves all groups. Where it is cheap, as with some thousand tasks, it is part
//! of each look, and all that a view tells is of about one moment. Else it is taken in slices, at most
//! every half second, with a rest after each slice, so that the thread goes on answering and one
//! twentieth of a core is enough; views then tell figures of now of the rows that the latest pass
//! found, in the order of now. A view that is due when no pass was taken for long has one of its own, which
//! begins in time to be over by then. A pass that a group waits for, since it is its first, rests less, as
//! long as viewers do not always wish for something new.
//!
//! A look that takes long is repeated later: at most one twentieth of one core goes into looking.
//!
//! Shutdown: [`Sampler::finish`] takes a last look for all groups and closes the mailboxes; each
//! stream ends after its last view. Where a pass takes too long for that, the view has the rows of the
//! latest one, and a viewer that has had none gets none.

mod credit;
mod group;
mod passes;
pub(crate) mod query;
mod ranking;
mod subscription;
mod view;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use zokio::sync::Notify;
use zokio_console_proto::v1;

use crate::mailbox::Mailbox;
use crate::runtimes::{Runtimes, Sample};
use crate::watchdog::Log;
use group::Group;
use passes::{Advance, Passes};
use query::Query;
pub(crate) use subscription::{Encoded, Subscription};

/// The shortest time between two updates of a viewer.
pub(crate) const MIN_INTERVAL: Duration = Duration::from_millis(50);

/// The longest.
pub(crate) const MAX_INTERVAL: Duration = Duration::from_secs(3_600);

/// Viewers at one time.
pub(crate) const MAX_VIEWERS: usize = 256;

/// Different wishes at one time: each is evaluated by itself.
pub(crate) const MAX_WISHES: usize = 64;

/// Rows before the windows of all wishes together. The places of those are kept in each pass, with what
/// they are ordered by: some 64 bytes a row.
pub(crate) const MAX_DEPTH: usize = 1 << 20;

/// Rows in the windows of all wishes together. The last views of each wish tell them: some 4 KiB a row.
pub(crate) const MAX_WINDOWS: usize = 16_384;

/// After a look that took `t`, none for at least `REST * t`.
pub(crate) const REST: u32 = 19;

/// What a viewer wants. Equal ones are served together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    interval: Duration,
    /// Sorted; empty: all.
    runtime_ids: Vec<u64>,
    query: Arc<Query>,
}

impl Wish {
    /// An interval of zero is `default_interval`; either is brought within the limits.
    pub(crate) fn new(
        interval: Duration,
        default_interval: Duration,
        mut runtime_ids: Vec<u64>,
        query: Query,
    ) -> Wish {
        let interval = if interval.is_zero() {
            default_interval
        } else {
            interval
        };
        runtime_ids.sort_unstable();
        runtime_ids.dedup();
        Wish {
            interval: interval.clamp(MIN_INTERVAL, MAX_INTERVAL),
            runtime_ids,
            query: Arc::new(query),
        }
    }

    fn includes(&self, runtime_id: u64) -> bool {
        self.runtime_ids.is_empty() || self.runtime_ids.binary_search(&runtime_id).is_ok()
    }
}

/// What viewers cost.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Serving {
    /// How many there are.
    pub(crate) viewers: u64,
    /// Sent to all clients, scrapers included.
    pub(crate) bytes_sent: u64,
    /// How long the last look for viewers took.
    pub(crate) sample_ns: u64,
}

/// Why one more is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TooMany {
    /// There are as many viewers as there may be.
    Viewers,
    /// There are as many wishes as there may be, and this is not one of them.
    Wishes,
    /// The windows begin too far down.
    Depth,
    /// The windows have too many rows.
    Rows,
}

/// See the module.
pub(crate) struct Sampler {
    runtimes: Arc<Runtimes>,
    long_polls: Arc<Log>,
    state: Mutex<State>,
    /// A group came: the next look may be due earlier.
    changed: Notify,
    bytes_sent: AtomicU64,
}

struct State {
    groups: Vec<Group>,
    /// Due times are multiples of the interval from here on, so that equal intervals coincide.
    epoch: Instant,
    sample_ns: u64,
    closed: bool,
    passes: Passes,
}

impl Sampler {
    pub(crate) fn new(runtimes: Arc<Runtimes>, long_polls: Arc<Log>) -> Sampler {
        let now = Instant::now();
        let state = State {
            groups: Vec::new(),
            epoch: now,
            sample_ns: 0,
            closed: false,
            passes: Passes::new(now),
        };
        Sampler {
            runtimes,
            long_polls,
            state: Mutex::new(state),
            changed: Notify::new(),
            bytes_sent: AtomicU64::new(0),
        }
    }

    pub(crate) fn runtimes(&self) -> &Runtimes {
        &self.runtimes
    }

    pub(crate) fn long_polls(&self) -> &Log {
        &self.long_polls
    }

    /// Counts what went to clients.
    pub(crate) fn add_bytes_sent(&self, bytes: u64) {
        self.bytes_sent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// What viewers cost, as of now.
    pub(crate) fn serving(&self) -> Serving {
        let mut state = self.lock();
        state.forget_gone_viewers();
        Serving {
            viewers: state.viewers() as u64,
            bytes_sent: self.bytes_sent.load(Ordering::Relaxed),
            sample_ns: state.sample_ns,
        }
    }

    /// Adds a viewer. Its first view is there at once if its group has one, else with the next
    /// look, which is due now.
    pub(crate) fn subscribe(&self, wish: Wish) -> Result<Subscription, TooMany> {
        let mailbox = Arc::new(Mailbox::default());
        let mut state = self.lock();
        state.forget_gone_viewers();
        if state.viewers() >= MAX_VIEWERS {
            return Err(TooMany::Viewers);
        }
        if state.closed {
            mailbox.close();
        }
        let room = state.room_for(&wish);
        match state.groups.iter_mut().find(|g| g.wish == wish) {
            Some(group) => {
                if let Some(view) = group.views.latest() {
                    mailbox.put(Arc::clone(view));
                }
                group.viewers.push(Arc::downgrade(&mailbox));
            }
            None => {
                room?;
                state.groups.push(Group::new(wish, &mailbox));
            }
        }
        drop(state);
        self.changed.notify_one();
        Ok(Subscription::new(mailbox))
    }

    /// Looks whenever a look is due. Never returns; dropping it loses nothing.
    pub(crate) async fn run(&self) {
        look_when_due(
            &self.changed,
            || self.lock().next_due(),
            |now| self.look(now),
        )
        .await;
    }

    /// A last look for everybody, then the end of all streams.
    pub(crate) fn finish(&self) {
        let now = Instant::now();
        let mut state = self.lock();
        state.closed = true;
        for group in &mut state.groups {
            group.due = now;
        }
        drop(state);
        self.look(now);
        for mailbox in self.lock().groups.iter().flat_map(|g| &g.viewers) {
            if let Some(mailbox) = mailbox.upgrade() {
                mailbox.close();
            }
        }
    }

    /// Goes on with a ranking pass, and serves the groups that are due at `now`.
    fn look(&self, now: Instant) {
        let mut state = self.lock();
        let state = &mut *state;
        state.forget_gone_viewers();
        let viewers = state.viewers() as u32;
        let ids = state.due_runtimes(now);
        let counters = || Some(self.runtimes.capture(ids.as_deref()?));
        // The workers before the tasks: if all tasks are looked at now, it is as in one snapshot.
        let samples = counters();
        let live = || self.runtimes.live();
        let (groups, closed) = (&mut state.groups, state.closed);
        let advance = state.passes.advance(groups, now, closed, live);
        let began = Instant::now();
        let samples = match advance {
            Advance::Slice => counters(),
            Advance::Nothing | Advance::Whole => samples,
        };
        let Some(samples) = samples else {
            return;
        };
        let mut cost = cost(&samples);
        cost.bytes_sent = self.bytes_sent.load(Ordering::Relaxed);
        cost.clients = viewers;
        cost.sample_ns = state.sample_ns;
        let served = |g: &&mut Group| g.due <= now && g.is_ranked();
        for group in state.groups.iter_mut().filter(served) {
            group.publish(&samples, &mut state.passes, &self.long_polls, cost);
        }
        let took = began.elapsed();
        state.sample_ns = took.as_nanos() as u64;
        let rested = now + took * (REST + 1);
        let epoch = state.epoch;
        for group in state.groups.iter_mut().filter(served) {
            group.due = next_due(epoch, now, group.wish.interval).max(rested);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget_gone_viewers(&mut self) {
        for group in &mut self.groups {
            group.viewers.retain(|v| v.strong_count() > 0);
        }
        self.groups.retain(|g| !g.viewers.is_empty());
    }

    fn viewers(&self) -> usize {
        self.groups.iter().map(|g| g.viewers.len()).sum()
    }

    /// Whether one more wish can be served beside those that are.
    fn room_for(&self, wish: &Wish) -> Result<(), TooMany> {
        if self.groups.len() >= MAX_WISHES {
            return Err(TooMany::Wishes);
        }
        let wishes = self.groups.iter().map(|group| &group.wish).chain([wish]);
        let (depth, rows) = wishes.fold((0_usize, 0_usize), |(depth, rows), wish| {
            let (before, window) = wish.query.rows();
            (depth.saturating_add(before), rows.saturating_add(window))
        });
        if depth > MAX_DEPTH {
            Err(TooMany::Depth)
        } else if rows > MAX_WINDOWS {
            Err(TooMany::Rows)
        } else {
            Ok(())
        }
    }

    fn next_due(&mut self) -> Option<Instant> {
        self.forget_gone_viewers();
        if self.closed {
            // The last look has been taken.
            return None;
        }
        self.passes.next_due(&self.groups)
    }

    /// The runtimes that are to be looked at for the groups that are due, by id; empty: all. `None`:
    /// no group is due.
    fn due_runtimes(&self, now: Instant) -> Option<Vec<u64>> {
        let due: Vec<&Group> = self.groups.iter().filter(|g| g.due <= now).collect();
        let ids = due.iter().map(|g| &g.wish.runtime_ids);
        let is_all = ids.clone().any(Vec::is_empty);
        let ids = ids.flatten().copied().filter(|_| !is_all).collect();
        (!due.is_empty()).then_some(ids)
    }
}

/// Looks whenever a look is due; `changed` says that it may be due earlier than it was. Never returns;
/// dropping it loses nothing.
pub(crate) async fn look_when_due(
    changed: &Notify,
    next_due: impl Fn() -> Option<Instant>,
    look: impl Fn(Instant),
) {
    loop {
        let wait = next_due().map(|due| due.saturating_duration_since(Instant::now()));
        match wait {
            None => changed.notified().await,
            Some(Duration::ZERO) => look(Instant::now()),
            // Elapsed or changed: either way the due time is looked at again.
            Some(wait) => drop(zokio::time::timeout(wait, changed.notified()).await),
        }
    }
}

/// The first multiple of the interval that is at least half an interval away.
pub(crate) fn next_due(epoch: Instant, now: Instant, interval: Duration) -> Instant {
    let since = now.saturating_duration_since(epoch).as_nanos();
    let passed = since % interval.as_nanos();
    let left = interval - Duration::from_nanos(passed as u64);
    if left < interval / 2 {
        now + left + interval
    } else {
        now + left
    }
}

/// What telemetry says it costs: once a process, but for the records.
fn cost(samples: &[Sample]) -> v1::TelemetryCost {
    let first = samples
        .first()
        .map(|s| s.snapshot.overhead)
        .unwrap_or_default();
    v1::TelemetryCost {
        enabled: first.enabled,
        poll_overhead_ns: first.poll_overhead_ns,
        clock_read_ns: first.clock_read_ns,
        record_bytes: samples
            .iter()
            .map(|s| s.snapshot.overhead.record_bytes)
            .sum(),
        unattributed_events: first.unattributed_events,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::view::MIN_UPDATE_BYTES;
    use super::*;
    use prost::Message as _;
    use std::collections::HashSet;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};
    use tonic::codegen::tokio_stream::Stream as _;
    use zokio::runtime::{Builder, Runtime};

    fn sampler() -> (Sampler, Runtime) {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let runtimes = Arc::new(Runtimes::default());
        runtimes.attach(runtime.handle());
        (Sampler::new(runtimes, Arc::default()), runtime)
    }

    fn wish(interval_ms: u64, limit: u32) -> Wish {
        let query = Query::new(
            v1::TaskQuery {
                limit,
                ..Default::default()
            },
            zokio_console_proto::MINOR,
        )
        .unwrap();
        Wish::new(
            Duration::from_millis(interval_ms),
            MIN_INTERVAL,
            vec![],
            query,
        )
    }

    fn next(subscription: &mut Subscription) -> Poll<Option<v1::Update>> {
        let mut cx = Context::from_waker(Waker::noop());
        Pin::new(subscription)
            .poll_next(&mut cx)
            .map(|item| item.map(Result::unwrap))
    }

    fn take(subscription: &mut Subscription) -> v1::Update {
        match next(subscription) {
            Poll::Ready(Some(update)) => update,
            other => panic!("no update: {other:?}"),
        }
    }

    #[test]
    fn the_first_update_is_full_and_later_ones_are_deltas_that_lead_to_the_same() {
        let (sampler, _runtime) = sampler();
        let mut viewer = sampler.subscribe(wish(50, 100)).unwrap();
        let mut late = sampler.subscribe(wish(50, 100)).unwrap();
        let mut state: Option<v1::RuntimeUpdate> = None;
        for round in 1..=3 {
            let due = sampler.lock().next_due().unwrap();
            sampler.look(due);
            let mut update = take(&mut viewer);
            assert_eq!((update.sequence, update.skipped), (round, 0));
            let runtime = update.runtimes.remove(0);
            assert_eq!(runtime.full, round == 1);
            match &mut state {
                Some(state) => state.apply(runtime),
                none => *none = Some(runtime),
            }
        }
        // A viewer that was too slow for all but the last gets that one, whole.
        let update = take(&mut late);
        assert_eq!((update.sequence, update.skipped), (3, 2));
        assert!(update.runtimes[0].full);
        let mut whole = update.runtimes.into_iter().next().unwrap();
        whole.apply(v1::RuntimeUpdate {
            full: true,
            ..whole.clone()
        });
        assert_eq!(state, Some(whole));
    }

    /// The next view, all looks up to it taken in time; and when it came. `pass` is told after each look
    /// when the latest pass began.
    fn next_view(
        sampler: &Sampler,
        viewer: &mut Subscription,
        mut pass: impl FnMut(Option<Instant>),
    ) -> (v1::Update, Instant) {
        loop {
            let due = sampler.lock().next_due().unwrap();
            sampler.look(due);
            pass(sampler.lock().passes.latest.map(|(began, _)| began));
            if let Poll::Ready(Some(update)) = next(viewer) {
                return (update, due);
            }
        }
    }

    /// The one task of the largest id, each ten seconds.
    fn latest_task() -> Wish {
        let query = v1::TaskQuery {
            sort: v1::TaskSort::Id.into(),
            limit: 1,
            ..Default::default()
        };
        let query = Query::new(query, zokio_console_proto::MINOR).unwrap();
        Wish {
            query: Arc::new(query),
            ..wish(10_000, 1)
        }
    }

    /// With so many tasks that a pass is taken in slices.
    fn sampler_of_many() -> (Sampler, Runtime) {
        let (sampler, runtime) = sampler();
        for _ in 0..20_000 {
            drop(runtime.spawn(std::future::pending::<()>()));
        }
        (sampler, runtime)
    }

    #[test]
    fn a_view_in_a_long_time_has_the_rows_of_shortly_before() {
        let (sampler, runtime) = sampler_of_many();
        let mut seldom = sampler.subscribe(latest_task()).unwrap();
        next_view(&sampler, &mut seldom, |_| ());
        // Alone, and with a viewer for whom a pass is always under way.
        for others in [false, true] {
            let often = others.then(|| sampler.subscribe(wish(50, 5)).unwrap());
            // One may come before its pass is over, if the machine did something else meanwhile.
            let is_of_now = |_| {
                let latest = runtime.spawn(std::future::pending::<()>()).id();
                let (view, _) = next_view(&sampler, &mut seldom, |_| ());
                view.runtimes[0].rows == [latest.as_u64()]
            };
            assert!((0..10).any(is_of_now), "others: {others}");
            drop(often);
        }
    }

    #[test]
    fn a_view_in_a_long_time_takes_one_pass() {
        let (sampler, _runtime) = sampler_of_many();
        let mut seldom = sampler.subscribe(latest_task()).unwrap();
        let (_, first) = next_view(&sampler, &mut seldom, |_| ());
        let mut passes = HashSet::new();
        let mut last = first;
        for _ in 0..5 {
            (_, last) = next_view(&sampler, &mut seldom, |began| {
                passes.insert(began);
            });
        }
        assert_eq!(passes.len(), 5);
        assert!(last - first <= Duration::from_secs(55), "they come in time");
    }

    #[test]
    fn equal_wishes_share_one_group_and_late_comers_get_its_latest_view() {
        let (sampler, _runtime) = sampler();
        let mut first = sampler.subscribe(wish(100, 5)).unwrap();
        sampler.look(Instant::now());
        assert_eq!(take(&mut first).sequence, 1);
        let mut second = sampler.subscribe(wish(100, 5)).unwrap();
        assert_eq!(take(&mut second).sequence, 1);
        let _other = sampler.subscribe(wish(100, 6)).unwrap();
        assert_eq!(sampler.lock().groups.len(), 2);
    }

    fn take_encoded(subscription: &mut Subscription) -> Encoded {
        let mut cx = Context::from_waker(Waker::noop());
        match subscription.poll_encoded(&mut cx) {
            Poll::Ready(Some(encoded)) => encoded,
            other => panic!("no update: {other:?}"),
        }
    }

    #[test]
    fn viewers_that_have_the_same_are_sent_the_same_bytes() {
        let (sampler, _runtime) = sampler();
        let mut viewers: Vec<_> = (0..3)
            .map(|_| sampler.subscribe(wish(100, 5)).unwrap())
            .collect();
        let mut compact = sampler.subscribe(wish(100, 5)).unwrap().compact(true);
        let mut slow = sampler.subscribe(wish(100, 5)).unwrap();
        for _ in 0..2 {
            let due = sampler.lock().next_due().unwrap();
            sampler.look(due);
            let first = take_encoded(&mut viewers[0]).shared;
            for viewer in &mut viewers[1..] {
                assert_eq!(take_encoded(viewer).shared.as_ptr(), first.as_ptr());
            }
            // As the others have theirs, this one has its own.
            assert_ne!(take_encoded(&mut compact).shared.as_ptr(), first.as_ptr());
        }
        let whole = take_encoded(&mut slow);
        assert_eq!(whole.skipped, 1);
        let mut late = sampler.subscribe(wish(100, 5)).unwrap();
        let also_whole = take_encoded(&mut late);
        assert_eq!(also_whole.shared.as_ptr(), whole.shared.as_ptr());
    }

    #[test]
    fn a_viewer_that_reads_nothing_keeps_no_view_alive_and_is_sent_the_newest_whole() {
        let (sampler, _runtime) = sampler();
        let mut stalled = sampler.subscribe(wish(100, 5)).unwrap();
        let look = || {
            let due = sampler.lock().next_due().unwrap();
            sampler.look(due);
            let state = sampler.lock();
            Arc::downgrade(state.groups[0].views.latest().unwrap())
        };
        let first = look();
        assert!(take(&mut stalled).runtimes[0].full);
        look();
        assert!(!take(&mut stalled).runtimes[0].full);
        assert!(first.upgrade().is_some());
        for _ in 0..4 {
            look();
        }
        assert!(first.upgrade().is_none());
        let update = take(&mut stalled);
        assert_eq!((update.sequence, update.skipped), (6, 3));
        assert!(update.runtimes[0].full);
    }

    #[test]
    fn nothing_is_due_when_nobody_watches() {
        let (sampler, _runtime) = sampler();
        assert_eq!(sampler.lock().next_due(), None);
        let viewer = sampler.subscribe(wish(100, 5)).unwrap();
        let due = sampler.lock().next_due().unwrap();
        sampler.look(due);
        assert!(!sampler.lock().passes.ranked.is_empty());
        drop(viewer);
        assert_eq!(sampler.lock().next_due(), None);
        assert!(sampler.lock().passes.ranked.is_empty());
    }

    #[test]
    fn the_end_brings_a_last_view_and_closes() {
        let (sampler, _runtime) = sampler();
        let mut viewer = sampler.subscribe(wish(100, 5)).unwrap();
        sampler.finish();
        assert_eq!(sampler.lock().next_due(), None);
        assert_eq!(take(&mut viewer).sequence, 1);
        assert_eq!(next(&mut viewer), Poll::Ready(None));
        let mut late = sampler.subscribe(wish(100, 7)).unwrap();
        assert_eq!(next(&mut late), Poll::Ready(None));
    }

    #[test]
    fn too_many_viewers_are_refused_until_one_leaves() {
        let (sampler, _runtime) = sampler();
        let mut viewers: Vec<_> = (0..MAX_VIEWERS)
            .map(|_| sampler.subscribe(wish(100, 5)).unwrap())
            .collect();
        assert!(sampler.subscribe(wish(100, 5)).is_err());
        viewers.pop();
        assert!(sampler.subscribe(wish(100, 5)).is_ok());
    }

    #[test]
    fn a_wish_too_many_is_refused_and_known_ones_are_not() {
        let (sampler, _runtime) = sampler();
        let mut viewers: Vec<_> = (0..MAX_WISHES as u32)
            .map(|limit| sampler.subscribe(wish(100, limit)).unwrap())
            .collect();
        let refused = sampler.subscribe(wish(100, 1_000)).map(drop);
        assert_eq!(refused, Err(TooMany::Wishes));
        viewers.push(sampler.subscribe(wish(100, 5)).unwrap());
        viewers.remove(0);
        assert!(sampler.subscribe(wish(100, 1_000)).is_ok());
    }

    #[test]
    fn windows_that_are_too_deep_or_too_many_together_are_refused_in_words_of_their_own() {
        let (sampler, _runtime) = sampler();
        let from = |offset: usize, limit: u32| {
            let query = v1::TaskQuery {
                offset: u32::try_from(offset).unwrap(),
                limit,
                ..Default::default()
            };
            let query = Query::new(query, zokio_console_proto::MINOR).unwrap();
            let wish = Wish::new(MIN_INTERVAL, MIN_INTERVAL, vec![], query);
            sampler.subscribe(wish)
        };
        let deep = from(MAX_DEPTH - 1, 1).unwrap();
        assert_eq!(from(2, 1).map(drop), Err(TooMany::Depth));
        assert_eq!(from(u32::MAX as usize, 1).map(drop), Err(TooMany::Depth));
        // Neither one more of the same, nor one without rows, nor one from the top costs anything.
        let _same = from(MAX_DEPTH - 1, 1).unwrap();
        let _no_rows = from(u32::MAX as usize, 0).unwrap();
        let _from_the_top = from(0, 1).unwrap();
        drop((deep, _same));
        let _next = from(2, 1).unwrap();
        let mut large: Vec<_> = (0..MAX_WINDOWS / 1_000)
            .map(|offset| from(offset, 1_000).unwrap())
            .collect();
        assert_eq!(from(99, 1_000).map(drop), Err(TooMany::Rows));
        large.pop();
        assert!(from(99, 1_000).is_ok());
    }

    #[test]
    fn intervals_are_brought_within_limits() {
        assert_eq!(wish(0, 1).interval, MIN_INTERVAL);
        assert_eq!(wish(1, 1).interval, MIN_INTERVAL);
        assert_eq!(wish(u64::MAX / 1_000_000, 1).interval, MAX_INTERVAL);
        assert_eq!(wish(123, 1).interval, Duration::from_millis(123));
    }

    #[test]
    fn due_times_of_one_interval_coincide_and_are_never_close() {
        let epoch = Instant::now();
        let ms = Duration::from_millis;
        let due = |now| next_due(epoch, epoch + ms(now), ms(100)) - epoch;
        assert_eq!(due(0), ms(100));
        assert_eq!(due(49), ms(100));
        assert_eq!(due(51), ms(200));
        assert_eq!(due(99), ms(200));
        assert_eq!(due(301), ms(400));
    }

    #[test]
    fn an_unknown_runtime_brings_an_empty_view() {
        let (sampler, _runtime) = sampler();
        let wish = Wish {
            runtime_ids: vec![u64::MAX],
            ..wish(100, 5)
        };
        let mut viewer = sampler.subscribe(wish).unwrap();
        sampler.look(Instant::now());
        let update = take(&mut viewer);
        assert!(update.runtimes.is_empty());
        // However little there is to say, it is said in a frame of good size.
        assert!((MIN_UPDATE_BYTES..MIN_UPDATE_BYTES + 8).contains(&update.encoded_len()));
    }
}
