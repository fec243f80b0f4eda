//! The frame table by decoding: what the decoder shows, from the first packet to the last.
//!
//! Owns what damage means at intake. Refuses pictures that change their size, and times that do not
//! rise.

use std::collections::BTreeMap;

use cleanplate_types::picture::PixelLayout;
use cleanplate_types::time::Pts;
use ffmpeg_next as libav;

use super::watch::Watch;
use crate::decode::place::Place;
use crate::decode::run::{Damage, Event, Means, Run};
use crate::error::{MediaError, Words};
use crate::frame;
use crate::rest::RestWriter;

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
        let damage = frame::damage_of(found).map(|words| Damage { pts, words });
        let last = self.pts.last().copied();
        match pts.map(Pts) {
            Some(pts) if last.is_none_or(|last| last < pts) => self.pts.push(pts),
            _ if reading.conceal => self.misplaced += 1,
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
        if !conceal && !in_head {
            return Err(damaged(damage.pts, &self.pts, damage.words));
        }
        self.note(damage);
        Ok(())
    }

    fn note(&mut self, damage: Damage) {
        let pts = damage.pts.or_else(|| self.pts.last().map(|pts| pts.0)).unwrap_or(i64::MIN);
        if self.damages.len() < DAMAGES_NOTED {
            self.damages.entry(pts).or_insert(damage.words);
        } else {
            self.damages_left_out += 1;
        }
    }

    /// The first damage at or after tick `from`, in a table of the frames at `pts`.
    pub(super) fn damage_from(&self, from: i64, pts: &[Pts]) -> Option<MediaError> {
        let (at, words) = self.damages.range(from..).next()?;
        Some(damaged(Some(*at), pts, words.clone()))
    }

    /// What there is to tell of damage, as ranges of frames.
    pub(super) fn notes(&self) -> Vec<String> {
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
                "damage at frames {first}..{}, shown as the decoder conceals it: {words}",
                last + 1
            )
        });
        let mut notes: Vec<String> = told.collect();
        if !others.is_empty() {
            let others = others.iter().map(|(first, last, _)| format!("{first}..{}", last + 1));
            let others: Vec<String> = others.collect();
            notes.push(format!("damage also at frames {}", others.join(", ")));
        }
        if self.damages_left_out > 0 {
            notes.push(format!("damage at {} more places", self.damages_left_out));
        }
        if self.misplaced > 0 {
            let count = self.misplaced;
            notes.push(format!("{count} frames left out whose time is not after the one before"));
        }
        notes
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
            shown.note(Damage { pts: Some(pts), words });
        }
        let notes = shown.notes();
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[0].contains("20..24") && notes[0].contains("at 200"), "{notes:?}");
        assert!(notes[1].contains("70..71"), "{notes:?}");
        assert!(shown.damage_from(231, &shown.pts).unwrap().to_string().starts_with("frame 70 "));
        assert!(shown.damage_from(701, &shown.pts).is_none());
    }

    #[test]
    fn of_many_ranges_the_last_are_told_without_words_and_none_is_left_out() {
        let mut shown = Shown { pts: (0..100).map(Pts).collect(), ..Shown::default() };
        for pts in (0..100).step_by(3) {
            let words = Words { code: 0, meaning: "bad".to_owned(), lines: Vec::new() };
            shown.note(Damage { pts: Some(pts), words });
        }
        let notes = shown.notes();
        assert_eq!(notes.len(), RANGES_TOLD + 1, "{notes:?}");
        assert!(notes[RANGES_TOLD].starts_with("damage also at frames 60..61, 63..64,"));
        assert!(notes[RANGES_TOLD].ends_with(" 99..100"), "{notes:?}");
    }
}
