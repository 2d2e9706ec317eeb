//! Recordings that are whole, damaged, and made up by somebody who means harm.

use std::io::{Cursor, Write};

use proptest::prelude::*;
use prost::Message as _;
use zokio_console_proto::v1;

use super::file::Condition;
use super::format::{HEAD_BYTES, HEADER_BYTES};
use super::*;
use crate::state::fixtures::{describe, snapshot};
use crate::state::model::{Query, SortKey};
use crate::state::world::World;

const SECOND: u64 = 1_000_000_000;

fn wide() -> Query {
    Query {
        limit: 1_000,
        resources: true,
        ..Query::default()
    }
}

/// The service's updates of `seconds` seconds as frames: a keyframe every ten seconds, deltas between.
fn frames(seconds: u64) -> Vec<Frame> {
    let mut out = vec![
        Frame::new(0, Kind::Server, false, describe().encode_to_vec()),
        request(0),
    ];
    let mut before: Option<v1::Update> = None;
    for second in 0..seconds {
        let whole = snapshot(second, &wide());
        let keyframe = second % 10 == 0;
        let mut sent = whole.clone();
        if let Some(before) = before.filter(|_| !keyframe) {
            sent.runtimes[0] = whole.runtimes[0].delta_from(&before.runtimes[0]);
        }
        before = Some(whole);
        let payload = sent.encode_to_vec();
        out.push(Frame::new(second * SECOND, Kind::Update, keyframe, payload));
    }
    out
}

fn request(at_ns: u64) -> Frame {
    let request = crate::connection::request(&wide(), std::time::Duration::ZERO);
    Frame::new(at_ns, Kind::Request, false, request.encode_to_vec())
}

fn bytes_of(frames: &[Frame]) -> Vec<u8> {
    let mut writer = Writer::begin(Vec::new(), 1).unwrap();
    for frame in frames {
        writer.write(frame).unwrap();
    }
    assert_eq!(writer.whole_bytes(), writer.get_ref().len() as u64);
    writer.get_ref().clone()
}

fn ended(seconds: u64) -> Vec<u8> {
    let mut frames = frames(seconds);
    let at_ns = frames.last().unwrap().at_ns;
    frames.push(Frame::new(at_ns, Kind::End, false, Vec::new()));
    bytes_of(&frames)
}

fn open(bytes: Vec<u8>) -> FileSource<Cursor<Vec<u8>>> {
    FileSource::open(Cursor::new(bytes)).unwrap()
}

fn tape(bytes: Vec<u8>) -> Tape<FileSource<Cursor<Vec<u8>>>> {
    Tape::new(open(bytes), None)
}

/// Where the frame with this number begins.
fn offset_of(frames: &[Frame], number: usize) -> usize {
    let bytes = |frame: &Frame| HEAD_BYTES + frame.payload.len();
    HEADER_BYTES + frames[..number].iter().map(bytes).sum::<usize>()
}

fn at(tape: &mut Tape<impl Source>, seconds: u64) -> Moment {
    tape.seek(seconds * SECOND);
    tape.moment(&wide())
}

fn polls(world: &World) -> Option<u64> {
    Some(world.runtimes.first()?.workers.first()?.worker.polls)
}

/// What a console that had watched all the time has at second `second`.
fn watched(second: u64) -> World {
    let mut world = World::default();
    for step in 0..=second {
        world.apply(crate::sanitize::update(snapshot(step, &wide())), 0);
    }
    world
}

#[test]
fn what_was_sent_is_what_is_played() {
    let mut tape = tape(ended(25));
    assert_eq!(tape.span_ns(), (0, 24 * SECOND));
    assert_eq!(
        *tape.source.condition(),
        Condition {
            ended: true,
            ..Condition::default()
        }
    );
    for second in [24, 3, 9, 10, 11, 0, 17] {
        let moment = at(&mut tape, second);
        let live = watched(second);
        let (played, live) = (&moment.world.runtimes[0], &live.runtimes[0]);
        assert_eq!(played.summary, live.summary, "second {second}");
        assert_eq!(played.findings, live.findings);
        assert_eq!(played.resources, live.resources);
        for id in &live.tasks.rows {
            assert_eq!(played.tasks.get(*id), live.tasks.get(*id), "{second} {id}");
        }
        assert_eq!(moment.server.unwrap().process_name, "http_server");
        assert!(moment.resources);
    }
}

#[test]
fn rates_and_lanes_are_there_after_a_seek() {
    let mut tape = tape(bytes_of(&frames(100)));
    let played = at(&mut tape, 90).world;
    let live = watched(90);
    let row = |world: &World| world.runtimes[0].workers[0].rates;
    assert_eq!(row(&played), row(&live));
    let lane = played.runtimes[0].workers[0].lane.len();
    assert!((40..=50).contains(&lane), "{lane} slices");
}

/// Ten minutes at ten updates a second, each segment like the one before.
fn long(keyframe_every: usize) -> Vec<Frame> {
    let segment = &frames(10)[2..];
    let mut out = frames(0);
    for at in 0..6_000_usize {
        let payload = match at % keyframe_every {
            0 => &segment[0].payload,
            n => &segment[1 + n % 9].payload,
        };
        let frame = Frame {
            at_ns: at as u64 * SECOND / 10,
            kind: Kind::Update,
            keyframe: at % keyframe_every == 0,
            payload: payload.clone(),
        };
        out.push(frame);
    }
    out
}

#[test]
fn a_step_decodes_few_updates_however_long_the_past_is() {
    let mut ring = Ring::new(usize::MAX);
    for frame in long(KEYFRAME_UPDATES as usize) {
        ring.push(frame);
    }
    let mut tape = Tape::new(ring, None);
    let step = |seconds| Play::Step { seconds };
    let back = (0..30).map(|_| step(-1)).chain((0..5).map(|_| step(-10)));
    let on = (0..30).map(|_| step(1)).chain((0..5).map(|_| step(10)));
    let jumps = [Play::End, Play::Start, Play::End, step(-300)];
    for play in jumps.into_iter().chain(back).chain(on) {
        tape.perform(play);
        let at_ns = tape.moment(&wide()).playback.at_ns;
        let (updates, counters) = tape.decoded();
        assert!(
            updates <= 41 && counters <= 164,
            "{play:?} to {at_ns}: {updates}, {counters}"
        );
    }
    // To look again at the same place decodes nothing, a step on what lies between.
    tape.moment(&wide());
    assert_eq!(tape.decoded(), (0, 0));
    tape.perform(step(1));
    tape.moment(&wide());
    assert_eq!(tape.decoded(), (10, 0));
}

#[test]
fn a_step_on_over_a_keyframe_reads_no_counters_again() {
    let mut tape = tape(bytes_of(&long(40)));
    tape.seek(7 * SECOND + SECOND / 2);
    tape.moment(&wide());
    tape.perform(Play::Step { seconds: 1 });
    tape.moment(&wide());
    assert_eq!(tape.decoded(), (10, 0));
}

#[test]
fn counters_alone_are_never_shown_as_the_world() {
    let mut all = frames(25);
    let keyframe = all.iter_mut().rev().find(|frame| frame.keyframe).unwrap();
    keyframe.payload = vec![0xff; 40].into();
    let mut tape = tape(bytes_of(&all));
    assert!(at(&mut tape, 22).world.runtimes.is_empty());
    assert_eq!(polls(&at(&mut tape, 19).world), polls(&watched(19)));
}

#[test]
fn order_and_filter_are_applied_to_what_was_recorded() {
    let mut tape = tape(ended(5));
    tape.seek(4 * SECOND);
    let all = tape.moment(&wide()).world.runtimes.remove(0).tasks;
    let query = Query {
        sort: SortKey::Id,
        ascending: true,
        filter: "ORDERS-".into(),
        offset: 7,
        limit: 1,
        ..Query::default()
    };
    let some = tape.moment(&query).world.runtimes.remove(0).tasks;
    assert_eq!(some.rows, [3], "by name");
    assert_eq!((some.matching, some.offset, some.not_recorded), (1, 0, 0));
    let of_size = Query {
        filter: "size=192".into(),
        ..query.clone()
    };
    let some = tape.moment(&of_size).world.runtimes.remove(0).tasks;
    assert_eq!(some.rows, [3], "by the bytes of its future");
    let by_id = tape
        .moment(&Query {
            filter: String::new(),
            ..query
        })
        .world;
    assert_eq!(by_id.runtimes[0].tasks.rows[..3], [1, 2, 3]);
    assert_eq!(all.rows.len(), 34);
}

#[test]
fn a_file_that_ends_early_is_played_up_to_there() {
    let frames = frames(25);
    let whole = bytes_of(&frames);
    for (cut, ends) in [
        (20, None),
        (offset_of(&frames, 12) + 5, Some(9)),
        (whole.len() - 1, Some(23)),
    ] {
        let mut cut_off = whole.clone();
        cut_off.truncate(cut);
        let Some(last) = ends else {
            assert!(matches!(
                FileSource::open(Cursor::new(cut_off)),
                Err(OpenError::Foreign)
            ));
            continue;
        };
        let mut tape = tape(cut_off);
        assert_eq!(tape.span_ns().1, last * SECOND);
        let words = tape.source.condition().in_words().unwrap();
        assert!(words.starts_with("cut off at byte "), "{words}");
        assert_eq!(polls(&at(&mut tape, 99).world), polls(&watched(last)));
    }
}

#[test]
fn a_recorder_that_was_killed_between_two_frames_is_told() {
    let source = open(bytes_of(&frames(3)));
    assert_eq!(source.condition().in_words().unwrap(), "not ended properly");
}

#[test]
fn a_flipped_bit_costs_its_segment_and_is_told_with_its_place() {
    let frames = frames(25);
    let mut bytes = bytes_of(&frames);
    // In the update of second 13.
    let offset = offset_of(&frames, 15);
    bytes[offset + HEAD_BYTES + 40] ^= 4;
    let mut tape = tape(bytes);
    let condition = tape.source.condition();
    assert_eq!(
        (condition.damaged, condition.first_damage),
        (1, Some(offset as u64))
    );
    assert_eq!(polls(&at(&mut tape, 12).world), polls(&watched(12)));
    assert_eq!(
        polls(&at(&mut tape, 16).world),
        polls(&watched(12)),
        "left out"
    );
    assert_eq!(
        polls(&at(&mut tape, 20).world),
        polls(&watched(20)),
        "a keyframe"
    );
}

#[test]
fn a_damaged_head_is_skipped_to_the_next_good_one() {
    let frames = frames(25);
    let mut bytes = bytes_of(&frames);
    let offset = offset_of(&frames, 15);
    // Its length would lead far beyond.
    bytes[offset + 10] ^= 0x20;
    let mut tape = tape(bytes);
    assert_eq!(tape.source.condition().first_damage, Some(offset as u64));
    assert_eq!(polls(&at(&mut tape, 24).world), polls(&watched(24)));
}

#[test]
fn a_damaged_header_is_told_and_all_frames_are_played() {
    for offset in [8, 12, 20, 25] {
        let mut bytes = bytes_of(&frames(25));
        bytes[offset] ^= 1;
        let mut tape = tape(bytes);
        let condition = tape.source.condition();
        assert_eq!((condition.damaged, condition.first_damage), (1, Some(0)));
        assert_eq!(polls(&at(&mut tape, 20).world), polls(&watched(20)));
    }
}

#[test]
fn other_files_and_other_versions_are_refused_in_words() {
    let refusal = |bytes: &[u8]| {
        FileSource::open(Cursor::new(bytes.to_vec()))
            .unwrap_err()
            .to_string()
    };
    assert!(refusal(b"").contains("no recording"));
    assert!(refusal(&[0x7f; 4_000]).contains("no recording"));
    let mut header = format::header(1);
    header[8] = 2;
    let crc = crc::crc32(&header[..24]);
    header[24..].copy_from_slice(&crc.to_le_bytes());
    assert!(
        refusal(&header).contains("format 2"),
        "{}",
        refusal(&header)
    );
    assert!(refusal(&format::header(1)).contains("nothing that can be played"));
}

#[test]
fn frames_of_later_versions_are_skipped() {
    let mut frames = frames(12);
    frames.insert(
        5,
        Frame::new(2 * SECOND, Kind::Unknown(77), false, vec![1, 2, 3]),
    );
    let mut tape = tape(bytes_of(&frames));
    assert_eq!(tape.source.condition().damaged, 0);
    assert_eq!(polls(&at(&mut tape, 9).world), polls(&watched(9)));
}

#[test]
fn a_lost_connection_is_seen_and_what_follows_waits_for_a_keyframe() {
    let mut frames = frames(25);
    let reason = b"the server\x1b[2J closed it".to_vec();
    frames.insert(8, Frame::new(5 * SECOND + 1, Kind::Lost, false, reason));
    let mut tape = tape(bytes_of(&frames));
    let lost = at(&mut tape, 7);
    assert_eq!(
        lost.playback.lost.unwrap(),
        "the server\u{fffd}[2J closed it"
    );
    assert_eq!(polls(&lost.world), polls(&watched(5)));
    assert_eq!(polls(&at(&mut tape, 10).world), polls(&watched(10)));
}

#[test]
fn another_process_is_another_world() {
    let mut recorded = frames(10);
    let other = v1::DescribeResponse {
        process_id: 9,
        ..describe()
    };
    recorded.push(Frame::new(
        11 * SECOND,
        Kind::Server,
        false,
        other.encode_to_vec(),
    ));
    let mut tape = tape(bytes_of(&recorded));
    assert!(!at(&mut tape, 10).world.runtimes.is_empty());
    assert!(at(&mut tape, 11).world.runtimes.is_empty());
}

#[test]
fn a_tape_plays_pauses_and_stops_at_its_end() {
    let mut tape = tape(ended(25));
    tape.perform(Play::Toggle);
    tape.pass(2 * SECOND);
    assert_eq!(tape.moment(&wide()).playback.at_ns, 2 * SECOND);
    tape.perform(Play::Faster);
    tape.pass(3 * SECOND);
    assert_eq!(tape.moment(&wide()).playback.at_ns, 8 * SECOND);
    tape.perform(Play::Toggle);
    tape.pass(3 * SECOND);
    tape.perform(Play::Step { seconds: -1 });
    let playback = tape.moment(&wide()).playback;
    assert_eq!((playback.at_ns, playback.playing), (7 * SECOND, false));
    tape.perform(Play::Toggle);
    tape.pass(100 * SECOND);
    assert_eq!(
        (tape.moment(&wide()).playback.at_ns, tape.playing()),
        (24 * SECOND, false)
    );
    tape.perform(Play::Toggle);
    assert_eq!(
        (tape.moment(&wide()).playback.at_ns, tape.playing()),
        (0, true)
    );
    tape.perform(Play::Step { seconds: i64::MIN });
    tape.perform(Play::Step { seconds: i64::MAX });
    assert_eq!(tape.moment(&wide()).playback.at_ns, 24 * SECOND);
}

#[test]
fn a_ring_forgets_whole_segments_and_stays_within_its_bytes() {
    let all = frames(60);
    let segment: usize = all[2..12].iter().map(|f| f.payload.len() + 100).sum();
    let mut ring = Ring::new(2 * segment);
    for frame in all {
        ring.push(frame);
        assert!(ring.bytes() <= 2 * segment);
    }
    let mut tape = Tape::new(ring, None);
    let (start_ns, end_ns) = tape.span_ns();
    assert_eq!((start_ns % (10 * SECOND), end_ns), (0, 59 * SECOND));
    assert!((30..=50).contains(&(start_ns / SECOND)), "{start_ns}");
    let moment = at(&mut tape, 55);
    assert_eq!(polls(&moment.world), polls(&watched(55)));
    assert!(
        moment.resources && moment.server.is_some(),
        "both are remembered"
    );
    // What is saved of it is a recording like others.
    let mut saved = self::tape(bytes_of(&tape.source.recording()));
    assert_eq!(
        polls(&at(&mut saved, 55 - start_ns / SECOND).world),
        polls(&watched(55))
    );
}

#[test]
fn a_ring_without_room_keeps_nothing() {
    let mut ring = Ring::new(10);
    for frame in frames(3) {
        ring.push(frame);
    }
    assert!(ring.frames().is_empty() && ring.bytes() == 0);
    assert!(
        ring.recording()
            .iter()
            .all(|frame| frame.kind != Kind::Update)
    );
}

/// Takes so many bytes and no more.
struct Disk(Vec<u8>, usize);

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let room = self.1 - self.0.len();
        if room == 0 {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        let taken = bytes.len().min(room);
        self.0.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_leaves_what_was_written_until_then() {
    let frames = frames(10);
    let mut writer = Writer::begin(Disk(Vec::new(), offset_of(&frames, 7) + 99), 1).unwrap();
    let failed = frames.iter().position(|frame| writer.write(frame).is_err());
    assert_eq!(failed, Some(7));
    let mut bytes = writer.get_ref().0.clone();
    bytes.truncate(writer.whole_bytes() as usize);
    assert_eq!(tape(bytes).span_ns(), (0, 4 * SECOND));
}

/// A recording that is not damaged yet.
fn sound() -> &'static Vec<u8> {
    static SOUND: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    SOUND.get_or_init(|| ended(12))
}

/// Plays whatever it is from end to end, and draws the world at some places.
fn play(bytes: Vec<u8>) {
    let size = bytes.len() as u64;
    let Ok(source) = FileSource::open(Cursor::new(bytes)) else {
        return;
    };
    assert!(source.frames().end <= 2 * size / HEAD_BYTES as u64 + 1);
    let words = source.condition().in_words();
    let mut tape = Tape::new(source, words);
    let (start_ns, end_ns) = tape.span_ns();
    for part in [0, 1, 3, 4, 2] {
        tape.seek(start_ns + (end_ns - start_ns) / 4 * part);
        let moment = tape.moment(&wide());
        assert!(moment.world.runtimes.len() <= 64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_of_any_kind_is_survived(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in prop::option::of(any::<prop::sample::Index>()),
        moved in prop::option::of((any::<prop::sample::Index>(), any::<prop::sample::Index>())),
    ) {
        let mut bytes = sound().clone();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= value;
        }
        if let Some((from, to)) = moved {
            let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
            let piece = bytes[from.min(to)..from.max(to)].to_vec();
            bytes.splice(from.max(to)..from.max(to), piece);
        }
        if let Some(cut) = cut {
            let cut = cut.index(bytes.len());
            bytes.truncate(cut);
        }
        play(bytes);
    }

    #[test]
    fn well_formed_frames_of_nonsense_are_survived(
        made in prop::collection::vec(
            (any::<u64>(), 0u8..8, any::<bool>(), prop::collection::vec(any::<u8>(), 0..200)),
            1..40,
        ),
    ) {
        let kinds = [Kind::Server, Kind::Request, Kind::Update, Kind::Lost, Kind::End];
        let mut frames: Vec<Frame> = made
            .into_iter()
            .map(|(at_ns, kind, keyframe, payload)| {
                let kind = kinds.get(usize::from(kind)).copied().unwrap_or(Kind::Update);
                Frame::new(at_ns, kind, keyframe, payload)
            })
            .collect();
        // An update with absurd numbers among them.
        let mut update = snapshot(3, &wide());
        update.taken_at_ns = u64::MAX;
        update.runtimes[0].taken_at_ns = frames[0].at_ns;
        update.runtimes[0].matching_tasks = u64::MAX;
        frames.push(Frame::new(0, Kind::Update, true, update.encode_to_vec()));
        play(bytes_of(&frames));
    }
}

#[test]
fn heads_that_promise_more_than_there_is_take_no_memory_and_no_time() {
    let mut bytes = format::header(1).to_vec();
    let frame = Frame::new(0, Kind::Update, true, snapshot(1, &wide()).encode_to_vec());
    bytes.extend_from_slice(&bytes_of(&[frame])[HEADER_BYTES..]);
    // Marks without end, none of them a head.
    for _ in 0..200_000 {
        bytes.extend_from_slice(b"\xf7ZKf");
    }
    let source = open(bytes);
    assert_eq!(source.condition().damaged, 1);
    assert_eq!(source.frames(), 0..2);
}
