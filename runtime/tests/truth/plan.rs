//! Graphs of tasks, made from a seed.

use std::panic::Location;

/// What a runtime is made of, and what runs on it.
#[derive(Debug)]
pub(crate) struct Graph {
    /// 0: a current-thread runtime.
    pub(crate) workers: usize,
    /// Spawned with `spawn`.
    pub(crate) tasks: Vec<Plan>,
    /// Spawned on a `LocalSet`.
    pub(crate) locals: Vec<Plan>,
}

/// The life of a task.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    pub(crate) end: End,
}

/// What a task does next. Whatever waits for others does so for a limited time.
#[derive(Debug)]
pub(crate) enum Step {
    Yield(u32),
    /// Microseconds.
    Sleep(u64),
    /// Microseconds of processor time.
    Spin(u64),
    /// Locks the mutex, and keeps it for that many yields.
    Lock(u32),
    Read(u32),
    Write(u32),
    Acquire(u32),
    Notified,
    Notify,
    Send(usize),
    Recv(usize),
    Select(u64, usize),
    Join,
    Abort,
    Spawn(Box<Plan>),
    Blocking(u64),
    BlockInPlace(u64),
    /// Wakes itself that many times in one poll.
    WakeSelf(u32),
    /// Leaves a waker for others, after so many clones that are dropped.
    LeaveWaker(u32),
    /// Wakes what others have left, by value or by reference.
    WakeOthers(bool),
    /// Wakes of others' from a thread of the pool.
    WakeOthersFromPool,
}

/// How a task ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    /// It waits to be let go.
    Gate,
    /// It waits to be aborted.
    Aborted,
    Finish,
    Panic,
}

/// A generator of numbers (SplitMix64; Steele, Lea, Flood, 2014).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

impl Graph {
    /// The graph of a seed. A smaller `size` (at most 8) gives fewer tasks with fewer steps.
    pub(crate) fn new(seed: u64, size: u64) -> Graph {
        let mut random = Random::new(seed);
        let workers = [0, 1, 2, 4][random.below(4) as usize];
        let tasks = random.below(3 * size) + 1;
        let locals = random.below(size + 1);
        let mut plans =
            |n| -> Vec<Plan> { (0..n).map(|_| Plan::new(&mut random, size, 2)).collect() };
        Graph {
            workers,
            tasks: plans(tasks),
            locals: plans(locals),
        }
    }

    /// Whether a thread may be a worker at one moment and none at the next.
    pub(crate) fn blocks_in_place(&self) -> bool {
        let mut plans = self.tasks.iter().chain(&self.locals);
        plans.any(Plan::blocks_in_place)
    }
}

impl Plan {
    fn new(random: &mut Random, size: u64, depth: u32) -> Plan {
        let steps = random.below(size + 1);
        Plan {
            steps: (0..steps).map(|_| Step::new(random, size, depth)).collect(),
            end: match random.below(10) {
                0 => End::Panic,
                1 => End::Aborted,
                2..6 => End::Finish,
                _ => End::Gate,
            },
        }
    }

    fn blocks_in_place(&self) -> bool {
        self.steps.iter().any(|step| match step {
            Step::BlockInPlace(_) => true,
            Step::Spawn(plan) => plan.blocks_in_place(),
            _ => false,
        })
    }
}

impl Step {
    fn new(random: &mut Random, size: u64, depth: u32) -> Step {
        let small = random.below(4) as u32;
        let short = random.below(300);
        let which = random.below(2) as usize;
        match random.below(if depth == 0 { 21 } else { 25 }) {
            0 | 1 => Step::Yield(small * small),
            2 => Step::Sleep(short * 4),
            3 => Step::Spin(short / 3),
            4 => Step::Lock(small),
            5 => Step::Read(small),
            6 => Step::Write(small),
            7 => Step::Acquire(small),
            8 => Step::Notified,
            9 => Step::Notify,
            10 => Step::Send(which),
            11 => Step::Recv(which),
            12 => Step::Select(short, which),
            13 => Step::Join,
            14 => Step::Abort,
            15 => Step::Blocking(short / 3),
            16 => Step::BlockInPlace(short / 3),
            17 if short == 0 => Step::WakeSelf(9_000),
            17 => Step::WakeSelf(small),
            18 => Step::LeaveWaker(small),
            19 => Step::WakeOthers(which == 0),
            20 => Step::WakeOthersFromPool,
            _ => Step::Spawn(Box::new(Plan::new(random, size, depth - 1))),
        }
    }
}

/// Where the tests spawn.
pub(crate) type Site = &'static Location<'static>;
