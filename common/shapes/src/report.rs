//! What is removed and what came in its place, for people.
//!
//! Shares are of the luma samples that overlays covered, summed over the frames that are done. Where no
//! sample was covered there are none.

use cleanplate_types::part::Restored;

use crate::overlay::{ShownOverlay, rounded};

/// Overlays that the last line of a command names, at most.
const NAMED_MAX: usize = 3;

/// An overlay in words.
trait OverlayWords {
    /// All of it but its number, on one line.
    fn in_words(&self) -> String;
    /// What it is, how large, and where.
    fn place(&self) -> String;
}

impl OverlayWords for ShownOverlay {
    fn in_words(&self) -> String {
        let when = match self.frames {
            0 => "in no frame: it is not removed".to_owned(),
            1 => "in 1 frame".to_owned(),
            frames => format!("in {frames} frames"),
        };
        format!("{}, {when}, fill {}", self.place(), self.fill)
    }

    fn place(&self) -> String {
        let Self { x, y, width, height, origin, .. } = self;
        format!("{origin} {width}x{height} at {x},{y}")
    }
}

/// Lines that tell all overlays, each with its number.
#[must_use]
pub fn numbered(overlays: &[ShownOverlay], more: u32) -> Vec<String> {
    let number =
        |(at, overlay): (usize, &ShownOverlay)| format!("overlay {at}: {}", overlay.in_words());
    let more = (more > 0).then(|| format!("overlays from {} on: {more} more", overlays.len()));
    overlays.iter().enumerate().map(number).chain(more).collect()
}

/// What was removed, in a clause; nothing where nothing was.
#[must_use]
pub fn removed(overlays: &[ShownOverlay], not_listed: u32, restored: &Restored) -> Option<String> {
    let gone: Vec<&ShownOverlay> = overlays.iter().filter(|overlay| overlay.frames > 0).collect();
    if gone.is_empty() {
        return None;
    }
    let mut names: Vec<String> = gone.iter().take(NAMED_MAX).map(|it| it.place()).collect();
    let more = gone.len().saturating_sub(NAMED_MAX) + not_listed as usize;
    if more > 0 {
        names.push(format!("{more} more"));
    }
    let names = names.join(" and ");
    if restored.frames == 0 {
        return Some(format!("no frame shows {names}: nothing was removed"));
    }
    let plural = if restored.frames == 1 { "" } else { "s" };
    let mut text = format!("removed {names} from {} frame{plural}", restored.frames);
    if let Some(percentages) = percentages(restored) {
        text.push_str(&format!(" ({percentages})"));
    }
    if restored.painted_frames > 0 {
        let painted = restored.painted_frames;
        text.push_str(&format!("; something of {painted} of them was painted frame by frame"));
    }
    Some(text)
}

/// Where the samples come from, in percent; nothing where none was covered.
#[must_use]
pub fn percentages(restored: &Restored) -> Option<String> {
    let samples = restored.samples();
    if samples == 0 {
        return None;
    }
    let ways = [
        (restored.inverted, "inverted"),
        (restored.fetched, "fetched"),
        (restored.synthesised, "synthesised"),
        (restored.pixelated, "pixelated"),
    ];
    let told = ways.into_iter().filter(|(part, _)| *part > 0).map(|(part, way)| {
        let permille = rounded(part, samples, 1_000);
        format!("{}.{}% {way}", permille / 10, permille % 10)
    });
    Some(told.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
fn overlay_for_tests(origin: &str, frames: u64) -> cleanplate_proto::v1::OverlayState {
    use cleanplate_proto::v1 as pb;
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

    fn overlay(origin: &str, frames: u64) -> ShownOverlay {
        ShownOverlay::try_from(overlay_for_tests(origin, frames)).unwrap()
    }

    const RESTORED: Restored = Restored {
        frames: 240,
        inverted: 805,
        fetched: 0,
        synthesised: 195,
        pixelated: 0,
        painted_frames: 0,
    };

    #[test]
    fn overlays_are_numbered_from_0_and_tell_place_size_frames_origin_and_fill() {
        let told = numbered(&[overlay("static", 240), overlay("logo", 0)], 7);
        assert_eq!(told[0], "overlay 0: static 120x40 at 10,20, in 240 frames, fill auto");
        assert!(told[1].starts_with("overlay 1: logo"), "{}", told[1]);
        assert!(told[1].contains("not removed"), "{}", told[1]);
        assert_eq!(told[2], "overlays from 2 on: 7 more", "those that are not listed");
    }

    #[test]
    fn what_was_removed_is_told_with_where_its_samples_come_from() {
        let said = removed(&[overlay("static", 240)], 0, &RESTORED).unwrap();
        let expected = "removed static 120x40 at 10,20 from 240 frames (80.5% inverted, 19.5% \
            synthesised)";
        assert_eq!(said, expected);
        assert_eq!(removed(&[overlay("static", 0)], 0, &RESTORED), None);
        let painted = Restored { painted_frames: 7, ..RESTORED };
        let said = removed(&[overlay("static", 240)], 0, &painted).unwrap();
        assert!(said.ends_with("; something of 7 of them was painted frame by frame"), "{said}");
        let many: Vec<_> = (0..5).map(|_| overlay("static", 1)).collect();
        let said = removed(&many, 0, &RESTORED).unwrap();
        assert!(said.contains("and 2 more from 240 frames"), "{said}");
        let said = removed(&many, 10, &Restored::default()).unwrap();
        assert!(said.ends_with("and 12 more: nothing was removed"), "{said}");
    }

    #[test]
    fn there_are_no_percentages_of_nothing() {
        assert_eq!(percentages(&Restored::default()), None);
    }
}
