//! An audit: the frames of a part are decoded again, in software, and compared with its manifest.
//!
//! Owns the comparison. Refuses to say who is right: it says which frames differ.

use std::sync::Arc;

use cleanplate_media::decode::{DecodeOrder, Decoder, PreRoll};
use cleanplate_media::error::MediaError;
use cleanplate_store::kinds;
use cleanplate_types::brief::JobBrief;
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::frames::{FrameRange, FrameTable};
use cleanplate_types::ids::CellIndex;
use cleanplate_types::part::PartManifest;
use cleanplate_types::trail::TrailEvent;

use crate::engine::Desk;
use crate::order::{BRIEF, Outcome, TABLE, manifest};

/// Decodes the frames of `cell` again.
///
/// # Errors
/// [`FailureKind::AuditMismatch`] names the frames from the first that differs to the last; whatever
/// decoding gives.
pub(super) fn run(desk: &Desk, cell: CellIndex, conceal: bool) -> Result<Outcome, Failure> {
    let brief: JobBrief = desk.load(BRIEF, kinds::BRIEF)?;
    let table: FrameTable = desk.load(TABLE, kinds::TABLE)?;
    let told: PartManifest = desk.load(&manifest(cell), kinds::MANIFEST)?;
    let Some(frames) = brief.cells.get(cell.0 as usize).map(|cell| cell.frames) else {
        let text = "the audited cell is not in the plan";
        return Err(Failure::new(FailureKind::Internal, Stage::Fetch, text));
    };
    let failed = |error: MediaError| error.failure(Stage::Decode);
    let order = DecodeOrder {
        range: frames,
        threads: 1,
        card: None,
        conceal,
        pre_roll: PreRoll { from: conceal.then_some(0), doublings: 1 },
    };
    let (hint, source) = (&desk.order().name_hint, desk.source()?);
    let mut decoder =
        Decoder::open(source, hint, &brief.description, Arc::new(table), order).map_err(failed)?;
    let words = format!("cell {cell} again: {}", decoder.way());
    desk.trail(Stage::Decode, TrailEvent::Started, words, Some(frames.count()));
    let mut differing = Vec::new();
    let mut decoded = 0_usize;
    while let Some((index, picture)) = decoder.next().map_err(failed)? {
        if told.decoded.get(decoded) != Some(&picture.fast_hash()) {
            differing.push(index);
        }
        decoded += 1;
        desk.progress(decoded as u64);
    }
    if let (Some(first), Some(last)) = (differing.first(), differing.last()) {
        let text = format!(
            "{} of the {} frames of cell {cell} decode to other pictures than its part was made of, \
             the first is frame {first}",
            differing.len(),
            frames.count(),
        );
        let failure = Failure::new(FailureKind::AuditMismatch, Stage::Decode, text);
        return Err(failure.at(FrameRange::new(*first, last + 1)));
    }
    let words = format!("cell {cell}: all frames are what its part was made of");
    desk.trail(Stage::Decode, TrailEvent::Finished, words, Some(decoded as u64));
    Ok(Outcome::Audit { frames: decoded as u64 })
}
