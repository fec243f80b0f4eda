//! Where the packets that are not video go while a source is read whole.
//!
//! Owns the decision whether they are worth keeping. Refuses to keep those of an MP4 or MOV: there the
//! stitch reads the other streams by themselves, and nothing of the video.

use std::io;

use cleanplate_types::access::PartSink;
use cleanplate_types::source::{SourceDescription, StreamKind};
use ffmpeg_next as libav;

use crate::error::MediaError;
use crate::rest::RestWriter;

/// Begins an object for kept packets; called again where the source has to be read again. One that is
/// dropped unfinished leaves nothing.
pub type BeginRest<'a> = &'a mut dyn FnMut() -> io::Result<Box<dyn PartSink>>;

/// Keeps packets, or does not.
pub(super) struct Keep<'a> {
    begin: Option<BeginRest<'a>>,
    writer: Option<RestWriter>,
}

impl<'a> Keep<'a> {
    /// Keeps the packets of `description` by `begin`, where that is asked for and worth it.
    pub(super) fn new(begin: Option<BeginRest<'a>>, description: &SourceDescription) -> Self {
        Self { begin: begin.filter(|_| is_worth(description)), writer: None }
    }

    /// A new object, from the first packet on; the one before is given up.
    pub(super) fn begin(&mut self) -> Result<Option<RestWriter>, MediaError> {
        self.writer = None;
        let Some(begin) = self.begin.as_mut() else { return Ok(None) };
        begin().map(|sink| Some(RestWriter::new(sink))).map_err(MediaError::Write)
    }

    /// Takes an object back in which all packets are.
    pub(super) fn hold(&mut self, writer: Option<RestWriter>) {
        self.writer = writer;
    }

    /// Ends the object; whether there is one, and why not where it was asked for.
    pub(super) fn finish(self) -> Result<(bool, Option<String>), MediaError> {
        let Some(writer) = self.writer else { return Ok((false, None)) };
        let unfit = writer.finish()?;
        Ok((unfit.is_none(), unfit.map(|why| format!("the stitch reads the source again: {why}"))))
    }
}

fn is_worth(description: &SourceDescription) -> bool {
    let is_indexed = description.container.split(',').any(|name| name == "mp4");
    let other =
        |index: u32, kind| index != description.video.stream && kind != StreamKind::Attachment;
    !is_indexed && description.streams.iter().any(|stream| other(stream.index, stream.kind))
}

/// Keeps a packet where packets are kept.
pub(crate) fn aside(
    writer: &mut Option<RestWriter>,
    packet: &libav::Packet,
) -> Result<(), MediaError> {
    writer.as_mut().map_or(Ok(()), |writer| writer.take(packet))
}
