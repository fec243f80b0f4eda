//! What the product does where there is nothing to remove, and where it cannot know: clean clips come back as
//! they were, a locked-off picture makes it abstain.

use std::fmt::Write as _;
use std::path::Path;

use cleanplate_tests::binary;
use cleanplate_tests::quality::measure::Touched;
use cleanplate_tests::quality::overlays::{Kind, Overlay};
use cleanplate_tests::quality::picture::{Frame, Size};

use crate::Choice;
use crate::material::RECIPES;
use crate::media::{self, Frames};
use crate::product::{self, End};

/// What must come of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// Nothing is removed, whether the product knows that or abstains.
    Untouched,
    /// It cannot know: exit status 5.
    Abstains,
}

/// Clips made from the shipped one: name, filter, size, what must come of it.
const MADE: [(&str, &str, Size, Wanted); 5] = [
    ("letterbox", "pad=640:360:0:44:black", Size { width: 640, height: 360 }, Wanted::Untouched),
    ("vignette", "vignette=PI/3", Size { width: 640, height: 272 }, Wanted::Untouched),
    (
        "frosted-edge",
        "split[a][b];[b]crop=640:40:0:232,boxblur=6,format=yuv420p[c];[a][c]overlay=0:232",
        Size { width: 640, height: 272 },
        Wanted::Untouched,
    ),
    ("still", STILL, Size { width: 640, height: 272 }, Wanted::Untouched),
    ("still-logo", STILL, Size { width: 640, height: 272 }, Wanted::Abstains),
];
const STILL: &str = "trim=end_frame=1,loop=loop=149:size=1,noise=alls=3:allf=t";

/// Runs them; returns the page's block.
pub(crate) fn untouched(folder: &Path, choice: &Choice) -> String {
    let mut text = String::from(
        "| clip | must be | ended | changed area | changed frames | |\n|---|---|---|---|---|---|\n",
    );
    let mut take = |name: &str, wanted: Wanted, rate: &str, frames: &[Frame]| {
        let line = look(folder, (name, wanted), rate, frames);
        println!("{line}");
        writeln!(text, "{line}").ok();
    };
    println!("\n# clean clips, and one that nobody can tell anything of");
    for recipe in RECIPES {
        // The held-out overlays on the shipped clip lie on the same pictures.
        if recipe.name == "bikes-other" || !choice.clip(recipe.name) {
            continue;
        }
        match recipe.make(choice.frames_max) {
            Ok(clip) => take(recipe.name, Wanted::Untouched, &clip.rate, &clip.frames),
            Err(why) => println!("| {} | skipped: {why} |", recipe.name),
        }
    }
    let shipped = binary::shipped_clip();
    for (name, filter, size, wanted) in MADE.into_iter().filter(|made| choice.clip(made.0)) {
        let frames = Frames::decode(&["-i", crate::text(&shipped)], Some(filter), size);
        let mut frames: Vec<Frame> = frames.take(choice.frames_max).collect();
        if wanted == Wanted::Abstains {
            let logo = Overlay::new(Kind::Logo, 1, size, frames.len(), 25);
            for (index, frame) in frames.iter_mut().enumerate() {
                logo.at(index).into_iter().for_each(|(blend, _)| blend.compose(frame));
            }
        }
        take(name, wanted, "25/1", &frames);
    }
    text
}

fn look(folder: &Path, (name, wanted): (&str, Wanted), rate: &str, frames: &[Frame]) -> String {
    let (source, output) = (folder.join("source.mp4"), folder.join("source-out.mp4"));
    let size = frames[0].size;
    media::encode(&source, size, rate, frames.iter().cloned());
    let options = ["--lossless", "--encoder", "libx264", "--preset", "ultrafast"];
    let ran = product::run(&source, &output, &options);
    let must = match wanted {
        Wanted::Untouched => "untouched",
        Wanted::Abstains => "abstained from",
    };
    let (ended, touched) = match ran.end {
        End::Done => ("changed", Some(touched(&source, &output, size))),
        End::Unchanged => ("unchanged", None),
        End::Abstained(_) => ("abstained", None),
        End::NotBuilt(words) | End::Failed(words) => {
            return format!("| {name} | {must} | failed: {words} | - | - | **missed** |");
        }
    };
    let good = match wanted {
        Wanted::Untouched => ended != "changed",
        Wanted::Abstains => ended == "abstained",
    };
    let area = touched.as_ref().map_or(0.0, Touched::share) * 100.0;
    let changed = touched.map_or(0, |touched| touched.spoilt);
    let verdict = if good { "met" } else { "**missed**" };
    format!(
        "| {name} | {must} | {ended} | {area:.2} % | {changed} of {} | {verdict} |",
        frames.len()
    )
}

fn touched(source: &Path, output: &Path, size: Size) -> Touched {
    let mut touched = Touched::new(size);
    for (before, after) in Frames::of(source, size).zip(Frames::of(output, size)) {
        touched.add(&after, &before, None);
    }
    touched
}
