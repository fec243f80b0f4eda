//! Where the packets that are not video go while a source is read whole.
//!
//! Owns the decision whether they are worth keeping. Refuses to keep those of an MP4 or MOV that is near: there the
//! stitch reads the other streams by themselves, and nothing of the video. Far away that is no help: the streams lie
//! between each other, and what is read of one passes by all.

use std::collections::BTreeMap;
use std::io;

use cleanplate_types::access::PartSink;
use cleanplate_types::source::{SourceDescription, StreamKind};
use cleanplate_types::time::Timebase;
use ffmpeg_next as libav;

use crate::adts::SpoiltStreams;
use crate::decode::place::Place;
use crate::error::MediaError;
use crate::rest::RestWriter;

/// Begins an object for kept packets; called again where the source has to be read again. One that is
/// dropped unfinished leaves nothing.
pub type BeginRest<'a> = &'a mut dyn FnMut() -> io::Result<Box<dyn PartSink>>;

/// Keeps packets, or does not.
pub(super) struct Keep<'a> {
    begin: Option<BeginRest<'a>>,
    /// Streams of AAC with headers of their own.
    watched: BTreeMap<u32, Timebase>,
    writer: Option<RestWriter>,
}

impl<'a> Keep<'a> {
    /// Keeps the packets of `description` by `begin`, where that is asked for and worth it.
    pub(super) fn new(begin: Option<BeginRest<'a>>, description: &SourceDescription) -> Self {
        let is_indexed = description.container.split(',').any(|name| name == "mp4");
        Self::of(begin.filter(|_| !is_indexed), description)
    }

    fn of(begin: Option<BeginRest<'a>>, description: &SourceDescription) -> Self {
        let begin = begin.filter(|_| has_others(description));
        Self { begin, watched: with_headers(description), writer: None }
    }

    /// A new object, from the first packet on; the one before is given up.
    pub(super) fn begin(&mut self) -> Result<Option<RestWriter>, MediaError> {
        self.writer = None;
        let Some(begin) = self.begin.as_mut() else { return Ok(None) };
        let sink = begin().map_err(MediaError::Write)?;
        Ok(Some(RestWriter::new(sink).watching(self.watched.clone())))
    }

    /// Takes an object back in which all packets are.
    pub(super) fn hold(&mut self, writer: Option<RestWriter>) {
        self.writer = writer;
    }

    /// Ends the object.
    pub(super) fn finish(self) -> Result<Kept, MediaError> {
        let Some(mut writer) = self.writer else { return Ok(Kept::default()) };
        let spoilt = writer.take_spoilt();
        let unfit = writer.finish()?;
        let is_there = unfit.is_none();
        let note = unfit.map(|why| format!("the stitch reads the source again: {why}"));
        Ok(Kept { is_there, note, spoilt })
    }
}

/// What came of keeping.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Whether there is an object.
    pub(super) is_there: bool,
    /// Why not, where it was asked for.
    pub(super) note: Option<String>,
    /// Packets that are damaged.
    pub(super) spoilt: SpoiltStreams,
}

/// The streams of AAC whose packets have headers of their own: those of MPEG's streams, which have no other
/// place to say what they are.
fn with_headers(description: &SourceDescription) -> BTreeMap<u32, Timebase> {
    if !matches!(description.container.as_str(), "mpegts" | "mpeg") {
        return BTreeMap::new();
    }
    let with = description.streams.iter().filter(|stream| stream.codec == "aac");
    with.map(|stream| (stream.index, stream.timebase)).collect()
}

fn has_others(description: &SourceDescription) -> bool {
    let other =
        |index: u32, kind| index != description.video.stream && kind != StreamKind::Attachment;
    description.streams.iter().any(|stream| other(stream.index, stream.kind))
}

/// Reads the other streams of a source whose index is known, and keeps their packets where that is asked for.
pub(super) fn of_indexed(
    place: &Place,
    begin: Option<BeginRest<'_>>,
    description: &SourceDescription,
) -> Result<Kept, MediaError> {
    let mut keep = Keep::of(begin, description);
    let Some(mut writer) = keep.begin()? else { return Ok(Kept::default()) };
    let mut input = place.open_whole()?;
    input.keep(&|index| index != place.stream);
    let mut packet = libav::Packet::empty();
    while input.read(&mut packet)? {
        writer.take(&packet)?;
    }
    keep.hold(Some(writer));
    keep.finish()
}

/// Keeps a packet where packets are kept.
pub(crate) fn aside(
    writer: &mut Option<RestWriter>,
    packet: &libav::Packet,
) -> Result<(), MediaError> {
    writer.as_mut().map_or(Ok(()), |writer| writer.take(packet))
}
