//! What is removed and what came in its place, as JSON.
//!
//! Shares are of the luma samples that overlays covered, summed over the frames that are done. Where no
//! sample was covered there are none.

use cleanplate_proto::{WireError, v1 as pb};
use cleanplate_types::part::Restored;
use serde::Serialize;

/// An overlay of a job. The names of its fields are those of `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownOverlay {
    /// Its left edge.
    pub x: u32,
    /// Its upper edge.
    pub y: u32,
    /// Samples in a row.
    pub width: u32,
    /// Number of rows.
    pub height: u32,
    /// How it became known: region, mask, static, logo, plan, text, face, plate, object.
    pub origin: String,
    /// How it is removed.
    pub fill: String,
    /// Frames that may show it.
    pub frames: u64,
    /// Luma samples of its mask.
    pub samples: u64,
    /// The first ranges of these frames.
    pub when: Vec<(u64, u64)>,
}

impl TryFrom<pb::OverlayState> for ShownOverlay {
    type Error = WireError;

    fn try_from(overlay: pb::OverlayState) -> Result<Self, WireError> {
        let pb::OverlayState { bounds, origin, fill, frames, samples, when } = overlay;
        let pb::Rect { x, y, width, height } =
            bounds.ok_or(WireError::Missing("overlay.bounds"))?;
        let when = when.into_iter().map(|range| (range.start, range.end)).collect();
        Ok(Self { x, y, width, height, origin, fill, frames, samples, when })
    }
}

/// The fields of `--json` that tell what came in the overlays' place.
#[derive(Debug, Serialize)]
struct Shares {
    frames_with_overlay: u64,
    inverted: Option<f64>,
    fetched: Option<f64>,
    synthesised: Option<f64>,
    pixelated: Option<f64>,
    frames_painted: u64,
}

/// Writes the fields of `--json`, for serde.
pub(crate) fn shares<S: serde::Serializer>(
    restored: &Restored,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let samples = restored.samples();
    let share = |part| (samples > 0).then(|| f64::from(rounded(part, samples, 1_000_000)) / 1e6);
    let Restored { frames, inverted, fetched, synthesised, pixelated, painted_frames } = *restored;
    let shares = Shares {
        frames_with_overlay: frames,
        inverted: share(inverted),
        fetched: share(fetched),
        synthesised: share(synthesised),
        pixelated: share(pixelated),
        frames_painted: painted_frames,
    };
    shares.serialize(serializer)
}

/// `part` of `whole` in units of one `unit`th, rounded to the nearest.
#[must_use]
pub fn rounded(part: u64, whole: u64, unit: u32) -> u32 {
    let (part, whole) = (u128::from(part), u128::from(whole.max(1)));
    u32::try_from((part * u128::from(unit) + whole / 2) / whole).unwrap_or(u32::MAX)
}

#[cfg(test)]
pub(crate) fn overlay_for_tests(origin: &str, frames: u64) -> pb::OverlayState {
    pb::OverlayState {
        bounds: Some(pb::Rect { x: 10, y: 20, width: 120, height: 40 }),
        origin: origin.to_owned(),
        fill: "auto".to_owned(),
        frames,
        samples: 4800,
        when: vec![pb::FrameRange { start: 0, end: frames }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_shares_of_nothing() {
        let json = shares(&Restored::default(), serde_json::value::Serializer).unwrap();
        assert!(json["inverted"].is_null(), "{json}");
        let restored =
            Restored { frames: 240, inverted: 805, synthesised: 195, ..Restored::default() };
        let json = shares(&restored, serde_json::value::Serializer).unwrap();
        assert_eq!((json["inverted"].as_f64(), json["fetched"].as_f64()), (Some(0.805), Some(0.0)));
        assert_eq!(json["frames_with_overlay"], 240);
    }
}
