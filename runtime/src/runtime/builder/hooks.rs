//! Functions of the user's that the runtime calls.
//!
//! There is one hook of each kind: setting another replaces it. A panic in a hook is reported by the
//! panic hook and otherwise ignored, so that it takes no worker down.

use std::sync::Arc;

use super::Builder;
use crate::runtime::TaskMeta;

impl Builder {
    /// Called on each of the runtime's threads when it starts, before it does any work.
    pub fn on_thread_start<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self.hooks.on_thread_start = Some(Arc::new(f));
        self
    }

    /// Called on each of the runtime's threads before it ends.
    pub fn on_thread_stop<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self.hooks.on_thread_stop = Some(Arc::new(f));
        self
    }

    /// Called on a worker's thread before it goes to sleep. It is within the runtime, so it may
    /// spawn; then the worker does not sleep.
    pub fn on_thread_park<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self.hooks.on_thread_park = Some(Arc::new(f));
        self
    }

    /// Called on a worker's thread after it has woken up, before it runs tasks.
    pub fn on_thread_unpark<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self.hooks.on_thread_unpark = Some(Arc::new(f));
        self
    }

    /// Called when a task is spawned, before it can run, on the thread that spawns it. It is within
    /// the runtime, so it may spawn, whereupon it is called for that task too.
    ///
    /// Not called for `spawn_blocking`, nor for what is spawned when the runtime is gone.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    ///
    /// let spawned = Arc::new(AtomicUsize::new(0));
    /// let counter = spawned.clone();
    /// let runtime = zokio::runtime::Builder::new_current_thread()
    ///     .on_task_spawn(move |meta| {
    ///         println!("task {} comes from {}", meta.id(), meta.spawned_at());
    ///         counter.fetch_add(1, Ordering::Relaxed);
    ///     })
    ///     .build()?;
    /// runtime.block_on(async { zokio::spawn(async {}).await })?;
    /// assert_eq!(spawned.load(Ordering::Relaxed), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn on_task_spawn<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn(&TaskMeta<'_>) + Send + Sync + 'static,
    {
        self.hooks.tasks.on_spawn = Some(Arc::new(f));
        self
    }

    /// Called before a worker polls a task. It is within the runtime, but not within the task:
    /// [`task::try_id`](crate::task::try_id) is `None`. It is also called, with nothing polled
    /// thereafter, when a worker comes to a task that has been aborted.
    ///
    /// Not called for `spawn_blocking` and for the future given to `block_on`.
    pub fn on_before_task_poll<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn(&TaskMeta<'_>) + Send + Sync + 'static,
    {
        self.hooks.tasks.before_poll = Some(Arc::new(f));
        self
    }

    /// Called after a worker has polled a task: as often as
    /// [`on_before_task_poll`](Builder::on_before_task_poll), and at a task's last poll after
    /// [`on_task_terminate`](Builder::on_task_terminate).
    pub fn on_after_task_poll<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn(&TaskMeta<'_>) + Send + Sync + 'static,
    {
        self.hooks.tasks.after_poll = Some(Arc::new(f));
        self
    }

    /// Called when a task has ended, be it completed, panicked or cancelled: its future is gone, and
    /// who awaits it may know. Also called for `spawn_blocking`.
    pub fn on_task_terminate<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn(&TaskMeta<'_>) + Send + Sync + 'static,
    {
        self.hooks.tasks.on_terminate = Some(Arc::new(f));
        self
    }
}
