//! The frame table of an MP4 or MOV from its own index: no media is read but the heads of a few samples.
//!
//! libav lays out such an index when it opens the file (byte, decoding time, key flag of each sample, edit
//! lists applied), but tells when a sample is *shown* only with its packet. That comes from the boxes, whose
//! tables are read in pieces (`flat`): `mp4-atom` decodes a table as a whole, `mp4parse` reads a file from
//! end to end to pass over its media, `re_mp4` expands each sample of every track to some hundred bytes. Both
//! layouts must agree sample by sample, and a handful of packets must be what they say. Where anything
//! is in doubt (fragments, edits that hide or repeat, field coding, a second sample description, parameter sets in
//! band alone, or other ones there), the answer is that doubt, and the packets are read instead.

mod boxes;
mod flat;
mod layout;
pub(crate) mod short;
mod times;
pub(crate) mod window;

use std::sync::Arc;

use cleanplate_types::access::ReadAt;
use cleanplate_types::frames::{Entry, EntryKind, FrameTable, TableOrigin};
use cleanplate_types::source::{FieldOrder, SourceDescription};
use cleanplate_types::time::Pts;
use ffmpeg_next as libav;

use crate::error::MediaError;
use crate::input::{Input, SeekTo};
use crate::scan::headers::Headers;
use crate::scan::watch::{ENTRY_SPACING, table_of};
use layout::{Laid, Sample};
use short::Needed;
use window::Stretch;

pub(crate) use layout::Indexed;

/// Bytes of a file from which its index is used: reading a smaller one takes a second at most, and tells
/// more of each key frame.
const BYTES_FROM: u64 = 64 << 20;

/// Frames from which the index is used, for long videos of few bytes: an hour at 30 a second.
const FRAMES_FROM: usize = 108_000;

/// Key frames at whose heads it is looked, spread over the file: each costs a read of one buffer.
const KEYS_LOOKED_AT: usize = 12;

/// Packets in which a sample is looked for: libav takes where it is told to go for a time of showing, and
/// so begins as many samples earlier as are reordered.
const PACKETS_BEFORE: u32 = 40;

/// When the index is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IndexUse {
    /// Where the file is large or long.
    #[default]
    Large,
    /// Wherever there is one.
    Always,
    /// Nowhere.
    Never,
}

/// What the index gave.
#[derive(Debug)]
pub(crate) enum Found {
    /// The table.
    Table(FrameTable),
    /// Why it is not certain to be what a decoder shows.
    Doubt(String),
}

/// Why there is no table.
#[derive(Debug)]
enum Stop {
    Doubt(String),
    Error(MediaError),
}

impl From<MediaError> for Stop {
    fn from(error: MediaError) -> Self {
        Self::Error(error)
    }
}

fn doubt<T>(why: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Doubt(why.into()))
}

/// Whether `input` has an index that is worth it.
pub(crate) fn is_worth(input: &Input, stream: usize, wanted: IndexUse) -> bool {
    let is_boxed = input.container().split(',').any(|name| name == "mp4");
    is_boxed
        && match wanted {
            IndexUse::Always => true,
            IndexUse::Never => false,
            IndexUse::Large => {
                input.size() >= BYTES_FROM || input.index_length(stream) >= FRAMES_FROM
            }
        }
}

/// Reads what there is of an index, by itself, without a demuxer.
pub(crate) fn look_through(source: &Arc<dyn ReadAt>) {
    for needed in [Needed::Pictures, Needed::Only(0), Needed::AllBut(0)] {
        short::view(source, needed).ok();
    }
    for stretch in [
        Stretch { stream: 0, from: 0, until: Some(1) },
        Stretch { stream: 1, from: 1 << 40, until: None },
    ] {
        window::view(source, stretch).ok();
    }
    for id in 0..3 {
        let Ok(times) = boxes::times_of(source.as_ref(), id) else { continue };
        // An index of a few bytes may speak of four thousand million samples.
        times.each().take(SAMPLES_LOOKED_AT).for_each(drop);
        times.whole().ok();
    }
}

/// Samples of a made-up index that are expanded.
const SAMPLES_LOOKED_AT: usize = 4096;

/// Makes the table of the video stream of `input`, which reads `source`. `input` reads nothing but that
/// stream afterwards.
///
/// # Errors
/// [`MediaError::Read`] and what the table itself refuses ([`MediaError::NoFrames`]).
pub(crate) fn table(
    input: &mut Input,
    source: &dyn ReadAt,
    description: &SourceDescription,
    extradata: &[u8],
) -> Result<Found, MediaError> {
    match try_table(input, source, description, extradata) {
        Ok(table) => Ok(Found::Table(table)),
        Err(Stop::Doubt(why)) => Ok(Found::Doubt(why)),
        Err(Stop::Error(error)) => Err(error),
    }
}

fn try_table(
    input: &mut Input,
    source: &dyn ReadAt,
    description: &SourceDescription,
    extradata: &[u8],
) -> Result<FrameTable, Stop> {
    let video = &description.video;
    let stream = usize::try_from(video.stream).unwrap_or(usize::MAX);
    let headers = Headers::of(&video.codec, extradata);
    refuse_codec(&headers, &video.codec, video.field_order)?;
    let Some(track) = input.track_id(stream) else { return doubt("the stream has no track") };
    let times = boxes::times_of(source, track)?;
    let count = input.index_length(stream);
    if times.samples() != count as u64 {
        return doubt(format!(
            "an edit list or damage leaves {count} of {} samples",
            times.samples()
        ));
    }
    let samples = (0..count).map_while(|place| input.index_sample(stream, place));
    let laid = layout::lay(times.each(), samples);
    times.whole()?;
    let laid = laid.map_err(Stop::Doubt)?;
    if laid.pts.len() != count {
        return doubt("its index ends early");
    }
    input.keep_only(stream);
    let proved = prove(input, stream, &laid, headers)?;
    let Laid { mut pts, keys, .. } = laid;
    pts.sort_unstable();
    if let Some(pair) = pts.windows(2).find(|pair| pair[0] == pair[1]) {
        return doubt(format!("two samples are shown at {}", pair[0]));
    }
    let entries = entries(&keys, &proved)?;
    let pts = pts.into_iter().map(|pts| Pts(pts.saturating_add(proved.shift))).collect();
    let told = Some(proved.last_duration);
    Ok(table_of(pts, entries, told, video.timebase, TableOrigin::Index)?)
}

/// Refuses codecs of which a sample need not be one displayed frame.
fn refuse_codec(headers: &Headers, codec: &str, order: FieldOrder) -> Result<(), Stop> {
    match (headers, order) {
        (Headers::Avc(_) | Headers::Hevc(_), FieldOrder::TopFirst | FieldOrder::BottomFirst) => {
            doubt("its fields may be samples of their own")
        }
        // `avc3` and `hev1` may have more of them among the samples: key frames are looked at for that.
        (Headers::Avc(_) | Headers::Hevc(_), _) if !headers.know_sequences() => {
            doubt("its parameter sets are among its samples alone")
        }
        (Headers::Avc(_) | Headers::Hevc(_) | Headers::Vp9 | Headers::Av1(_), _)
        | (Headers::Intra | Headers::Flagged, _) => Ok(()),
        (Headers::Mpeg2(_) | Headers::Vp8(_) | Headers::Unknown(_), _) => {
            doubt(format!("samples of {codec} do not tell how many frames they show"))
        }
    }
}

/// What a handful of packets proved.
struct Proved {
    /// From the layout's times to those that packets have.
    shift: i64,
    /// Whether every key frame is a free cut, by the codec.
    intra: bool,
    last_duration: i64,
}

/// Reads the first sample, some key frames, and the one that is shown last; all must be what the layout
/// says.
fn prove(
    input: &mut Input,
    stream: usize,
    laid: &Laid,
    mut headers: Headers,
) -> Result<Proved, Stop> {
    let Some(first) = laid.keys.first() else { return doubt("it has no key frame") };
    if first.place != 0 {
        return doubt("its first sample is no key frame");
    }
    let mut shift = None;
    let mut packet = libav::Packet::empty();
    let step = laid.keys.len().div_ceil(KEYS_LOOKED_AT).max(1);
    for key in laid.keys.iter().step_by(step) {
        read_sample(input, stream, key, &mut packet)?;
        let look = headers.look(packet.data().unwrap_or_default(), packet.is_key());
        if let Some(why) = look.doubt {
            return doubt(why);
        }
        let free = look.entry == Some(EntryKind::Idr) && look.whole_start;
        if key.place == 0 && !free {
            return doubt("the stream does not begin at a picture that stands alone");
        }
        agree(&mut shift, key, &packet)?;
    }
    read_sample(input, stream, &laid.latest, &mut packet)?;
    agree(&mut shift, &laid.latest, &packet)?;
    let intra = matches!(headers, Headers::Intra | Headers::Flagged);
    Ok(Proved { shift: shift.unwrap_or(0), intra, last_duration: packet.duration() })
}

/// Goes to `sample` and reads its packet.
fn read_sample(
    input: &mut Input,
    stream: usize,
    sample: &Sample,
    packet: &mut libav::Packet,
) -> Result<(), Stop> {
    match input.seek(stream, SeekTo::Sample(sample.dts)) {
        Ok(()) => {}
        Err(MediaError::Read(error)) => return Err(MediaError::Read(error).into()),
        Err(error) => return doubt(format!("sample {} is not found: {error}", sample.place)),
    }
    for _ in 0..PACKETS_BEFORE {
        match input.read(packet) {
            Ok(true) if packet.stream() == stream => {}
            Ok(_) => return doubt(format!("sample {} is not there", sample.place)),
            Err(MediaError::Read(error)) => return Err(MediaError::Read(error).into()),
            Err(error) => return doubt(format!("sample {}: {error}", sample.place)),
        }
        let byte = u64::try_from(packet.position()).ok();
        if packet.dts() == Some(sample.dts) && byte == Some(sample.byte) {
            return Ok(());
        }
        if packet.dts().is_none_or(|dts| dts >= sample.dts) {
            break;
        }
    }
    doubt(format!("sample {} is not where the index says", sample.place))
}

/// Insists that `packet` is shown when the layout says, by the same shift as all others.
fn agree(shift: &mut Option<i64>, sample: &Sample, packet: &libav::Packet) -> Result<(), Stop> {
    let own = packet.pts().and_then(|pts| pts.checked_sub(sample.pts));
    match own {
        Some(own) if *shift.get_or_insert(own) == own => Ok(()),
        _ => doubt(format!("sample {} is shown at another time than the index says", sample.place)),
    }
}

/// The places where decoding can start, spaced as a scan of packets has them. Which of them are free cuts
/// is not known: who gets there looks.
fn entries(keys: &[Sample], proved: &Proved) -> Result<Vec<Entry>, Stop> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut entered = 0;
    for key in keys {
        if !entries.is_empty() && key.place - entered < ENTRY_SPACING {
            continue;
        }
        entered = key.place;
        let pts = Pts(key.pts.saturating_add(proved.shift));
        if entries.last().is_some_and(|last| pts <= last.pts) {
            return doubt("its key frames are not shown in order");
        }
        let known = proved.intra || key.place == 0;
        let kind = if known { EntryKind::Idr } else { EntryKind::Unknown };
        entries.push(Entry { frame: 0, pts, dts: Some(key.dts), byte: Some(key.byte), kind });
    }
    Ok(entries)
}
