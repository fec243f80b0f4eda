//! Plans from files: whether what their overlays are made of is what this version's engine reads.
//!
//! Owns the form of told mattes: an object of the store, head and all. Refuses to guess: mattes that are
//! missing, damaged or of another version would be taken for overlays of which nothing is known.

use cleanplate_plate::mattes::{Mattes, MattesError};
use cleanplate_store::{ObjectError, decode_object, encode_object, kinds};
use cleanplate_types::request::ToldPlan;

/// Why the mattes of a plan cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToldError {
    /// There are none.
    #[error("what its overlays are made of is missing")]
    Missing,
    /// They cannot be read, or another version wrote them.
    #[error("what its overlays are made of cannot be read: {0}")]
    Unreadable(#[from] ObjectError),
    /// They are not those of the plan.
    #[error(transparent)]
    Other(#[from] MattesError),
}

/// Checks that the mattes of `told` can be read and are those of its overlays.
///
/// # Errors
/// [`ToldError`] says what is wrong with them.
pub fn check_told(told: &ToldPlan) -> Result<(), ToldError> {
    if told.mattes.is_empty() {
        return Err(ToldError::Missing);
    }
    let mattes: Mattes = decode_object(kinds::MATTES, &told.mattes)?;
    Ok(mattes.check(&told.plan)?)
}

/// Mattes of `overlays` overlays of which nothing is known but their masks, in the form of [`ToldPlan`].
///
/// # Errors
/// [`ToldError::Unreadable`] where they cannot be encoded.
pub fn unknown_mattes(overlays: usize) -> Result<Vec<u8>, ToldError> {
    Ok(encode_object(kinds::MATTES, &Mattes::unknown(overlays))?)
}

#[cfg(test)]
mod tests {
    use cleanplate_types::overlay::{Fill, Mask, Overlay, OverlayOrigin, OverlayPlan};
    use cleanplate_types::picture::Rect;

    use super::*;

    #[test]
    fn mattes_that_are_missing_cut_off_of_another_version_or_of_another_plan_are_told_apart() {
        let overlay = Overlay {
            origin: OverlayOrigin::Plan,
            mask: Mask::full(Rect { x: 2, y: 2, width: 4, height: 4 }),
            when: Vec::new(),
            fill: Fill::Auto,
            hides: true,
        };
        let plan = OverlayPlan::new(20, 10, vec![overlay]);
        let check = |mattes: Vec<u8>| check_told(&ToldPlan { plan: plan.clone(), mattes });
        let whole = unknown_mattes(1).unwrap();
        assert_eq!(check(whole.clone()), Ok(()));
        assert_eq!(check(Vec::new()), Err(ToldError::Missing));
        let cut = check(whole[..whole.len() - 1].to_vec());
        assert!(matches!(cut, Err(ToldError::Unreadable(_))), "{cut:?}");
        let mut newer = whole;
        newer[4] += 1;
        let newer = check(newer).unwrap_err();
        assert!(matches!(newer, ToldError::Unreadable(ObjectError::Version { .. })), "{newer:?}");
        let other = check(unknown_mattes(2).unwrap());
        assert!(matches!(other, Err(ToldError::Other(_))), "{other:?}");
    }
}
