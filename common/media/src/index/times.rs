//! What the boxes of one track say of time: decoding times and offsets, read anew whenever they are asked for.
//!
//! Owns the check that both tables speak of as many samples. Keeps none of it in memory. Refuses offsets that
//! are none.

use cleanplate_types::access::ReadAt;

use super::flat::{Ended, Flat, pair};
use super::layout::expand;
use super::{Stop, doubt};

/// A larger offset between decoding and showing is no offset: libav leaves such tables out.
const OFFSET_MAX: i64 = 1 << 28;

/// See the top of the file.
pub(super) struct Times<'a> {
    source: &'a dyn ReadAt,
    /// Samples, and ticks from each to the next.
    steps: Flat<8>,
    /// Samples, and ticks from decoding to showing, signed or not; nothing where none is reordered.
    offsets: Option<(Flat<8>, bool)>,
    samples: u64,
    ended: Ended,
}

impl std::fmt::Debug for Times<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Times").field("samples", &self.samples).finish_non_exhaustive()
    }
}

impl<'a> Times<'a> {
    /// Those of the two tables, once both make sense together.
    pub(super) fn of(
        source: &'a dyn ReadAt,
        steps: Flat<8>,
        offsets: Option<(Flat<8>, bool)>,
    ) -> Result<Self, Stop> {
        let mut times = Self { source, steps, offsets, samples: 0, ended: Ended::default() };
        times.samples = times.steps().map(|(samples, _)| u64::from(samples)).sum();
        let (mut offsets, mut late) = (0, None);
        for (samples, ticks) in times.offsets() {
            offsets += u64::from(samples);
            late = late.or_else(|| (ticks.abs() > OFFSET_MAX).then_some(ticks));
        }
        times.whole()?;
        if times.offsets.is_some_and(|(table, _)| table.count > 0) && offsets != times.samples {
            return doubt(format!("it has {offsets} offsets for {} samples", times.samples));
        }
        match late {
            Some(ticks) => doubt(format!("a sample is shown {ticks} ticks late")),
            None => Ok(times),
        }
    }

    /// Number of samples.
    pub(super) const fn samples(&self) -> u64 {
        self.samples
    }

    /// The decoding time of each sample, from 0, and the ticks from there to when it is shown. They end
    /// early where they cannot be read: [`whole`](Self::whole) says that.
    pub(super) fn each(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        expand(self.steps(), self.offsets())
    }

    /// Whether everything could be read that was asked for so far.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn whole(&self) -> Result<(), Stop> {
        self.ended.borrow_mut().take().map_or(Ok(()), Err)
    }

    fn steps(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.steps.rows(self.source, &self.ended).map(pair)
    }

    fn offsets(&self) -> impl Iterator<Item = (u32, i64)> + '_ {
        let rows = self.offsets.into_iter().flat_map(|(table, signed)| {
            table.rows(self.source, &self.ended).map(move |row| (pair(row), signed))
        });
        rows.map(|((samples, ticks), signed)| {
            let ticks = if signed { i64::from(ticks.cast_signed()) } else { i64::from(ticks) };
            (samples, ticks)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::boxes::inside;
    use super::super::boxes::tests::{Bytes, boxed};
    use super::*;

    /// A file of both tables, the second of version `version`.
    fn file(steps: &[(u32, u32)], offsets: &[(u32, u32)], version: u8) -> Bytes {
        let table = |name, version: u8, rows: &[(u32, u32)]| {
            let count = u32::try_from(rows.len()).unwrap();
            let rows =
                rows.iter().flat_map(|(one, other)| [one.to_be_bytes(), other.to_be_bytes()]);
            let head = [[version, 0, 0, 0], count.to_be_bytes()];
            boxed(name, &head.into_iter().chain(rows).flatten().collect::<Vec<u8>>())
        };
        Bytes([table(b"stts", 0, steps), table(b"ctts", version, offsets)].concat())
    }

    fn times(bytes: &Bytes, signed: bool) -> Result<Times<'_>, Stop> {
        let found = inside(bytes, 0..bytes.size())?;
        let table = |index: usize| Flat::open(bytes, &found[index], 0);
        Times::of(bytes, table(0)?, Some((table(1)?, signed)))
    }

    #[test]
    fn runs_come_as_samples_and_signs_as_the_version_has_them() {
        let bytes = file(&[(2, 10), (1, 5)], &[(1, 7), (2, u32::MAX)], 1);
        let good = times(&bytes, true).unwrap();
        assert_eq!(good.samples(), 3);
        assert_eq!(good.each().collect::<Vec<_>>(), [(0, 7), (10, -1), (20, -1)]);
        assert_eq!(good.each().count(), 3, "as often as they are asked for");
        assert!(good.whole().is_ok());
        let Err(Stop::Doubt(why)) = times(&bytes, false) else { panic!("it is taken") };
        assert!(why.contains("ticks late"), "{why}");
    }

    #[test]
    fn tables_of_different_lengths_or_senseless_offsets_are_refused() {
        let why = |offsets: &[(u32, u32)]| match times(&file(&[(10, 512)], offsets, 1), true) {
            Err(Stop::Doubt(why)) => why,
            other => format!("{other:?}"),
        };
        assert!(why(&[(9, 1024)]).contains("9 offsets"));
        assert!(why(&[(10, 1 << 30)]).contains("late"));
        assert_eq!(why(&[(4, 1024), (6, u32::MAX - 1023)]), "Ok(Times { samples: 10, .. })");
        assert_eq!(why(&[]), "Ok(Times { samples: 10, .. })");
    }
}
