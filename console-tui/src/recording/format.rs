//! The bytes: header and heads of frames. All numbers are little-endian.
//!
//! ```text
//! header  0 "ZOKIOREC"   8 u16 major  10 u16 minor  12 u32 0  16 u64 Unix time of the beginning, ns
//!        24 u32 CRC of 0..24
//! head    0 "\xf7ZKf"    4 u8 kind  5 u8 flags  6 u16 0  8 u32 length  12 u64 ns since the beginning
//!        20 u32 CRC of what follows the head  24 u32 CRC of 0..24
//! ```

use super::crc::crc32;

/// Another one is refused: a reader of this one would misread it.
pub(crate) const MAJOR: u16 = 1;

/// Grows when kinds of frames or flags are added; readers skip those that they do not know.
pub(crate) const MINOR: u16 = 0;

const MAGIC: &[u8; 8] = b"ZOKIOREC";
const MARK: &[u8; 4] = b"\xf7ZKf";

/// Bytes of the header, and of the head of a frame.
pub(super) const HEADER_BYTES: usize = 28;
pub(super) const HEAD_BYTES: usize = 28;

/// The most that a frame holds: the largest message of the protocol, with room to spare.
pub(super) const MAX_PAYLOAD_BYTES: usize = zokio_console_proto::MAX_MESSAGE_BYTES + 64 * 1024;

const KEYFRAME: u8 = 1;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Who is recorded: the message `DescribeResponse`. Again after a connection was lost.
    Server,
    /// What was asked for: the message `SubscribeRequest`.
    Request,
    /// The message `Update`.
    Update,
    /// The connection was lost; UTF-8 text that says why.
    Lost,
    /// The recording was ended on purpose; nothing is in it.
    End,
    /// One of a later version.
    Unknown(u8),
    /// Not in a file: here something is damaged or missing.
    Damage,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Kind::Server => 1,
            Kind::Request => 2,
            Kind::Update => 3,
            Kind::Lost => 4,
            Kind::End => 5,
            Kind::Unknown(code) => code,
            Kind::Damage => 0,
        }
    }

    fn of(code: u8) -> Kind {
        match code {
            1 => Kind::Server,
            2 => Kind::Request,
            3 => Kind::Update,
            4 => Kind::Lost,
            5 => Kind::End,
            other => Kind::Unknown(other),
        }
    }
}

/// A frame to be written or kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) at_ns: u64,
    pub(crate) kind: Kind,
    pub(crate) keyframe: bool,
    pub(crate) payload: std::sync::Arc<[u8]>,
}

impl Frame {
    /// A frame of what a server sent.
    pub(crate) fn new(at_ns: u64, kind: Kind, keyframe: bool, payload: Vec<u8>) -> Frame {
        Frame {
            at_ns,
            kind,
            keyframe,
            payload: payload.into(),
        }
    }
}

/// The head of a frame as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) at_ns: u64,
    pub(super) kind: Kind,
    pub(super) keyframe: bool,
    pub(super) length: usize,
    payload_crc: u32,
}

impl Head {
    pub(super) fn of(frame: &Frame) -> [u8; HEAD_BYTES] {
        let mut out = [0; HEAD_BYTES];
        // A server cannot send more than the protocol's 4 MiB.
        let length = u32::try_from(frame.payload.len()).unwrap_or(u32::MAX);
        out[0..4].copy_from_slice(MARK);
        out[4] = frame.kind.code();
        out[5] = if frame.keyframe { KEYFRAME } else { 0 };
        out[8..12].copy_from_slice(&length.to_le_bytes());
        out[12..20].copy_from_slice(&frame.at_ns.to_le_bytes());
        out[20..24].copy_from_slice(&crc32(&frame.payload).to_le_bytes());
        let crc = crc32(&out[..24]);
        out[24..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// None: this is no head, or a damaged one.
    pub(super) fn parse(bytes: &[u8; HEAD_BYTES]) -> Option<Head> {
        let length = u32_at(bytes, 8) as usize;
        let is_one = bytes.starts_with(MARK)
            && crc32(&bytes[..24]) == u32_at(bytes, 24)
            && length <= MAX_PAYLOAD_BYTES;
        is_one.then(|| Head {
            at_ns: u64_at(bytes, 12),
            kind: Kind::of(bytes[4]),
            keyframe: bytes[5] & KEYFRAME != 0,
            length,
            payload_crc: u32_at(bytes, 20),
        })
    }

    pub(super) fn fits(&self, payload: &[u8]) -> bool {
        payload.len() == self.length && crc32(payload) == self.payload_crc
    }
}

/// Where the next head may be in some bytes: at a mark, or at what is left of one at their end.
pub(super) fn find_mark(bytes: &[u8]) -> Option<usize> {
    (0..bytes.len()).find(|at| {
        let rest = &bytes[*at..];
        rest.starts_with(&MARK[..rest.len().min(MARK.len())])
    })
}

/// The header of a recording that begins at this Unix time.
pub(super) fn header(began_unix_ns: u64) -> [u8; HEADER_BYTES] {
    let mut out = [0; HEADER_BYTES];
    out[0..8].copy_from_slice(MAGIC);
    out[8..10].copy_from_slice(&MAJOR.to_le_bytes());
    out[10..12].copy_from_slice(&MINOR.to_le_bytes());
    out[16..24].copy_from_slice(&began_unix_ns.to_le_bytes());
    let crc = crc32(&out[..24]);
    out[24..].copy_from_slice(&crc.to_le_bytes());
    out
}

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    Ours,
    /// It is damaged. That costs nothing but its time: the frames have checksums of their own.
    Damaged,
    /// Another major version wrote it.
    OtherVersion(u16),
    /// It is no recording.
    Foreign,
}

pub(super) fn parse_header(bytes: &[u8; HEADER_BYTES]) -> Header {
    let sound = crc32(&bytes[..24]) == u32_at(bytes, 24);
    let major = u16::from_le_bytes([bytes[8], bytes[9]]);
    match (bytes.starts_with(MAGIC), sound) {
        (false, _) => Header::Foreign,
        (true, true) if major != MAJOR => Header::OtherVersion(major),
        (true, true) => Header::Ours,
        (true, false) => Header::Damaged,
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4]
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at + 4)) << 32 | u64::from(u32_at(bytes, at))
}
