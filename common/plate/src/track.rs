//! Joins what a detector saw in sampled frames into regions that last: no gap, no blink.
//!
//! **The product does not use this yet**: there is no detector that feeds it, and no plan holds a mask
//! that moves. It is tested on made sequences alone; nothing of it was measured on footage.
//!
//! Owns tracking, hysteresis and what lies between samples. Knows no model and no picture: regions of
//! sampled frames in, masks for ranges of frames out. Pure, in integers, and the same for any order of
//! the samples. For privacy it errs on the side of covering: between two samples everything is covered
//! that the region may have passed, a track reaches back before its first sight and on after its last,
//! and a weak sight counts wherever it joins a sure one, earlier or later.

use cleanplate_types::detection::{DetectionKind, Seen};
use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::Mask;
use serde::{Deserialize, Serialize};

use self::join::Chain;

mod join;
mod spans;

#[cfg(test)]
mod tests;

/// How regions are joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Width of the video's frames.
    pub width: u32,
    /// Height of the video's frames.
    pub height: u32,
    /// Score, of 1000, that some region of a track has at least.
    pub enter_score: u16,
    /// Score that every region of a track has at least.
    pub stay_score: u16,
    /// Sights that a track has at least; 1 for privacy, more against chance.
    pub sights_min: usize,
    /// Frames that a track may go unseen for.
    pub gap_frames_max: u64,
    /// Frames that a track reaches beyond its first and last sight, where nothing says better.
    pub lead_frames: u64,
    /// How far a region is grown on each side, in percent of its width and height.
    pub grow_percent: u32,
}

impl Settings {
    /// Settings for a picture of that size at `rate` frames a second (rounded): a track may go unseen
    /// for a second, and reaches half a second beyond what was seen.
    #[must_use]
    pub fn usual(width: u32, height: u32, rate: u32) -> Self {
        let rate = u64::from(rate.max(1));
        Self {
            width,
            height,
            enter_score: 500,
            stay_score: 200,
            sights_min: 1,
            gap_frames_max: rate,
            lead_frames: rate.div_ceil(2),
            grow_percent: 10,
        }
    }
}

/// A region over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// What it shows.
    pub kind: DetectionKind,
    /// What to cover in which frames: rising, one after the other without a gap.
    pub spans: Vec<(FrameRange, Mask)>,
}

impl Track {
    /// All its frames.
    #[must_use]
    pub fn frames(&self) -> FrameRange {
        let start = self.spans.first().map_or(0, |(frames, _)| frames.start);
        FrameRange::new(start, self.spans.last().map_or(start, |(frames, _)| frames.end))
    }
}

/// Joins the regions of all samples of a video of `table_frames` frames to tracks, in order of their
/// first frame.
///
/// Of two samples of one frame the regions are taken together. Frames beyond the table and regions
/// outside the picture are left out.
#[must_use]
pub fn join(seen: &[Seen], table_frames: u64, settings: &Settings) -> Vec<Track> {
    let samples = in_order(seen, table_frames, settings);
    let chains = join::chains(&samples, settings);
    let is_track = |chain: &Chain| {
        chain.sights.len() >= settings.sights_min.max(1)
            && chain.sights.iter().any(|sight| sight.score >= settings.enter_score)
    };
    let frames: Vec<u64> = samples.iter().map(|sample| sample.frame).collect();
    let mut tracks: Vec<Track> = chains
        .iter()
        .filter(|chain| is_track(chain))
        .map(|chain| Track {
            kind: chain.kind,
            spans: spans::spans(chain, &frames, table_frames, settings),
        })
        .collect();
    tracks.sort_by_key(|track| {
        (track.frames(), track.kind, track.spans.first().map(|(_, mask)| mask.bounds))
    });
    tracks
}

fn in_order(seen: &[Seen], table_frames: u64, settings: &Settings) -> Vec<Seen> {
    let mut samples: Vec<Seen> = Vec::new();
    let mut sorted: Vec<&Seen> = seen.iter().filter(|seen| seen.frame < table_frames).collect();
    sorted.sort_by_key(|seen| seen.frame);
    for seen in sorted {
        let regions = seen.detections.iter().filter(|region| {
            region.score >= settings.stay_score
                && region.bounds.x < settings.width
                && region.bounds.y < settings.height
                && region.bounds.width > 0
                && region.bounds.height > 0
        });
        match samples.last_mut().filter(|last| last.frame == seen.frame) {
            Some(last) => last.detections.extend(regions.cloned()),
            None => {
                samples.push(Seen { frame: seen.frame, detections: regions.cloned().collect() });
            }
        }
    }
    for sample in &mut samples {
        sample.detections.sort_unstable();
        sample.detections.dedup();
    }
    samples
}
