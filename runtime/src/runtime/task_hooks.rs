//! Functions of the user's that are called when tasks are spawned, polled and done.
//!
//! Nothing is asked of a hook that is not set but one look at whether it is: at each spawn, at each
//! end of a task, and, for both hooks round polls together, at each poll.

use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;

use crate::task::Id;

/// What a task hook is told about the task. See
/// [`Builder::on_task_spawn`](super::Builder::on_task_spawn).
pub struct TaskMeta<'a> {
    id: Id,
    spawned_at: &'static Location<'static>,
    _task: PhantomData<&'a ()>,
}

impl TaskMeta<'_> {
    pub(crate) fn new(id: Id, spawned_at: &'static Location<'static>) -> Self {
        TaskMeta {
            id,
            spawned_at,
            _task: PhantomData,
        }
    }

    /// The task's id.
    pub fn id(&self) -> Id {
        self.id
    }

    /// The place of the call that spawned the task.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.spawned_at
    }
}

impl fmt::Debug for TaskMeta<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskMeta")
            .field("id", &self.id)
            .field("spawned_at", &self.spawned_at)
            .finish()
    }
}

type TaskHook = Option<Arc<dyn Fn(&TaskMeta<'_>) + Send + Sync>>;

/// The hooks of one runtime.
#[derive(Clone, Default)]
pub(crate) struct TaskHooks {
    pub(super) on_spawn: TaskHook,
    pub(super) on_terminate: TaskHook,
    pub(super) before_poll: TaskHook,
    pub(super) after_poll: TaskHook,
}

/// As with the hooks of threads, a panic is reported by the panic hook and otherwise ignored.
fn call(hook: &TaskHook, meta: &TaskMeta<'_>) {
    if let Some(hook) = hook {
        let _ = catch_unwind(AssertUnwindSafe(|| hook(meta)));
    }
}

impl TaskHooks {
    pub(crate) fn watch_spawns(&self) -> bool {
        self.on_spawn.is_some()
    }

    pub(crate) fn watch_ends(&self) -> bool {
        self.on_terminate.is_some()
    }

    pub(crate) fn watch_polls(&self) -> bool {
        self.before_poll.is_some() || self.after_poll.is_some()
    }

    #[cold]
    pub(crate) fn spawned(&self, meta: &TaskMeta<'_>) {
        call(&self.on_spawn, meta);
    }

    #[cold]
    pub(crate) fn terminated(&self, meta: &TaskMeta<'_>) {
        call(&self.on_terminate, meta);
    }

    pub(crate) fn before_poll(&self, meta: &TaskMeta<'_>) {
        call(&self.before_poll, meta);
    }

    pub(crate) fn after_poll(&self, meta: &TaskMeta<'_>) {
        call(&self.after_poll, meta);
    }
}
