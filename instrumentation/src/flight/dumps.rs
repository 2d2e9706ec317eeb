//! Recordings into files, when something happens: a thread that waits for reasons.
//!
//! The directory is bounded: after each recording the oldest are deleted until the rest is within the
//! limits. Reasons that come by themselves (a finding, a panic, a signal) within [`DEBOUNCE`] of the
//! last recording are dropped: what they would show is mostly in it. Whoever gives a reason waits for
//! nothing, since it may be a worker that panics.
//!
//! Shutdown: dropping [`Dumps`] ends the thread after the recordings already asked for.

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Chunks, Trace};
use crate::runtimes::Runtimes;

/// How many recordings are kept by default.
pub const DEFAULT_FLIGHT_FILES: usize = 16;

/// How many bytes of recordings are kept by default: 256 MiB.
pub const DEFAULT_FLIGHT_BYTES: u64 = 256 << 20;

/// Between two recordings that nobody asked for in person.
const DEBOUNCE: Duration = Duration::from_secs(30);

/// What the names of recordings begin and end with; other files in the directory are left alone.
const PREFIX: &str = "zokio-flight-";
const SUFFIX: &str = ".json";

/// Where recordings go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) dir: PathBuf,
    pub(crate) files: usize,
    pub(crate) bytes: u64,
}

enum Message {
    Record {
        reason: String,
        /// Who waits for it; without, it may be dropped.
        answer: Option<SyncSender<io::Result<PathBuf>>>,
    },
    End,
}

/// Gives reasons for recordings.
#[derive(Clone)]
pub(crate) struct Trigger(Arc<SyncSender<Message>>);

impl Trigger {
    /// Something has happened. Waits for nothing.
    pub(crate) fn happened(&self, reason: &str) {
        let reason = reason.to_owned();
        let answer = None;
        // Full: there are reasons enough.
        let _ = self.0.try_send(Message::Record { reason, answer });
    }
}

/// The thread.
pub(crate) struct Dumps {
    trigger: Trigger,
    thread: Option<thread::JoinHandle<()>>,
}

impl Dumps {
    /// Starts the thread. The directory is made if it is not there.
    pub(crate) fn start(place: Place, runtimes: Arc<Runtimes>) -> io::Result<Dumps> {
        fs::create_dir_all(&place.dir)?;
        let (trigger, requests) = sync_channel(4);
        let thread = thread::Builder::new()
            .name("zokio-flight".to_owned())
            .spawn(move || run(&place, &runtimes, &requests))?;
        Ok(Dumps {
            trigger: Trigger(Arc::new(trigger)),
            thread: Some(thread),
        })
    }

    pub(crate) fn trigger(&self) -> Trigger {
        self.trigger.clone()
    }

    /// Writes a recording now, and says where.
    pub(crate) fn dump_now(&self, reason: &str) -> io::Result<PathBuf> {
        let (answer, answered) = sync_channel(1);
        let message = Message::Record {
            reason: reason.to_owned(),
            answer: Some(answer),
        };
        let gone = || io::Error::other("the thread that writes recordings has ended");
        self.trigger.0.send(message).map_err(|_| gone())?;
        answered.recv().unwrap_or_else(|_| Err(gone()))
    }
}

impl Drop for Dumps {
    fn drop(&mut self) {
        let mut told = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|trigger| !Arc::ptr_eq(&trigger.0, &self.trigger.0));
        drop(told);
        // Should it be gone, it need not be told.
        let _ = self.trigger.0.send(Message::End);
        if let Some(thread) = self.thread.take() {
            // A panic of it has been reported by the panic hook.
            drop(thread.join());
        }
    }
}

/// Who is told of panics.
static PANICS: Mutex<Vec<Trigger>> = Mutex::new(Vec::new());

/// Has panics told while the thread runs. The hook that was there before is called first.
pub(crate) fn on_panic(dumps: &Dumps) {
    static INSTALLED: Once = Once::new();
    let mut told = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
    told.push(dumps.trigger());
    drop(told);
    INSTALLED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            before(info);
            // Whoever panics may hold anything: no wait for a lock here.
            if let Ok(told) = PANICS.try_lock() {
                told.iter().for_each(|trigger| trigger.happened("panic"));
            }
        }));
    });
}

fn run(place: &Place, runtimes: &Runtimes, requests: &Receiver<Message>) {
    let mut last: Option<Instant> = None;
    let mut number = 0;
    while let Ok(Message::Record { reason, answer }) = requests.recv() {
        let soon = last.is_some_and(|last| last.elapsed() < DEBOUNCE);
        if soon && answer.is_none() {
            continue;
        }
        number += 1;
        let written = write(place, runtimes, &reason, number);
        last = Some(Instant::now());
        match &written {
            Ok(path) => tracing::info!(path = %path.display(), reason, "flight recording written"),
            Err(error) => {
                tracing::error!(dir = %place.dir.display(), %error, "no flight recording");
            }
        }
        if let Some(answer) = answer {
            // Whoever asked may have gone.
            let _ = answer.send(written);
        }
    }
}

/// Writes a recording of all that is remembered, and deletes the oldest.
fn write(place: &Place, runtimes: &Runtimes, reason: &str, number: u64) -> io::Result<PathBuf> {
    let mut trace = Trace::new();
    Chunks::new(runtimes.recordings(&[], Duration::MAX)).for_each(|chunk| trace.add(chunk));
    let unix = SystemTime::now().duration_since(UNIX_EPOCH);
    let unix_ms = unix.unwrap_or_default().as_millis();
    let process = std::process::id();
    // In this order, so that names sort by age.
    let name = format!("{PREFIX}{unix_ms:015}-{process}-{number:06}-{reason}{SUFFIX}");
    let path = place.dir.join(name);
    let part = path.with_extension("part");
    let written = create(&part).and_then(|file| {
        let mut out = BufWriter::new(file);
        trace.write_json(reason, &mut out)?;
        out.flush()
    });
    if let Err(error) = written.and_then(|()| fs::rename(&part, &path)) {
        // Half a recording is of no use.
        let _ = fs::remove_file(&part);
        return Err(error);
    }
    keep_within(place)?;
    Ok(path)
}

/// A file for its owner's eyes: it names tasks and places in the code.
fn create(path: &Path) -> io::Result<fs::File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Deletes the oldest recordings until the rest is within the limits; the newest stays.
fn keep_within(place: &Place) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(&place.dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            files.push((name, entry.path(), entry.metadata()?.len()));
        }
    }
    files.sort_unstable();
    files.reverse();
    let mut bytes = 0;
    for (index, (_, path, len)) in files.iter().enumerate() {
        bytes += len;
        if index > 0 && (index >= place.files || bytes > place.bytes) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(files: usize, bytes: u64) -> (tempfile::TempDir, Place) {
        let dir = tempfile::tempdir().unwrap();
        let place = Place {
            dir: dir.path().join("made"),
            files,
            bytes,
        };
        (dir, place)
    }

    fn names(place: &Place) -> Vec<String> {
        let entries = fs::read_dir(&place.dir).unwrap();
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<_> = entries
            .map(name)
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn oldest_recordings_go_and_other_files_stay() {
        let (_dir, place) = place(3, u64::MAX);
        let dumps = Dumps::start(place.clone(), Arc::default()).unwrap();
        fs::write(place.dir.join("notes.json"), "mine").unwrap();
        let paths: Vec<_> = (0..5).map(|_| dumps.dump_now("asked").unwrap()).collect();
        let left: Vec<_> = paths.iter().map(|path| path.exists()).collect();
        assert_eq!(left, [false, false, true, true, true]);
        assert!(names(&place).contains(&"notes.json".to_owned()));
        assert_eq!(names(&place).len(), 4, "nothing half written is left");
    }

    #[test]
    fn bytes_are_bounded_but_the_newest_stays() {
        let (_dir, place) = place(100, 1);
        let dumps = Dumps::start(place.clone(), Arc::default()).unwrap();
        let paths: Vec<_> = (0..3).map(|_| dumps.dump_now("asked").unwrap()).collect();
        assert_eq!(names(&place).len(), 1);
        assert!(paths[2].exists());
    }

    #[test]
    fn what_happens_shortly_after_a_recording_makes_no_other() {
        let (_dir, place) = place(100, u64::MAX);
        let dumps = Dumps::start(place.clone(), Arc::default()).unwrap();
        let trigger = dumps.trigger();
        trigger.happened("finding-deadlock");
        trigger.happened("panic");
        // Takes what has been asked for.
        drop(dumps);
        let names = names(&place);
        assert_eq!(names.len(), 1);
        assert!(names[0].ends_with("-finding-deadlock.json"), "{names:?}");
    }

    #[cfg(unix)]
    #[test]
    fn recordings_are_for_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;

        let (_dir, place) = place(1, u64::MAX);
        let dumps = Dumps::start(place, Arc::default()).unwrap();
        let path = dumps.dump_now("asked").unwrap();
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
