//! Plays a worker that makes bad parts or lies about them, where a fault switch asks for it.
//!
//! Owns what such a worker would do; everything that is to catch it is the real path. Without switches
//! it changes nothing, and release builds have none.

use std::borrow::Cow;
use std::sync::Arc;

use cleanplate_media::error::MediaError;
use cleanplate_media::fault::{PartFaultKind, faults};
use cleanplate_media::frame::VideoFrame;
use cleanplate_types::cell::Cell;
use cleanplate_types::digest::Sha;
use cleanplate_types::encode::{EncodeSpec, Quality};
use cleanplate_types::ids::CellIndex;
use cleanplate_types::part::{CodedPicture, CodedSignal, PacketRow, PartManifest, PartSummary};
use cleanplate_types::picture::PixelLayout;
use cleanplate_types::time::{Pts, Timebase};

/// Packets that are moved ahead of their order.
const AHEAD: usize = 3;

/// Bytes that an upload lacks.
const CUT_BYTES: usize = 16;

fn strikes(kind: PartFaultKind, cell: CellIndex) -> bool {
    faults().part_strikes(kind, cell.0)
}

/// The contract by which `cell` is encoded instead, where it is.
pub(super) fn spec_instead(spec: &EncodeSpec, cell: CellIndex) -> Option<EncodeSpec> {
    let mut spec = spec.clone();
    if strikes(PartFaultKind::Size, cell) {
        spec.width = spec.width.saturating_sub(16).max(16);
    } else if strikes(PartFaultKind::Pixels, cell) {
        let name = "yuv444p".to_owned();
        let (chroma_shift_x, chroma_shift_y) = (0, 0);
        spec.layout = PixelLayout {
            name,
            depth: 8,
            planes: 3,
            chroma_shift_x,
            chroma_shift_y,
            ..spec.layout
        };
    } else if strikes(PartFaultKind::ParameterSets, cell) {
        // The quantiser from which pictures differ is in the picture parameter set.
        spec.quality = Quality::Constant(30);
    } else if strikes(PartFaultKind::Colour, cell) {
        spec.colour.transfer = if spec.colour.transfer == 16 { 18 } else { 16 };
    } else {
        return None;
    }
    Some(spec)
}

/// `frame`, or a blank one where it is not of the shape that `spec` wants.
pub(super) fn fitting(frame: VideoFrame, spec: &EncodeSpec) -> Result<VideoFrame, MediaError> {
    let shape = (frame.width(), frame.height(), frame.layout().as_ref());
    if faults().parts.is_empty() || shape == (spec.width, spec.height, &spec.layout) {
        return Ok(frame);
    }
    VideoFrame::blank(&Arc::new(spec.layout.clone()), spec.width, spec.height, frame.pts())
}

/// The bytes of the first packets of a part, a parameter set of their own before them.
pub(super) fn in_band<'a>(
    cell: CellIndex,
    extradata: &[u8],
    rows: &mut [PacketRow],
    data: &'a [u8],
) -> Cow<'a, [u8]> {
    let Some(first) = rows.first_mut().filter(|_| strikes(PartFaultKind::InBand, cell)) else {
        return Cow::Borrowed(data);
    };
    let mut sets = extradata.to_vec();
    // The level of the first set.
    if let Some(level) = sets.get_mut(7) {
        *level ^= 1;
    }
    first.bytes = first.bytes.saturating_add(u32::try_from(sets.len()).unwrap_or(0));
    sets.extend_from_slice(data);
    Cow::Owned(sets)
}

/// Changes the rows of a part.
pub(super) fn rows(cell: CellIndex, rows: &mut Vec<PacketRow>) {
    if strikes(PartFaultKind::Reorder, cell) && rows.len() > AHEAD {
        let ahead = rows.split_off(rows.len() - AHEAD);
        rows.splice(1..1, ahead);
    }
}

/// The bytes of a part that are uploaded.
pub(super) fn uploaded(cell: CellIndex, data: &[u8]) -> &[u8] {
    if strikes(PartFaultKind::Cut, cell) {
        return &data[..data.len().saturating_sub(CUT_BYTES)];
    }
    data
}

/// Changes what a manifest says.
pub(super) fn manifest(manifest: &mut PartManifest) {
    if strikes(PartFaultKind::Clock, manifest.cell) {
        let (num, den) = (manifest.timebase.num(), manifest.timebase.den());
        if let Some(finer) = Timebase::new(num, den.saturating_mul(2)) {
            manifest.timebase = finer;
            manifest.packets.iter_mut().for_each(|row| row.pts = Pts(row.pts.0 * 2));
        }
    }
    if strikes(PartFaultKind::Hash, manifest.cell) {
        manifest.part.sha = Sha::of(b"another part");
    }
}

/// Changes a summary into what the plan wants to hear.
pub(super) fn summary(summary: &mut PartSummary, cell: &Cell, spec: &EncodeSpec) {
    if !faults().echo {
        return;
    }
    summary.frames = cell.frames.count();
    summary.digest = cell.digest;
    summary.reorder_frames = summary.reorder_frames.min(spec.reorder_frames);
    summary.starts_with_key = true;
    summary.timebase = spec.timebase;
    let fits = |coded: &CodedPicture| {
        let ahead = coded.reorder_frames.is_some_and(|found| found > spec.reorder_frames);
        coded.fits(spec) && !ahead
    };
    if summary.coded.as_ref().is_none_or(fits) {
        return;
    }
    summary.coded = summary.coded.map(|_| CodedPicture {
        width: spec.width,
        height: spec.height,
        depth: spec.layout.depth,
        planes: spec.layout.planes,
        chroma_shift: (spec.layout.chroma_shift_x, spec.layout.chroma_shift_y),
        reorder_frames: Some(spec.reorder_frames),
        signal: CodedSignal::of(spec),
    });
}
