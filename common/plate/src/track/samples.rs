//! Samples in order, cut to the picture, the words of each line of text as one.

use cleanplate_types::detection::{Detection, DetectionKind, Seen};
use cleanplate_types::picture::Rect;

use super::Settings;
use super::places::{clipped, hull, is_sparse};

/// Words are of one line that share this much of the lower one's height, in percent, and whose heights are as
/// alike.
const LINE_PERCENT_MIN: u32 = 60;

/// The samples by frame, rising, each frame once; weak sights and what lies outside the picture left out.
pub(super) fn in_order(seen: &[Seen], table_frames: u64, settings: &Settings) -> Vec<Seen> {
    let mut samples: Vec<Seen> = Vec::new();
    let mut sorted: Vec<&Seen> = seen.iter().filter(|seen| seen.frame < table_frames).collect();
    sorted.sort_by_key(|seen| seen.frame);
    for seen in sorted {
        let sights = seen.detections.iter().filter(|sight| sight.score >= settings.stay_score);
        let inside = sights.filter_map(|sight| {
            let bounds = clipped(sight.bounds, settings)?;
            Some(Detection { bounds, ..sight.clone() })
        });
        match samples.last_mut().filter(|last| last.frame == seen.frame) {
            Some(last) => last.detections.extend(inside),
            None => samples.push(Seen { frame: seen.frame, detections: inside.collect() }),
        }
    }
    for sample in &mut samples {
        sample.detections.sort_unstable();
        sample.detections.dedup();
        join_lines(&mut sample.detections);
    }
    samples
}

/// Joins the words of each line: a detector parts a line in some frames and not in others.
fn join_lines(sights: &mut Vec<Detection>) {
    let is_word = |sight: &Detection| sight.kind == DetectionKind::Text && !is_sparse(sight);
    let (words, mut rest): (Vec<Detection>, Vec<Detection>) =
        std::mem::take(sights).into_iter().partition(is_word);
    let mut lines: Vec<Detection> = Vec::new();
    for mut word in words {
        while let Some(at) = lines.iter().position(|line| is_one_line(line.bounds, word.bounds)) {
            let line = lines.swap_remove(at);
            word.bounds = hull(word.bounds, line.bounds);
            word.score = word.score.max(line.score);
        }
        lines.push(Detection { mask: None, ..word });
    }
    rest.append(&mut lines);
    rest.sort_unstable();
    *sights = rest;
}

/// Whether two places are of one line: side by side, no farther apart than they are high.
fn is_one_line(a: Rect, b: Rect) -> bool {
    let (low, high) = (a.height.min(b.height), a.height.max(b.height));
    let shared = a.bottom().min(b.bottom()).saturating_sub(a.y.max(b.y));
    let apart = a.x.max(b.x).saturating_sub(a.right().min(b.right()));
    let is_most = |part: u32, whole: u32| {
        u64::from(part) * 100 >= u64::from(whole) * u64::from(LINE_PERCENT_MIN)
    };
    is_most(shared, low) && is_most(low, high) && apart <= low
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(x: u32, y: u32, width: u32, height: u32) -> Detection {
        let bounds = Rect { x, y, width, height };
        Detection { kind: DetectionKind::Text, bounds, score: 600, mask: None }
    }

    #[test]
    fn words_of_a_line_are_one_and_lines_stay_apart() {
        let words = [word(100, 50, 60, 20), word(300, 52, 50, 20), word(176, 49, 110, 22)];
        let below = word(100, 80, 200, 20);
        let mut detections = words.to_vec();
        detections.extend([below.clone(), word(500, 50, 40, 20)]);
        let settings = Settings::usual(640, 360, 25);
        let samples = in_order(&[Seen { frame: 3, detections }], 10, &settings);
        let found: Vec<Rect> = samples[0].detections.iter().map(|sight| sight.bounds).collect();
        let whole = Rect { x: 100, y: 49, width: 250, height: 23 };
        assert_eq!(found, [whole, below.bounds, word(500, 50, 40, 20).bounds]);
    }
}
