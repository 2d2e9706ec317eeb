//! A recording in a file.
//!
//! Opening reads it once from end to end and makes the index, so there is none in the file that
//! could be wrong. What fits no checksum is left out; the search goes on at the next head whose
//! checksum is right. The time for that grows with the size of the file and with nothing else, the
//! memory with the number of frames: 32 bytes each, and at most [`MAX_FRAMES`] of them.

use std::borrow::Cow;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use super::format::{self, HEAD_BYTES, HEADER_BYTES, Head, Header, Kind};
use super::{Entry, Source};

/// Frames that are indexed: four days at ten a second.
const MAX_FRAMES: usize = 4_000_000;

/// Read at once.
const CHUNK: usize = 256 * 1024;

/// Why a file cannot be played at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it is no recording of zokio-console")]
    Foreign,
    #[error(
        "it is a recording of format {0}, and this zokio-console reads format {major}: use the version \
         that made it",
        major = format::MAJOR
    )]
    OtherVersion(u16),
    #[error("it holds nothing that can be played")]
    Empty,
}

/// Where frames are, and what is wrong with the rest.
#[derive(Debug)]
pub(crate) struct FileSource<R> {
    reader: R,
    slots: Vec<Slot>,
    condition: Condition,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    at_ns: u64,
    offset: u64,
    length: u32,
    kind: Kind,
    keyframe: bool,
}

/// What is wrong with a recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Condition {
    /// Stretches of bytes that were left out, and where the first one begins.
    pub(crate) damaged: u64,
    pub(crate) first_damage: Option<u64>,
    /// It ends in the middle of a frame, which begins here.
    pub(crate) cut_off: Option<u64>,
    /// It was ended on purpose.
    pub(crate) ended: bool,
    /// It has more frames than are read.
    pub(crate) too_long: bool,
}

impl Condition {
    fn note_damage(&mut self, offset: u64) {
        self.damaged += 1;
        self.first_damage.get_or_insert(offset);
    }

    /// What is wrong, in words; None: nothing.
    pub(crate) fn in_words(&self) -> Option<String> {
        let mut out = Vec::new();
        if let Some(offset) = self.first_damage {
            out.push(match self.damaged {
                1 => format!("damaged at byte {offset}"),
                n => format!("damaged in {n} places, first at byte {offset}"),
            });
        }
        match self.cut_off {
            Some(offset) => out.push(format!("cut off at byte {offset}")),
            None if !self.ended && !self.too_long => out.push("not ended properly".into()),
            None => {}
        }
        if self.too_long {
            out.push(format!("only its first {MAX_FRAMES} frames are played"));
        }
        (!out.is_empty()).then(|| out.join(", "))
    }
}

impl<R: Read + Seek> FileSource<R> {
    /// Reads a recording through and makes its index.
    pub(crate) fn open(reader: R) -> Result<FileSource<R>, OpenError> {
        let mut scan = Scan::new(reader);
        let is_sound = scan.header()?;
        let mut source = Index::default();
        if !is_sound {
            source.condition.note_damage(0);
        }
        while source.step(&mut scan)? {}
        if !source.slots.iter().any(|slot| slot.kind == Kind::Update) {
            return Err(OpenError::Empty);
        }
        Ok(FileSource {
            reader: scan.reader,
            slots: source.slots,
            condition: source.condition,
        })
    }

    pub(crate) fn condition(&self) -> &Condition {
        &self.condition
    }

    fn slot(&self, number: u64) -> Option<&Slot> {
        self.slots.get(usize::try_from(number).ok()?)
    }

    fn load(&mut self, slot: Slot) -> io::Result<Vec<u8>> {
        self.reader.seek(SeekFrom::Start(slot.offset))?;
        let mut payload = vec![0; slot.length as usize];
        self.reader.read_exact(&mut payload)?;
        Ok(payload)
    }
}

impl<R: Read + Seek> Source for FileSource<R> {
    fn frames(&self) -> Range<u64> {
        0..self.slots.len() as u64
    }

    fn entry(&self, number: u64) -> Option<Entry> {
        self.slot(number).map(|slot| Entry {
            at_ns: slot.at_ns,
            kind: slot.kind,
            keyframe: slot.keyframe,
        })
    }

    fn read(&mut self, number: u64) -> io::Result<Cow<'_, [u8]>> {
        match self.slot(number).copied() {
            Some(slot) => self.load(slot).map(Cow::Owned),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn last_before(&mut self, kind: Kind, number: u64) -> io::Result<Option<Cow<'_, [u8]>>> {
        let end = usize::try_from(number).unwrap_or(usize::MAX);
        let before = &self.slots[..end.min(self.slots.len())];
        match before.iter().rev().find(|slot| slot.kind == kind).copied() {
            Some(slot) => self.load(slot).map(|payload| Some(Cow::Owned(payload))),
            None => Ok(None),
        }
    }
}

/// What has been found so far.
#[derive(Debug, Default)]
struct Index {
    slots: Vec<Slot>,
    condition: Condition,
    /// The bytes just before are damaged, and that has been noted.
    in_damage: bool,
}

impl Index {
    /// Takes the next frame, or skips what is none. False: there is nothing more.
    fn step<R: Read>(&mut self, scan: &mut Scan<R>) -> io::Result<bool> {
        if self.slots.len() >= MAX_FRAMES {
            self.condition.too_long = scan.has(1)?;
            return Ok(false);
        }
        if !scan.has(HEAD_BYTES)? {
            if scan.has(1)? {
                self.condition.cut_off = Some(scan.at);
            }
            return Ok(false);
        }
        let Some(head) = scan.bytes().first_chunk().and_then(Head::parse) else {
            self.damage(scan.at);
            scan.skip(1);
            return scan.skip_to_mark();
        };
        if !scan.has(HEAD_BYTES + head.length)? {
            self.condition.cut_off = Some(scan.at);
            return Ok(false);
        }
        let payload = &scan.bytes()[HEAD_BYTES..HEAD_BYTES + head.length];
        if head.fits(payload) {
            self.in_damage = false;
            self.condition.ended = head.kind == Kind::End;
            self.push(head, scan.at + HEAD_BYTES as u64);
        } else {
            self.damage(scan.at);
        }
        scan.skip(HEAD_BYTES + head.length);
        Ok(true)
    }

    fn push(&mut self, head: Head, offset: u64) {
        let before_ns = self.slots.last().map_or(0, |slot| slot.at_ns);
        self.slots.push(Slot {
            // Time that runs back would hide frames from a search.
            at_ns: head.at_ns.max(before_ns),
            offset,
            length: head.length as u32,
            kind: head.kind,
            keyframe: head.keyframe,
        });
    }

    fn damage(&mut self, offset: u64) {
        if std::mem::replace(&mut self.in_damage, true) {
            return;
        }
        self.condition.note_damage(offset);
        self.slots.push(Slot {
            at_ns: self.slots.last().map_or(0, |slot| slot.at_ns),
            offset,
            length: 0,
            kind: Kind::Damage,
            keyframe: false,
        });
    }
}

/// A stretch of the file in memory, moved along it.
#[derive(Debug)]
struct Scan<R> {
    reader: R,
    buffer: Vec<u8>,
    /// Bytes of the buffer that are done with.
    done: usize,
    /// Where in the file the rest begins.
    at: u64,
}

impl<R: Read> Scan<R> {
    fn new(reader: R) -> Scan<R> {
        Scan {
            reader,
            buffer: Vec::new(),
            done: 0,
            at: 0,
        }
    }

    /// False: it is damaged.
    fn header(&mut self) -> Result<bool, OpenError> {
        self.has(HEADER_BYTES)?;
        let header = self.bytes().first_chunk().ok_or(OpenError::Foreign)?;
        let header = format::parse_header(header);
        self.skip(HEADER_BYTES);
        match header {
            Header::Ours => Ok(true),
            Header::Damaged => Ok(false),
            Header::OtherVersion(major) => Err(OpenError::OtherVersion(major)),
            Header::Foreign => Err(OpenError::Foreign),
        }
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[self.done..]
    }

    /// Whether so many bytes follow; afterwards they are in memory.
    fn has(&mut self, wanted: usize) -> io::Result<bool> {
        let left = self.buffer.len() - self.done;
        if left >= wanted {
            return Ok(true);
        }
        self.buffer.drain(..self.done);
        self.done = 0;
        let missing = (wanted - left).max(CHUNK) as u64;
        self.reader
            .by_ref()
            .take(missing)
            .read_to_end(&mut self.buffer)?;
        Ok(self.buffer.len() >= wanted)
    }

    fn skip(&mut self, bytes: usize) {
        self.done += bytes;
        self.at += bytes as u64;
    }

    /// Goes to the next bytes that may begin a head. False: there are none.
    fn skip_to_mark(&mut self) -> io::Result<bool> {
        while self.has(1)? {
            match format::find_mark(self.bytes()) {
                Some(at) => {
                    self.skip(at);
                    return Ok(true);
                }
                None => self.skip(self.bytes().len()),
            }
        }
        Ok(false)
    }
}
