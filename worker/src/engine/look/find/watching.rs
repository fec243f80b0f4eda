//! Which frames a detector sees: every few, and those between where something came or went.
//!
//! Owns the frames since its last sight, which are kept until their ends are settled. Refuses to know what a
//! detector is, and to judge what it sees.

use cleanplate_plate::track::{Settings, second_looks};
use cleanplate_types::detection::{Detection, Seen};
use cleanplate_types::failure::Failure;

/// One detector's way through the frames of a window, in order. `F` is a frame.
#[derive(Debug)]
pub(super) struct Watching<F> {
    settings: Settings,
    /// Frames from one sight to the next.
    stride: u64,
    table_frames: u64,
    /// The frames since the last sight, at most `stride`.
    kept: Vec<(u64, F)>,
    seen: Vec<Seen>,
}

impl<F> Watching<F> {
    /// A detector that sees every `stride`th frame of a video of `table_frames` frames.
    pub(super) const fn new(settings: Settings, stride: u64, table_frames: u64) -> Self {
        Self { settings, stride, table_frames, kept: Vec::new(), seen: Vec::new() }
    }

    /// Takes the next frame, which `see` may be asked about, now or later.
    ///
    /// # Errors
    /// Those of `see`.
    pub(super) fn add(
        &mut self,
        index: u64,
        frame: F,
        see: &mut impl FnMut(&F) -> Result<Vec<Detection>, Failure>,
    ) -> Result<(), Failure> {
        self.kept.push((index, frame));
        let is_due = self.seen.last().is_none_or(|last| index - last.frame >= self.stride);
        if is_due { self.look(see) } else { Ok(()) }
    }

    /// What it saw, in order, once the window's last frame was seen too.
    ///
    /// # Errors
    /// Those of `see`.
    pub(super) fn finish(
        mut self,
        see: &mut impl FnMut(&F) -> Result<Vec<Detection>, Failure>,
    ) -> Result<Vec<Seen>, Failure> {
        if !self.kept.is_empty() {
            self.look(see)?;
        }
        Ok(self.seen)
    }

    /// Sees the newest frame, then those between it and the last sight that settle what came or went.
    fn look(
        &mut self,
        see: &mut impl FnMut(&F) -> Result<Vec<Detection>, Failure>,
    ) -> Result<(), Failure> {
        let Some((index, frame)) = self.kept.pop() else { return Ok(()) };
        let before = self.seen.last().cloned();
        let mut around: Vec<Seen> = before.into_iter().collect();
        around.push(Seen { frame: index, detections: see(&frame)? });
        loop {
            let wanted = second_looks(&around, self.table_frames, &self.settings);
            let next = wanted.into_iter().find_map(|wanted| {
                let at = self.kept.iter().position(|(kept, _)| *kept == wanted)?;
                Some(self.kept.swap_remove(at))
            });
            let Some((between, frame)) = next else { break };
            around.push(Seen { frame: between, detections: see(&frame)? });
            around.sort_by_key(|seen| seen.frame);
        }
        self.kept.clear();
        let last = self.seen.last().map(|seen| seen.frame);
        self.seen.extend(around.into_iter().filter(|seen| last.is_none_or(|at| seen.frame > at)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use cleanplate_types::detection::DetectionKind;
    use cleanplate_types::picture::Rect;

    use super::*;

    const SHOWN: std::ops::Range<u64> = 13..37;

    fn seen_at(frame: u64) -> Vec<Detection> {
        let bounds = Rect { x: 100, y: 300, width: 200, height: 24 };
        let text = Detection { kind: DetectionKind::Text, bounds, score: 800, mask: None };
        if SHOWN.contains(&frame) { vec![text] } else { Vec::new() }
    }

    /// The frames that were looked at, in the order in which they were.
    fn looked(frames: std::ops::Range<u64>) -> (Vec<u64>, Vec<Seen>) {
        let mut looked = Vec::new();
        let settings = Settings::usual(640, 360, 25);
        let mut watching = Watching::new(settings, 8, 100);
        let mut see = |frame: &u64| {
            looked.push(*frame);
            Ok(seen_at(*frame))
        };
        for frame in frames {
            watching.add(frame, frame, &mut see).unwrap();
        }
        let seen = watching.finish(&mut see).unwrap();
        (looked, seen)
    }

    #[test]
    fn the_frames_at_both_ends_of_a_caption_are_looked_at_and_few_others() {
        let (looked, seen) = looked(0..100);
        for frame in [12, 13, 36, 37] {
            assert!(looked.contains(&frame), "{frame} of {looked:?}");
        }
        assert!(looked.len() <= 14 + 2 * 3, "{looked:?}");
        assert!(seen.is_sorted_by(|a, b| a.frame < b.frame), "each frame once, in order");
        assert_eq!(seen.len(), looked.len());
    }

    #[test]
    fn the_first_and_the_last_frame_of_a_window_are_looked_at() {
        let (looked, _) = looked(50..61);
        assert_eq!((looked.first(), looked.last()), (Some(&50), Some(&60)));
    }
}
