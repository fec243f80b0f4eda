//! What parameter sets say of how samples are to be shown, and whether that is what the contract asks for.
//!
//! Owns the comparison of a part's colour, sample aspect and rate with the `EncodeSpec`. Refuses nothing by
//! itself: worker, commit and stitch do, each in its own words.

use serde::{Deserialize, Serialize};

use crate::encode::EncodeSpec;

/// The code point of H.273 that stands for nothing known.
const UNSPECIFIED: u8 = 2;

/// The last code points of primaries, transfer and matrix that every encoder writes: one that does not know
/// one of them leaves the description out, and the container alone tells it.
const WRITTEN_MAX: [u8; 3] = [12, 18, 14];

/// A sample aspect of larger numbers is rounded by encoders.
const ASPECT_MAX: u32 = 4096;

/// libav's number of the full range.
const FULL_RANGE: u8 = 2;

/// What the usability information of a sequence parameter set says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodedSignal {
    /// Whether samples use their full range.
    pub full_range: bool,
    /// Primaries, transfer and matrix in the code points of H.273; 2 where nothing is said.
    pub colour: [u8; 3],
    /// Shape of a sample; `(0, 1)` where nothing is said.
    pub sample_aspect: (u32, u32),
    /// Frames a second; nothing where nothing is said.
    pub frame_rate: Option<(u32, u32)>,
}

impl Default for CodedSignal {
    /// Nothing is said.
    fn default() -> Self {
        Self {
            full_range: false,
            colour: [UNSPECIFIED; 3],
            sample_aspect: (0, 1),
            frame_rate: None,
        }
    }
}

impl CodedSignal {
    /// What parameter sets made by `spec` say.
    #[must_use]
    pub fn of(spec: &EncodeSpec) -> Self {
        // Encoders take 0 (reserved, or for the matrix: none) as it is for the matrix alone.
        let known = |code_point: u8| code_point.max(1);
        let colour = spec.colour;
        Self {
            full_range: spec.layout.full_range || colour.range == FULL_RANGE,
            colour: [known(colour.primaries), known(colour.transfer), colour.matrix],
            sample_aspect: spec.sample_aspect,
            frame_rate: Some(spec.coded_rate()),
        }
    }

    /// The first thing in which it is not what `spec` asks for, in words.
    #[must_use]
    pub fn differs(&self, spec: &EncodeSpec) -> Option<String> {
        let due = Self::of(spec);
        if self.full_range != due.full_range {
            let range = |full: bool| if full { "full" } else { "video" };
            let (found, expected) = (range(self.full_range), range(due.full_range));
            return Some(format!("{found} range instead of {expected} range"));
        }
        self.colour_differs(due.colour).or_else(|| {
            // Cards derive both from numbers of their own and may round them.
            let is_exact = !spec.encoder.name.is_hardware();
            let differs =
                || self.aspect_differs(due.sample_aspect).or_else(|| self.rate_differs(due));
            is_exact.then(differs).flatten()
        })
    }

    fn colour_differs(&self, due: [u8; 3]) -> Option<String> {
        let says_nothing = self.colour == [UNSPECIFIED; 3];
        let may_say_nothing = due.iter().zip(WRITTEN_MAX).any(|(due, most)| *due > most);
        if says_nothing && may_say_nothing {
            return None;
        }
        let names = ["primaries", "transfer", "matrix"].into_iter();
        let mut all = names.zip(self.colour.iter().zip(due));
        all.find(|(_, (found, due))| *found != due)
            .map(|(name, (found, due))| format!("{name} {found} instead of {due}"))
    }

    fn aspect_differs(&self, due: (u32, u32)) -> Option<String> {
        let (found, due) = (reduced(self.sample_aspect), reduced(due));
        let is_rounded = due.0.max(due.1) > ASPECT_MAX;
        (found != due && !is_rounded).then(|| {
            format!("sample aspect {}:{} instead of {}:{}", found.0, found.1, due.0, due.1)
        })
    }

    fn rate_differs(&self, due: Self) -> Option<String> {
        let (found, due) = (reduced(self.frame_rate?), reduced(due.frame_rate?));
        (found != due).then(|| {
            format!("{}/{} frames a second instead of {}/{}", found.0, found.1, due.0, due.1)
        })
    }
}

/// A fraction in its lowest terms; 1:1 where it says nothing.
const fn reduced((num, den): (u32, u32)) -> (u32, u32) {
    const fn gcd(one: u32, other: u32) -> u32 {
        if other == 0 { one } else { gcd(other, one % other) }
    }
    if num == 0 || den == 0 {
        return (1, 1);
    }
    let by = gcd(num, den);
    (num / by, den / by)
}
