//! A decoder that goes wrong, where a fault switch asks for it: real frames, told or shown falsely.
//!
//! Owns nothing of decoding: what it does is what a broken decoder would hand over, so that all that is
//! behind it is the real path. Without switches it changes nothing.

use cleanplate_types::frames::{Entry, EntryKind, FrameTable};
use cleanplate_types::picture::PlanesMut;
use cleanplate_types::time::Pts;

use crate::error::MediaError;
use crate::fault::{DecoderFaultKind, faults};
use crate::frame::VideoFrame;

/// What goes wrong in one run of a decoder.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mishap {
    /// Frames come with the time of the one after them.
    shifted: bool,
    /// Pictures of frames before this one are wrong.
    stale_until: u64,
}

impl Mishap {
    /// For a run that begins at `entry`; nothing is the very start.
    pub(super) fn of_run(entry: Option<&Entry>) -> Self {
        let begun = entry.filter(|entry| entry.kind != EntryKind::Idr);
        let stale_until = match (begun, faults().stale_frames()) {
            (Some(entry), Some(frames)) => entry.frame.saturating_add(frames),
            (None, _) | (_, None) => 0,
        };
        Self { shifted: false, stale_until }
    }

    /// The time that a frame of time `time` comes with; nothing where it does not come.
    #[expect(clippy::option_option, reason = "a frame without a time is one that comes")]
    pub(super) fn befall(&mut self, table: &FrameTable, time: Option<i64>) -> Option<Option<i64>> {
        let faults = faults();
        let (false, Some(pts)) = (faults.decoder.is_empty(), time) else { return Some(time) };
        let Ok(place) = table.pts.binary_search(&Pts(pts)) else { return Some(time) };
        let of =
            |place: Option<usize>| place.and_then(|place| table.pts.get(place)).map(|pts| pts.0);
        let strikes = |kind| faults.decoder_strikes(kind, place as u64);
        if strikes(DecoderFaultKind::Drop) {
            return None;
        }
        self.shifted |= strikes(DecoderFaultKind::Shift);
        if self.shifted {
            return Some(of(place.checked_add(1)).or(time));
        }
        if strikes(DecoderFaultKind::Repeat) {
            return Some(of(place.checked_sub(1)).or(time));
        }
        Some(time)
    }

    /// Makes the picture of frame `index` another one, where it is to be.
    pub(super) fn spoil(self, index: u64, frame: &mut VideoFrame) -> Result<(), MediaError> {
        if index >= self.stale_until && !faults().decoder_strikes(DecoderFaultKind::Swap, index) {
            return Ok(());
        }
        match frame.planes_mut()? {
            PlanesMut::Eight(planes) => {
                let luma = planes.into_iter().take(1).flat_map(|plane| plane.samples);
                luma.for_each(|sample| *sample = !*sample);
            }
            PlanesMut::Sixteen(planes) => {
                let luma = planes.into_iter().take(1).flat_map(|plane| plane.samples);
                luma.for_each(|sample| *sample ^= 0x7f);
            }
        }
        Ok(())
    }
}
