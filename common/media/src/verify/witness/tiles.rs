//! Where the packets of a movie lie in its media.
//!
//! Owns the check that none reaches into another, nor beyond the media. Packets that lie side by side are one
//! tile, so that a movie of any length takes a few of them: they come about in the order of their places.
//! Gaps are allowed: chapters and the empty ends of texts have samples there that no packet shows.

use std::collections::BTreeMap;

use super::Mismatch;

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Tiles {
    media: (u64, u64),
    /// The tiles: where each begins and ends.
    laid: BTreeMap<u64, u64>,
    /// The first place at which two packets overlap.
    overlap: Option<u64>,
}

impl Tiles {
    /// None yet, in the media that begins and ends there.
    pub(super) const fn of(media: (u64, u64)) -> Self {
        Self { media, laid: BTreeMap::new(), overlap: None }
    }

    /// Lays a packet of so many bytes.
    pub(super) fn lay(&mut self, (at, bytes): (u64, u64)) {
        let (from, to) = self.media;
        // Packets outside the media are those of boxes of their own, such as a cover picture.
        if !(from..to).contains(&at) || bytes == 0 {
            return;
        }
        let end = at.saturating_add(bytes);
        let before = self.laid.range(..=at).next_back().map(|(start, end)| (*start, *end));
        let after = self.laid.range(at..).next().map(|(start, _)| *start);
        let behind = before.filter(|(_, reached)| *reached > at).map(|_| at);
        if let Some(overlap) = behind.or_else(|| after.filter(|start| *start < end)) {
            self.overlap = Some(self.overlap.map_or(overlap, |first| first.min(overlap)));
            return;
        }
        let start = before.filter(|(_, reached)| *reached == at).map_or(at, |(start, _)| start);
        // What begins where this ends is one tile with it.
        let end = self.laid.remove(&end).unwrap_or(end);
        self.laid.insert(start, end);
    }

    /// What is wrong with them.
    pub(super) fn wrong(&self) -> Option<Mismatch> {
        if let Some(at) = self.overlap {
            return Some(Mismatch::new(format!("packets overlap at byte {at}")));
        }
        let end = self.laid.last_key_value().map_or(self.media.0, |(_, end)| *end);
        let beyond = end.checked_sub(self.media.1).filter(|beyond| *beyond > 0)?;
        Some(Mismatch::new(format!("packets reach {beyond} bytes beyond the media")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wrong(places: &[(u64, u64)]) -> Option<String> {
        let mut tiles = Tiles::of((10, 40));
        places.iter().for_each(|place| tiles.lay(*place));
        tiles.wrong().map(|wrong| wrong.detail)
    }

    #[test]
    fn packets_lie_side_by_side_or_apart_in_any_order() {
        assert_eq!(wrong(&[(30, 10), (10, 20), (90, 5)]), None);
        assert_eq!(wrong(&[(10, 20), (32, 8)]), None);
        assert_eq!(wrong(&[]), None);
        assert_eq!(wrong(&[(12, 0), (10, 5)]), None, "an empty packet is nowhere");
    }

    #[test]
    fn packets_that_overlap_or_reach_beyond_are_wrong() {
        let told = |places| wrong(places).unwrap();
        assert!(told(&[(10, 20), (29, 11)]).contains("overlap at byte 29"));
        assert!(told(&[(29, 11), (10, 20)]).contains("overlap at byte 29"));
        assert!(told(&[(10, 20), (15, 2)]).contains("overlap at byte 15"));
        assert!(told(&[(20, 5), (20, 5)]).contains("overlap at byte 20"));
        assert!(told(&[(10, 20), (32, 9)]).contains("1 bytes beyond"));
    }

    proptest! {
        #[test]
        fn tiles_agree_with_a_list_of_all_bytes(
            places in prop::collection::vec((10_u64..40, 1_u64..6), 0..12),
        ) {
            let mut bytes = [0_u32; 64];
            for (at, count) in &places {
                let packet = *at..at + count;
                let laid = bytes.iter_mut().zip(0..).filter(|(_, place)| packet.contains(place));
                laid.for_each(|(byte, _)| *byte += 1);
            }
            let overlaps = bytes.iter().any(|count| *count > 1);
            let beyond = bytes[40..].iter().any(|count| *count > 0);
            prop_assert_eq!(wrong(&places).is_some(), overlaps || beyond);
        }
    }

    #[test]
    fn a_movie_that_is_read_about_in_order_is_a_few_tiles() {
        let mut tiles = Tiles::of((0, 1 << 40));
        for turn in 0..10_000_u64 {
            // The sound of a turn is read before the pictures that stand in front of it.
            tiles.lay((turn * 100 + 60, 40));
            tiles.lay((turn * 100, 60));
            assert!(tiles.laid.len() <= 2);
        }
        assert_eq!(tiles.wrong().map(|wrong| wrong.detail), None);
    }
}
