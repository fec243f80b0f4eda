//! What a worker hands in for a cell: a part (the packets' bytes), its manifest, and a summary.
//!
//! A part object is the encoder's packets one after another, in coding order, with nothing between
//! them; the manifest says where each ends. No container is used: containers round timestamps
//! (Matroska to 1 ms) and hide parameter sets, and a reader of a part would need a demuxer.

mod signal;

use serde::{Deserialize, Serialize};

use crate::digest::{FrameHash, PtsDigest, Sha};
use crate::encode::EncodeSpec;
use crate::ids::{CellIndex, LeaseId};
use crate::object::ObjectRef;
use crate::picture::PixelLayout;
use crate::time::{Pts, Timebase};
pub use signal::CodedSignal;

/// One packet of a part, in coding order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketRow {
    /// Presentation timestamp in the job's timebase.
    pub pts: Pts,
    /// Size in bytes.
    pub bytes: u32,
    /// Whether a decoder can start here.
    pub key: bool,
}

/// What a part's parameter sets themselves say of its pictures, whatever its manifest claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodedPicture {
    /// Width in samples, after cropping.
    pub width: u32,
    /// Height in samples, after cropping.
    pub height: u32,
    /// Bits of a sample.
    pub depth: u8,
    /// Number of planes: 1 (grey) or 3.
    pub planes: u8,
    /// log2 of how many luma columns and rows share one chroma sample; `(0, 0)` for grey.
    pub chroma_shift: (u8, u8),
    /// Pictures by which coding order may run ahead of display order, where they say so.
    pub reorder_frames: Option<u8>,
    /// How samples are to be shown.
    pub signal: CodedSignal,
}

impl CodedPicture {
    /// The sample layout in words, such as `3 planes of 8 bits, chroma 2x2`.
    #[must_use]
    pub fn samples_text(&self) -> String {
        samples_text(self.depth, self.planes, self.chroma_shift)
    }

    /// Whether these are the pictures of `spec`: size, sample layout, and how samples are to be shown.
    #[must_use]
    pub fn fits(&self, spec: &EncodeSpec) -> bool {
        (self.width, self.height) == (spec.width, spec.height)
            && self.has_samples_of(&spec.layout)
            && self.signal.differs(spec).is_none()
    }

    /// Whether its samples are laid out as in `layout`.
    #[must_use]
    pub fn has_samples_of(&self, layout: &PixelLayout) -> bool {
        let shift = chroma_shift_of(layout);
        (self.depth, self.planes, self.chroma_shift) == (layout.depth, layout.planes, shift)
    }
}

/// The sample layout in words, as [`CodedPicture::samples_text`] has it.
#[must_use]
pub fn layout_text(layout: &PixelLayout) -> String {
    samples_text(layout.depth, layout.planes, chroma_shift_of(layout))
}

fn chroma_shift_of(layout: &PixelLayout) -> (u8, u8) {
    if layout.planes == 1 { (0, 0) } else { (layout.chroma_shift_x, layout.chroma_shift_y) }
}

fn samples_text(depth: u8, planes: u8, (x, y): (u8, u8)) -> String {
    let (x, y) = (1_u32 << x.min(31), 1_u32 << y.min(31));
    match planes {
        1 => format!("1 plane of {depth} bits"),
        _ => format!("{planes} planes of {depth} bits, chroma {x}x{y}"),
    }
}

/// All that is known of a part; an object in the store beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartManifest {
    /// The cell that it encodes.
    pub cell: CellIndex,
    /// The lease that it was made under.
    pub lease: LeaseId,
    /// The fingerprint of the `EncodeSpec` that made it.
    pub spec: Sha,
    /// The clock of the packets' timestamps.
    pub timebase: Timebase,
    /// What the parameter sets say; nothing for codecs whose parameter sets are not read.
    pub coded: Option<CodedPicture>,
    /// The encoder's parameter sets, as libav's extradata.
    pub extradata: Vec<u8>,
    /// The packets, in coding order.
    pub packets: Vec<PacketRow>,
    /// The object that holds their bytes.
    pub part: ObjectRef,
    /// The hash of each decoded source frame of the cell, before anything was filled, in display
    /// order: an audit decodes them again.
    pub decoded: Vec<FrameHash>,
    /// The hash of the samples of each frame that the plan does not cover, the same before anything was
    /// filled and after (invariant 4), in display order; that of the whole frame where nothing was filled.
    pub outside: Vec<FrameHash>,
    /// Where the clean samples come from.
    pub restored: Restored,
    /// The hash of the decoded source frame right before the cell, where its decoder showed that
    /// one; a decoder that began at an IDR at the cell's first frame did not.
    pub before: Option<FrameHash>,
}

/// What the coordinator is told of a part: enough to accept or refuse it (invariant 7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartSummary {
    /// The cell that it encodes.
    pub cell: CellIndex,
    /// Number of frames, one packet each.
    pub frames: u64,
    /// Digest of the timestamps in display order.
    pub digest: PtsDigest,
    /// The largest number of frames by which a packet comes before its display order.
    pub reorder_frames: u8,
    /// Whether the first packet is a key frame.
    pub starts_with_key: bool,
    /// The fingerprint of the `EncodeSpec`.
    pub spec: Sha,
    /// The hash of the extradata.
    pub extradata: Sha,
    /// The manifest object.
    pub manifest: ObjectRef,
    /// Size of the part object in bytes.
    pub part_bytes: u64,
    /// The clock of the packets' timestamps.
    pub timebase: Timebase,
    /// What the parameter sets say; nothing for codecs whose parameter sets are not read.
    pub coded: Option<CodedPicture>,
    /// The hash of the decoded source frame right before the cell, where its decoder showed it.
    pub before: Option<FrameHash>,
    /// The hash of the last decoded source frame of the cell.
    pub last: Option<FrameHash>,
    /// Where the clean samples come from.
    pub restored: Restored,
}

/// Where the samples that an overlay covered come from: luma samples, summed over frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// Frames that show an overlay.
    pub frames: u64,
    /// Samples whose blend was solved for the background.
    pub inverted: u64,
    /// Samples that other frames show.
    pub fetched: u64,
    /// Samples that were made up from what is around them.
    pub synthesised: u64,
    /// Samples that were made unreadable.
    pub pixelated: u64,
    /// Frames of which a model painted something by itself. The samples are among those that were made up.
    pub painted_frames: u64,
}

impl Restored {
    /// All samples that were covered.
    #[must_use]
    pub const fn samples(&self) -> u64 {
        let found = self.inverted.saturating_add(self.fetched);
        found.saturating_add(self.synthesised).saturating_add(self.pixelated)
    }

    /// Adds what another frame or part came to.
    pub const fn add(&mut self, other: &Self) {
        self.frames = self.frames.saturating_add(other.frames);
        self.inverted = self.inverted.saturating_add(other.inverted);
        self.fetched = self.fetched.saturating_add(other.fetched);
        self.synthesised = self.synthesised.saturating_add(other.synthesised);
        self.pixelated = self.pixelated.saturating_add(other.pixelated);
        self.painted_frames = self.painted_frames.saturating_add(other.painted_frames);
    }

    /// Takes a part away again.
    pub const fn remove(&mut self, other: &Self) {
        self.frames = self.frames.saturating_sub(other.frames);
        self.inverted = self.inverted.saturating_sub(other.inverted);
        self.fetched = self.fetched.saturating_sub(other.fetched);
        self.synthesised = self.synthesised.saturating_sub(other.synthesised);
        self.pixelated = self.pixelated.saturating_sub(other.pixelated);
        self.painted_frames = self.painted_frames.saturating_sub(other.painted_frames);
    }
}

/// The largest number of frames by which a packet, in coding order, comes before its display order.
#[must_use]
pub fn reorder_frames(packets: &[PacketRow]) -> u8 {
    let mut display: Vec<Pts> = packets.iter().map(|packet| packet.pts).collect();
    display.sort_unstable();
    let ahead = (0_usize..).zip(packets).map(|(coding, packet)| {
        coding.saturating_sub(display.partition_point(|pts| *pts < packet.pts))
    });
    u8::try_from(ahead.max().unwrap_or(0)).unwrap_or(u8::MAX)
}

impl PartManifest {
    /// The summary of this manifest, stored as `manifest`.
    #[must_use]
    pub fn summary(&self, manifest: ObjectRef) -> PartSummary {
        let mut display: Vec<Pts> = self.packets.iter().map(|packet| packet.pts).collect();
        display.sort_unstable();
        PartSummary {
            cell: self.cell,
            frames: self.packets.len() as u64,
            digest: PtsDigest::of(&display),
            reorder_frames: reorder_frames(&self.packets),
            starts_with_key: self.packets.first().is_some_and(|packet| packet.key),
            spec: self.spec,
            extradata: Sha::of(&self.extradata),
            manifest,
            part_bytes: self.part.bytes,
            timebase: self.timebase,
            coded: self.coded,
            before: self.before,
            last: self.decoded.last().copied(),
            restored: self.restored,
        }
    }
}
