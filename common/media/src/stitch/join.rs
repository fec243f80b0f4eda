//! Reads parts: checks each against its manifest and the plan, and gives its packets in coding order.
//!
//! Owns the reading buffer. Refuses a part at the first thing that is not as the plan says; its hash can
//! be checked only at its end, when its bytes are in the movie, which then never appears.

use std::sync::Arc;

use cleanplate_types::access::ReadAt;
use cleanplate_types::brief::JobBrief;
use cleanplate_types::cell::Cell;
use cleanplate_types::digest::{PtsDigest, ShaWriter};
use cleanplate_types::encode::EncoderName;
use cleanplate_types::frames::FrameTable;
use cleanplate_types::ids::CellIndex;
use cleanplate_types::part::{PacketRow, PartManifest};
use cleanplate_types::time::Pts;

use super::StitchPart;
use crate::error::MediaError;
use crate::sequence::{self, ParameterSets, Whose};

/// Bytes of a part that are read at a time; the buffer grows beyond it for larger packets only.
const BLOCK_BYTES: usize = 1 << 20;

/// One part while it is copied.
pub(super) struct OpenPart {
    cell: Cell,
    manifest: PartManifest,
    bytes: Arc<dyn ReadAt>,
    sets: ParameterSets,
    /// The encoder, where key frames must bring their parameter sets with them.
    in_band: Option<EncoderName>,
    hash: ShaWriter,
    /// The packet that comes next.
    next: usize,
    /// Where in the part the buffer ends.
    read: u64,
    buffer: Vec<u8>,
    /// Bytes of the buffer that have been given away.
    used: usize,
}

impl OpenPart {
    /// Checks that the part is the one of `cell` and fits the plan.
    pub(super) fn open(
        part: StitchPart,
        cell: &Cell,
        brief: &JobBrief,
        table: &FrameTable,
        extradata: Option<&[u8]>,
    ) -> Result<Self, MediaError> {
        let StitchPart { manifest, bytes } = part;
        let refused = |detail: String| MediaError::PartRefused { range: cell.frames, detail };
        fits(&manifest, cell, brief, table).map_err(refused)?;
        if extradata.is_some_and(|extradata| extradata != manifest.extradata) {
            return Err(refused(
                "its parameter sets are not those of the parts before it".to_owned(),
            ));
        }
        if bytes.size() != manifest.part.bytes {
            let (found, told) = (bytes.size(), manifest.part.bytes);
            return Err(refused(format!("it has {found} bytes, its manifest says {told}")));
        }
        Ok(Self {
            cell: cell.clone(),
            sets: ParameterSets::of(brief.spec.encoder.name, &manifest.extradata),
            in_band: brief.spec.has_sets_in_band().then_some(brief.spec.encoder.name),
            manifest,
            bytes,
            hash: ShaWriter::default(),
            next: 0,
            read: 0,
            buffer: Vec::new(),
            used: 0,
        })
    }

    /// The cell that it encodes.
    pub(super) const fn cell(&self) -> CellIndex {
        self.cell.index
    }

    /// Bytes and packets.
    pub(super) const fn size(&self) -> (u64, u64) {
        (self.manifest.part.bytes, self.manifest.packets.len() as u64)
    }

    /// The parameter sets.
    pub(super) fn extradata(&self) -> &[u8] {
        &self.manifest.extradata
    }

    /// The next packet and its bytes; nothing at the end, where the hash is checked.
    pub(super) fn next(&mut self) -> Result<Option<(PacketRow, &[u8])>, MediaError> {
        let Some(row) = self.manifest.packets.get(self.next).copied() else {
            return self.check_hash().map(|()| None);
        };
        self.next += 1;
        let size = usize::try_from(row.bytes).unwrap_or(usize::MAX);
        if self.buffer.len() - self.used < size {
            self.fill(size)?;
        }
        let start = self.used;
        self.used += size;
        let data = &self.buffer[start..self.used];
        self.sets.check(self.next - 1, data).map_err(|error| MediaError::PartRefused {
            range: self.cell.frames,
            detail: error.to_string(),
        })?;
        if let Some(encoder) = self.in_band.filter(|_| row.key)
            && !sequence::brings_sets(encoder, &self.manifest.extradata, data)
        {
            return Err(self.refused("a key frame does not bring its parameter sets with it"));
        }
        self.hash.write(data);
        Ok(Some((row, data)))
    }

    /// Reads until the buffer holds `size` bytes that are not used.
    fn fill(&mut self, size: usize) -> Result<(), MediaError> {
        self.buffer.drain(..self.used);
        self.used = 0;
        let mut end = self.buffer.len();
        let left = usize::try_from(self.bytes.size() - self.read).unwrap_or(usize::MAX);
        let wanted = size.max(BLOCK_BYTES).min(end.saturating_add(left));
        self.buffer.resize(wanted, 0);
        while end < wanted {
            match self
                .bytes
                .read_at(self.read, &mut self.buffer[end..])
                .map_err(MediaError::Read)?
            {
                0 => return Err(self.refused("it ends before its manifest says")),
                count => {
                    end += count;
                    self.read += count as u64;
                }
            }
        }
        if wanted < size { Err(self.refused("it ends before its manifest says")) } else { Ok(()) }
    }

    fn check_hash(&mut self) -> Result<(), MediaError> {
        let found = std::mem::take(&mut self.hash).finish();
        if found == self.manifest.part.sha {
            return Ok(());
        }
        Err(self.refused("its bytes are not those that its manifest was made of"))
    }

    fn refused(&self, detail: &str) -> MediaError {
        MediaError::PartRefused { range: self.cell.frames, detail: detail.to_owned() }
    }
}

/// Checks all that a manifest says.
fn fits(
    manifest: &PartManifest,
    cell: &Cell,
    brief: &JobBrief,
    table: &FrameTable,
) -> Result<(), String> {
    if manifest.cell != cell.index {
        return Err(format!("it is the part of cell {}", manifest.cell.0));
    }
    if manifest.spec != brief.spec.fingerprint() {
        return Err("it was encoded under another contract".to_owned());
    }
    if manifest.timebase != brief.spec.timebase {
        let (found, expected) = (manifest.timebase, brief.spec.timebase);
        return Err(format!("it counts in {found}, the job in {expected}"));
    }
    let (packets, frames) = (manifest.packets.len() as u64, cell.frames.count());
    if packets != frames {
        return Err(format!("it has {packets} packets for {frames} frames"));
    }
    if manifest.extradata.is_empty() && brief.spec.encoder.name.codec().has_parameter_sets() {
        return Err("it has no parameter sets".to_owned());
    }
    let whose = Whose::of(&brief.spec, cell.index);
    sequence::check(&brief.spec, whose, &manifest.extradata).map_err(|error| error.to_string())?;
    if !manifest.packets.first().is_some_and(|packet| packet.key) {
        return Err("it does not start with a key frame".to_owned());
    }
    let bytes: u64 = manifest.packets.iter().map(|packet| u64::from(packet.bytes)).sum();
    if bytes != manifest.part.bytes {
        return Err(format!("its packets have {bytes} bytes, the part {}", manifest.part.bytes));
    }
    let mut shown: Vec<Pts> = manifest.packets.iter().map(|packet| packet.pts).collect();
    shown.sort_unstable();
    if PtsDigest::of(&shown) != table.digest_of(cell.frames) {
        return Err("its frames are not at the times of the table".to_owned());
    }
    let late = (0_usize..).zip(&manifest.packets).map(|(coded, packet)| {
        coded.saturating_sub(shown.partition_point(|pts| *pts < packet.pts))
    });
    let late = late.max().unwrap_or(0);
    let allowed = brief.spec.reorder_frames;
    if late > usize::from(allowed) {
        return Err(format!("it is coded {late} frames ahead, the contract allows {allowed}"));
    }
    Ok(())
}
