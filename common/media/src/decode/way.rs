//! What decodes: software, a card, or software that plays a card for a test.
//!
//! Owns which streams a card is tried for. Refuses cards where their samples would differ.

use super::{DecodeCard, DecodeOrder, Means};
use crate::fault::faults;

/// Codecs whose decoding is exact by their standard, so that a card gives the same samples.
const EXACT_ON_CARDS: &[&str] = &["h264", "hevc", "vp8", "vp9"];

/// What decodes now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Software,
    Card,
    /// Software that plays a card's decoder, which fails at the frame that the fault switch names.
    Played,
}

impl Way {
    /// The way to begin with for a stream of `codec`, and why it is not the card where one was asked
    /// for.
    pub(super) fn first(has_card: bool, conceals: bool, codec: &str) -> (Self, Option<String>) {
        if faults().nvdec_at.is_some() {
            return (Self::Played, None);
        }
        if !has_card {
            return (Self::Software, None);
        }
        let why = if conceals {
            "damaged pictures are shown as the software decoder conceals them".to_owned()
        } else if EXACT_ON_CARDS.contains(&codec) {
            return (Self::Card, None);
        } else {
            format!("{codec} is decoded in software, since cards give other samples")
        };
        (Self::Software, Some(why))
    }

    /// What a run needs to go this way.
    pub(super) fn means(self, order: &DecodeOrder) -> Means {
        let card = match self {
            Self::Card => order.card.clone(),
            Self::Software | Self::Played => None,
        };
        Means { threads: order.threads.max(1), card }
    }

    /// Whether the card that this way plays fails when `frame` is due.
    pub(super) fn fails_at(self, frame: u64) -> bool {
        self == Self::Played && faults().nvdec_at == Some(frame)
    }

    /// The way in words, for the trail.
    pub(super) fn text(self, order: &DecodeOrder) -> String {
        match (self, &order.card) {
            (Self::Software, _) if order.threads <= 1 => "software, 1 thread".to_owned(),
            (Self::Software, _) => format!("software, {} threads", order.threads),
            (Self::Card, Some(DecodeCard { card, pool: Some(_) })) => {
                format!("nvdec on card {}, whose frames stay there too", card.name())
            }
            (Self::Card, Some(DecodeCard { card, pool: None })) => {
                format!("nvdec on card {}", card.name())
            }
            (Self::Card, None) => "nvdec".to_owned(),
            (Self::Played, _) => "nvdec, played by software".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_tried_only_where_it_gives_the_same_samples() {
        assert_eq!(Way::first(true, false, "hevc"), (Way::Card, None));
        let (way, why) = Way::first(true, false, "mpeg2video");
        assert_eq!(way, Way::Software);
        assert!(why.unwrap().contains("mpeg2video"));
        assert!(Way::first(true, true, "h264").1.is_some());
        assert_eq!(Way::first(false, false, "mpeg2video"), (Way::Software, None));
    }
}
