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
    pub(super) fn first(order: &DecodeOrder, codec: &str) -> (Self, Option<String>) {
        if faults().nvdec_at.is_some() {
            return (Self::Played, None);
        }
        if order.card.is_none() {
            return (Self::Software, None);
        }
        let why = if order.conceal {
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
            (Self::Card, Some(DecodeCard::Ordinal(ordinal))) => format!("nvdec on card {ordinal}"),
            (Self::Card, Some(DecodeCard::Shared { card, pool: Some(_) })) => {
                format!("nvdec on {}, whose frames stay there", card.name())
            }
            (Self::Card, Some(DecodeCard::Shared { card, pool: None })) => {
                format!("nvdec on {}", card.name())
            }
            (Self::Card, None) => "nvdec".to_owned(),
            (Self::Played, _) => "nvdec, played by software".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use cleanplate_types::frames::FrameRange;

    use super::super::PreRoll;
    use super::*;

    #[test]
    fn a_card_is_tried_only_where_it_gives_the_same_samples() {
        let order = DecodeOrder {
            range: FrameRange::new(0, 1),
            threads: 1,
            card: Some(DecodeCard::Ordinal(1)),
            conceal: false,
            pre_roll: PreRoll::default(),
        };
        assert_eq!(Way::first(&order, "hevc"), (Way::Card, None));
        let (way, why) = Way::first(&order, "mpeg2video");
        assert_eq!(way, Way::Software);
        assert!(why.unwrap().contains("mpeg2video"));
        let concealing = DecodeOrder { conceal: true, ..order.clone() };
        assert!(Way::first(&concealing, "h264").1.is_some());
        let without = DecodeOrder { card: None, ..order };
        assert_eq!(Way::first(&without, "mpeg2video"), (Way::Software, None));
    }
}
