//! Who paints the frames of a job that a model was given for: the class of machines, pinned beside the encoder.
//!
//! Owns that choice. Refuses to mix: segments of one job are painted by machines of one class, whoever waits.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use cleanplate_types::model::ModelClass;
use cleanplate_types::overlay::OverlayPlan;

/// Whether frames of the plan may show something that a model paints: what it is shows as the frames are restored.
#[must_use]
pub fn may_paint(plan: &OverlayPlan) -> bool {
    let shows = plan.overlays.iter().filter(|overlay| !overlay.when.is_empty());
    let follows = plan.tracks.iter().filter(|track| !track.steps.is_empty());
    shows
        .map(|overlay| overlay.fill)
        .chain(follows.map(|track| track.fill))
        .any(|fill| fill.fetches())
}

/// The class that paints, of what workers `offer` (each its classes, the best first, and its slots): the one that is
/// best of them, then the one with the most slots, then the greatest.
#[must_use]
pub fn choose_class<'a>(
    offers: impl IntoIterator<Item = (&'a [ModelClass], u64)>,
) -> Option<ModelClass> {
    let mut all: BTreeMap<&ModelClass, (usize, u64)> = BTreeMap::new();
    for (classes, slots) in offers {
        for (rank, class) in classes.iter().enumerate() {
            let (best, sum) = all.entry(class).or_insert((rank, 0));
            *best = rank.min(*best);
            *sum = sum.saturating_add(slots);
        }
    }
    let best =
        all.into_iter().max_by_key(|(class, (rank, slots))| (Reverse(*rank), *slots, *class));
    best.map(|(class, _)| class.clone())
}

#[cfg(test)]
mod tests {
    use cleanplate_types::frames::FrameRange;
    use cleanplate_types::overlay::{Fill, Mask, Overlay, OverlayOrigin};
    use cleanplate_types::picture::Rect;

    use super::*;

    fn class(name: &str) -> ModelClass {
        ModelClass(name.to_owned())
    }

    #[test]
    fn a_better_class_is_before_more_slots_and_more_slots_are_before_a_name() {
        let (card, old, new) = (class("card"), class("old"), class("new"));
        let both = [card.clone(), new.clone()];
        let offers = [(&both[..], 1), (&[old.clone()][..], 8), (&[new.clone()][..], 2)];
        assert_eq!(choose_class(offers), Some(old.clone()), "all three are someone's best");
        let cards = [(&both[..], 9), (&[old.clone()][..], 8)];
        assert_eq!(choose_class(cards), Some(card));
        let equal = [(&[old.clone()][..], 2), (&[new][..], 2)];
        assert_eq!(choose_class(equal), Some(old));
        assert_eq!(choose_class([(&[][..], 5)]), None);
    }

    #[test]
    fn what_is_pixelated_or_shown_by_no_frame_is_not_painted() {
        let overlay = |fill, when| Overlay {
            origin: OverlayOrigin::Region,
            mask: Mask::full(Rect { x: 0, y: 0, width: 8, height: 8 }),
            when,
            fill,
            hides: true,
        };
        let always = || vec![FrameRange::new(0, 9)];
        let paints = |overlay| may_paint(&OverlayPlan::new(64, 64, vec![overlay]));
        assert!(paints(overlay(Fill::Auto, always())));
        assert!(!paints(overlay(Fill::Pixelate, always())));
        assert!(!paints(overlay(Fill::Membrane, always())));
        assert!(!paints(overlay(Fill::Auto, Vec::new())));
    }
}
