//! Which frames of a range come out of a decoder, and which packets may be passed over for that.
//!
//! Owns the rule by codec. Refuses to pass over anything of a table that was made by decoding: there a
//! packet and a frame are not the same.

use cleanplate_types::frames::{FrameTable, TableOrigin};

/// Codecs whose decoders may pass over pictures to which no other refers, without a trace in those
/// that follow: so it is by their standards, and so it is tested. In HEVC with several temporal layers a
/// higher one may refer to such a picture: its decoder says then that it is missing, which is damage.
const PASSING_OVER_IS_EXACT: &[&str] = &["h264", "hevc"];

/// Which frames of the range come out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pick {
    /// Every one.
    Every,
    /// These, rising.
    Listed(Vec<u64>),
    /// Those to which other pictures refer, as the bits say.
    Referenced,
}

impl Pick {
    /// The frame that is due, where `next` is the first that has not come out and `end` that after the range.
    pub(super) fn due(&self, next: u64, end: u64) -> u64 {
        match self {
            Self::Every | Self::Referenced => next,
            Self::Listed(listed) => {
                let at = listed.partition_point(|frame| *frame < next);
                listed.get(at).copied().unwrap_or(end)
            }
        }
    }

    /// What a decoder may pass over of packets of `codec`.
    pub(super) fn passed_over(&self, table: &FrameTable, codec: &str) -> PassedOver {
        let is_known = match table.origin {
            TableOrigin::Packets | TableOrigin::Index => true,
            TableOrigin::Decoded { .. } => false,
        };
        if !is_known || !PASSING_OVER_IS_EXACT.contains(&codec) {
            return PassedOver::Nothing;
        }
        match self {
            Self::Every => PassedOver::Nothing,
            Self::Listed(listed) => {
                let place = |frame: &u64| usize::try_from(*frame).ok();
                let time = |frame: &u64| table.pts.get(place(frame)?).map(|pts| pts.0);
                PassedOver::But(listed.iter().filter_map(time).collect())
            }
            Self::Referenced => PassedOver::But(Vec::new()),
        }
    }
}

/// What a decoder passes over of the pictures to which no other refers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PassedOver {
    /// None of them.
    Nothing,
    /// All of them but those of these times, rising.
    But(Vec<i64>),
}

impl PassedOver {
    /// Whether the packet of that time is passed over if no other refers to its picture; one without a
    /// time never is.
    pub(super) fn has(&self, pts: Option<i64>) -> bool {
        match self {
            Self::Nothing => false,
            Self::But(times) => pts.is_some_and(|pts| times.binary_search(&pts).is_err()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_frame_is_due_until_it_has_come_and_then_the_next() {
        let listed = Pick::Listed(vec![3, 7]);
        assert_eq!([0, 3, 4, 7, 8].map(|next| listed.due(next, 20)), [3, 3, 7, 7, 20]);
        assert_eq!(Pick::Every.due(4, 20), 4);
    }

    #[test]
    fn a_packet_without_a_time_is_never_passed_over() {
        let passed = PassedOver::But(vec![10, 20]);
        assert!(passed.has(Some(15)));
        assert!(!passed.has(Some(20)) && !passed.has(None));
        assert!(!PassedOver::Nothing.has(Some(15)));
    }
}
