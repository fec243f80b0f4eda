//! The source's own packets of a cell, as a part holds them: nothing is decoded, and no slice changes a bit.
//!
//! Owns the proof that they are the cell's frames and no others. Refuses packets whose framing does not give
//! back the same bytes, and packets with parameter sets that are not the header's.

use std::borrow::Cow;
use std::sync::Arc;

use cleanplate_types::access::ReadAt;
use cleanplate_types::digest::Sha;
use cleanplate_types::encode::{EncodeSpec, VideoCodec};
use cleanplate_types::frames::{Entry, EntryKind, FrameRange, FrameTable};
use cleanplate_types::part::{PacketRow, reorder_frames};
use cleanplate_types::source::SourceDescription;
use cleanplate_types::time::Pts;
use ffmpeg_next as libav;

use crate::decode::place::Place;
use crate::decode::run::{is_entry, places_to_seek};
use crate::encode::EncodedPacket;
use crate::error::MediaError;
use crate::input::Input;
use crate::scan::bits::Framing;
use crate::sequence::{self, ParameterSets};

/// What stands before each unit of Annex B.
const START: [u8; 4] = [0, 0, 0, 1];

/// Reads the packets of cells that are not encoded, cell by cell; the source stays open in between.
pub struct OwnPackets {
    place: Place,
    codec: VideoCodec,
    framing: Framing,
    sets: Vec<u8>,
    known: ParameterSets,
    /// Whether key frames bring the sets with them.
    in_band: bool,
    reorder_frames: u8,
    table: Arc<FrameTable>,
    input: Option<Input>,
    packet: libav::Packet,
    /// Whether `packet` is the first of the next cell.
    pending: bool,
}

impl std::fmt::Debug for OwnPackets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("OwnPackets").field("framing", &self.framing).finish_non_exhaustive()
    }
}

impl OwnPackets {
    /// Opens `source`, whose frames are those of `table`, for cells that `spec` copies.
    ///
    /// # Errors
    /// As [`Input::open`]; [`MediaError::NotOwnPackets`] where its header holds no parameter sets.
    pub fn open(
        source: Arc<dyn ReadAt>,
        name_hint: &str,
        description: &SourceDescription,
        table: Arc<FrameTable>,
        spec: &EncodeSpec,
    ) -> Result<Self, MediaError> {
        let stream = usize::try_from(description.video.stream).unwrap_or(usize::MAX);
        let place = Place { source, name_hint: name_hint.to_owned(), stream, near: None };
        let input = place.open()?;
        let facts = input.facts(stream);
        let header = facts.and_then(|facts| sequence::of_header(&facts.codec, &facts.extradata));
        let Some((sets, framing)) = header else {
            return Err(refused(table.range(), "its header holds no parameter sets"));
        };
        let expected = spec.copied.as_ref().map(|copied| copied.extradata);
        if expected != Some(Sha::of(&sets)) {
            return Err(refused(
                table.range(),
                "its header holds other parameter sets than intake saw",
            ));
        }
        Ok(Self {
            place,
            codec: spec.encoder.name.codec(),
            framing,
            known: ParameterSets::of(spec.encoder.name, &sets),
            sets,
            in_band: spec.has_sets_in_band(),
            reorder_frames: spec.reorder_frames,
            table,
            input: Some(input),
            packet: libav::Packet::empty(),
            pending: false,
        })
    }

    /// The source's parameter sets, in Annex B.
    #[must_use]
    pub fn extradata(&self) -> &[u8] {
        &self.sets
    }

    /// Hands out the packets of `frames`, which are those of a cell, in coding order.
    ///
    /// # Errors
    /// [`MediaError::NotOwnPackets`] where they are not exactly these frames, or cannot be a part; whatever
    /// reading gives, and what `take` returns.
    pub fn cell(
        &mut self,
        frames: FrameRange,
        take: &mut dyn FnMut(EncodedPacket<'_>) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        self.go_to(frames)?;
        let next =
            usize::try_from(frames.end).ok().and_then(|end| self.table.pts.get(end).copied());
        let mut rows = Vec::new();
        loop {
            let Some(pts) = self.packet.pts() else {
                return Err(refused(frames, "a packet has no timestamp"));
            };
            if next.is_some_and(|next| pts >= next.0) {
                self.pending = true;
                break;
            }
            let data = self.packet.data().unwrap_or_default();
            let key = self.packet.is_key();
            let data = self.of_part(data, key, (frames, rows.len()))?;
            let bytes = u32::try_from(data.len()).unwrap_or(u32::MAX);
            rows.push(PacketRow { pts: Pts(pts), bytes, key });
            take(EncodedPacket { pts: Pts(pts), key, data: &data })?;
            if !self.read()? {
                break;
            }
        }
        self.check(frames, next, &rows)
    }

    /// The bytes of a packet as a part has them.
    fn of_part<'a>(
        &self,
        data: &'a [u8],
        key: bool,
        (frames, number): (FrameRange, usize),
    ) -> Result<Cow<'a, [u8]>, MediaError> {
        let data = match self.framing {
            Framing::AnnexB => Cow::Borrowed(data),
            Framing::Prefixed(bytes) => Cow::Owned(
                annex_b(data, bytes)
                    .ok_or_else(|| refused(frames, "the units of a packet do not fill it"))?,
            ),
        };
        let checked = self.known.check(number, &data);
        checked.map_err(|error| refused(frames, &error.to_string()))?;
        if !(self.in_band && key) {
            return Ok(data);
        }
        let complete = sequence::with_sets(self.codec, &self.sets, &data);
        Ok(Cow::Owned(complete.into_owned()))
    }

    /// The packets must be the cell's frames, each once, and end where the next cell begins.
    fn check(
        &self,
        frames: FrameRange,
        next: Option<Pts>,
        rows: &[PacketRow],
    ) -> Result<(), MediaError> {
        let mut shown: Vec<Pts> = rows.iter().map(|row| row.pts).collect();
        shown.sort_unstable();
        if shown != self.table.pts_of(frames) {
            let text = format!("there are {} packets, and not one for each frame", rows.len());
            return Err(refused(frames, &text));
        }
        let begins = self.packet.is_key() && self.packet.pts() == next.map(|next| next.0);
        if self.pending && !begins {
            return Err(refused(frames, "the frame after them is not where the next cell begins"));
        }
        let (found, allowed) = (reorder_frames(rows), self.reorder_frames);
        if found > allowed {
            let text =
                format!("they are coded {found} frames ahead, the contract allows {allowed}");
            return Err(refused(frames, &text));
        }
        Ok(())
    }

    /// Has the first packet of `frames` at hand.
    fn go_to(&mut self, frames: FrameRange) -> Result<(), MediaError> {
        let entries = &self.table.entries;
        let is_start = |entry: &&Entry| entry.frame == frames.start && entry.kind == EntryKind::Idr;
        let Some(entry) = entries.iter().find(is_start).copied() else {
            return Err(refused(frames, "no picture that stands alone is at their start"));
        };
        if std::mem::take(&mut self.pending) && is_entry(&self.packet, &entry) {
            return Ok(());
        }
        if entry != entries[0] {
            for to in places_to_seek(&entry) {
                let Some(input) = &mut self.input else { break };
                match input.seek(self.place.stream, to) {
                    Ok(()) => {}
                    Err(MediaError::Read(error)) => return Err(MediaError::Read(error)),
                    Err(_no_such_place) => continue,
                }
                if self.find(&entry)? {
                    return Ok(());
                }
            }
        }
        // No seek leads there: what is before is passed over.
        self.input = None;
        self.input = Some(self.place.open()?);
        if self.find(&entry)? {
            return Ok(());
        }
        Err(refused(frames, "their first packet is not found"))
    }

    /// Reads until the packet of `entry` is at hand; false where the demuxer is past it.
    fn find(&mut self, entry: &Entry) -> Result<bool, MediaError> {
        while self.read()? {
            if is_entry(&self.packet, entry) {
                return Ok(true);
            }
            let is_later = match (self.packet.dts(), entry.dts) {
                (Some(dts), Some(wanted)) => dts > wanted,
                _ => self.packet.is_key() && self.packet.pts().is_some_and(|pts| pts > entry.pts.0),
            };
            if is_later {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// Reads the next packet of the stream; false at the end.
    fn read(&mut self) -> Result<bool, MediaError> {
        let Some(input) = &mut self.input else { return Ok(false) };
        while input.read(&mut self.packet)? {
            if self.packet.stream() == self.place.stream && self.packet.size() > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn refused(range: FrameRange, detail: &str) -> MediaError {
    MediaError::NotOwnPackets { range, detail: detail.to_owned() }
}

/// `data`, whose units have their lengths in so many `bytes` before them, in Annex B; nothing where units do
/// not fill it, or one would not come back as it was.
fn annex_b(data: &[u8], bytes: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(data.len() + START.len());
    let mut rest = data;
    while !rest.is_empty() {
        let (length, after) = rest.split_at_checked(bytes)?;
        let length = length.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        let (unit, after) = after.split_at_checked(length)?;
        // Zeros at the end of a unit are taken for the next start code's.
        if unit.last().is_none_or(|last| *last == 0) {
            return None;
        }
        out.extend_from_slice(&START);
        out.extend_from_slice(unit);
        rest = after;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_with_lengths_become_annex_b_where_they_come_back_the_same() {
        let packet = [0, 0, 0, 2, 9, 16, 0, 0, 0, 3, 0x65, 0, 7];
        let parts = [0, 0, 0, 1, 9, 16, 0, 0, 0, 1, 0x65, 0, 7];
        assert_eq!(annex_b(&packet, 4), Some(parts.to_vec()));
        assert_eq!(annex_b(&[0, 1, 7], 2), Some(vec![0, 0, 0, 1, 7]));
        assert_eq!(annex_b(&packet[..12], 4), None, "the last unit is cut off");
        assert_eq!(annex_b(&[0, 2, 7, 0], 2), None, "a zero at its end would be lost");
        assert_eq!(annex_b(&[0, 0], 2), None, "a unit of nothing");
    }
}
