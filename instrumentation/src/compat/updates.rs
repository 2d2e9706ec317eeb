//! One client's stream of updates.
//!
//! The client is brought from the view that it has to the newest one, in as many messages as it
//! takes: each is far below the 4 MiB at which the client connects anew, which with many tasks would
//! be for ever. Messages are made when there is room to send them, and a newer view waits until the
//! one before is through. So a client that is slow skips views, and costs the two that it is between.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use prost::Message;
use tonic::Status;
use tonic::codegen::tokio_stream::Stream;
use zokio_console_proto::tokio_console::async_ops::AsyncOpUpdate;
use zokio_console_proto::tokio_console::instrument::Update;
use zokio_console_proto::tokio_console::resources::ResourceUpdate;
use zokio_console_proto::tokio_console::tasks::TaskUpdate;

use super::rows::Row;
use super::view::{Change, Cursor, Table, View};
use super::wire::{self, Anchor};
use crate::mailbox::Mailbox;
use crate::tracing_layer;

/// Rows of one table in one message, and bytes of them: three tables fit below 4 MiB whatever
/// their rows say.
const MAX_ROWS: usize = 2_000;
const MAX_BYTES: usize = 1024 * 1024;

/// See the module. Dropping it ends the subscription.
#[derive(Debug)]
pub(crate) struct Updates {
    mailbox: Arc<Mailbox<Arc<View>>>,
    /// Time that making messages took, for whoever decides how often to look.
    spent_ns: Arc<AtomicU64>,
    anchor: Anchor,
    /// What the client has.
    delivered: Option<Arc<View>>,
    sending: Option<Sending>,
}

/// A view on its way, and how much of it is through.
#[derive(Debug)]
struct Sending {
    view: Arc<View>,
    before: Arc<View>,
    tasks: Cursor,
    resources: Cursor,
    operations: Cursor,
    /// What the client was not shown in between: tasks, resources, operations.
    missed: [u64; 3],
    begun: bool,
}

impl Updates {
    pub(super) fn new(mailbox: Arc<Mailbox<Arc<View>>>, spent_ns: Arc<AtomicU64>) -> Updates {
        Updates {
            mailbox,
            spent_ns,
            anchor: Anchor::now(),
            delivered: None,
            sending: None,
        }
    }

    fn begin(&mut self, view: Arc<View>) -> Sending {
        let missed = self.delivered.as_ref().map(|seen| {
            [
                view.tasks.missed_since(&seen.tasks),
                view.resources.missed_since(&seen.resources),
                view.operations.missed_since(&seen.operations),
            ]
        });
        Sending {
            view,
            before: self.delivered.clone().unwrap_or_default(),
            tasks: Cursor::default(),
            resources: Cursor::default(),
            operations: Cursor::default(),
            missed: missed.unwrap_or_default(),
            begun: false,
        }
    }
}

impl Stream for Updates {
    type Item = Result<Update, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            let mut sending = match this.sending.take() {
                Some(sending) => sending,
                None => match ready!(this.mailbox.poll_take(cx)) {
                    Some((view, _)) => this.begin(view),
                    None => return Poll::Ready(None),
                },
            };
            let began = Instant::now();
            let update = sending.next(this.anchor);
            let spent_ns = began.elapsed().as_nanos() as u64;
            this.spent_ns.fetch_add(spent_ns, Ordering::Relaxed);
            match update {
                Some(update) => {
                    this.sending = Some(sending);
                    return Poll::Ready(Some(Ok(update)));
                }
                None => this.delivered = Some(sending.view),
            }
        }
    }
}

impl Sending {
    /// The next message; `None` when all is through. There is one at least: without, the client's
    /// clock would stand still.
    fn next(&mut self, anchor: Anchor) -> Option<Update> {
        let gone_ns = self.before.taken_at_ns;
        let mut tasks = TaskUpdate::default();
        let mut resources = ResourceUpdate::default();
        let mut operations = AsyncOpUpdate::default();
        let full = [
            fill(
                &mut self.tasks,
                &self.before.tasks,
                &self.view.tasks,
                |row, new, gone| {
                    let task = new.then(|| wire::task(row, &tracing_layer::fields_of(row.id)));
                    let stats = wire::task_stats(row, gone.then_some(gone_ns), anchor);
                    let bytes = len(&task) + stats.encoded_len();
                    tasks.new_tasks.extend(task);
                    tasks.stats_update.insert(row.id, stats);
                    bytes
                },
            ),
            fill(
                &mut self.resources,
                &self.before.resources,
                &self.view.resources,
                |row, new, gone| {
                    let resource = new.then(|| wire::resource(row));
                    let stats = wire::resource_stats(row, gone.then_some(gone_ns), anchor);
                    let bytes = len(&resource) + stats.encoded_len();
                    resources.new_resources.extend(resource);
                    resources.stats_update.insert(row.id, stats);
                    bytes
                },
            ),
            fill(
                &mut self.operations,
                &self.before.operations,
                &self.view.operations,
                |row, new, gone| {
                    let operation = new.then(|| wire::operation(row));
                    let stats = wire::operation_stats(row, gone.then_some(gone_ns), anchor);
                    let bytes = len(&operation) + stats.encoded_len();
                    operations.new_async_ops.extend(operation);
                    operations.stats_update.insert(row.id, stats);
                    bytes
                },
            ),
        ];
        if self.begun && full == [0; 3] {
            return None;
        }
        self.begun = true;
        let missed = std::mem::take(&mut self.missed);
        tasks.dropped_events = missed[0];
        resources.dropped_events = missed[1];
        operations.dropped_events = missed[2];
        Some(Update {
            now: Some(anchor.timestamp(self.view.taken_at_ns)),
            task_update: Some(tasks),
            resource_update: Some(resources),
            async_op_update: Some(operations),
            new_metadata: Some(wire::all_metadata()),
        })
    }
}

/// Adds changes, by a function of the row, whether it is new, and whether it is gone, which returns
/// their bytes, until a message has enough of them. Returns how many there were.
fn fill<T: Row>(
    cursor: &mut Cursor,
    before: &Table<T>,
    after: &Table<T>,
    mut add: impl FnMut(&T, bool, bool) -> usize,
) -> usize {
    let (mut rows, mut bytes) = (0, 0);
    while rows < MAX_ROWS && bytes < MAX_BYTES {
        let Some(change) = cursor.next(before, after) else {
            break;
        };
        rows += 1;
        bytes += match change {
            Change::New(row) => add(row, true, false),
            Change::Changed(row) => add(row, false, false),
            Change::Gone(row) => add(row, false, true),
        };
    }
    rows
}

fn len(message: &Option<impl Message>) -> usize {
    message.as_ref().map_or(0, Message::encoded_len)
}

#[cfg(test)]
mod tests {
    use super::super::rows::TaskRow;
    use super::super::rows::tests::here;
    use super::*;
    use crate::runtimes::Sample;
    use std::task::Waker;
    use zokio::runtime::RuntimeFlavor;
    use zokio::telemetry::{Snapshot, TaskSnapshot, TaskState, Wait};
    use zokio_console_proto::MAX_MESSAGE_BYTES;

    fn sample(ids: impl IntoIterator<Item = u64>, name: &str, polls: u64) -> Sample {
        let mut snapshot = Snapshot::empty("main", RuntimeFlavor::MultiThread);
        snapshot.tasks = ids
            .into_iter()
            .map(|id| {
                let mut task = TaskSnapshot::empty(id, here());
                (task.name, task.polls) = (Some(name.into()), polls);
                task.waits = vec![Wait::new("sleep", "sleep", Some(here()))];
                task
            })
            .collect();
        Sample {
            label: "main".into(),
            snapshot: Arc::new(snapshot),
            handle: None,
            findings: Arc::default(),
        }
    }

    fn view(sample: Sample, before: &View) -> Arc<View> {
        let taken_at_ns = before.taken_at_ns + 1_000;
        Arc::new(View::new(&[sample], taken_at_ns, before))
    }

    fn stream() -> Updates {
        Updates::new(Arc::default(), Arc::default())
    }

    /// All messages that are there.
    fn take(updates: &mut Updates) -> Vec<Update> {
        let mut cx = Context::from_waker(Waker::noop());
        let next = || match Pin::new(&mut *updates).poll_next(&mut cx) {
            Poll::Ready(Some(update)) => Some(update.unwrap()),
            _ => None,
        };
        std::iter::from_fn(next).collect()
    }

    fn tasks(update: &Update) -> &TaskUpdate {
        update.task_update.as_ref().unwrap()
    }

    #[test]
    fn many_tasks_come_in_messages_that_the_client_accepts_whatever_their_names_are() {
        for (name, count, most) in [("t", 40_000, 20), (&*"\u{10ffff}".repeat(300), 4_000, 8)] {
            let mut updates = stream();
            let all = sample(1..=count, name, 1);
            updates.mailbox.put(view(all, &View::default()));
            let messages = take(&mut updates);
            assert!(messages.len() <= most, "{}", messages.len());
            let largest = messages.iter().map(Message::encoded_len).max().unwrap();
            assert!(largest < MAX_MESSAGE_BYTES - 64 * 1024, "{largest} bytes");
            let new = messages.iter().map(|m| tasks(m).new_tasks.len());
            assert!(new.clone().all(|n| n <= MAX_ROWS));
            assert_eq!(new.sum::<usize>() as u64, count);
        }
    }

    #[test]
    fn a_new_task_comes_with_its_stats_and_each_message_with_a_time_and_the_metadata() {
        let mut updates = stream();
        updates
            .mailbox
            .put(view(sample(1..=4_500, "t", 1), &View::default()));
        for message in take(&mut updates) {
            assert!(message.now.is_some());
            assert_eq!(message.new_metadata.as_ref().unwrap().metadata.len(), 3);
            let new = tasks(&message).new_tasks.iter().map(|t| t.id.unwrap().id);
            assert!(
                new.into_iter()
                    .all(|id| tasks(&message).stats_update.contains_key(&id))
            );
            let resources = message.resource_update.as_ref().unwrap();
            let new = resources.new_resources.iter().map(|r| r.id.unwrap().id);
            assert!(
                new.into_iter()
                    .all(|id| resources.stats_update.contains_key(&id))
            );
            let operations = message.async_op_update.as_ref().unwrap();
            let new = operations.new_async_ops.iter().map(|o| o.id.unwrap().id);
            assert!(
                new.into_iter()
                    .all(|id| operations.stats_update.contains_key(&id))
            );
        }
    }

    #[test]
    fn a_view_without_changes_is_one_small_message_that_moves_the_clock() {
        let mut updates = stream();
        let first = view(sample(1..=10, "t", 1), &View::default());
        updates.mailbox.put(Arc::clone(&first));
        let before = take(&mut updates).pop().unwrap().now.unwrap();
        updates.mailbox.put(view(sample(1..=10, "t", 1), &first));
        let messages = take(&mut updates);
        assert_eq!(messages.len(), 1);
        assert!(tasks(&messages[0]).stats_update.is_empty());
        let now = messages[0].now.unwrap();
        assert!((now.seconds, now.nanos) > (before.seconds, before.nanos));
        // Below that, h2 counts it against a client that does not read.
        assert!((256..1_024).contains(&messages[0].encoded_len()));
    }

    #[test]
    fn a_task_that_is_gone_is_dropped_once_and_not_new_again() {
        let mut updates = stream();
        let first = view(sample(1..=3, "t", 1), &View::default());
        updates.mailbox.put(Arc::clone(&first));
        take(&mut updates);
        let second = view(sample([1, 3], "t", 1), &first);
        updates.mailbox.put(Arc::clone(&second));
        let messages = take(&mut updates);
        let stats = &tasks(&messages[0]).stats_update;
        assert_eq!(stats.keys().collect::<Vec<_>>(), [&2]);
        assert!(stats[&2].dropped_at.is_some());
        assert!(tasks(&messages[0]).new_tasks.is_empty());
        updates.mailbox.put(view(sample([1, 3], "t", 1), &second));
        assert!(tasks(&take(&mut updates)[0]).stats_update.is_empty());
    }

    #[test]
    fn a_slow_client_gets_the_newest_view_and_the_number_of_changes_that_it_missed_once() {
        let mut updates = stream();
        let first = view(sample(1..=3, "t", 1), &View::default());
        updates.mailbox.put(Arc::clone(&first));
        take(&mut updates);
        let second = view(sample(1..=3, "t", 2), &first);
        updates.mailbox.put(Arc::clone(&second));
        let third = view(sample(1..=2, "t", 3), &second);
        updates.mailbox.put(Arc::clone(&third));
        let messages = take(&mut updates);
        assert_eq!(tasks(&messages[0]).dropped_events, 3);
        assert_eq!(
            tasks(&messages[0]).stats_update[&1]
                .poll_stats
                .unwrap()
                .polls,
            3
        );
        assert!(tasks(&messages[0]).stats_update[&3].dropped_at.is_some());
        updates.mailbox.put(view(sample(1..=2, "t", 4), &third));
        assert_eq!(tasks(&take(&mut updates)[0]).dropped_events, 0);
    }

    #[test]
    fn a_late_client_has_missed_nothing() {
        let first = view(sample(1..=3, "t", 1), &View::default());
        let second = view(sample(1..=3, "t", 2), &first);
        let mut updates = stream();
        updates.mailbox.put(view(sample(1..=3, "t", 3), &second));
        let messages = take(&mut updates);
        assert_eq!(tasks(&messages[0]).dropped_events, 0);
        assert_eq!(tasks(&messages[0]).new_tasks.len(), 3);
    }

    #[test]
    fn a_view_put_while_another_is_on_its_way_follows_it() {
        let mut updates = stream();
        let first = view(sample(1..=5_000, "t", 1), &View::default());
        updates.mailbox.put(Arc::clone(&first));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut updates).poll_next(&mut cx).is_ready());
        updates.mailbox.put(view(sample(1..=4_000, "t", 1), &first));
        let messages = take(&mut updates);
        let new = messages.iter().map(|m| tasks(m).new_tasks.len());
        assert_eq!(new.sum::<usize>(), 3_000);
        let gone = messages.iter().flat_map(|m| tasks(m).stats_update.values());
        assert_eq!(gone.filter(|s| s.dropped_at.is_some()).count(), 1_000);
    }

    #[test]
    fn a_task_that_ran_when_last_seen_does_not_run_on_for_ever() {
        let mut running = sample([1], "t", 1);
        let snapshot = Arc::get_mut(&mut running.snapshot).unwrap();
        snapshot.tasks[0].state = TaskState::Busy;
        let row = TaskRow::new(&snapshot.tasks[0], None);
        assert_eq!(row.poll_ended_ns, None);
        let mut updates = stream();
        let first = view(running, &View::default());
        updates.mailbox.put(Arc::clone(&first));
        take(&mut updates);
        updates.mailbox.put(view(sample([], "t", 1), &first));
        let messages = take(&mut updates);
        let polls = tasks(&messages[0]).stats_update[&1].poll_stats.unwrap();
        let at = |t: Option<prost_types::Timestamp>| t.map(|t| (t.seconds, t.nanos));
        assert!(at(polls.last_poll_ended) >= at(polls.last_poll_started));
    }
}
