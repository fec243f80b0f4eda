//! How good what comes out is, against the truth and beside what else there is: `make bench-quality`.
//!
//! Clean clips get overlays whose truth is known, are encoded, cleaned by the real binary and by its peers,
//! and measured inside the mask. `ONLY=` picks of quality, clean, speed, memory, smoke; `CLIPS=` and
//! `OVERLAYS=` pick rows by name. docs/quality.md says what is measured and has the last full table. What the
//! product lacks is a row that says so. Figures are printed, never asserted: they are goals.

use std::path::Path;

#[path = "bench_quality/alpha.rs"]
mod alpha;
#[path = "bench_quality/case.rs"]
mod case;
#[path = "bench_quality/clean.rs"]
mod clean;
#[path = "bench_quality/document.rs"]
mod document;
#[path = "bench_quality/goals.rs"]
mod goals;
#[path = "bench_quality/material.rs"]
mod material;
#[path = "bench_quality/media.rs"]
mod media;
#[path = "bench_quality/memory.rs"]
mod memory;
#[path = "bench_quality/peers.rs"]
mod peers;
#[path = "bench_quality/product.rs"]
mod product;
#[path = "bench_quality/speed.rs"]
mod speed;
#[path = "bench_quality/table.rs"]
mod table;

/// Parts of the bench, as `ONLY` names them.
const PARTS: [&str; 4] = ["quality", "clean", "speed", "memory"];
/// Frames of a clip in a smoke run, at most.
const SMOKE_FRAMES: usize = 100;

/// What is to be run.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    parts: Vec<String>,
    clips: Vec<String>,
    overlays: Vec<String>,
    /// Frames that are taken of a clip, at most.
    pub(crate) frames_max: usize,
}

impl Choice {
    fn of(only: &str, clips: &str, overlays: &str) -> Self {
        let words = |text: &str| -> Vec<String> {
            text.split(',')
                .map(str::trim)
                .filter(|word| !word.is_empty())
                .map(String::from)
                .collect()
        };
        let smoke = only == "smoke";
        let mut choice = Self {
            parts: words(if smoke { "quality,clean" } else { only }),
            clips: words(clips),
            overlays: words(overlays),
            frames_max: if smoke { SMOKE_FRAMES } else { usize::MAX },
        };
        if smoke {
            choice.clips = words(if clips.is_empty() { "bikes,still" } else { clips });
            choice.overlays = words(if overlays.is_empty() { "logo,mark45" } else { overlays });
        }
        choice
    }

    fn part(&self, name: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|part| part == name)
    }

    /// Whether the clip of this name is wanted.
    pub(crate) fn clip(&self, name: &str) -> bool {
        self.clips.is_empty() || self.clips.iter().any(|clip| clip == name)
    }

    /// Whether the overlay of this name is wanted.
    pub(crate) fn overlay(&self, name: &str) -> bool {
        self.overlays.is_empty() || self.overlays.iter().any(|overlay| overlay == name)
    }

    /// What was picked, where that is not all that the part measures.
    fn told(&self, part: &str) -> String {
        let picks = matches!(part, "quality" | "clean") && !self.is_whole();
        let word = |name: &str, picked: &[String]| match picked {
            [] => String::new(),
            picked => format!(" {name}={}", picked.join(",")),
        };
        let words = word("CLIPS", &self.clips) + &word("OVERLAYS", &self.overlays);
        if picks { format!(" Only some rows:{words}.") } else { String::new() }
    }

    /// Whether a part's figures are of all that it measures, and may stand in the documentation.
    fn is_whole(&self) -> bool {
        self.clips.is_empty() && self.overlays.is_empty() && self.frames_max == usize::MAX
    }
}

fn main() -> std::process::ExitCode {
    let setting = |name: &str| std::env::var(name).unwrap_or_default();
    let only = setting("ONLY");
    let choice = Choice::of(&only, &setting("CLIPS"), &setting("OVERLAYS"));
    let unknown = choice.parts.iter().find(|part| !PARTS.contains(&part.as_str()));
    if let Some(part) = unknown {
        eprintln!("bench-quality: ONLY={part} is none of {}, smoke", PARTS.join(", "));
        return std::process::ExitCode::from(2);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let writes = choice.is_whole() || setting("WRITE") == "1";
    for part in PARTS.into_iter().filter(|part| choice.part(part)) {
        let text = match part {
            "quality" => table::quality(folder.path(), &choice),
            "clean" => clean::untouched(folder.path(), &choice),
            "speed" => speed::speed(folder.path()),
            _ => memory::flat(folder.path()),
        };
        if writes {
            document::put(part, &choice.told(part), &text);
        }
    }
    std::process::ExitCode::SUCCESS
}

/// A path as the text that command lines take.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a path is text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_said_means_all_of_it_and_a_smoke_run_is_small() {
        let all = Choice::of("", "", "");
        assert!(all.part("speed") && all.clip("bbb") && all.overlay("logo") && all.is_whole());
        let smoke = Choice::of("smoke", "", "");
        assert!(smoke.part("quality") && !smoke.part("speed") && !smoke.is_whole());
        assert!(smoke.clip("bikes") && !smoke.clip("bbb") && !smoke.overlay("stamp"));
        let some = Choice::of("quality,clean", "bbb, pan", "");
        assert!(some.clip("pan") && !some.clip("bikes") && some.overlay("stamp"));
        assert!(!some.is_whole());
        assert_eq!(some.told("quality"), " Only some rows: CLIPS=bbb,pan.");
        assert_eq!(some.told("speed") + &all.told("quality"), "");
    }
}
