//! Switches that make a fallback happen where a test wants it: `CLEANPLATE_FAULTS`.
//!
//! Owns the grammar of the switches. Refuses to act: decoder, encoder and proof ask what is due and do
//! the failing themselves, so that everything behind the switch is the real path. Release builds have
//! no switches.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// What is to fail in this process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// `nvdec@N`: software decoding plays a card's decoder that fails when frame N of the job is due.
    pub nvdec_at: Option<u64>,
    /// `nvenc`: libx264 stands in for `h264_nvenc`.
    pub nvenc_stand_in: bool,
    /// `nvenc@N:FILE`: the stand-in fails at frame N of the job and makes FILE; while FILE exists, its
    /// proof fails too.
    pub nvenc_at: Option<FaultAt>,
    /// `crash@N` or `crash@N:FILE`: the engine aborts when it decodes frame N of the job.
    pub crash_at: Option<FaultAt>,
    /// `hang@N` or `hang@N:FILE`: the engine loops without a word when it decodes frame N of the job.
    pub hang_at: Option<FaultAt>,
}

/// A frame at which something fails, and the file that says that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultAt {
    /// Index of the frame in the job's table.
    pub frame: u64,
    /// Made at the first failure; without it the fault strikes every time.
    pub file: Option<PathBuf>,
}

impl FaultAt {
    /// Whether the fault strikes at `frame`: always, or once where it has a file, which it then makes.
    #[must_use]
    pub fn strikes(&self, frame: u64) -> bool {
        if frame != self.frame {
            return false;
        }
        // `create_new` is what makes one of several processes the first.
        self.file.as_deref().is_none_or(|file| std::fs::File::create_new(file).is_ok())
    }

    /// Whether the fault has struck and left its file.
    #[must_use]
    pub fn has_struck(&self) -> bool {
        self.file.as_deref().is_some_and(Path::exists)
    }
}

/// The faults of this process, read once. None in release builds.
#[must_use]
pub fn faults() -> &'static Faults {
    static FAULTS: OnceLock<Faults> = OnceLock::new();
    FAULTS.get_or_init(|| {
        if !cfg!(debug_assertions) {
            return Faults::default();
        }
        std::env::var(VARIABLE).map_or_else(|_unset| Faults::default(), |text| parse(&text))
    })
}

/// The environment variable that holds the switches.
pub const VARIABLE: &str = "CLEANPLATE_FAULTS";

/// Reads a comma list of switches; what is no switch is left out with a warning.
fn parse(text: &str) -> Faults {
    let mut faults = Faults::default();
    for switch in text.split(',').map(str::trim).filter(|switch| !switch.is_empty()) {
        let (name, place) = match switch.split_once('@') {
            Some((name, place)) => (name, place_of(place)),
            None => (switch, None),
        };
        match (name, place) {
            ("nvenc", None) if switch == "nvenc" => faults.nvenc_stand_in = true,
            ("nvdec", Some(at)) if at.file.is_none() => faults.nvdec_at = Some(at.frame),
            ("nvenc", Some(at)) => {
                faults.nvenc_stand_in = true;
                faults.nvenc_at = Some(at);
            }
            ("crash", Some(at)) => faults.crash_at = Some(at),
            ("hang", Some(at)) => faults.hang_at = Some(at),
            (_, _) => tracing::warn!(switch, "no such fault switch"),
        }
    }
    faults
}

fn place_of(text: &str) -> Option<FaultAt> {
    let (frame, file) = match text.split_once(':') {
        Some((frame, file)) => (frame, Some(PathBuf::from(file))),
        None => (text, None),
    };
    Some(FaultAt { frame: frame.parse().ok()?, file })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_switch_is_understood_and_nonsense_is_left_out() {
        let faults = parse("nvdec@1000, nvenc@7:/x/y, crash@3,hang@4:/z,nonsense,nvdec@,crash@x");
        let at = |frame, file: Option<&str>| FaultAt { frame, file: file.map(PathBuf::from) };
        assert_eq!(
            faults,
            Faults {
                nvdec_at: Some(1000),
                nvenc_stand_in: true,
                nvenc_at: Some(at(7, Some("/x/y"))),
                crash_at: Some(at(3, None)),
                hang_at: Some(at(4, Some("/z"))),
            }
        );
        assert_eq!(parse("nvenc"), Faults { nvenc_stand_in: true, ..Faults::default() });
        assert_eq!(parse(""), Faults::default());
    }

    #[test]
    fn a_fault_with_a_file_strikes_once() {
        let folder = tempfile::tempdir().unwrap();
        let once = FaultAt { frame: 5, file: Some(folder.path().join("struck")) };
        assert!(!once.strikes(4) && !once.has_struck());
        assert!(once.strikes(5) && once.has_struck());
        assert!(!once.strikes(5));
        let always = FaultAt { frame: 5, file: None };
        assert!(always.strikes(5) && always.strikes(5) && !always.has_struck());
    }
}
