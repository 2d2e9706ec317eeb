//! The counters of an update, decoded without the rest of it.
//!
//! Lanes and rates look back over many updates, but read only a few numbers of each. Skipping the
//! other fields takes a small part of the time that decoding them does.

use prost::Message;
use zokio_console_proto::v1;

/// What `v1::Update` has, as far as lanes and rates read it.
#[derive(Clone, PartialEq, Message)]
struct Update {
    #[prost(uint64, tag = "2")]
    taken_at_ns: u64,
    #[prost(message, repeated, tag = "3")]
    runtimes: Vec<Runtime>,
    #[prost(message, optional, tag = "4")]
    telemetry: Option<Telemetry>,
}

#[derive(Clone, PartialEq, Message)]
struct Telemetry {
    #[prost(uint64, tag = "5")]
    bytes_sent: u64,
}

#[derive(Clone, PartialEq, Message)]
struct Runtime {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint64, tag = "6")]
    taken_at_ns: u64,
    #[prost(message, repeated, tag = "7")]
    workers: Vec<Worker>,
    #[prost(uint64, tag = "11")]
    spawned_tasks: u64,
    #[prost(uint64, tag = "12")]
    completed_tasks: u64,
    #[prost(message, optional, tag = "15")]
    blocking: Option<Blocking>,
    #[prost(message, optional, tag = "16")]
    driver: Option<Driver>,
    #[prost(message, optional, tag = "17")]
    timers: Option<Timers>,
}

#[derive(Clone, PartialEq, Message)]
struct Worker {
    #[prost(uint32, tag = "1")]
    index: u32,
    #[prost(uint64, tag = "4")]
    polls: u64,
    #[prost(uint64, tag = "5")]
    busy_ns: u64,
    #[prost(uint64, tag = "6")]
    searching_ns: u64,
    #[prost(uint64, tag = "7")]
    parked_ns: u64,
    #[prost(uint64, tag = "8")]
    detached_ns: u64,
    #[prost(uint64, tag = "9")]
    parks: u64,
    #[prost(uint64, tag = "13")]
    steals: u64,
    #[prost(uint64, tag = "14")]
    stolen_tasks: u64,
}

#[derive(Clone, PartialEq, Message)]
struct Blocking {
    #[prost(uint64, tag = "5")]
    completed: u64,
}

#[derive(Clone, PartialEq, Message)]
struct Driver {
    #[prost(uint64, tag = "2")]
    polls: u64,
    #[prost(uint64, tag = "3")]
    events: u64,
}

#[derive(Clone, PartialEq, Message)]
struct Timers {
    #[prost(uint64, tag = "2")]
    fired: u64,
}

/// The update that a payload holds, with the counters alone. None: it holds none.
pub(super) fn decode(payload: &[u8]) -> Option<v1::Update> {
    let update = Update::decode(payload).ok()?;
    Some(v1::Update {
        taken_at_ns: update.taken_at_ns,
        runtimes: update.runtimes.into_iter().map(Runtime::widen).collect(),
        telemetry: update.telemetry.map(|telemetry| v1::TelemetryCost {
            bytes_sent: telemetry.bytes_sent,
            ..Default::default()
        }),
        ..Default::default()
    })
}

impl Runtime {
    fn widen(self) -> v1::RuntimeUpdate {
        v1::RuntimeUpdate {
            id: self.id,
            taken_at_ns: self.taken_at_ns,
            workers: self.workers.into_iter().map(Worker::widen).collect(),
            spawned_tasks: self.spawned_tasks,
            completed_tasks: self.completed_tasks,
            blocking: self.blocking.map(|blocking| v1::Blocking {
                completed: blocking.completed,
                ..Default::default()
            }),
            driver: self.driver.map(|driver| v1::Driver {
                polls: driver.polls,
                events: driver.events,
                ..Default::default()
            }),
            timers: self.timers.map(|timers| v1::Timers {
                fired: timers.fired,
                ..Default::default()
            }),
            full: true,
            ..Default::default()
        }
    }
}

impl Worker {
    fn widen(self) -> v1::Worker {
        v1::Worker {
            index: self.index,
            polls: self.polls,
            busy_ns: self.busy_ns,
            searching_ns: self.searching_ns,
            parked_ns: self.parked_ns,
            detached_ns: self.detached_ns,
            parks: self.parks,
            steals: self.steals,
            stolen_tasks: self.stolen_tasks,
            ..Default::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::fixtures::snapshot;
    use crate::state::model::Query;

    #[test]
    fn what_is_read_is_what_the_whole_update_says() {
        let mut whole = snapshot(7, &Query::default());
        whole.runtimes[0].workers[0].detached_ns = 77;
        let read = decode(&whole.encode_to_vec()).unwrap();
        assert_eq!(read.taken_at_ns, whole.taken_at_ns);
        let bytes = |update: &v1::Update| update.telemetry.as_ref().unwrap().bytes_sent;
        assert_eq!(bytes(&read), bytes(&whole));
        let (read, whole) = (&read.runtimes[0], &whole.runtimes[0]);
        let of_runtime = |r: &v1::RuntimeUpdate| {
            let (driver, timers) = (r.driver.as_ref().unwrap(), r.timers.as_ref().unwrap());
            let blocking = r.blocking.as_ref().unwrap().completed;
            let driver = (driver.polls, driver.events);
            let tasks = (r.spawned_tasks, r.completed_tasks);
            (r.id, r.taken_at_ns, tasks, driver, timers.fired, blocking)
        };
        assert_eq!(of_runtime(read), of_runtime(whole));
        assert_eq!(read.workers.len(), whole.workers.len());
        for (read, whole) in read.workers.iter().zip(&whole.workers) {
            let of_worker = |w: &v1::Worker| {
                let times = (w.busy_ns, w.searching_ns, w.parked_ns, w.detached_ns);
                (w.index, w.polls, times, w.parks, w.steals, w.stolen_tasks)
            };
            assert_eq!(of_worker(read), of_worker(whole));
        }
    }

    #[test]
    fn what_is_no_update_is_none() {
        assert_eq!(decode(&[0xff; 40]), None);
    }
}
