//! What a worker hands in for a cell: a part (the packets' bytes), its manifest, and a summary.
//!
//! A part object is the encoder's packets one after another, in coding order, with nothing between
//! them; the manifest says where each ends. No container is used: containers round timestamps
//! (Matroska to 1 ms) and hide parameter sets, and a reader of a part would need a demuxer.

use serde::{Deserialize, Serialize};

use crate::digest::{PtsDigest, Sha};
use crate::ids::{CellIndex, LeaseId};
use crate::object::ObjectRef;
use crate::time::Pts;

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

/// All that is known of a part; an object in the store beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartManifest {
    /// The cell that it encodes.
    pub cell: CellIndex,
    /// The lease that it was made under.
    pub lease: LeaseId,
    /// The fingerprint of the `EncodeSpec` that made it.
    pub spec: Sha,
    /// The encoder's parameter sets, as libav's extradata.
    pub extradata: Vec<u8>,
    /// The packets, in coding order.
    pub packets: Vec<PacketRow>,
    /// The object that holds their bytes.
    pub part: ObjectRef,
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
}

impl PartManifest {
    /// The summary of this manifest, stored as `manifest`.
    #[must_use]
    pub fn summary(&self, manifest: ObjectRef) -> PartSummary {
        let mut display: Vec<Pts> = self.packets.iter().map(|packet| packet.pts).collect();
        display.sort_unstable();
        let ahead = (0_usize..).zip(&self.packets).map(|(coding, packet)| {
            let shown = display.partition_point(|pts| *pts < packet.pts);
            coding.saturating_sub(shown)
        });
        PartSummary {
            cell: self.cell,
            frames: self.packets.len() as u64,
            digest: PtsDigest::of(&display),
            reorder_frames: u8::try_from(ahead.max().unwrap_or(0)).unwrap_or(u8::MAX),
            starts_with_key: self.packets.first().is_some_and(|packet| packet.key),
            spec: self.spec,
            extradata: Sha::of(&self.extradata),
            manifest,
            part_bytes: self.part.bytes,
        }
    }
}
