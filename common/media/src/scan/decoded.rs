//! The frame table by decoding: what the decoder shows, from the first packet to the last.
//!
//! Owns what damage means at intake. Refuses pictures that change their size, and times that do not
//! rise.

use std::collections::{BTreeMap, BTreeSet};

use cleanplate_types::picture::PixelLayout;
use cleanplate_types::time::{Pts, Timebase};
use ffmpeg_next as libav;

use super::gaps;
use super::watch::{Spread, Watch};
use crate::decode::place::Place;
use crate::decode::run::{Damage, Event, Hole, Means, Run, What};
use crate::error::{MediaError, Words};
use crate::frame;
use crate::rest::RestWriter;
use crate::when;

/// Damaged frames of which a note is kept, by timestamp; more are only counted.
const DAMAGES_NOTED: usize = 1000;

/// Ranges of damaged frames that notes tell one by one, each with the decoder's words.
const RANGES_TOLD: usize = 20;

/// Frames after the head whose timestamps must be those of the packets.
const HEAD_PROOF: usize = 16;

/// How to decode for a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) layout: &'a PixelLayout,
    pub(super) size: (u32, u32),
    pub(super) threads: u32,
    pub(super) conceal: bool,
}

/// What the decoder showed.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) pts: Vec<Pts>,
    /// Damage that is concealed, or that belongs to the head of a recording cut in mid-stream.
    damages: BTreeMap<i64, Words>,
    damages_left_out: u64,
    /// Frames left out because their time does not come after the one before.
    misplaced: u64,
    /// The tick of the first of them, where it has one, and the frames that came before it.
    first_misplaced: Option<(Option<i64>, usize)>,
    /// Where the container itself is damaged.
    holes: Vec<Hole>,
    /// Number of places beyond those.
    more_holes: u64,
    /// How it is known that the file is cut off, where it is.
    cut_off: Option<String>,
    /// Kinds of HDR metadata that frames have of their own.
    pub(super) dynamic: BTreeSet<&'static str>,
}

/// Decodes everything; `watch` sees the packets, and those of other streams go into `rest`.
pub(super) fn decode_all(
    place: &Place,
    reading: Reading<'_>,
    rest: &mut Option<RestWriter>,
    watch: &mut Watch,
    progress: &mut dyn FnMut(u64),
) -> Result<Shown, MediaError> {
    let means = Means { threads: reading.threads.max(1), card: None };
    let mut run = Run::from_start_aside(place, rest.take(), means)?;
    let mut shown = Shown::default();
    loop {
        match run.next(&mut |packet| watch.take(packet))? {
            Event::Frame(found, time) => {
                shown.dynamic.extend(frame::dynamic_hdr(&found));
                watch.pulls_down |= frame::repeats(&found);
                if let Some(damage) = shown.take(&found, time, reading)? {
                    shown.weigh(damage, reading.conceal, watch)?;
                }
                progress(shown.pts.len() as u64);
            }
            Event::Damage(damage) => shown.weigh(damage, reading.conceal, watch)?,
            Event::End => break,
        }
    }
    *rest = run.take_aside();
    if reading.conceal {
        (shown.holes, shown.more_holes) = run.take_holes();
    }
    Ok(shown)
}

/// Decodes only the head of a stream that does not begin where a decoder can: the frames shown
/// before `split`, the second entry. Nothing where what follows is not what `packets` announce.
pub(super) fn decode_head(
    place: &Place,
    split: Pts,
    packets: &[Pts],
) -> Result<Option<Vec<Pts>>, MediaError> {
    let mut run = Run::from_start(place, Means { threads: 1, card: None })?;
    let mut head: Vec<Pts> = Vec::new();
    let after = packets.partition_point(|pts| *pts < split);
    let mut expected = packets[after..].iter().take(HEAD_PROOF).peekable();
    while expected.peek().is_some() {
        let pts = match run.next(&mut |_packet| ())? {
            Event::Frame(_, time) => time,
            Event::Damage(_) => continue,
            Event::End => return Ok(None),
        };
        match pts.map(Pts) {
            Some(pts) if pts < split && head.last().is_none_or(|last| *last < pts) => {
                head.push(pts);
            }
            Some(pts) if expected.next() == Some(&pts) => {}
            _ => return Ok(None),
        }
    }
    Ok(Some(head))
}

impl Shown {
    /// Takes a frame; returns what the decoder flags against it.
    fn take(
        &mut self,
        found: &libav::frame::Video,
        pts: Option<i64>,
        reading: Reading<'_>,
    ) -> Result<Option<Damage>, MediaError> {
        frame::check_shape(found, reading.layout, reading.size)?;
        let damage = frame::damage_of(found).map(|words| Damage::of_bits(pts, words));
        let last = self.pts.last().copied();
        match pts.map(Pts) {
            Some(pts) if last.is_none_or(|last| last < pts) => self.pts.push(pts),
            at if reading.conceal => {
                let before = self.pts.len();
                self.first_misplaced.get_or_insert_with(|| (at.map(|pts| pts.0), before));
                self.misplaced += 1;
            }
            found => {
                let index = self.pts.len();
                let detail = match (found, last) {
                    (Some(found), Some(last)) => format!(
                        "frame {index} is at tick {}, the frame before it at tick {}",
                        found.0, last.0
                    ),
                    (_, _) => format!("frame {index} has no time"),
                };
                return Err(MediaError::BadTimes { detail });
            }
        }
        Ok(damage)
    }

    /// Notes damage that is concealed, or that may belong to the head of a recording cut in
    /// mid-stream; other damage is the end.
    fn weigh(&mut self, damage: Damage, conceal: bool, watch: &Watch) -> Result<(), MediaError> {
        let head_ends = watch.second_entry().map(|pts| pts.0);
        let in_head = !watch.whole_start
            && head_ends.is_none_or(|end| damage.pts.is_none_or(|pts| pts < end));
        match damage.what {
            What::CutOff(detail) if conceal => self.cut_off = Some(detail),
            What::CutOff(detail) => return Err(MediaError::Truncated { detail }),
            What::Bits(words) if conceal || in_head => self.note(damage.pts, words),
            What::Bits(words) => return Err(damaged(damage.pts, &self.pts, words)),
        }
        Ok(())
    }

    fn note(&mut self, pts: Option<i64>, words: Words) {
        let pts = pts.or_else(|| self.pts.last().map(|pts| pts.0)).unwrap_or(i64::MIN);
        if self.damages.len() < DAMAGES_NOTED {
            self.damages.entry(pts).or_insert(words);
        } else {
            self.damages_left_out += 1;
        }
    }

    /// The first damage at or after tick `from`, in a table of the frames at `pts`.
    pub(super) fn damage_from(&self, from: i64, pts: &[Pts]) -> Option<MediaError> {
        let (at, words) = self.damages.range(from..).next()?;
        Some(damaged(Some(*at), pts, words.clone()))
    }

    /// Whether the file is cut off.
    pub(super) const fn is_cut_off(&self) -> bool {
        self.cut_off.is_some()
    }

    /// What there is to tell of damage, as ranges of frames, and how far each may `spread`.
    pub(super) fn notes(&self, timebase: Timebase, spread: &Spread) -> Vec<String> {
        let mut ranges: Vec<(usize, usize, &Words)> = Vec::new();
        for (pts, words) in &self.damages {
            let frame = self.pts.partition_point(|one| one.0 < *pts);
            match ranges.last_mut() {
                Some((_, last, _)) if frame <= *last + 1 => *last = frame,
                _ => ranges.push((frame, frame, words)),
            }
        }
        let (told, others) = ranges.split_at(ranges.len().min(RANGES_TOLD));
        let told = told.iter().map(|(first, last, words)| {
            format!(
                "damage at frames {first}..{}, shown as the decoder conceals it: {words}{}",
                last + 1,
                self.reach(*last, spread)
            )
        });
        let mut notes: Vec<String> = told.collect();
        if !others.is_empty() {
            let others = others.iter().map(|(first, last, _)| format!("{first}..{}", last + 1));
            let others: Vec<String> = others.collect();
            let far = match spread {
                Spread::Nowhere => "",
                Spread::ToEntries(_) => {
                    "; the frames behind each, up to the next key picture, may show it too"
                }
            };
            notes.push(format!("damage also at frames {}{far}", others.join(", ")));
        }
        if self.damages_left_out > 0 {
            notes.push(format!("damage at {} more places", self.damages_left_out));
        }
        if self.misplaced > 0 {
            notes.push(self.left_out(timebase));
        }
        notes.extend(self.holes.iter().take(RANGES_TOLD).map(|hole| {
            let after = hole.after.map_or(0, |pts| self.pts.partition_point(|one| one.0 <= pts));
            let frame = after.saturating_sub(1);
            format!("the container is damaged behind frame {frame}: {}", hole.line.trim_end())
        }));
        let more = self.more_holes + self.holes.len().saturating_sub(RANGES_TOLD) as u64;
        if more > 0 {
            notes.push(format!("the container is damaged at {more} more places"));
        }
        notes.extend(gaps::told(&self.pts, &self.suspects(), timebase));
        if let (Some(detail), Some(last)) = (&self.cut_off, self.pts.last()) {
            let frame = self.pts.len() - 1;
            let at = when::told(last.0, (timebase.num(), timebase.den()));
            notes.push(format!(
                "the file is cut off, and what came behind frame {frame}, {at}, is missing: {detail}"
            ));
        }
        notes
    }

    /// How far damage that the decoder saw last at frame `last` may show: pictures refer to others, as far as
    /// the next one at which decoding can begin.
    fn reach(&self, last: usize, spread: &Spread) -> String {
        let Spread::ToEntries(entries) = spread else { return String::new() };
        let Some(from) = self.pts.get(last) else { return String::new() };
        let next = entries.get(entries.partition_point(|entry| entry <= from));
        let next = next.map(|entry| self.pts.partition_point(|pts| pts < entry));
        match next.filter(|next| *next < self.pts.len()) {
            // The next frame is a key picture already.
            Some(next) if next <= last + 1 => String::new(),
            Some(next) => {
                format!("; frames up to {next}, where the next key picture is, may show it too")
            }
            None if last + 1 == self.pts.len() => String::new(),
            None => {
                "; all frames behind them may show it too, since no key picture follows".to_owned()
            }
        }
    }

    /// Tells the frames that were left out by the first of them.
    fn left_out(&self, timebase: Timebase) -> String {
        let count = self.misplaced;
        let (at, before) = self.first_misplaced.unwrap_or_default();
        let at = at.map_or_else(
            || "has no time".to_owned(),
            |tick| format!("is at {}", when::told(tick, (timebase.num(), timebase.den()))),
        );
        let after = before.checked_sub(1).map_or_else(
            || "before the first frame".to_owned(),
            |frame| format!("came after frame {frame}"),
        );
        format!(
            "{count} frames left out whose time is not after the one before: the first {at}, and {after}"
        )
    }

    /// Spans of ticks in which something is damaged.
    fn suspects(&self) -> Vec<(i64, i64)> {
        let holes = self
            .holes
            .iter()
            .map(|hole| (hole.after.unwrap_or(i64::MIN), hole.before.unwrap_or(i64::MAX)));
        self.damages.keys().map(|pts| (*pts, *pts)).chain(holes).collect()
    }
}

fn damaged(pts: Option<i64>, table: &[Pts], words: Words) -> MediaError {
    let frame = pts.map(|pts| table.partition_point(|one| one.0 < pts) as u64);
    MediaError::Damaged { frame, pts: pts.map(Pts), words }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_told_by_ranges_of_frames() {
        let mut shown = Shown { pts: (0..100).map(|n| Pts(n * 10)).collect(), ..Shown::default() };
        for pts in [200, 210, 215, 230, 700] {
            let words = Words { code: 0, meaning: format!("at {pts}"), lines: Vec::new() };
            shown.note(Some(pts), words);
        }
        let notes = shown.notes(Timebase::new(1, 1000).unwrap(), &Spread::Nowhere);
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[0].contains("20..24") && notes[0].contains("at 200"), "{notes:?}");
        assert!(notes[1].contains("70..71"), "{notes:?}");
        assert!(shown.damage_from(231, &shown.pts).unwrap().to_string().starts_with("frame 70 "));
        assert!(shown.damage_from(701, &shown.pts).is_none());
    }

    #[test]
    fn damage_is_said_to_spread_to_the_next_key_picture() {
        let mut shown = Shown { pts: (0..100).map(|n| Pts(n * 10)).collect(), ..Shown::default() };
        for pts in [200, 480, 900] {
            let words = Words { code: 0, meaning: "bad".to_owned(), lines: Vec::new() };
            shown.note(Some(pts), words);
        }
        let spread = Spread::ToEntries([0, 250, 490, 750].map(Pts).to_vec());
        let notes = shown.notes(Timebase::new(1, 1000).unwrap(), &spread);
        let near = "; frames up to 25, where the next key picture is, may show it too";
        assert!(notes[0].contains("20..21,") && notes[0].ends_with(near), "{notes:?}");
        assert!(notes[1].contains("48..49,") && !notes[1].contains("too"), "{notes:?}");
        assert!(notes[2].ends_with("since no key picture follows"), "{notes:?}");
        assert!(!shown.notes(Timebase::new(1, 1000).unwrap(), &Spread::Nowhere)[0].contains("too"));
    }

    #[test]
    fn of_frames_that_are_left_out_the_first_is_named() {
        let shown = Shown {
            pts: (0..100).map(|n| Pts(n * 10)).collect(),
            misplaced: 3,
            first_misplaced: Some((Some(420), 51)),
            ..Shown::default()
        };
        assert_eq!(
            shown.notes(Timebase::new(1, 1000).unwrap(), &Spread::Nowhere),
            ["3 frames left out whose time is not after the one before: the first is at tick 420 \
                 (0.420 s), and came after frame 50"]
        );
    }

    #[test]
    fn of_many_ranges_the_last_are_told_without_words_and_none_is_left_out() {
        let mut shown = Shown { pts: (0..100).map(Pts).collect(), ..Shown::default() };
        for pts in (0..100).step_by(3) {
            let words = Words { code: 0, meaning: "bad".to_owned(), lines: Vec::new() };
            shown.note(Some(pts), words);
        }
        let notes = shown.notes(Timebase::new(1, 1000).unwrap(), &Spread::Nowhere);
        assert_eq!(notes.len(), RANGES_TOLD + 1, "{notes:?}");
        assert!(notes[RANGES_TOLD].starts_with("damage also at frames 60..61, 63..64,"));
        assert!(notes[RANGES_TOLD].ends_with(" 99..100"), "{notes:?}");
    }

    #[test]
    fn of_many_holes_none_is_left_uncounted() {
        let hole = Hole { after: None, before: None, line: "bad".to_owned() };
        let holes = vec![hole; RANGES_TOLD + 5];
        let shown = Shown { holes, more_holes: 7, ..Shown::default() };
        let notes = shown.notes(Timebase::new(1, 1000).unwrap(), &Spread::Nowhere);
        assert_eq!(notes.len(), RANGES_TOLD + 1, "{notes:?}");
        assert_eq!(notes[RANGES_TOLD], "the container is damaged at 12 more places");
    }
}
