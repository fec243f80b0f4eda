//! What a model painted and what is plainly no picture of the surroundings: a part of the hole in one colour that is
//! nowhere around it, such as black bars.
//!
//! Owns that rule. Refuses to judge taste: what varies is taken, whatever it shows, and so is every colour between the
//! darkest and the brightest of the surroundings, give or take [`FAR`], which is what blurring makes of them.

use std::collections::BTreeMap;

/// How far beyond the colours of the surroundings a colour is that cannot come from them, of 1, in some channel.
const FAR: f32 = 0.2;
/// Share of a hole that must have one such colour, as a divisor.
const SHARE: usize = 8;
/// Samples of it at least: fewer are a speck.
const SAMPLES_MIN: usize = 8;
/// Shades of a channel that are told apart when samples of one colour are counted.
const SHADES: f32 = 32.0;
/// Of the surroundings the darkest and the brightest sample of so many are left out, in each channel: they may be
/// chance.
const OUTLIERS: usize = 100;

/// A part of a hole has a colour that is nowhere around it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "it paints {percent} % of a hole in one colour, {}, that is nowhere around it: no picture of the surroundings",
    shown(.colour)
)]
pub struct Foreign {
    /// How much of the hole.
    pub percent: usize,
    /// Red, green and blue, of 1.
    pub colour: [f32; 3],
}

fn shown(colour: &[f32; 3]) -> String {
    let [red, green, blue] = colour.map(|value| value * 255.0);
    format!("RGB {red:.0} {green:.0} {blue:.0}")
}

/// Judges what was painted in a hole by what is `around` it; colours of 0 to 1.
pub(crate) fn judge(
    painted: impl Iterator<Item = [f32; 3]>,
    around: &[[f32; 3]],
) -> Result<(), Foreign> {
    if around.is_empty() {
        return Ok(());
    }
    let known = [0, 1, 2].map(|channel| range(around, channel));
    let is_far = |colour: &[f32; 3]| {
        let outside = |(value, (least, most)): (&f32, (f32, f32))| {
            *value < least - FAR || *value > most + FAR
        };
        colour.iter().zip(known).any(outside)
    };
    let (mut all, mut far) = (0, BTreeMap::new());
    for colour in painted.map(|colour| colour.map(|value| value.clamp(0.0, 1.0))) {
        all += 1;
        if is_far(&colour) {
            let (count, _first) = far.entry(shade(colour)).or_insert((0_usize, colour));
            *count += 1;
        }
    }
    let most = far.into_values().max_by_key(|(count, _)| *count);
    match most {
        Some((count, colour)) if count >= SAMPLES_MIN && count * SHARE >= all => {
            Err(Foreign { percent: count * 100 / all, colour })
        }
        Some(_) | None => Ok(()),
    }
}

/// The least and the greatest value of a channel, without outliers.
fn range(colours: &[[f32; 3]], channel: usize) -> (f32, f32) {
    let mut values: Vec<f32> = colours.iter().map(|colour| colour[channel]).collect();
    values.sort_unstable_by(f32::total_cmp);
    let beyond = values.len() / OUTLIERS;
    let least = values.get(beyond).copied().unwrap_or(0.0);
    let most = values.iter().rev().nth(beyond).copied().unwrap_or(1.0);
    (least, most)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is from 0 to the number of shades"
)]
fn shade(colour: [f32; 3]) -> [u8; 3] {
    colour.map(|value| (value * SHADES) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A wall, bright on the left and in shade on the right.
    fn wall() -> Vec<[f32; 3]> {
        (0..1000_u16).map(|at| [0.9 - f32::from(at) / 2500.0, 0.7, 0.6]).collect()
    }

    fn judged(painted: &[[f32; 3]]) -> Result<(), Foreign> {
        judge(painted.iter().copied(), &wall())
    }

    /// The wall's own colour with `count` of a hundred samples in another.
    fn with(count: usize, colour: [f32; 3]) -> Vec<[f32; 3]> {
        let own = [[0.8, 0.7, 0.6]; 100];
        own.into_iter().enumerate().map(|(at, it)| if at < count { colour } else { it }).collect()
    }

    #[test]
    fn bars_of_a_colour_that_is_nowhere_around_are_refused() {
        for colour in [[0.0; 3], [1.0, 0.0, 1.0], [0.8, 0.7, 0.05]] {
            let foreign = judged(&with(20, colour)).unwrap_err();
            assert_eq!((foreign.percent, foreign.colour), (20, colour));
        }
        let told = judged(&with(100, [0.0; 3])).unwrap_err().to_string();
        assert!(told.contains("100 %") && told.contains("RGB 0 0 0"), "{told}");
    }

    #[test]
    fn what_varies_or_is_small_or_lies_between_the_colours_around_is_taken() {
        assert_eq!(judged(&with(0, [0.0; 3])), Ok(()));
        assert_eq!(judged(&with(12, [0.0; 3])), Ok(()), "less than an eighth");
        assert_eq!(judged(&with(100, [0.7, 0.7, 0.6])), Ok(()), "even, and of the wall");
        assert_eq!(judged(&with(100, [0.4, 0.55, 0.5])), Ok(()), "a little darker");
        let dark: Vec<[f32; 3]> = (0..100_u8).map(|at| [f32::from(at) / 300.0; 3]).collect();
        assert_eq!(judged(&dark), Ok(()), "something that is drawn, however dark");
        let both: Vec<[f32; 3]> = [[0.0; 3], [1.0; 3]].repeat(50);
        assert_eq!(judge([[0.5; 3]; 100].into_iter(), &both), Ok(()), "black and white, blurred");
        assert_eq!(judge([[0.5; 3]; 100].into_iter(), &[]), Ok(()), "nothing is around");
    }

    #[test]
    fn a_speck_around_is_no_excuse() {
        let mut around = wall();
        around.extend([[0.0; 3]; 5]);
        assert!(judge(with(50, [0.0; 3]).into_iter(), &around).is_err());
        around.extend([[0.0; 3]; 50]);
        assert!(judge(with(50, [0.0; 3]).into_iter(), &around).is_ok(), "a black edge");
    }
}
