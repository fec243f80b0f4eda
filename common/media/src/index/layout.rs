//! Samples in decoding order, laid out from two sides: the boxes' times and libav's index.
//!
//! Pure. Refuses two sides that do not say the same of every sample.

/// Lays runs out sample by sample: the decoding time of each, from 0, and the ticks from there to when it is
/// shown. `steps` has numbers of samples and ticks from each to the next, `offsets` numbers of samples and
/// ticks; where there are none, every sample is shown when it is decoded.
pub(super) fn expand(
    steps: impl Iterator<Item = (u32, u32)>,
    offsets: impl Iterator<Item = (u32, i64)>,
) -> impl Iterator<Item = (i64, i64)> {
    let steps =
        steps.flat_map(|(samples, ticks)| std::iter::repeat_n(i64::from(ticks), samples as usize));
    let decoded = steps.scan(0_i64, |next, step| {
        let now = *next;
        *next = now.saturating_add(step);
        Some(now)
    });
    let offsets = offsets.flat_map(|(samples, ticks)| std::iter::repeat_n(ticks, samples as usize));
    decoded.zip(offsets.chain(std::iter::repeat(0)))
}

/// One sample of libav's index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Indexed {
    /// Where it begins.
    pub(crate) byte: u64,
    /// Its size in bytes.
    pub(crate) bytes: u64,
    /// Its decoding time, edit lists applied.
    pub(crate) dts: i64,
    /// Whether it is flagged as a key frame.
    pub(crate) key: bool,
    /// Whether an edit list hides it.
    pub(crate) hidden: bool,
}

/// A sample as both sides have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    /// Its place in decoding order.
    pub(super) place: u64,
    pub(super) byte: u64,
    pub(super) dts: i64,
    /// When it is shown, but for a shift that all samples share.
    pub(super) pts: i64,
}

/// All samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Laid {
    /// When each is shown, in decoding order, but for a shift that all share.
    pub(super) pts: Vec<i64>,
    /// The key frames.
    pub(super) keys: Vec<Sample>,
    /// The one that is shown last.
    pub(super) latest: Sample,
}

/// Lays out what both sides say.
///
/// # Errors
/// The first sample on which they differ, or that is not one displayed frame, in words.
pub(super) fn lay(
    times: impl Iterator<Item = (i64, i64)>,
    indexed: impl Iterator<Item = Indexed>,
) -> Result<Laid, String> {
    // The index is in memory already, so that its length is not a mere claim.
    let mut pts = Vec::with_capacity(indexed.size_hint().1.unwrap_or(0));
    let mut keys = Vec::new();
    let mut latest: Option<Sample> = None;
    let mut shift = None;
    for ((place, one), (decoded, offset)) in (0_u64..).zip(indexed).zip(times) {
        let own = one.dts.wrapping_sub(decoded);
        if *shift.get_or_insert(own) != own {
            return Err(format!("an edit list or damage moves sample {place}"));
        }
        if one.hidden {
            return Err("an edit list hides frames".to_owned());
        }
        if one.bytes == 0 {
            return Err(format!("sample {place} is empty"));
        }
        let shown = one.dts.saturating_add(offset);
        let sample = Sample { place, byte: one.byte, dts: one.dts, pts: shown };
        pts.push(shown);
        if one.key {
            keys.push(sample);
        }
        if latest.is_none_or(|latest| latest.pts < shown) {
            latest = Some(sample);
        }
    }
    let latest = latest.ok_or_else(|| "it has no samples".to_owned())?;
    Ok(Laid { pts, keys, latest })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn expanded(steps: &[(u32, u32)], offsets: &[(u32, i64)]) -> Vec<(i64, i64)> {
        expand(steps.iter().copied(), offsets.iter().copied()).collect()
    }

    /// As the boxes' definition has it, one sample after the other.
    fn naive(steps: &[(u32, u32)], offsets: &[(u32, i64)]) -> Vec<(i64, i64)> {
        let mut shown = Vec::new();
        let mut now = 0;
        for (count, step) in steps {
            for _ in 0..*count {
                shown.push((now, 0));
                now += i64::from(*step);
            }
        }
        let mut place = 0;
        for (count, offset) in offsets {
            for _ in 0..*count {
                shown[place].1 = *offset;
                place += 1;
            }
        }
        shown
    }

    fn indexed(times: &[(i64, i64)], shift: i64) -> Vec<Indexed> {
        let one = |(place, (decoded, _)): (usize, &(i64, i64))| Indexed {
            byte: 100 * place as u64,
            bytes: 100,
            dts: decoded + shift,
            key: place % 5 == 0,
            hidden: false,
        };
        times.iter().enumerate().map(one).collect()
    }

    #[test]
    fn a_sample_that_an_edit_moves_or_hides_is_refused() {
        let known = expanded(&[(10, 512)], &[]);
        let good = indexed(&known, -1024);
        assert!(lay(known.iter().copied(), good.iter().copied()).is_ok());
        for (spoil, words) in [
            ((|one| one.dts += 1) as fn(&mut Indexed), "moves sample 7"),
            (|one| one.hidden = true, "hides"),
            (|one| one.bytes = 0, "sample 7 is empty"),
        ] {
            let mut bad = good.clone();
            spoil(&mut bad[7]);
            let error = lay(known.iter().copied(), bad.into_iter()).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }

    proptest! {
        #[test]
        fn runs_expand_as_the_boxes_are_defined(
            steps in prop::collection::vec((0_u32..6, 0_u32..3000), 1..20),
            cuts in prop::collection::vec((1_u32..4, -3000_i64..3000), 0..60),
            shift in -5000_i64..5000,
        ) {
            let total: u32 = steps.iter().map(|(count, _)| count).sum();
            let mut left = total;
            let mut offsets = Vec::new();
            for (count, offset) in cuts {
                offsets.push((count.min(left), offset));
                left -= count.min(left);
            }
            offsets.push((left, 0));
            let expected = naive(&steps, &offsets);
            prop_assert_eq!(expanded(&steps, &offsets), expected.clone());
            let laid = lay(expected.iter().copied(), indexed(&expected, shift).into_iter());
            let Ok(laid) = laid else {
                prop_assert_eq!(total, 0);
                return Ok(());
            };
            let shown: Vec<_> = expected.iter().map(|(at, offset)| at + offset + shift).collect();
            prop_assert_eq!(laid.latest.pts, *shown.iter().max().unwrap());
            prop_assert_eq!(laid.keys.len(), shown.len().div_ceil(5));
            prop_assert_eq!(laid.pts, shown);
        }
    }
}
