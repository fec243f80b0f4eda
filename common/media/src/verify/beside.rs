//! What the packets of a video carry beside its pictures: closed captions, and how two views share a picture.
//!
//! Owns the reading of supplemental messages and the comparison of what they say. Captions are compared frame
//! by frame, byte by byte, but for bytes that are marked as padding. Refuses to decode.

use std::collections::{BTreeMap, BTreeSet};

use cleanplate_types::frames::FrameTable;
use cleanplate_types::time::Pts;
use ffmpeg_next as libav;
use libav::codec::packet::side_data::Type as OfStream;

use super::inventory::Inventory;
use super::pairs::{Pair, Tables};
use super::report::{Aspect, Report, Status};
use crate::scan::bits::{Bits, Framing, nal_units};
use crate::scan::headers::Headers;

const SUBJECT: &str = "video";

/// How closed captions (CEA-608 and 708) begin in registered user data and metadata OBUs, and in MPEG-2.
const REGISTERED: &[u8] = b"\xb5\x00\x31GA94\x03";
const MPEG2: &[u8] = b"\x00\x00\x01\xb2GA94\x03";

/// The types of supplemental messages that are read.
const USER_DATA: u32 = 4;
const FRAME_PACKING: u32 = 45;

/// Bytes of one caption: type and validity, then two of content.
const CAPTION_BYTES: usize = 3;

/// The captions of a frame: checksum and number of their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Captions {
    crc: u32,
    bytes: u64,
}

impl Captions {
    fn of(bytes: &[u8]) -> Option<Self> {
        let crc = crc32fast::hash(bytes);
        (!bytes.is_empty()).then_some(Self { crc, bytes: bytes.len() as u64 })
    }

    fn followed_by(self, other: Self) -> Self {
        let hasher = |one: Self| crc32fast::Hasher::new_with_initial_len(one.crc, one.bytes);
        let mut both = hasher(self);
        both.combine(&hasher(other));
        Self { crc: both.finalize(), bytes: self.bytes + other.bytes }
    }
}

/// What was found in the packets of a video.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// The captions of each packet that has any, with the time at which it is shown.
    captions: Vec<(Option<i64>, Captions)>,
    /// How two views share the picture, in words; every way that was seen.
    pub(super) views: BTreeSet<String>,
}

impl Beside {
    /// Takes what the container says of the views.
    pub(super) fn hear(&mut self, stream: &libav::Stream<'_>) {
        let packed = stream.side_data().find(|data| data.kind() == OfStream::Stereo3d);
        self.views.extend(packed.and_then(|packed| views_of_container(packed.data())));
    }

    /// The captions by index of the frame that they belong to.
    pub(super) fn captions(&self, table: &FrameTable) -> BTreeMap<usize, Captions> {
        let mut frames = BTreeMap::<usize, Captions>::new();
        let mut last = None;
        for (at, captions) in &self.captions {
            // The second field of a frame has a packet of its own, later than the frame or without a time.
            let frame = match at {
                Some(at) => table.pts.partition_point(|pts| *pts <= Pts(*at)).checked_sub(1),
                None => last,
            };
            let Some(frame) = frame else { continue };
            last = Some(frame);
            let joined = frames.get(&frame).map_or(*captions, |own| own.followed_by(*captions));
            frames.insert(frame, joined);
        }
        frames
    }
}

/// Reads the packets of one video.
#[derive(Debug)]
pub(super) struct Reader {
    codec: Codec,
    pub(super) found: Beside,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    Avc(Framing),
    Hevc(Framing),
    /// Messages are looked for by how they begin.
    Other,
}

impl Reader {
    /// For the codec that libav calls `codec`, configured by `extradata`.
    pub(super) fn of(codec: &str, extradata: &[u8]) -> Self {
        let codec = match Headers::of(codec, extradata) {
            Headers::Avc(avc) => Codec::Avc(avc.framing()),
            Headers::Hevc(hevc) => Codec::Hevc(hevc.framing()),
            Headers::Mpeg2(_) | Headers::Vp8(_) | Headers::Vp9 | Headers::Av1(_) => Codec::Other,
            Headers::Intra | Headers::Flagged | Headers::Unknown(_) => Codec::Other,
        };
        Self { codec, found: Beside::default() }
    }

    /// Takes the next packet, which is shown at `at`.
    pub(super) fn take(&mut self, data: &[u8], at: Option<i64>) {
        let mut captions = Vec::new();
        match self.codec {
            Codec::Other => anywhere(data, &mut captions),
            Codec::Avc(framing) | Codec::Hevc(framing) => {
                self.in_units(data, framing, &mut captions);
            }
        }
        self.found.captions.extend(Captions::of(&captions).map(|captions| (at, captions)));
    }

    fn in_units(&mut self, data: &[u8], framing: Framing, captions: &mut Vec<u8>) {
        // Those of a second field stand behind the slices of the first.
        let to_the_end = memchr::memmem::find(data, b"GA94").is_some();
        for unit in nal_units(data, framing) {
            match self.payload(unit) {
                Unit::Messages(payload) => self.read(payload, captions),
                Unit::Slice if !to_the_end => return,
                Unit::Slice | Unit::Other => {}
            }
        }
    }

    fn payload<'a>(&self, unit: &'a [u8]) -> Unit<'a> {
        let is_avc = matches!(self.codec, Codec::Avc(_));
        let kind = if is_avc { unit[0] & 0x1f } else { unit[0] >> 1 & 0x3f };
        match (is_avc, kind) {
            (true, 6) => Unit::Messages(&unit[1..]),
            (false, 39 | 40) => Unit::Messages(unit.get(2..).unwrap_or_default()),
            (true, 1..=5) | (false, 0..=31) => Unit::Slice,
            (true | false, _) => Unit::Other,
        }
    }

    fn read(&mut self, payload: &[u8], captions: &mut Vec<u8>) {
        for (kind, content) in messages(payload) {
            match kind {
                USER_DATA => {
                    if let Some(rest) = content.strip_prefix(REGISTERED) {
                        captions_in(rest, captions);
                    }
                }
                FRAME_PACKING => self.found.views.extend(views_of_message(&content)),
                _ => {}
            }
        }
    }
}

enum Unit<'a> {
    Messages(&'a [u8]),
    Slice,
    Other,
}

/// The messages of a unit: types and contents.
fn messages(payload: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut bits = Bits::guarded(payload);
    let bytes: Vec<u8> =
        payload.iter().map(|_| u8::try_from(bits.number(8)).unwrap_or(0)).collect();
    let mut found = Vec::new();
    let mut at = 0;
    let number = |at: &mut usize| {
        let mut sum = 0_u32;
        loop {
            let byte = *bytes.get(*at)?;
            *at += 1;
            sum = sum.saturating_add(u32::from(byte));
            if byte != 255 {
                return Some(sum);
            }
        }
    };
    while let (Some(kind), Some(size)) = (number(&mut at), number(&mut at)) {
        let end = at.saturating_add(usize::try_from(size).unwrap_or(usize::MAX));
        let Some(content) = bytes.get(at..end) else { break };
        found.push((kind, content.to_vec()));
        at = end;
    }
    found
}

/// Adds the captions of codecs that keep them where they are found by how they begin.
fn anywhere(data: &[u8], captions: &mut Vec<u8>) {
    for sign in [REGISTERED, MPEG2] {
        let places = memchr::memmem::find_iter(data, sign);
        places.for_each(|place| captions_in(&data[place + sign.len()..], captions));
    }
}

/// Adds the captions behind the type code of ATSC: a count, a byte of no meaning, then the captions.
fn captions_in(rest: &[u8], captions: &mut Vec<u8>) {
    let [flags, _, all @ ..] = rest else { return };
    let count = usize::from(flags & 0x1f);
    let is_valid = |caption: &&[u8]| caption[0] & 0x04 != 0;
    let valid = all.chunks_exact(CAPTION_BYTES).take(count).filter(is_valid);
    valid.for_each(|caption| captions.extend_from_slice(caption));
}

/// How a message of H.264 or HEVC says that two views share the picture; nothing where it cancels one.
fn views_of_message(content: &[u8]) -> Option<String> {
    let mut bits = Bits::plain(content);
    bits.golomb();
    if bits.bit() {
        return None;
    }
    let (arrangement, quincunx, order) = (bits.number(7), bits.bit(), bits.number(6));
    let name = match arrangement {
        0 => "checkerboard",
        1 => "columns",
        2 => "lines",
        3 if quincunx => "side by side, quincunx",
        3 => "side by side",
        4 => "top and bottom",
        5 => "frame by frame",
        6 => return None,
        other => return Some(format!("arrangement {other}")),
    };
    Some(if order == 2 { format!("{name}, right eye first") } else { name.to_owned() })
}

/// The same, of libav's `AVStereo3D`.
fn views_of_container(view: &[u8]) -> Option<String> {
    let word = |at: usize| view.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
    let name = match word(0)? {
        1 => "side by side",
        2 => "top and bottom",
        3 => "frame by frame",
        4 => "checkerboard",
        5 => "side by side, quincunx",
        6 => "lines",
        7 => "columns",
        _ => return None,
    };
    Some(if word(4)? & 1 == 1 { format!("{name}, right eye first") } else { name.to_owned() })
}

/// Compares what stands beside the pictures.
pub(super) fn compare(
    source: &Inventory,
    output: &Inventory,
    tables: &Tables<'_>,
    report: &mut Report,
) {
    captions(source, output, tables, report);
    views(&source.beside.views, &output.beside.views, report);
}

fn captions(source: &Inventory, output: &Inventory, tables: &Tables<'_>, report: &mut Report) {
    let mine = source.beside.captions(&source.table);
    let others = output.beside.captions(&output.table);
    let mut add = |status, detail| report.add(Aspect::Captions, status, SUBJECT, detail);
    let (before, after) = (mine.len(), others.len());
    match (before, after) {
        (0, 0) => return,
        (0, after) => return add(Status::Noted, format!("on {after} frames, none in the source")),
        (before, 0) => {
            return add(Status::Lost, format!("on {before} frames of the source, none are left"));
        }
        _ => {}
    }
    let mut wrong = tables.pairs().filter_map(|pair| match pair {
        Pair::Both { source, output, .. } if mine.get(&source) != others.get(&output) => {
            Some(source)
        }
        Pair::Both { .. } | Pair::Missing(_) | Pair::Extra { .. } => None,
    });
    let Some(first) = wrong.next() else {
        return add(Status::Survived, format!("on {before} frames, byte by byte"));
    };
    let count = 1 + wrong.count();
    let detail = format!(
        "on {before} frames of the source, on {after} of the output; {count} frames carry other \
         ones, the first is frame {first}"
    );
    add(Status::Lost, detail);
}

fn views(before: &BTreeSet<String>, after: &BTreeSet<String>, report: &mut Report) {
    let told = |views: &BTreeSet<String>| {
        let words: Vec<_> = views.iter().map(String::as_str).collect();
        if words.is_empty() { "none".to_owned() } else { words.join("; ") }
    };
    let (status, detail) = match (before.is_empty(), before == after) {
        (true, true) => return,
        (true, false) => (Status::Noted, format!("{}, none in the source", told(after))),
        (false, true) => (Status::Survived, told(before)),
        (false, false) => (Status::Lost, format!("{} became {}", told(before), told(after))),
    };
    report.add(Aspect::Stereo, status, SUBJECT, detail);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A supplemental unit of H.264 with captions of these bytes.
    fn unit(captions: &[[u8; 3]]) -> Vec<u8> {
        let flags = 0x40 | u8::try_from(captions.len()).unwrap();
        let content = [REGISTERED, &[flags, 0xff], &captions.concat(), &[0xff]].concat();
        let size = u8::try_from(content.len()).unwrap();
        [&[0, 0, 1, 6, 4, size], &content[..], &[0x80]].concat()
    }

    fn taken(packets: &[(Vec<u8>, Option<i64>)]) -> BTreeMap<usize, Captions> {
        let mut reader = Reader::of("h264", &[]);
        packets.iter().for_each(|(data, at)| reader.take(data, *at));
        let table = FrameTable {
            timebase: cleanplate_types::time::Timebase::new(1, 25).unwrap(),
            pts: [0, 2, 4].map(Pts).to_vec(),
            last_duration: 2,
            entries: Vec::new(),
            origin: cleanplate_types::frames::TableOrigin::Packets,
        };
        reader.found.captions(&table)
    }

    #[test]
    fn captions_of_two_fields_are_those_of_their_frame_and_padding_is_none() {
        let (one, other, padding) = ([0xfc, 1, 2], [0xfd, 3, 4], [0xf8, 0x80, 0x80]);
        let whole = taken(&[(unit(&[one, other]), Some(2))]);
        let fields = taken(&[(unit(&[one]), Some(2)), (unit(&[other]), Some(3))]);
        assert_eq!(whole, fields);
        assert_eq!(whole, taken(&[(unit(&[one]), Some(2)), (unit(&[other]), None)]));
        assert_eq!(whole, taken(&[(unit(&[one, padding, other]), Some(2))]));
        assert_ne!(whole, taken(&[(unit(&[other, one]), Some(2))]));
        assert_eq!(whole.keys().collect::<Vec<_>>(), [&1]);
        assert!(taken(&[(unit(&[padding]), Some(2))]).is_empty());
    }

    #[test]
    fn captions_behind_the_slices_of_a_first_field_are_found() {
        let slice = [0, 0, 1, 0x41, 0x9a, 0x80];
        let one = unit(&[[0xfc, 1, 2]]);
        let after = [&slice[..], &one, &slice].concat();
        assert_eq!(taken(&[(after, Some(0))]), taken(&[(one, Some(0))]));
    }
}
