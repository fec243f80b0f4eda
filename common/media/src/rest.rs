//! The packets of a source's other streams, kept while intake reads it, so that nobody reads it again.
//!
//! Owns the object's form: a head; for each packet a row and its bytes, in the source's order; a last row
//! with the count of each stream; the place of that row. Writer and reader hold one buffer, whatever the
//! source's length. Refuses to leave anything of a packet out: where one carries what has no form here,
//! nothing is kept, and the stitch reads the source.

mod ffi;
mod reader;

use std::collections::BTreeMap;

use cleanplate_types::access::PartSink;
use cleanplate_types::time::{Pts, Timebase};
use ffmpeg_next as libav;
use serde::{Deserialize, Serialize};

use crate::adts::{self, Spoilt, SpoiltStreams};
use crate::error::MediaError;

pub use reader::RestReader;

/// The first bytes of the object, with the version of its form.
const MAGIC: &[u8; 8] = b"CPRest\x00\x01";

/// Bytes that are collected before the sink is called, and read at a time: one such buffer each.
const BUFFER_BYTES: usize = 1 << 20;

/// The longest row, in bytes: side data of packets that are not video has some kilobytes at most.
const ROW_BYTES_MAX: u32 = 16 << 20;

/// What is kept of a packet beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    stream: u32,
    pts: Option<i64>,
    dts: Option<i64>,
    duration: i64,
    /// libav's flags.
    flags: i32,
    /// Where the packet was in the source.
    position: i64,
    /// Kind, by libav's number, and bytes.
    side: Vec<(u32, Vec<u8>)>,
    /// Size of the packet's own bytes, which follow the row.
    bytes: u32,
}

/// What the rows hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Record {
    Packet(Row),
    /// The end: packets by stream.
    End(Vec<(u32, u64)>),
}

/// Writes packets, bounded in memory.
pub struct RestWriter {
    sink: Box<dyn PartSink>,
    buffer: Vec<u8>,
    written: u64,
    counts: BTreeMap<u32, u64>,
    /// Why the packets cannot be kept, once one of them cannot.
    unfit: Option<String>,
    /// Streams of AAC whose packets have headers of their own, and their clocks.
    watched: BTreeMap<u32, Timebase>,
    spoilt: SpoiltStreams,
}

impl std::fmt::Debug for RestWriter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RestWriter").field("counts", &self.counts).finish_non_exhaustive()
    }
}

impl RestWriter {
    /// Writes into `sink`, which is to be new.
    #[must_use]
    pub fn new(sink: Box<dyn PartSink>) -> Self {
        let (buffer, counts) = (MAGIC.to_vec(), BTreeMap::new());
        let (watched, spoilt) = (BTreeMap::new(), SpoiltStreams::default());
        Self { sink, buffer, written: 0, counts, unfit: None, watched, spoilt }
    }

    /// The same, looking at the headers that packets of the `watched` streams begin with.
    pub(crate) fn watching(self, watched: BTreeMap<u32, Timebase>) -> Self {
        Self { watched, ..self }
    }

    /// The packets that are damaged, as far as that is looked at.
    pub(crate) fn take_spoilt(&mut self) -> SpoiltStreams {
        std::mem::take(&mut self.spoilt)
    }

    fn look(&mut self, packet: &libav::Packet) {
        let Ok(stream) = u32::try_from(packet.stream()) else { return };
        let Some(timebase) = self.watched.get(&stream).copied() else { return };
        if let Some(why) = adts::fault_of(packet.data().unwrap_or_default()) {
            let pts = packet.pts().or_else(|| packet.dts()).map(Pts);
            self.spoilt.add(Spoilt { stream, pts, timebase, why });
        }
    }

    /// Keeps a packet.
    ///
    /// # Errors
    /// [`MediaError::Write`].
    pub(crate) fn take(&mut self, packet: &libav::Packet) -> Result<(), MediaError> {
        self.look(packet);
        if self.unfit.is_some() {
            return Ok(());
        }
        let data = packet.data().unwrap_or_default();
        let (Ok(stream), Ok(bytes)) = (u32::try_from(packet.stream()), u32::try_from(data.len()))
        else {
            self.unfit = Some("a packet is too large to be kept".to_owned());
            return Ok(());
        };
        let row = Row {
            stream,
            pts: packet.pts(),
            dts: packet.dts(),
            duration: packet.duration(),
            flags: ffi::flags(packet),
            position: i64::try_from(packet.position()).unwrap_or(-1),
            side: ffi::side_data(packet),
            bytes,
        };
        if let Err(why) = self.put(&Record::Packet(row)) {
            self.unfit = Some(why);
            return Ok(());
        }
        self.buffer.extend_from_slice(data);
        *self.counts.entry(stream).or_default() += 1;
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    /// Ends the object. Where a packet could not be kept, nothing is, and that is why.
    ///
    /// # Errors
    /// [`MediaError::Write`].
    pub(crate) fn finish(mut self) -> Result<Option<String>, MediaError> {
        let place = self.written + self.buffer.len() as u64;
        let counts = std::mem::take(&mut self.counts).into_iter().collect();
        let unfit = self.unfit.take().or_else(|| self.put(&Record::End(counts)).err());
        if unfit.is_some() {
            return Ok(unfit);
        }
        self.buffer.extend_from_slice(&place.to_le_bytes());
        self.flush()?;
        self.sink.finish().map(|_stored| None).map_err(MediaError::Write)
    }

    fn put(&mut self, record: &Record) -> Result<(), String> {
        let row = postcard::to_stdvec(record).map_err(|error| error.to_string())?;
        let length = u32::try_from(row.len()).ok().filter(|length| *length <= ROW_BYTES_MAX);
        let length = length.ok_or_else(|| "a packet has too much side data".to_owned())?;
        self.buffer.extend_from_slice(&length.to_le_bytes());
        self.buffer.extend_from_slice(&row);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), MediaError> {
        self.sink.write_at(self.written, &self.buffer).map_err(MediaError::Write)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}
