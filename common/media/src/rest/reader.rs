//! Reads kept packets back, as libav's demuxer gave them.
//!
//! Owns one buffer. Refuses an object that is cut off or not of this form; no length in it is trusted.

use std::io;
use std::sync::Arc;

use cleanplate_types::access::ReadAt;
use ffmpeg_next as libav;

use super::{BUFFER_BYTES, MAGIC, ROW_BYTES_MAX, Record, Row, ffi};
use crate::error::MediaError;

/// The packets of an object, in order.
pub struct RestReader {
    source: Arc<dyn ReadAt>,
    /// Where the last row begins.
    end: u64,
    /// What was read and not used yet begins here in the buffer, and at this byte of the object.
    buffer: Vec<u8>,
    used: usize,
    at: u64,
    counts: Vec<(u32, u64)>,
}

impl std::fmt::Debug for RestReader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RestReader").field("counts", &self.counts).finish_non_exhaustive()
    }
}

impl RestReader {
    /// Opens an object that a [`RestWriter`](super::RestWriter) wrote.
    ///
    /// # Errors
    /// [`MediaError::Read`] where the bytes did not arrive or are no such object.
    pub fn open(source: Arc<dyn ReadAt>) -> Result<Self, MediaError> {
        let mut reader =
            Self { end: 0, buffer: Vec::new(), used: 0, at: 0, counts: Vec::new(), source };
        let size = reader.source.size();
        let last = size.checked_sub(8).ok_or_else(cut_off)?;
        reader.go_to(last);
        let place: [u8; 8] = reader.bytes(8)?.try_into().map_err(|_short| cut_off())?;
        let end = u64::from_le_bytes(place);
        if end < MAGIC.len() as u64 || end >= last {
            return Err(cut_off());
        }
        reader.go_to(end);
        let Record::End(counts) = reader.record()? else { return Err(cut_off()) };
        reader.go_to(0);
        if reader.bytes(MAGIC.len())? != MAGIC {
            return Err(senseless("it does not begin as one"));
        }
        (reader.end, reader.counts) = (end, counts);
        Ok(reader)
    }

    /// Number of packets, by stream of the source.
    #[must_use]
    pub fn counts(&self) -> &[(u32, u64)] {
        &self.counts
    }

    /// Reads the next packet into `packet`; false after the last.
    ///
    /// # Errors
    /// As [`RestReader::open`].
    pub(crate) fn next(&mut self, packet: &mut libav::Packet) -> Result<bool, MediaError> {
        if self.at + self.used as u64 == self.end {
            return Ok(false);
        }
        let Record::Packet(row) = self.record()? else {
            return Err(senseless("it ends before its end"));
        };
        let Row { stream, pts, dts, duration, flags, position, side, bytes } = row;
        let bytes = self.bytes(usize::try_from(bytes).unwrap_or(usize::MAX))?;
        *packet = libav::Packet::copy(bytes);
        packet.set_stream(usize::try_from(stream).unwrap_or(usize::MAX));
        packet.set_pts(pts);
        packet.set_dts(dts);
        packet.set_duration(duration);
        packet.set_position(isize::try_from(position).unwrap_or(-1));
        ffi::set_flags(packet, flags);
        for (kind, bytes) in side {
            if !ffi::add_side_data(packet, kind, &bytes) {
                return Err(senseless("it has side data that this libav does not know"));
            }
        }
        Ok(true)
    }

    fn record(&mut self) -> Result<Record, MediaError> {
        let length: [u8; 4] = self.bytes(4)?.try_into().map_err(|_short| cut_off())?;
        let length = u32::from_le_bytes(length);
        if length > ROW_BYTES_MAX {
            return Err(senseless("a row is too long"));
        }
        let row = self.bytes(usize::try_from(length).unwrap_or(usize::MAX))?;
        postcard::from_bytes(row).map_err(|error| senseless(&error.to_string()))
    }

    fn go_to(&mut self, place: u64) {
        self.buffer.clear();
        (self.used, self.at) = (0, place);
    }

    /// The next `count` bytes.
    fn bytes(&mut self, count: usize) -> Result<&[u8], MediaError> {
        let left = self.source.size().saturating_sub(self.at + self.used as u64);
        if count as u64 > left {
            return Err(cut_off());
        }
        if self.buffer.len() - self.used < count {
            self.buffer.drain(..self.used);
            self.at += self.used as u64;
            self.used = 0;
            let wanted = (count.max(BUFFER_BYTES) as u64).min(self.source.size() - self.at);
            self.fill(usize::try_from(wanted).unwrap_or(usize::MAX))?;
        }
        let from = self.used;
        self.used += count;
        Ok(&self.buffer[from..self.used])
    }

    /// Reads until the buffer holds `wanted` bytes.
    fn fill(&mut self, wanted: usize) -> Result<(), MediaError> {
        let mut filled = self.buffer.len();
        self.buffer.resize(wanted.max(filled), 0);
        while filled < self.buffer.len() {
            let place = self.at + filled as u64;
            match self.source.read_at(place, &mut self.buffer[filled..]) {
                Ok(0) => return Err(cut_off()),
                Ok(count) => filled += count,
                Err(error) => return Err(MediaError::Read(error)),
            }
        }
        Ok(())
    }
}

fn cut_off() -> MediaError {
    MediaError::Read(io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the kept packets of the source are cut off",
    ))
}

fn senseless(why: &str) -> MediaError {
    let text = format!("the kept packets of the source make no sense: {why}");
    MediaError::Read(io::Error::new(io::ErrorKind::InvalidData, text))
}
