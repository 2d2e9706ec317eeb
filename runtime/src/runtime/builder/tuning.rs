//! Settings that few programs need: tokio has most of them behind `tokio_unstable`.

use std::time::Duration;

use super::{Builder, PollTimes};
use crate::runtime::metrics::Shape;
use crate::runtime::{
    HistogramConfiguration, HistogramScale, RngSeed, RuntimeFlavor, UnhandledPanic,
};

impl Builder {
    /// What happens when a spawned task panics. Default: [`UnhandledPanic::Ignore`].
    ///
    /// # Panics
    ///
    /// If it is [`UnhandledPanic::ShutdownRuntime`] and this does not build a current-thread runtime.
    ///
    /// ```should_panic
    /// use zokio::runtime::{Builder, UnhandledPanic};
    ///
    /// let runtime = Builder::new_current_thread()
    ///     .unhandled_panic(UnhandledPanic::ShutdownRuntime)
    ///     .build()
    ///     .unwrap();
    /// runtime.spawn(async { panic!("boom") });
    /// runtime.block_on(std::future::pending::<()>()); // panics
    /// ```
    #[track_caller]
    pub fn unhandled_panic(&mut self, behavior: UnhandledPanic) -> &mut Self {
        let shuts_down = matches!(behavior, UnhandledPanic::ShutdownRuntime);
        assert!(
            !shuts_down || self.flavor == RuntimeFlavor::CurrentThread,
            "UnhandledPanic::ShutdownRuntime is only supported in current thread runtime"
        );
        self.unhandled_panic = behavior;
        self
    }

    /// Has woken tasks run in the order of their wakes. By default a worker of a multi-thread
    /// runtime runs the task next that it woke last, while the data that they share is in its cache.
    pub fn disable_lifo_slot(&mut self) -> &mut Self {
        self.lifo = false;
        self
    }

    /// Seeds the random numbers of the runtime's threads: the first branch that `select!` polls,
    /// the worker at which a search for work begins. On a current-thread runtime that makes
    /// `select!` choose the same branches in each run; other threads and the system may still
    /// change the order of things.
    pub fn rng_seed(&mut self, seed: RngSeed) -> &mut Self {
        self.rng_seed = Some(seed);
        self
    }

    /// Has a worker that comes from waiting for I/O and timers wake another, if one sleeps, to wait
    /// for them in its place while it runs what it found. By default that happens only if it found
    /// more than one task: waking a thread costs more than most polls. Useful where polls take long
    /// and timers should fire meanwhile. Without effect on a current-thread runtime.
    pub fn enable_eager_driver_handoff(&mut self) -> &mut Self {
        self.eager_handoff = true;
        self
    }

    /// Enables timers, as [`enable_time`](Builder::enable_time) does: they are kept by worker in any
    /// case, which is what tokio's alternative timer is for.
    pub fn enable_alt_timer(&mut self) -> &mut Self {
        self.enable_time()
    }

    /// Keeps a histogram of poll times for each worker, for
    /// [`RuntimeMetrics::poll_time_histogram_bucket_count`](crate::runtime::RuntimeMetrics::poll_time_histogram_bucket_count).
    /// By default it has ten buckets of 100 µs. Costs some nanoseconds a poll.
    ///
    /// Telemetry keeps a finer one in any case
    /// ([`WorkerSnapshot::poll_time`](crate::telemetry::WorkerSnapshot::poll_time)); without feature
    /// `telemetry` there is neither.
    pub fn enable_metrics_poll_time_histogram(&mut self) -> &mut Self {
        self.poll_times.enabled = true;
        self
    }

    /// The buckets of [that histogram](Builder::enable_metrics_poll_time_histogram).
    pub fn metrics_poll_time_histogram_configuration(
        &mut self,
        configuration: HistogramConfiguration,
    ) -> &mut Self {
        self.poll_times.shape = configuration.shape;
        self
    }

    #[doc(hidden)]
    #[deprecated(note = "renamed to `enable_metrics_poll_time_histogram`")]
    pub fn enable_metrics_poll_count_histogram(&mut self) -> &mut Self {
        self.enable_metrics_poll_time_histogram()
    }

    /// How the buckets of [that histogram](Builder::enable_metrics_poll_time_histogram) follow one
    /// another. Default: [`HistogramScale::Linear`].
    #[deprecated(note = "use `metrics_poll_time_histogram_configuration`")]
    pub fn metrics_poll_count_histogram_scale(&mut self, scale: HistogramScale) -> &mut Self {
        self.poll_times.legacy().scale = scale;
        self
    }

    /// Width of the first bucket of
    /// [that histogram](Builder::enable_metrics_poll_time_histogram), rounded up to a power of two
    /// nanoseconds if the scale is [`HistogramScale::Log`]. Default 100 µs.
    ///
    /// # Panics
    ///
    /// If it is 0 or more than a second.
    #[track_caller]
    #[deprecated(note = "use `metrics_poll_time_histogram_configuration`")]
    pub fn metrics_poll_count_histogram_resolution(&mut self, resolution: Duration) -> &mut Self {
        assert!(resolution > Duration::ZERO);
        assert!(resolution <= Duration::from_secs(1));
        self.poll_times.legacy().resolution = resolution;
        self
    }

    /// Number of buckets of [that histogram](Builder::enable_metrics_poll_time_histogram), the last
    /// of which has no upper bound. Default 10; 0 is taken as 1.
    #[deprecated(note = "use `metrics_poll_time_histogram_configuration`")]
    pub fn metrics_poll_count_histogram_buckets(&mut self, buckets: usize) -> &mut Self {
        self.poll_times.legacy().buckets = buckets;
        self
    }
}

impl PollTimes {
    /// What was set part by part: it comes before a whole configuration, as it does in tokio.
    fn legacy(&mut self) -> &mut LegacyShape {
        self.legacy.get_or_insert_default()
    }

    /// The buckets, if there is to be a histogram.
    pub(super) fn shape(&self) -> Option<Shape> {
        let shape = self.legacy.as_ref().map_or(self.shape, LegacyShape::build);
        self.enabled.then_some(shape)
    }
}

/// Buckets given by scale, width and number.
#[derive(Clone, Copy)]
pub(super) struct LegacyShape {
    scale: HistogramScale,
    resolution: Duration,
    buckets: usize,
}

pub(super) const DEFAULT_RESOLUTION: Duration = Duration::from_micros(100);
pub(super) const DEFAULT_BUCKETS: usize = 10;

impl Default for LegacyShape {
    fn default() -> LegacyShape {
        LegacyShape {
            scale: HistogramScale::Linear,
            resolution: DEFAULT_RESOLUTION,
            buckets: DEFAULT_BUCKETS,
        }
    }
}

impl LegacyShape {
    fn build(&self) -> Shape {
        match self.scale {
            HistogramScale::Linear => Shape::linear(self.resolution, self.buckets),
            HistogramScale::Log => Shape::doubling(self.resolution, self.buckets),
        }
    }
}
