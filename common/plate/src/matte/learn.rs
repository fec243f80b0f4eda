//! Alpha and colour of an overlay from the clip alone.
//!
//! Owns the estimate: a pure function of the crops of all windows, whatever their order. On each sample
//! the frames are a line, `seen = pass * background + paint`, whose background must be guessed:
//!
//! 1. The guess is the picture itself, restored as far as it is known and smoothed, with more weight on
//!    what lies further out. Regressing on something *smoothed* leaves the slope true: what is missing is
//!    detail, which does not depend on the guess. Where the picture is rough, a frame counts less.
//! 2. The lines of neighbours are one line, unless the evidence says that an edge of the overlay runs
//!    between them (`field`). Evidence from the outermost samples of a part counts most: deep
//!    inside, the guess is only as good as what was believed before.
//! 3. With these lines the frames are restored anew.
//!
//! Frames that do not show the overlay at full strength are then found by what the lines cannot explain,
//! and left out; after that samples whose colour changes (digits). Each time the lines are fitted again.
//! At last, where the background moves, the slopes are taken from how far samples swing (`swing`), which
//! no guess biases, and parts of the overlay that have one alpha by all that can be told are given one. Last, the
//! few inks that most marks are painted with are found and solved for (`inks`): what they explain has their line.

use super::crops::{Crops, Site};
use super::edges::Edges;
use super::invert::STRENGTH_ONE;
use super::siting::Siting;
use super::{ALPHA_ONE, Class, Matte, MattePlane, PAINT_ONE};
use field::{Field, Pin};
use inks::Inks;
use stack::{Belief, Stack, Sums};
use swing::Swing;

mod border;
mod field;
mod guesser;
mod inks;
mod judge;
mod mixture;
mod palette;
mod stack;
mod swing;

/// Most frames that are learned from, and most luma samples of them all (4 bytes each, and half as many
/// again for chroma).
const FRAMES_MAX: usize = 128;
const SAMPLES_MAX: usize = 16 << 20;
/// Frames that are learned from even if they are large.
const FRAMES_MIN: usize = 8;
/// Rounds of guessing and fitting.
const ROUNDS: usize = 10;
const ROUNDS_TURNED: usize = 5;
/// Times that frames which show too little of the overlay are looked for, and left out of what follows.
const PASSES_FAINT: usize = 3;
/// Mean evidence of a frame for the overlay, in nats, from which it is believed that there is one.
const EVIDENCE_MIN: f32 = 1.0;
/// Least that a frame must show of the overlay.
const STRENGTH_MIN: u8 = STRENGTH_ONE - 4;

/// Why nothing was learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LearnError {
    /// There are no frames.
    #[error("no frame shows the overlay")]
    NoFrames,
    /// The windows do not speak of one place.
    #[error("the crops were taken at different places")]
    OtherSite,
    /// A crop is not one that the site speaks of.
    #[error("a crop has other planes than its site")]
    Damaged,
}

/// Learns what the overlay inside the site's mask is made of.
///
/// # Errors
/// [`LearnError`] where the crops do not fit each other, or there are none.
pub fn learn(crops: &[Crops]) -> Result<Matte, LearnError> {
    learn_watched(crops, &mut || ())
}

/// As [`learn()`]; `tick` is told some hundred times, as the work goes on.
///
/// # Errors
/// As [`learn()`].
pub fn learn_watched(crops: &[Crops], tick: &mut dyn FnMut()) -> Result<Matte, LearnError> {
    let mut order: Vec<&Crops> = crops.iter().filter(|crops| !crops.frames.is_empty()).collect();
    order.sort_by_key(|crops| crops.frames.first().map(|frame| frame.index));
    let site = &order.first().ok_or(LearnError::NoFrames)?.site;
    if order.iter().any(|crops| crops.site != *site) {
        return Err(LearnError::OtherSite);
    }
    let frames: Vec<_> = order.iter().flat_map(|crops| &crops.frames).collect();
    if !frames.iter().all(|crop| site.holds(&crop.planes)) || !site.is_sound() {
        return Err(LearnError::Damaged);
    }
    let size = site.bounds.width as usize * site.bounds.height as usize;
    let most = (SAMPLES_MAX / size.max(1)).clamp(FRAMES_MIN, FRAMES_MAX);
    let count = frames.len().min(most);
    let picked: Vec<_> = (0..count).map(|at| frames[at * frames.len() / count]).collect();
    let mut stacks: Vec<Stack> = (0..site.layout.planes)
        .map(|plane| {
            let planes = picked.iter().map(|crop| crop.planes[usize::from(plane)].as_slice());
            Stack::new(site, plane, planes)
        })
        .collect();
    let free = Known { slopes: None, pinned: vec![None; stacks[0].inside.len()] };
    let mut beliefs = fit(site, &stacks, &free, tick);
    for _ in 0..PASSES_FAINT {
        let absent = faint(&stacks[0], &beliefs[0]);
        if absent.is_empty() {
            break;
        }
        for stack in &mut stacks {
            stack.drop_frames(&absent);
        }
        beliefs = fit(site, &stacks, &free, tick);
    }
    // Only now: a frame without the overlay would make all of it look as if it changed.
    let changing = judge::changing(&stacks[0], &beliefs[0]);
    if changing.iter().any(|changing| *changing) {
        let width = stacks[0].width;
        for stack in &mut stacks {
            stack.mute(site, &changing, width);
        }
        beliefs = fit(site, &stacks, &free, tick);
    }
    let swing = Swing::of(&stacks[0]);
    let slopes = swing.slopes(&stacks[0]);
    let slopes_known = slopes.is_some();
    let mut rims = vec![false; changing.len()];
    let mut is_settled = false;
    if let Some(slopes) = slopes {
        beliefs = fit(site, &stacks, &Known { slopes: Some(slopes), ..free }, tick);
        let pinned = swing.parts(&stacks[0], &beliefs[0]);
        if pinned.iter().any(Option::is_some) {
            rims = swing::rims(&stacks[0], &pinned, &changing);
            let pin = |pass: f32| Pin { pass, paint: None };
            let pinned = pinned.into_iter().map(|pass| pass.map(pin)).collect();
            beliefs = fit(site, &stacks, &Known { slopes: None, pinned }, tick);
            is_settled = true;
        }
    }
    // Of one ink alone the swing of all its samples says more than those at its border.
    let inks = Inks::of(&stacks[0], &beliefs[0], tick);
    if let Some(inks) = inks.filter(|inks| !(is_settled && inks.is_single())) {
        let pinned = inks.pins(&stacks[0]);
        beliefs = fit(site, &stacks, &Known { slopes: None, pinned }, tick);
    }
    let bears_out = slopes_known && judge::evidence(&stacks[0], &beliefs[0]) > EVIDENCE_MIN;
    Ok(matte(site, &stacks, &beliefs, &Doubt { changing, rims, bears_out }))
}

/// What is known before lines are fitted.
#[derive(Debug)]
struct Known {
    /// The slope of each luma sample's line, which its neighbours still smooth.
    slopes: Option<Vec<f32>>,
    /// The pass of luma samples where it is settled.
    pinned: Vec<Option<Pin>>,
}

fn fit(site: &Site, stacks: &[Stack], known: &Known, tick: &mut dyn FnMut()) -> Vec<Belief> {
    let siting = Siting::new(&site.layout, site.chroma_location);
    let mut beliefs: Vec<Belief> = stacks.iter().map(Stack::fresh).collect();
    let mut sums: Vec<Sums> = stacks.iter().map(Stack::first_sums).collect();
    let rounds = if known.slopes.is_some() { ROUNDS_TURNED } else { ROUNDS };
    for round in 0..rounds {
        tick();
        if round > 0 {
            let coarse = round <= rounds / 3;
            let planes = stacks.iter().zip(&beliefs);
            sums = planes.map(|(stack, belief)| stack.sums(belief, coarse)).collect();
        }
        if let Some(slopes) = &known.slopes {
            sums[0].turn(&stacks[0].inside, slopes);
        }
        let field = Field::new(&stacks[0], &sums[0], &beliefs[0], &known.pinned);
        field.solve(&sums[0], &mut beliefs[0]);
        for at in 1..stacks.len() {
            let size = (stacks[at].width, stacks[at].height);
            let pass = siting.bring(&beliefs[0].pass, stacks[0].width, size);
            stacks[at].paint(&sums[at], &pass, &mut beliefs[at]);
        }
    }
    beliefs
}

/// The frames that do not show the overlay at full strength; none where that would be most of them.
fn faint(stack: &Stack, belief: &Belief) -> Vec<usize> {
    let alpha: Vec<f32> = belief.pass.iter().map(|pass| 1.0 - pass).collect();
    let edges = Edges::new(stack.width, &alpha, &belief.paint);
    let frames = stack.frames.iter().enumerate();
    let faint: Vec<usize> = frames
        .filter(|(_, frame)| edges.strength(frame) < STRENGTH_MIN)
        .map(|(at, _)| at)
        .collect();
    if 2 * faint.len() > stack.frames.len() { Vec::new() } else { faint }
}

/// What speaks against believing an estimate.
#[derive(Debug)]
struct Doubt {
    /// Luma samples whose colour changes.
    changing: Vec<bool>,
    /// Luma samples that are partly covered by what hides all.
    rims: Vec<bool>,
    /// Whether the background moves, and the frames are likelier with the overlay than without it.
    bears_out: bool,
}

fn matte(site: &Site, stacks: &[Stack], beliefs: &[Belief], doubt: &Doubt) -> Matte {
    let Doubt { changing, rims, bears_out } = doubt;
    let unit = f64::from(1_u16 << (site.layout.depth - 8));
    let one = f64::from(ALPHA_ONE);
    let doubtful = judge::doubtful(&stacks[0], &beliefs[0]);
    let (sx, sy) = (site.layout.chroma_shift_x, site.layout.chroma_shift_y);
    let width = stacks[0].width;
    let mut planes = Vec::new();
    for (number, (stack, belief)) in stacks.iter().zip(beliefs).enumerate() {
        let (sx, sy) = if number == 0 { (0, 0) } else { (sx, sy) };
        let trust = (0..stack.inside.len()).map(|at| {
            let (x, y) = ((at % stack.width) << sx, (at / stack.width) << sy);
            let luma = y * width + x;
            let is_rim = rims[luma] && belief.pass[at] > 1.0 - super::invert::ALPHA_MAX;
            if !bears_out || doubtful[luma] || changing[luma] || is_rim { 0 } else { u8::MAX }
        });
        let paint = belief.paint.iter();
        let noise = judge::noise(stack, belief);
        planes.push(MattePlane {
            width: u32::try_from(stack.width).unwrap_or(u32::MAX),
            height: u32::try_from(stack.height).unwrap_or(u32::MAX),
            alpha: belief
                .pass
                .iter()
                .map(|pass| super::fixed((1.0 - f64::from(*pass)) * one))
                .collect(),
            paint: paint
                .map(|paint| super::fixed(f64::from(*paint) * unit * f64::from(PAINT_ONE)))
                .collect(),
            trust: trust.collect(),
            noise: super::fixed(f64::from(noise) * unit * 64.0),
        });
    }
    let classes = planes[0].alpha.iter().zip(changing);
    let classes = classes
        .map(
            |(alpha, changing)| {
                if *changing { Class::Changing } else { Class::of(f64::from(*alpha)) }
            },
        )
        .collect();
    Matte { layout: site.layout.clone(), bounds: site.bounds, planes, classes }
}
