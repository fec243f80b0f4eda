//! The clean clips: those that the repository ships, those beside it where they are, and pans over a still.

use std::path::{Path, PathBuf};

use cleanplate_tests::binary;
use cleanplate_tests::quality::picture::{Frame, Size};

use crate::media::{self, Frames};

/// What the camera does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// It pans over a still (made, not filmed).
    Pan,
    /// It cuts from shot to shot.
    Cuts,
    /// It hardly moves; things move before it.
    NearLocked,
}

/// Whether tuning may look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Set {
    /// It may.
    Tuned,
    /// It never does.
    HeldOut,
}

/// Where a clean clip comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recipe {
    /// A short name.
    pub(crate) name: &'static str,
    /// What the camera does.
    pub(crate) class: Class,
    /// Whether tuning may look at it.
    pub(crate) set: Set,
    /// Seed of the overlays that are put on it: below 100 in the tuned set, from 100 on in the other.
    pub(crate) seed: u64,
    source: Source,
    /// Frames that are taken, at most.
    frames_max: usize,
}

#[derive(Debug, Clone, Copy)]
enum Source {
    /// The clip that the repository ships.
    Shipped,
    /// A file in the folder of clean clips beside the repository.
    Beside(&'static str),
    /// A frame of the shipped clip at so many seconds, and the filter that pans over it in 400x200.
    Still(&'static str, &'static str),
}

/// A clean clip, decoded.
#[derive(Debug)]
pub(crate) struct Clip {
    /// How it was made.
    pub(crate) recipe: Recipe,
    /// Width and height.
    pub(crate) size: Size,
    /// Frames a second, as a fraction.
    pub(crate) rate: String,
    /// Every frame.
    pub(crate) frames: Vec<Frame>,
}

/// All clips, in the order of the table.
pub(crate) const RECIPES: [Recipe; 7] = [
    Recipe {
        name: "pan",
        class: Class::Pan,
        set: Set::Tuned,
        seed: 3,
        source: Source::Still("6.6", "crop=400:200:x=2*n:y=6+n/2,noise=alls=4:allf=t"),
        frames_max: 120,
    },
    Recipe {
        name: "bikes",
        class: Class::Cuts,
        set: Set::Tuned,
        seed: 1,
        source: Source::Shipped,
        frames_max: 250,
    },
    Recipe {
        name: "bbb",
        class: Class::NearLocked,
        set: Set::Tuned,
        seed: 2,
        source: Source::Beside("bbb_720p_h264_aac.mp4"),
        frames_max: 132,
    },
    Recipe {
        name: "pan-halves",
        class: Class::Pan,
        set: Set::HeldOut,
        seed: 103,
        // Cropped at twice the size, then halved: it moves by halves of a sample, and turns back.
        source: Source::Still(
            "9",
            "scale=1280:544:flags=lanczos,crop=800:400:x=240+230*sin(n/23):y=72+70*sin(n/31),scale=400:200:flags=bicubic,noise=alls=4:allf=t",
        ),
        frames_max: 120,
    },
    Recipe {
        name: "bikes-other",
        class: Class::Cuts,
        set: Set::HeldOut,
        seed: 101,
        source: Source::Shipped,
        frames_max: 250,
    },
    Recipe {
        name: "carphone",
        class: Class::NearLocked,
        set: Set::HeldOut,
        seed: 102,
        source: Source::Beside("carphone_qcif_h264.mp4"),
        frames_max: 120,
    },
    Recipe {
        name: "bottle",
        class: Class::NearLocked,
        set: Set::HeldOut,
        seed: 104,
        source: Source::Beside("intel_bottle-detection.mp4"),
        frames_max: 300,
    },
];

impl Class {
    /// In words.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pan => "pan",
            Self::Cuts => "hard cuts",
            Self::NearLocked => "near-locked",
        }
    }
}

impl Set {
    /// In words.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tuned => "tuned",
            Self::HeldOut => "held out",
        }
    }
}

impl Recipe {
    /// The clip, decoded; or why it is not here.
    pub(crate) fn make(self, frames_max: usize) -> Result<Clip, String> {
        let path = match self.source {
            Source::Shipped | Source::Still(..) => binary::shipped_clip(),
            Source::Beside(name) => beside().join(name),
        };
        if !path.is_file() {
            return Err(format!("{} is not here", path.display()));
        }
        let (size, rate) = media::probe(&path);
        let path = crate::text(&path);
        let crop = format!("crop={}:{}:0:0", size.width, size.height);
        let (frames, size) = match self.source {
            Source::Shipped | Source::Beside(_) => {
                (Frames::decode(&["-i", path], Some(&crop), size), size)
            }
            Source::Still(second, pan) => {
                let size = Size { width: 400, height: 200 };
                let pan = format!("trim=end_frame=1,loop=loop=999:size=1,{pan}");
                (Frames::decode(&["-ss", second, "-i", path], Some(&pan), size), size)
            }
        };
        let frames: Vec<Frame> = frames.take(frames_max.min(self.frames_max)).collect();
        if frames.is_empty() {
            return Err(format!("{path} gives no frame"));
        }
        Ok(Clip { recipe: self, size, rate, frames })
    }
}

impl Clip {
    /// Frames a second, rounded.
    pub(crate) fn frames_a_second(&self) -> usize {
        let (num, den) = self.rate.split_once('/').unwrap_or((&self.rate, "1"));
        let number = |text: &str| text.parse::<usize>().unwrap_or(1).max(1);
        (number(num) + number(den) / 2) / number(den)
    }
}

/// The folder of clean clips that are not the project's to ship.
fn beside() -> PathBuf {
    let repository = binary::repository();
    let near = repository.parent().unwrap_or(Path::new("/")).join("shared/data/clean");
    match std::env::var_os("CLEAN_CLIPS") {
        Some(folder) => PathBuf::from(folder),
        None => near,
    }
}
